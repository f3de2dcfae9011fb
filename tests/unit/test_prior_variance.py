"""The prior variance of log dispersions: closed form, convolution, simulated histograms."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from countglm import InputError
from countglm import _prior_few_df as few
from countglm.prior_variance import prior_variance

TREND = 0.1


def sampled(df, variance, seed, genes=20000):
    """Gene-wise dispersions about a flat trend: log chi-squared noise about log-normal truth."""
    rng = np.random.default_rng(seed)
    noise = np.log(rng.chisquare(df, genes) / df) + rng.normal(0, np.sqrt(variance), genes)
    return TREND * np.exp(noise), np.full(genes, TREND)


def test_many_degrees_of_freedom():
    dispersion, trend = np.array([0.01, 0.1, 0.2, 0.9, 4.0, 1e-7, np.nan]), np.full(7, TREND)
    residual = np.log(dispersion[:5] / TREND)
    robust = (1.4826 * np.median(np.abs(residual - np.median(residual)))) ** 2
    found = prior_variance(dispersion, trend, 9)
    np.testing.assert_allclose(found, (robust - special.polygamma(1, 4.5), robust), rtol=1e-13)
    assert prior_variance(dispersion, trend, 9, replay=True) == found
    assert prior_variance(np.full(6, 0.2), trend[:6], 9) == (0.25, 0.0)
    np.testing.assert_allclose(prior_variance(dispersion, trend, 0), (robust, robust), rtol=1e-13)


@pytest.mark.parametrize("df", [1, 2, 3])
@pytest.mark.parametrize("variance", [0.4, 2.0])
def test_few_degrees_find_the_variance(df, variance):
    data = sampled(df, variance, seed=10 * df)
    np.testing.assert_allclose(prior_variance(*data, df)[0], variance, rtol=0.12)
    # Smoothing over a width of 1.6 moves the minimum of the simulated divergences.
    np.testing.assert_allclose(prior_variance(*data, df, replay=True)[0], variance, atol=0.25)


@pytest.mark.parametrize("df", [1, 2, 3])
@pytest.mark.parametrize("variance", [0.01, 1.3, 8.0])
def test_convolution_density_against_adaptive_quadrature(df, variance):
    sd = np.sqrt(variance)

    def mass(low, high):
        def integrand(t):
            log_density = df / 2 * (np.log(df / 2) + t) - df / 2 * np.exp(t)
            inside = stats.norm.cdf((high - t) / sd) - stats.norm.cdf((low - t) / sd)
            return np.exp(log_density - special.gammaln(df / 2)) * inside

        ends = [low - 12 * sd - 1e-3, low, high, high + 12 * sd + 1e-3]
        pieces = [*ends[:2], *np.linspace(low, high, 9)[1:], ends[3]]
        return math.fsum(
            integrate.quad(integrand, a, b, epsabs=1e-15, epsrel=1e-13, limit=200)[0]
            for a, b in pairwise(pieces)
        )

    total = mass(-10.0, 10.0)
    found, _ = few.model_density(sd, df)
    for edge in (-6, -2, 0, 3):
        expected = mass(edge, edge + 0.5) / total
        assert abs(found[int(2 * (edge + 10))] / 2 - expected) < 1e-12


def test_derivative_of_the_density():
    for df, sd in [(1, 0.5), (2, 1.1), (3, 2.5)]:
        above, below = (few.model_density(sd + h, df)[0] for h in (1e-5, -1e-5))
        change = few.model_density(sd, df)[1]
        np.testing.assert_allclose(change, (above - below) / 2e-5, atol=1e-9)


@pytest.mark.parametrize("df", [1, 2, 3])
@pytest.mark.parametrize("variance", [0.1, 0.9])
def test_continuous_minimum_is_the_minimum(df, variance):
    dispersion, trend = sampled(df, variance, seed=df, genes=3000)
    density = few.observed_density(np.log(dispersion / trend))
    floor = min(density[density > 0].min(), 2e-4)

    def divergence(variance):
        model = few.model_density(math.sqrt(variance), df)[0]
        return np.sum(density * (np.log(density + floor) - np.log(model + floor)))

    found = few.continuous_minimiser(density, df)
    other = optimize.minimize_scalar(divergence, bounds=(0.0, 8.0), method="bounded")
    assert divergence(found) <= other.fun + 1e-15
    np.testing.assert_allclose(found, other.x, rtol=1e-4)
    slope = np.sum(
        density
        * few.model_density(math.sqrt(found), df)[1]
        / (few.model_density(math.sqrt(found), df)[0] + floor)
    )
    assert abs(slope) < 1e-13


@pytest.mark.parametrize("df", [1, 3, 4])
@pytest.mark.parametrize("replay", [False, True])
def test_order_of_genes_changes_no_bit(df, replay):
    dispersion, trend = sampled(df, 1.0, seed=7, genes=2001)
    trend = trend * np.random.default_rng(8).uniform(0.5, 2.0, trend.size)
    shuffled = np.random.default_rng(9).permutation(dispersion.size)
    one = prior_variance(dispersion, trend, df, replay=replay)
    assert prior_variance(dispersion[shuffled], trend[shuffled], df, replay=replay) == one


def test_ends_of_the_range():
    dispersion, trend = sampled(3, 0.0, seed=1)
    assert prior_variance(dispersion, trend, 3)[0] == 0.25
    wide = TREND * np.exp(np.random.default_rng(2).normal(0, 5.0, 4000))
    assert prior_variance(wide, trend[:4000], 2)[0] == 8.0


@pytest.mark.parametrize("replay", [False, True])
def test_without_usable_genes(replay):
    assert prior_variance([], [], 3, replay=replay) == (0.25, 0.0)
    assert prior_variance([np.nan, 1e-8], [0.1, 0.1], 3, replay=replay) == (0.25, 0.0)
    assert prior_variance([1.0, 1.0], [np.nan, 0.0], 8, replay=replay) == (0.25, 0.0)
    # Every residual leaves the histogram's range.
    assert prior_variance([1e6, 1e6], [1.0, 1.0], 2, replay=replay) == (0.25, 0.0)


def test_bins_hold_their_right_edge():
    density = few.observed_density(np.array([-9.5, -9.49, 0.5, 9.99, 10.0, -10.0, 11.0]))
    assert np.flatnonzero(density).tolist() == [0, 1, 20, 39]
    np.testing.assert_allclose(density[[0, 1, 20, 39]], 0.5)


def test_wrong_input():
    with pytest.raises(InputError, match="one trend value a gene"):
        prior_variance([1.0, 2.0], [1.0], 5)
    with pytest.raises(InputError, match="0 or more, got -1"):
        prior_variance([1.0], [1.0], -1)
    with pytest.raises(InputError, match="1, 2 and 3 degrees"):
        prior_variance([1.0], [1.0], 1.5, replay=True)
