"""The median against NumPy's."""

import numpy as np
import pytest

from countglm._median import median, median_of_finite


@pytest.mark.parametrize("n", [1, 2, 3, 4, 17, 1000, 1001])
def test_bits_of_numpy(n):
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=n), rng.integers(0, 3, n).astype(float)):
        kept = values.copy()
        assert median(values) == np.median(values)
        np.testing.assert_array_equal(values, kept)


def test_rows_without_their_infinities():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(60, 15))
    values[rng.random(values.shape) < rng.random(60)[:, None]] = np.inf
    values[:2] = np.inf
    values[2:4] = rng.normal(size=(2, 15))
    found = median_of_finite(values.copy())
    for row, middle in zip(values, found, strict=True):
        kept = row[np.isfinite(row)]
        assert middle == (np.median(kept) if kept.size else -np.inf)
    expected = np.median(values[2:4], axis=1)
    np.testing.assert_array_equal(median_of_finite(values[2:4]), expected)
