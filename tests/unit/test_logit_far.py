"""Newton steps with a line search: where they lead, how far off that can be, what they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from countglm._gram_schmidt import gram_schmidt
from countglm._logit_far import Walk, walk


def far_problem(scale):
    """A basis of samples of both kinds near 0 and of one kind far away, and its weights."""
    x = np.concatenate([np.linspace(-0.1, 0.1, 8), [-2.0, -1.0, 1.0, 2.0]])
    x[8:] *= scale
    y = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1.0])
    rows, _, _ = gram_schmidt(np.column_stack([np.ones(12), x]))
    return np.ascontiguousarray(rows), y, 1.0 - y


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
def test_the_score_is_zero_where_it_ends(scale):
    rows, won, lost = far_problem(scale)
    end = walk(rows, won, lost, np.zeros(12), np.zeros(2), 1e-8, 100)
    score = rows.T @ (expit(rows @ end.gamma) - won)
    # A predictor of 1e4 is known to 1e-12, and the score with it.
    assert np.abs(score).max() < 1e-9
    assert end.decrement + end.floor < 1e-6
    assert end.bound < 1e-5 or math.isinf(end.bound)
    assert len(end.lengths) == len(end.decrements) == len(end.half) == len(end.points)
    assert (np.diff(end.half) <= 1e-12).all()
    assert len(end.lengths) < 40


def test_it_stops_at_the_most_steps():
    rows, won, lost = far_problem(1e3)
    end = walk(rows, won, lost, np.zeros(12), np.zeros(2), 1e-8, 3)
    assert len(end.lengths) == 4
    assert end.decrement > 1e-3
    np.testing.assert_array_equal(end.points[-1], end.gamma)


def test_directions_without_information_stay():
    rows, won, lost = far_problem(1.0)
    wide = np.column_stack([rows, np.zeros(12)])
    end = walk(wide, won, lost, np.zeros(12), np.zeros(3), 1e-8, 50)
    assert end.gamma[2] == 0.0
    assert math.isinf(end.radius)
    assert math.isinf(end.bound)


@pytest.mark.parametrize(
    ("decrement", "radius", "expected"),
    [(1e-10, 10.0, 1e-10), (0.1, 5.0, -math.log(0.5) / 5.0), (0.2, 5.0, math.inf)],
)
def test_the_bound_is_that_of_self_concordance(decrement, radius, expected):
    none = np.zeros(1)
    end = Walk(none, [], [], [], [], decrement, 0.0, radius, 0.0)
    assert end.bound == pytest.approx(expected, rel=1e-8)
