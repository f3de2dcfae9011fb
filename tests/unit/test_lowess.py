"""Robust local lines."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import InputError
from countglm._lowess import lowess


def tricube_line(x, y, at, span):
    """Local line at one point by the normal equations, written out."""
    distance = np.abs(x - at)
    width = np.sort(distance)[span - 1]
    weight = np.where(distance < 0.999 * width, (1 - (distance / width) ** 3) ** 3, 0)
    columns = np.column_stack([np.ones(x.size), x - at])
    gram = columns.T @ (weight[:, None] * columns)
    return np.linalg.solve(gram, columns.T @ (weight * y))[0]


def test_local_lines_without_robustness():
    rng = np.random.default_rng(1)
    x = np.sort(rng.normal(size=40))
    y = np.sin(x) + rng.normal(size=40)
    expected = [tricube_line(x, y, at, 20) for at in x]
    np.testing.assert_allclose(lowess(x, y, 0.5, 0, 0.0), expected, rtol=1e-9, atol=1e-12)


def test_line_is_reproduced_in_sorted_order():
    x = np.random.default_rng(2).permutation(np.linspace(-3.0, 9.0, 60))
    np.testing.assert_allclose(lowess(x, 2 - x), 2 - np.sort(x), atol=1e-12)


def test_an_outlier_loses_its_weight():
    x = np.arange(50.0)
    y = x + np.random.default_rng(5).normal(size=50) + np.where(x == 25, 30.0, 0.0)
    robust, plain = lowess(x, y, 0.5, 3), lowess(x, y, 0.5, 0)
    assert abs(robust[25] - 25) < 1
    assert plain[25] - 25 > 1.5


def test_points_within_delta_are_interpolated():
    rng = np.random.default_rng(3)
    x, y = np.sort(rng.uniform(size=200)), rng.normal(size=200)
    fitted = lowess(x, y, 0.5, 0, 0.2)
    bends = np.abs(np.diff(np.diff(fitted) / np.diff(x)))
    assert np.count_nonzero(bends > 1e-6) <= 6
    np.testing.assert_allclose(fitted[0], lowess(x, y, 0.5, 0, 0.0)[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [([3.0], [5.0], [5.0]), ([2.0, 2.0, 2.0], [1.0, 2.0, 6.0], [3.0, 3.0, 3.0])],
    ids=["one point", "all tied"],
)
def test_degenerate_points(x, y, expected):
    np.testing.assert_allclose(lowess(np.array(x), np.array(y), 1.0, 0), expected, rtol=1e-14)


def test_ties_share_a_value():
    x = np.repeat(np.arange(6.0), 5)
    fitted = lowess(x, np.random.default_rng(4).normal(size=30))
    assert len(np.unique(fitted)) == 6


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, 2.0], [1.0]), "one length"),
        (([], []), "at least 1"),
        (([1.0, np.nan], [1.0, 2.0]), "finite"),
        (([1.0, 2.0], [1.0, 2.0], 0.0), "f must be above 0"),
        (([1.0, 2.0], [1.0, 2.0], 0.5, 3, -1.0), "not below 0"),
    ],
)
def test_wrong_input(arguments, words):
    with pytest.raises(InputError, match=words):
        lowess(*arguments)
