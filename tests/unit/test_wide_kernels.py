"""Sums over rows of a wide problem: bounds of divergences and of Fenchel gaps against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from countglm.kernels.families import BINOMIAL, COUNTS, GAUSSIAN
from countglm.kernels.wide import put_slopes, sum_divergences, sum_dual_gaps, sum_half_deviances

CASES = [
    (COUNTS, 0.0, y) for y in (0.0, 3.0)
] + [(COUNTS, 0.5, y) for y in (0.0, 3.0)] + [(BINOMIAL, 4.0, y) for y in (0.0, 1.0, 4.0)] + [
    (GAUSSIAN, 0.0, -1.5)
]  # fmt: skip


def loss(code: int, y: float, size: float, eta: np.ndarray) -> np.ndarray:
    """Minus the log-likelihood of a row, up to a constant, in extended precision."""
    e = eta.astype(np.longdouble)
    if code == GAUSSIAN:
        return (y - e) ** 2 / 2
    if code == BINOMIAL:
        return size * np.logaddexp(np.longdouble(0), e) - y * e
    if size == 0.0:
        return np.exp(e) - y * e
    return (y + 1 / size) * np.logaddexp(np.longdouble(0), e + np.log(size)) - y * e


def slopes(code: int, y: float, size: float, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature of one row."""
    slope, curve = np.zeros(1), np.zeros(1)
    one = np.ones(1)
    put_slopes(code, y * one, size * one, one, eta * one, slope, curve, 0, 1)
    return slope, curve


@pytest.mark.parametrize(("code", "size", "y"), CASES)
def test_a_divergence_is_bounded_and_never_by_far(code: int, size: float, y: float) -> None:
    one = np.ones(1)
    for eta in (-3.0, 0.2, 2.5):
        slope, curve = slopes(code, y, size, eta)
        for move in (-4.0, -0.5, -1e-3, 1e-3, 0.5, 4.0):
            bound = sum_divergences(
                code, y * one, size * one, one, eta * one, slope, curve, move * one, 0, 1
            )
            pair = loss(code, y, size, np.longdouble(eta) + np.longdouble([0.0, move]))
            rise = float(pair[1] - pair[0] - slope[0] * np.longdouble(move))
            # At a move of 0.001 the truth itself keeps ten digits.
            assert bound >= rise * (1.0 - 1e-9)
            # (f'(b) - f'(a)) m against f(b) - f(a) - f'(a) m: e^m over its mean at most.
            assert bound <= rise * (1.0 + abs(move))


@pytest.mark.parametrize(("code", "size", "y"), CASES)
def test_a_dual_gap_is_that_of_fenchel_at_the_ends_too(code: int, size: float, y: float) -> None:
    one, dual = np.ones(1), np.zeros(1)
    grid = np.linspace(-60.0, 60.0, 60_001)
    for eta in (-2.0, 0.3, 1.7):
        slope, curve = slopes(code, y, size, eta)
        for shift in (-20.0, -0.7, 1e-3, 0.7, 20.0):
            gap = sum_dual_gaps(
                code, y * one, size * one, one, eta * one, slope, curve, shift * one, dual, 0, 1
            )
            tilted = loss(code, y, size, grid) - dual[0] * grid.astype(np.longdouble)
            here = loss(code, y, size, np.array([eta]))[0] - dual[0] * np.longdouble(eta)
            truth = float(here - tilted.min())
            # The grid misses the least by its curvature times 0.001 squared, over 2.
            assert gap >= truth * (1.0 - 1e-12)
            assert gap <= 3.0 * truth + 3e-5


def test_deviances_leave_out_rows_without_weight() -> None:
    y, size = np.array([2.0, 5.0]), np.zeros(2)
    weight, eta = np.array([3.0, 0.0]), np.log(np.array([4.0, 1.0]))
    found = sum_half_deviances(COUNTS, y, size, weight, eta, 0, 2)
    assert found == pytest.approx(3.0 * (2.0 * np.log(0.5) + 2.0), rel=1e-14)
