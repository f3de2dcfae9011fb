"""Quadratics in a box: the conditions of the minimum, for singular matrices too."""

from __future__ import annotations

import numpy as np
import pytest

from countglm.kernels import box
from tests.support.compiled import compiled


@compiled
def minimise(quad, target, bound, m, v, r, low, free, step):
    return box.minimise_in_box(quad, target, bound, m, v, r, low, free, step)


def solve(quad: np.ndarray, target: np.ndarray, bound: np.ndarray) -> tuple[np.ndarray, bool]:
    m = target.size
    v, r, low = np.zeros(m), np.zeros(m), np.zeros((m, m))
    reached = minimise(quad, target, bound, m, v, r, low, np.zeros(m, dtype=np.int64), np.zeros(m))
    return v, bool(reached)


def violation(quad: np.ndarray, target: np.ndarray, bound: np.ndarray, v: np.ndarray) -> float:
    """How far the gradient is from what the minimum in the box asks, by the size of its terms."""
    slope = quad @ v - target
    inside = np.abs(v) < bound
    outwards = np.where(v > 0.0, np.maximum(slope, 0.0), np.maximum(-slope, 0.0))
    return float(np.max(np.where(inside, np.abs(slope), outwards)) / np.abs(target).max())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rank", [2, 5, 9])
def test_the_minimum_satisfies_its_conditions(seed: int, rank: int) -> None:
    rng = np.random.default_rng([seed, rank])
    half = rng.normal(size=(9, rank)) * np.exp(rng.normal(0.0, 1.5, rank))
    quad = half @ half.T
    target = quad @ rng.normal(size=9)
    bound = np.exp(rng.normal(0.0, 1.5, 9))
    v, reached = solve(quad, target, bound)
    assert reached
    assert np.all(np.abs(v) <= bound)
    assert violation(quad, target, bound, v) < 1e-10


def test_an_optimum_that_touches_its_bounds_ends() -> None:
    # All pairs of four effects, and bounds that a solution without them reaches exactly.
    rows = np.array([[1, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1], [0, 1, -1, 0], [0, 1, 0, -1],
                     [0, 0, 1, -1]], dtype=float)  # fmt: skip
    quad = rows @ rows.T
    flow = np.array([1.0, 1.0, 1.0, 0.2, -0.3, 0.1])
    v, reached = solve(quad, quad @ flow, np.ones(6))
    assert reached
    np.testing.assert_allclose(rows.T @ v, rows.T @ flow, atol=1e-12)


def test_a_difference_without_curvature_keeps_its_place() -> None:
    v, reached = solve(np.diag([1.0, 0.0]), np.array([3.0, 0.0]), np.array([1.0, 1.0]))
    assert reached
    np.testing.assert_array_equal(v, [1.0, 0.0])


def test_bounds_of_zero_leave_nothing() -> None:
    v, reached = solve(np.eye(3), np.array([1.0, -2.0, 3.0]), np.zeros(3))
    assert reached
    np.testing.assert_array_equal(v, np.zeros(3))
