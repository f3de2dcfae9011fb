"""Trimmed moments from the numbers other than zero are those of all numbers."""

from __future__ import annotations

import numpy as np
import pytest

from countglm._trimmed_moments import robust_dispersion, trimmed_mean
from countglm._trimmed_nonzeros import (
    robust_dispersion_with_zeros,
    trimmed_mean_with_zeros,
    trimmed_variance_with_zeros,
)

SIZES = [3, 4, 10, 24, 57, 1000]
SHARES = [0.01, 0.05, 0.3, 0.9, 1.0]


def numbers(n: int, share: float) -> np.ndarray:
    """Return ``n`` numbers, about ``share`` of them positive, some of these equal."""
    rng = np.random.default_rng([n, int(100 * share)])
    return np.round(rng.gamma(1.0, 3.0, n) + 0.1, 1) * (rng.random(n) < share)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("trim", [0.0, 1 / 8, 0.2, 1 / 4, 1 / 3])
def test_means_and_variances(n: int, share: float, trim: float) -> None:
    q = numbers(n, share)
    ascending = np.sort(q[q > 0.0])
    mean = trimmed_mean(q[None], trim)[0]
    variance = trimmed_mean((q[None] - mean) ** 2, trim)[0]
    found = trimmed_mean_with_zeros(ascending, n, trim)
    np.testing.assert_allclose(found, mean, rtol=1e-13)
    found = trimmed_variance_with_zeros(ascending, n, trim, 1.5)
    np.testing.assert_allclose(found, 1.5 * variance, rtol=1e-12)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("groups", [1, 2, 5, 800])
def test_robust_dispersions(n: int, share: float, groups: int) -> None:
    q = numbers(n, share)
    q[0] = 7.0
    _, group = np.unique(np.arange(n) % groups, return_inverse=True)
    sizes = np.bincount(group)
    x = group[:, None].astype(float)
    filled = q > 0.0
    found = robust_dispersion_with_zeros(q[filled], group[filled], sizes)
    np.testing.assert_allclose(found, robust_dispersion(q[None], x)[0], rtol=1e-12)
