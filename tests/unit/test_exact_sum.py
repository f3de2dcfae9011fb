"""Exactly rounded sums against math.fsum, on data that defeat ordinary summation."""

import math

import numpy as np
import pytest

from countglm._exact_sum import exact_row_sums, exact_sum


def nasty(seed):
    rng = np.random.default_rng(seed)
    n = 4000
    wide = rng.normal(size=n) * 2.0 ** rng.integers(-1060, 880, n).astype(float)
    small = rng.normal(size=n) * 10.0 ** rng.uniform(-20, 20, n)
    return {
        "of one size": rng.gamma(1.0, size=n),
        "over the range of numbers": wide,
        "that cancel": np.r_[small, -small, 1e-30],
        "that nearly cancel": np.r_[small, -small * (1 + 1e-15)],
        "without magnitude": rng.integers(-9, 9, n) * 5e-324,
        "of zeros": np.zeros(n),
        "with a giant": np.r_[small, 1e300],
        "half way between two numbers": np.r_[np.full(n, 2.0**-54), 1.0, 2.0**-53],
        "few": small[:100],
    }


@pytest.mark.parametrize("seed", range(5))
def test_every_sum_has_the_bits_of_fsum(seed):
    for name, values in nasty(seed).items():
        expected = math.fsum(values)
        assert exact_sum(values) == expected, name
        assert exact_sum(values[::-1].copy()) == expected, name


def test_what_is_not_finite_is_treated_as_by_fsum():
    values = np.ones(1000)
    values[7] = np.inf
    assert exact_sum(values) == math.inf
    values[8] = np.nan
    assert math.isnan(exact_sum(values))
    assert exact_sum(np.empty(0)) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_rows_have_the_bits_of_fsum(seed):
    rows = [values[:4000] for values in nasty(seed).values() if values.size >= 4000]
    values = np.stack([np.where(np.abs(row) < 1e290, row, 0.0) for row in rows])
    expected = np.array([math.fsum(row) for row in values])
    np.testing.assert_array_equal(exact_row_sums(values), expected)
    wider = np.concatenate([values[:, ::-1], np.zeros((len(rows), 77))], axis=1)
    np.testing.assert_array_equal(exact_row_sums(wider), expected)


def test_sums_of_few_empty_and_huge_rows():
    assert exact_row_sums(np.array([[0.1] * 10, [1e300] * 10])).tolist() == [1.0, 1e301]
    expected = math.fsum([1e300] * 600)
    assert exact_row_sums(np.full((2, 600), 1e300)).tolist() == [expected, expected]
    assert exact_row_sums(np.zeros((3, 600))).tolist() == [0.0, 0.0, 0.0]
    assert exact_row_sums(np.zeros((2, 0))).tolist() == [0.0, 0.0]
    assert exact_row_sums(np.zeros((0, 5))).size == 0
