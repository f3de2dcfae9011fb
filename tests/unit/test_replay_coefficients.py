"""Coefficients of replay: what its clamp, stop, shortcut and fallback make of known cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from countglm import replay
from countglm.replay import _optim

LN2 = np.log(2.0)


def simulated(genes=300, n=8, seed=0, low=-1.0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), np.arange(n) >= n // 2, rng.normal(size=n)])
    scale = np.exp(rng.normal(0, 0.3, (1, n)))
    mu = scale * np.exp(rng.uniform(low, 7.0, (genes, 1)) + rng.normal(0, 1, (genes, 1)) * x[:, 1])
    alpha = rng.gamma(2.0, 0.1, genes) + 1e-8
    y = rng.poisson(rng.gamma(1 / alpha[:, None], alpha[:, None] * mu)).astype(float)
    some = y.sum(axis=1) > 0
    return y[some], scale, x, alpha[some], rng


def same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def test_a_gene_has_the_same_bits_alone_and_in_a_block():
    y, scale, x, alpha, rng = simulated()
    weights = rng.uniform(0.05, 1.0, y.shape)
    for w in (None, weights):
        block = replay.fit_coefficients(y, scale, x, alpha, weights=w)
        assert (block.iterations > 2).any()
        order = rng.permutation(len(y))[:40]
        for gene in order:
            row = slice(gene, gene + 1)
            part = None if w is None else w[row]
            alone = replay.fit_coefficients(y[row], scale, x, alpha[row], weights=part)
            assert same(alone, [values[row] for values in block])
        part = None if w is None else w[order]
        mixed = replay.fit_coefficients(y[order], scale, x, alpha[order], weights=part)
        assert same(mixed, [values[order] for values in block])


def test_fixed_point_of_the_clamped_equations():
    y, scale, x, alpha, _ = simulated()
    fit = replay.fit_coefficients(y, scale, x, alpha, tol=0.0, max_iter=60, use_optim=False)
    assert (np.maximum(fit.mu, 0.5) > fit.mu).any()
    mu = np.maximum(fit.mu, 0.5)
    weight = mu / (1 + alpha[:, None] * mu)
    z = np.log(mu / scale) + (y - mu) / mu
    score = (weight * (z - fit.beta @ x.T)) @ x - 1e-6 / LN2**2 * fit.beta
    size = np.abs(weight * z) @ np.abs(x)
    steady = np.median(np.abs(score) / size)
    assert steady < 1e-12


def test_a_group_of_zeros_ends_at_half_a_count_over_e():
    x = np.column_stack([np.ones(6), np.arange(6) >= 3])
    y = np.array([[0, 0, 0, 70, 90, 80.0], [0, 0, 0, 5, 9, 2.0]])
    fit = replay.fit_coefficients(y, np.ones((1, 6)), x, np.array([0.1, 0.5]))
    assert fit.converged.all()
    np.testing.assert_allclose(fit.mu[:, 0], 0.5 / np.e, 1e-3)


def test_intercept_alone_is_the_mean_of_normalised_counts():
    y, scale, _, alpha, rng = simulated(20)
    ones = np.ones((8, 1))
    fit = replay.fit_coefficients(y, scale, ones, alpha)
    np.testing.assert_allclose(np.exp(fit.beta[:, 0]), (y / scale).mean(axis=1), 1e-13)
    information = fit.mu / (1 + alpha[:, None] * fit.mu)
    np.testing.assert_allclose(fit.standard_errors[:, 0], information.sum(axis=1) ** -0.5, 1e-13)
    np.testing.assert_allclose(fit.leverage.sum(axis=1), 1.0, 1e-13)
    assert (fit.iterations == 1).all()
    weights = rng.uniform(0.1, 1.0, y.shape)
    fit = replay.fit_coefficients(y, scale, ones, alpha, weights=weights)
    mean = np.average(y / scale, axis=1, weights=weights)
    np.testing.assert_allclose(np.exp(fit.beta[:, 0]), mean, 1e-13)
    # A stronger ridge is a penalised fit, not a mean.
    fit = replay.fit_coefficients(y, scale, ones, alpha, ridge=1.0)
    assert (fit.iterations > 1).all()


def test_weight_zero_leaves_a_sample_out():
    y, scale, x, alpha, _ = simulated(30, low=3.0)
    weights = np.ones_like(y)
    weights[:, 2] = 0.0
    rest = np.arange(8) != 2
    start = {"tol": 1e-13}
    full = replay.fit_coefficients(y, scale, x, alpha, weights=weights, **start)
    part = replay.fit_coefficients(y[:, rest], scale[:, rest], x[rest], alpha, **start)
    np.testing.assert_allclose(full.beta, part.beta, 0, 1e-5)
    np.testing.assert_allclose(full.standard_errors, part.standard_errors, 1e-5)
    assert (full.leverage[:, 2] == 0.0).all()


def test_log_likelihood_takes_its_own_dispersion():
    y, scale, x, alpha, _ = simulated(10)
    fit = replay.fit_coefficients(y, scale, x, alpha)
    other = replay.fit_coefficients(y, scale, x, alpha, loglik_alpha=2 * alpha)
    np.testing.assert_array_equal(other.beta, fit.beta)
    assert (other.log_likelihood != fit.log_likelihood).all()


def test_design_with_more_columns_than_samples_under_a_ridge():
    y, scale, _, alpha, _ = simulated(30, low=2.0)
    x = np.column_stack([np.ones(8), np.kron(np.eye(2), np.ones((4, 1)))])
    ridge = np.array([1e-6, 2.0, 2.0])
    fit = replay.fit_coefficients(y, scale, x, alpha, ridge=ridge, tol=1e-14)
    assert fit.converged.all()
    # A flat intercept: the levels' effects have sum zero.
    np.testing.assert_allclose(fit.beta[:, 1] + fit.beta[:, 2], 0.0, atol=1e-4)
    assert (np.diff(fit.beta[:, 1:], axis=1) != 0.0).all()


def test_no_full_rank_and_no_column_of_ones_starts_at_one():
    x = np.kron(np.eye(2), np.ones((3, 1)))
    x = np.column_stack([x, x[:, 0]])
    y = np.array([[20, 30, 25, 50, 66, 41.0]])
    fit = replay.fit_coefficients(y, np.ones((1, 6)), x, np.array([0.1]), ridge=0.1, tol=1e-13)
    assert fit.beta[0, 0] == pytest.approx(fit.beta[0, 2])
    assert fit.beta[0, 1] == pytest.approx(np.log(np.mean([50, 66, 41])), abs=0.1)


def test_failed_genes_are_searched_again():
    y, scale, x, alpha, _ = simulated(200, low=1.0)
    # A covariate in such units that its coefficient leaves the range of the iteration.
    x = x * np.array([1.0, 1.0, 0.012])
    ran = replay.fit_coefficients(y, scale, x, alpha, use_optim=False)
    searched = replay.fit_coefficients(y, scale, x, alpha)
    failed = ~ran.converged
    assert 3 < failed.sum() < 100
    assert (ran.iterations[failed] == 100).all()
    assert (np.abs(ran.beta[failed]).max(axis=1) > 30.0).all()
    np.testing.assert_array_equal(searched.by_optim, failed)
    assert searched.converged.all()
    assert (np.abs(searched.beta[failed]) <= 30.0 * LN2 * (1 + 1e-12)).all()
    # Leverages are those of the iteration, the log-likelihood that of clamped means.
    np.testing.assert_array_equal(searched.leverage, ran.leverage)
    assert (searched.standard_errors[failed] != ran.standard_errors[failed]).any()
    assert not ran.by_optim.any()
    gene = int(np.flatnonzero(failed)[0])
    mu = scale[0] * np.exp(x @ searched.beta[gene])
    np.testing.assert_allclose(searched.mu[gene], mu, 1e-12)


@pytest.mark.parametrize("weights", [None, np.linspace(0.2, 1.0, 8)])
def test_the_search_ends_near_the_optimum_of_its_objective(weights):
    y, scale, x, alpha, _ = simulated(5, low=3.0)
    ridge = np.array([0.0, 1e-6, 0.5])
    model = _optim.Model(y[0], scale[0], x, float(alpha[0]), weights)
    beta, success = _optim.maximise(model, ridge, np.zeros(3))
    assert success
    w = np.ones(8) if weights is None else weights

    def objective(b):
        mu = scale[0] * np.exp2(x @ b)
        r = 1 / alpha[0]
        terms = (y[0] + r) * np.log1p(mu / r) - y[0] * np.log(mu)
        return np.sum(w * terms) + np.sum(ridge * b**2) / 2

    slope = approx_fprime(beta, objective, 1e-6)
    assert np.abs(slope).max() < 0.02 * np.sqrt(y[0].sum())
