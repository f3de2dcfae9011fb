"""Residuals against their sums, limits and a library of many digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import countglm
from countglm._residuals import residuals
from countglm.errors import InputError


@pytest.fixture(scope="module")
def counts() -> Any:
    rng = np.random.default_rng(8)
    values = rng.negative_binomial(3, 0.03, size=(8, 6))
    values[:4, 1] = 0  # separated
    values[:, 2] = 0  # without a count
    return values


@pytest.fixture(scope="module")
def design() -> Any:
    return np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])


@pytest.fixture(scope="module", params=["nb", "poisson", "weights"])
def fit(request: pytest.FixtureRequest, counts: Any, design: Any) -> Any:
    options: dict[str, Any] = {
        "nb": {},
        "poisson": {"family": "poisson"},
        "weights": {"weights": np.array([1.0, 2, 0.5, 1, 1, 3, 1, 0])},
    }[request.param]
    return countglm.fit_glm(counts, design, size_factors="library", **options)


def half_deviance(y: float, mu: float, alpha: float) -> float:
    """Half the unit deviance to 40 digits."""
    with mpmath.workdps(40):
        y, mu, alpha = mpmath.mpf(y), mpmath.mpf(mu), mpmath.mpf(alpha)
        first = y * mpmath.log(y / mu) if y else mpmath.mpf(0)
        if not alpha:
            return float(first - (y - mu))
        return float(first - (y + 1 / alpha) * mpmath.log((1 + alpha * y) / (1 + alpha * mu)))


def test_their_squares_add_up_to_the_deviance(fit: Any) -> None:
    total = np.sum(residuals(fit) ** 2, axis=0)
    known = ~np.isnan(total)
    assert known.tolist() == [True, True, False, True, True, True]
    np.testing.assert_allclose(total[known], fit.deviance[known], rtol=1e-12)


def test_each_is_the_root_of_its_part(fit: Any, counts: Any) -> None:
    found, mu = residuals(fit, genes=[3]), fit.mu([3])
    weights = np.ones(8) if fit.weights is None else fit.weights
    for i in range(8):
        part = weights[i] * half_deviance(counts[i, 3], mu[i, 0], fit.dispersion[3])
        sign = np.sign(counts[i, 3] - mu[i, 0])
        assert found[i, 0] == pytest.approx(sign * np.sqrt(2 * part), rel=1e-12)


def test_pearson_and_response(fit: Any, counts: Any) -> None:
    genes = [0, 3, 4]
    mu, alpha = fit.mu(genes), fit.dispersion[genes]
    weights = np.ones(8) if fit.weights is None else fit.weights
    difference = counts[:, genes] - mu
    np.testing.assert_array_equal(residuals(fit, "response", genes), difference)
    np.testing.assert_allclose(
        residuals(fit, "pearson", genes),
        np.sqrt(weights)[:, None] * difference / np.sqrt(mu + alpha * mu**2),
        rtol=1e-14,
    )


def test_a_mean_of_zero_fits(fit: Any) -> None:
    for kind in ("deviance", "pearson", "response"):
        assert residuals(fit, kind, [1])[:4].tolist() == [[0.0]] * 4


def test_unknown_kinds_are_refused(fit: Any) -> None:
    with pytest.raises(InputError, match="kind='raw' is not known"):
        residuals(fit, "raw")


def test_weights_by_gene(counts: Any, design: Any) -> None:
    weights = np.tile(np.array([1.0, 2, 1, 1, 1, 2, 1, 1])[:, None], (1, 6))
    by_gene = countglm.fit_glm(counts, design, size_factors="library", weights=weights)
    by_sample = countglm.fit_glm(counts, design, size_factors="library", weights=weights[:, 0])
    np.testing.assert_array_equal(residuals(by_gene), residuals(by_sample))
