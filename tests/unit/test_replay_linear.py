"""Batched least squares, log-determinants and log-probabilities of replay against references."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.stats import nbinom

from countglm.replay import _adjustment, _likelihood, _linear


@pytest.fixture
def problem():
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(9), np.arange(9) >= 4, rng.normal(size=9)])
    weight, z = rng.gamma(0.5, 3.0, (40, 9)), rng.normal(size=(40, 9))
    return x, weight, z, np.array([1e-3, 0.0, 2.0])


def test_ridge_regression_and_its_sandwich(problem):
    x, weight, z, root_ridge = problem
    beta = _linear.least_squares(x, np.sqrt(weight), root_ridge, z)
    leverage, root = _linear.influence(x, np.sqrt(weight), root_ridge)
    for gene, w in enumerate(weight):
        information = x.T @ (w[:, None] * x)
        inverse = np.linalg.inv(information + np.diag(root_ridge**2))
        np.testing.assert_allclose(beta[gene], inverse @ x.T @ (w * z[gene]), 1e-9)
        hat = np.sqrt(w)[:, None] * x @ inverse @ x.T * np.sqrt(w)
        np.testing.assert_allclose(leverage[gene], np.diagonal(hat), 1e-9, 1e-12)
        sandwich = inverse @ information @ inverse
        np.testing.assert_allclose(root[:, gene] @ root[:, gene].T, sandwich, 1e-8)


def test_tiles_change_nothing(problem, monkeypatch):
    x, weight, z, root_ridge = problem
    whole = _linear.least_squares(x, np.sqrt(weight), root_ridge, z)
    monkeypatch.setattr(_linear, "_TILE_ENTRIES", 100)
    tiled = _linear.least_squares(x, np.sqrt(weight), root_ridge, z)
    np.testing.assert_array_equal(tiled, whole)


def test_second_pass_keeps_columns_orthogonal_where_ridge_alone_separates_them():
    x = np.column_stack([np.ones(6), np.eye(6)])
    columns = _linear.augmented(x, np.full((1, 6), 1e4), np.full(7, 1e-3))
    q = _linear.orthogonalise(columns, dense=6, passes=2).q[:, 0]
    np.testing.assert_allclose(q @ q.T, np.eye(7), atol=1e-14)


@pytest.mark.parametrize(
    "x",
    [
        np.kron(np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 1]]), np.ones((3, 1))),
        np.column_stack([np.ones(9), np.arange(9) % 2, np.arange(9.0) ** 2]),
        np.column_stack([np.ones(9), np.arange(9) % 2, np.arange(9) < 4]),
    ],
    ids=["one way", "covariate", "crossed"],
)
def test_log_determinant_and_slope(x):
    rng = np.random.default_rng(1)
    weight, change = rng.gamma(1.0, 2.0, (5, 9)), rng.normal(size=(5, 9))
    adjustment = _adjustment.make_adjustment(x, None, 0.0)
    information = np.einsum("gi,ij,ik->gjk", weight, x, x)
    moved = np.einsum("gi,ij,ik->gjk", change, x, x)
    np.testing.assert_allclose(adjustment.log_det(weight), np.linalg.slogdet(information)[1], 1e-11)
    trace = np.trace(np.linalg.solve(information, moved), axis1=1, axis2=2)
    np.testing.assert_allclose(adjustment.slope(weight, change), trace, 1e-9)


def test_light_samples_and_empty_columns_leave_the_determinant():
    x = np.column_stack([np.ones(8), np.arange(8) >= 6, np.arange(8) % 3 == 0]).astype(float)
    rng = np.random.default_rng(2)
    weight, change = rng.gamma(1.0, 2.0, (3, 8)), rng.normal(size=(3, 8))
    given = np.ones((3, 8))
    given[1, 6:], given[2, 0] = 0.01, 0.0
    adjustment = _adjustment.make_adjustment(x, given, 0.01)
    value, slope = adjustment.log_det(weight), adjustment.slope(weight, change)
    for gene, columns in enumerate(([0, 1, 2], [0, 2], [0, 1, 2])):
        kept = given[gene] > 0.01
        part = x[kept][:, columns]
        information = part.T @ (weight[gene, kept, None] * part)
        moved = part.T @ (change[gene, kept, None] * part)
        assert value[gene] == pytest.approx(np.linalg.slogdet(information)[1], rel=1e-11)
        trace = np.trace(np.linalg.solve(information, moved))
        assert slope[gene] == pytest.approx(trace, rel=1e-10)
    # The genes that are kept are the same genes.
    some = np.array([False, True, True])
    np.testing.assert_array_equal(adjustment.take(some).log_det(weight[some]), value[some])


def test_log_gamma_to_its_last_digits():
    z = np.array([1e-3, 0.7, 9.99, 10.0, 33.3, 4e4, 1e8, 1e8 + 17.0])
    ours = _likelihood.log_gamma(z)
    exact = np.array([float(mpmath.loggamma(mpmath.mpf(float(value)))) for value in z])
    np.testing.assert_allclose(ours, exact, 1e-15, 1e-15)


@pytest.mark.parametrize("alpha", [1e-8, 1e-3, 0.2, 10.0])
def test_log_likelihood_and_deviance(alpha):
    y = np.array([[0.0, 1.0, 7.0, 250.0, 1e6]])
    mu = np.array([[0.3, 2.0, 7.5, 90.0, 1.1e6]])
    with mpmath.workdps(40):
        r = 1 / mpmath.mpf(alpha)
        exact = mpmath.mpf(0)
        for count, mean in zip(map(mpmath.mpf, y[0]), map(mpmath.mpf, mu[0]), strict=True):
            exact += mpmath.loggamma(count + r) - mpmath.loggamma(r) - mpmath.loggamma(count + 1)
            exact += count * mpmath.log(mean / (mean + r)) - r * mpmath.log1p(mean / r)
    value = _likelihood.log_likelihood(y, mu, np.array([alpha]), None)
    assert value[0] == pytest.approx(float(exact), rel=1e-11)
    weights = np.array([[1.0, 0.5, 0.0, 0.0, 0.0]])
    part = _likelihood.log_likelihood(y, mu, np.array([alpha]), weights)[0]
    r = 1 / alpha
    terms = nbinom.logpmf(y[0, :2], r, r / (r + mu[0, :2]))
    assert part == pytest.approx(terms[0] + terms[1] / 2, rel=1e-6)
