"""Every family's observation: derivatives, deviance, inverse and the bound of the duality gap."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import families
from countglm.kernels.families import BINOMIAL, COUNTS, GAUSSIAN
from tests.support.compiled import compiled

# Family, response, dispersion or trials.
CASES = [
    (COUNTS, 0.0, 0.0), (COUNTS, 7.0, 0.0), (COUNTS, 0.0, 0.3), (COUNTS, 7.0, 0.3),
    (COUNTS, 1e6, 1e-6), (BINOMIAL, 0.0, 1.0), (BINOMIAL, 1.0, 1.0), (BINOMIAL, 3.0, 11.0),
    (BINOMIAL, 1e9, 1e9), (GAUSSIAN, -2.5, 1.0),
]  # fmt: skip
PREDICTORS = (-30.0, -3.0, -0.2, 0.0, 0.9, 4.0, 30.0)


@compiled
def slopes(code, y, eta, size):
    return families.slope_and_curvature(code, y, eta, size)


@compiled
def deviance(code, y, eta, size):
    return families.half_unit_deviance(code, y, eta, size)


@compiled
def inverse(code, y, slope, size):
    return families.predictor_of_slope(code, y, slope, size)


@compiled
def bound(code, curvature, move):
    return families.gap_bound(code, curvature, move)


def loss(code: int, y: float, size: float) -> object:
    """Minus the log-likelihood as a function of the predictor, in many digits."""
    y_, a = mpf(y), mpf(size)
    if code == GAUSSIAN:
        return lambda eta: (y_ - eta) ** 2 / 2
    if code == BINOMIAL:
        return lambda eta: a * mp.log1p(mp.exp(eta)) - y_ * eta
    if size == 0.0:
        return lambda eta: mp.exp(eta) - y_ * eta
    return lambda eta: (y_ + 1 / a) * mp.log1p(a * mp.exp(eta)) - y_ * eta


@pytest.mark.parametrize(("code", "y", "size"), CASES)
def test_slope_and_curvature_are_derivatives(code: int, y: float, size: float) -> None:
    with mp.workdps(60):
        f = loss(code, y, size)
        for eta in PREDICTORS:
            slope, curvature = slopes(code, y, eta, size)
            one, two = mp.diff(f, mpf(eta), 1), mp.diff(f, mpf(eta), 2)
            # A difference of the response and its mean is known to their rounding.
            scale = max(abs(one), mpf(y), 1e-300)
            assert abs(slope - one) <= 1e-14 * scale, eta
            assert abs(curvature - two) <= 1e-13 * abs(two) + 1e-300, eta


@pytest.mark.parametrize(("code", "y", "size"), CASES)
def test_the_deviance_is_above_its_least_value(code: int, y: float, size: float) -> None:
    with mp.workdps(60):
        f = loss(code, y, size)
        if code == GAUSSIAN:
            best = mpf(0)
        elif code == BINOMIAL and 0 < y < size:
            best = f(mp.log(mpf(y) / (mpf(size) - mpf(y))))
        elif y > 0 and code == COUNTS:
            best = f(mp.log(mpf(y)))
        else:
            best = mpf(0)
        for eta in PREDICTORS:
            found, want = deviance(code, y, eta, size), f(mpf(eta)) - best
            assert found >= 0.0
            assert abs(found - want) <= 1e-13 * (abs(want) + abs(y)), eta


@pytest.mark.parametrize(("code", "y", "size"), CASES)
def test_a_slope_has_its_predictor_or_none(code: int, y: float, size: float) -> None:
    for eta in (-3.0, -0.2, 0.9):
        slope, curvature = slopes(code, y, eta, size)
        known, found = inverse(code, y, slope, size)
        assert known
        # Of a slope that is rounded at the size of the response.
        assert abs(found - eta) <= 1e-13 + 4e-16 * max(y, 1.0) / curvature
    if code == COUNTS:
        assert not inverse(code, y, -y - 1.0, size)[0]
        assert size == 0.0 or not inverse(code, y, 1.001 / size, size)[0]
    if code == BINOMIAL:
        assert not inverse(code, y, -y, size)[0]
        assert not inverse(code, y, size - y, size)[0]


@pytest.mark.parametrize(("code", "y", "size"), CASES)
def test_the_bound_covers_what_a_tangent_leaves(code: int, y: float, size: float) -> None:
    with mp.workdps(60):
        f = loss(code, y, size)
        for eta in (-3.0, 0.4, 2.0):
            slope, curvature = mp.diff(f, mpf(eta), 1), mp.diff(f, mpf(eta), 2)
            for move in (-3.0, -0.02, -1e-3, -1e-7, 1e-9, 9e-3, 1.1e-2, 0.5, 2.0):
                left = f(mpf(eta) + mpf(move)) - f(mpf(eta)) - slope * mpf(move)
                found = bound(code, float(curvature), move)
                assert found >= left * (1 - mpf(10) ** -10), (eta, move)
                # And it is of the right size where the two meet.
                assert abs(move) > 1e-6 or found <= left * (1 + mpf(10) ** -5)


def test_no_digits_are_lost_where_success_is_sure() -> None:
    slope, _ = slopes(BINOMIAL, 1.0, 40.0, 1.0)
    np.testing.assert_allclose(slope, -np.exp(-40.0), rtol=1e-14)
    np.testing.assert_allclose(deviance(BINOMIAL, 1.0, 40.0, 1.0), np.exp(-40.0), rtol=1e-14)
    np.testing.assert_allclose(deviance(BINOMIAL, 0.0, 700.0, 1.0), 700.0, rtol=1e-14)
