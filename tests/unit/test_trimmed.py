"""The trimmed likelihood of the size factors: its sums, its gain, its maximum."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import nbinom, poisson

from countglm._trimmed import GeneFits, likelihood_change, maximise_trimmed, order_free_sums


def simulated(n_genes=400, n_samples=6, alpha=0.2, seed=3):
    rng = np.random.default_rng(seed)
    s = np.exp(rng.normal(0, 0.5, n_samples))
    s /= np.exp(np.log(s).mean())
    mean = rng.gamma(0.6, 150, n_genes)[:, None] + 1
    dispersion = alpha * rng.gamma(2, 0.5, n_genes)
    y = rng.poisson(mean * s * rng.gamma(1 / alpha, alpha, (n_genes, n_samples))).astype(float)
    mu = np.repeat(mean, n_samples, axis=1)
    return s, GeneFits(y, mu, dispersion, log_pmf(y, mu, dispersion))


def log_pmf(y, mu, alpha):
    a = alpha[:, None]
    return nbinom.logpmf(y, 1 / a, 1 / (1 + a * mu)).sum(axis=1)


def test_sums_do_not_depend_on_the_order_and_are_exact_to_rounding():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4)) * 10.0 ** rng.integers(-12, 12, size=(3000, 4))
    sums = order_free_sums(x)
    np.testing.assert_array_equal(order_free_sums(x[rng.permutation(3000)]), sums)
    exact = [float(sum(map(Fraction, column))) for column in x.T]
    np.testing.assert_allclose(sums, exact, rtol=4e-16)


@pytest.mark.parametrize("x", [np.zeros((0, 2)), np.zeros((5, 2))])
def test_sums_of_nothing(x):
    np.testing.assert_array_equal(order_free_sums(x), [0.0, 0.0])


def test_gain_is_the_difference_of_log_likelihoods():
    _, fits = simulated()
    change = np.linspace(-1, 1, 6)
    moved = log_pmf(fits.y, fits.mu * np.exp(change), fits.alpha)
    gain = likelihood_change(fits, change)
    np.testing.assert_allclose(gain, moved - fits.log_likelihood, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 1e-18, 1e-12])
def test_gain_reaches_the_poisson_limit(alpha):
    _, fits = simulated()
    change = np.linspace(-0.3, 0.4, 6)
    limit = poisson.logpmf(fits.y, fits.mu * np.exp(change)) - poisson.logpmf(fits.y, fits.mu)
    nearly = GeneFits(fits.y, fits.mu, np.full(fits.alpha.size, alpha), fits.log_likelihood)
    np.testing.assert_allclose(
        likelihood_change(nearly, change), limit.sum(axis=1), rtol=1e-6, atol=1e-6
    )


def test_finds_what_a_general_optimiser_finds():
    s, fits = simulated()

    def cost(p):
        gene = fits.log_likelihood + likelihood_change(fits, p - p.mean())
        return -gene[gene > np.quantile(gene, 0.05)].sum()

    change = maximise_trimmed(fits)
    general = minimize(cost, np.zeros(6), method="L-BFGS-B", options={"ftol": 1e-14})
    assert cost(change) <= general.fun + 1e-8
    assert abs(change.sum()) < 1e-14
    np.testing.assert_allclose(np.exp(change), s, rtol=0.08)


def test_small_moves_of_the_answer_do_not_improve_it():
    _, fits = simulated(seed=8)
    change = maximise_trimmed(fits)
    gene = fits.log_likelihood + likelihood_change(fits, change)
    kept = gene > np.quantile(gene, 0.05)
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-4):
        move = rng.normal(0, size, 6)
        moved = fits.log_likelihood + likelihood_change(fits, change + move - move.mean())
        assert moved[kept].sum() < gene[kept].sum()


def test_same_bits_for_every_order_of_genes():
    _, fits = simulated(alpha=0.5)
    order = np.random.default_rng(2).permutation(fits.alpha.size)
    permuted = GeneFits(
        fits.y[order], fits.mu[order], fits.alpha[order], fits.log_likelihood[order]
    )
    np.testing.assert_array_equal(maximise_trimmed(permuted), maximise_trimmed(fits))


def test_single_gene_is_fitted_exactly():
    y = np.array([[10.0, 20.0, 40.0]])
    mu = np.full((1, 3), 20.0)
    alpha = np.array([0.1])
    change = maximise_trimmed(GeneFits(y, mu, alpha, log_pmf(y, mu, alpha)))
    assert change[0] < change[1] < change[2]
    assert abs(change.sum()) < 1e-14
