"""The median against NumPy's."""

import numpy as np
import pytest

from countglm._median import median


@pytest.mark.parametrize("n", [1, 2, 3, 4, 17, 1000, 1001])
def test_bits_of_numpy(n):
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=n), rng.integers(0, 3, n).astype(float)):
        kept = values.copy()
        assert median(values) == np.median(values)
        np.testing.assert_array_equal(values, kept)
