"""Priors that shrinkage learns from all genes: Cauchy scale, normal variances, mixture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import norm

from countglm._apeglm import normal_tail_rates
from countglm._apeglm_replay import coefficient_lines, stepped_sd
from countglm._ash import Mixture, fit_mixture, posterior, profile_posterior, scale_grid
from countglm._counts_of_fit import Counts
from countglm._efron_morris import excess, prior_scale, zero_in
from countglm._normal_prior import (
    Expanded,
    expanded_design,
    matched_variance,
    normal_exact,
    prior_variances,
    standard_design,
)
from countglm._profile import Lines
from countglm._simplex import mixture_weights
from countglm.counts import as_count_matrix
from countglm.design import as_design
from countglm.errors import InputError

RNG = np.random.default_rng(5)
ERROR = RNG.uniform(0.05, 1.0, 400)
ESTIMATE = RNG.normal(0.0, 0.4, 400) + RNG.normal(size=400) * ERROR


def test_prior_scale_solves_its_equation_in_any_order_of_the_genes() -> None:
    scale = prior_scale(ESTIMATE, ERROR)
    assert abs(excess(scale**2, ESTIMATE**2, ERROR**2)) < 1e-15
    for _ in range(5):
        order = RNG.permutation(ESTIMATE.size)
        assert prior_scale(ESTIMATE[order], ERROR[order]) == scale
    # Genes without a finite pair are left out.
    extra = np.array([np.inf, 1.0, np.nan, 2.0])
    errors = np.array([np.nan, np.nan, 1.0, 0.0])
    assert prior_scale(np.r_[ESTIMATE, extra], np.r_[ERROR, errors]) == scale


def test_prior_scale_is_that_of_the_largest_marginal_likelihood() -> None:
    # Two kinds of genes give the equation several roots.
    error = np.r_[np.full(300, 0.01), np.full(300, 3.0)]
    estimate = np.r_[np.full(298, 0.001), 2.0, -2.0, np.tile([9.0, -9.0], 150)]
    grid = np.geomspace(1e-6, 1.0, 4000)
    heights = [-np.sum(np.log(a + error**2) + estimate**2 / (a + error**2)) for a in grid]
    best = np.sqrt(grid[np.argmax(heights)])
    assert prior_scale(estimate, error) == pytest.approx(best, rel=4e-3)


def test_prior_scale_stays_within_its_range() -> None:
    assert prior_scale(np.full(9, 0.01), np.full(9, 1.0)) == 1e-3
    assert prior_scale(np.full(9, 8.0), np.full(9, 0.1)) == 1.0
    assert prior_scale(np.full(9, 0.01), np.full(9, 1.0), replay=True) == 1e-3
    loose = prior_scale(ESTIMATE, ERROR, replay=True)
    assert loose != prior_scale(ESTIMATE, ERROR)
    assert loose == pytest.approx(prior_scale(ESTIMATE, ERROR), abs=1e-3)
    with pytest.raises(InputError, match="No gene has a finite estimate"):
        prior_scale(np.array([np.inf, np.nan]), np.array([np.nan, 1.0]))


@pytest.mark.parametrize("tol", [1e-4, 1e-13])
def test_zero_in_finds_zeros(tol) -> None:
    for f, low, high, zero in (
        (lambda x: x**3 - 2.0, 0.0, 3.0, 2.0 ** (1 / 3)),
        (lambda x: np.cos(x) - x, 0.0, 2.0, 0.7390851332151607),
        (lambda x: np.exp(-x) - 1e-3, 0.0, 400.0, np.log(1000.0)),
    ):
        assert abs(zero_in(f, low, high, tol) - zero) <= tol + 4e-15 * zero
    assert zero_in(lambda x: x + 1.0, 0.0, 2.0, tol) == 0.0


def test_mixture_weights_reach_the_optimum_of_another_optimiser() -> None:
    likelihood = RNG.exponential(size=(5, 300)) * RNG.uniform(0.1, 2.0, (5, 1))
    found = mixture_weights(likelihood)
    assert found.gap <= 1e-12
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-15)

    def cost(v):
        w = np.exp(v) / np.exp(v).sum()
        return -np.log(w @ likelihood).mean()

    other = minimize(cost, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).fun
    mine = -np.log(found.weights @ likelihood).mean()
    assert mine <= other + 1e-12


def test_mixture_does_not_depend_on_the_order_and_recovers_its_spread() -> None:
    prior = fit_mixture(ESTIMATE, ERROR)
    order = RNG.permutation(ESTIMATE.size)
    again = fit_mixture(ESTIMATE[order], ERROR[order])
    assert again.weights.tolist() == prior.weights.tolist()
    assert prior.gap <= 1e-12
    spread = np.sqrt(np.sum(prior.weights * prior.scales**2))
    assert spread == pytest.approx(0.4, abs=0.08)
    with pytest.raises(InputError, match="method='ash' has nothing to learn"):
        fit_mixture(np.array([np.inf]), np.array([np.nan]))


def test_grid_of_scales() -> None:
    grid = scale_grid(np.array([3.0, 0.1]), np.array([1.0, 0.5]))
    assert grid[0] == 2 * np.sqrt(8.0)
    assert grid[-1] <= 0.05 < grid[-2]
    np.testing.assert_allclose(grid[:-1] / grid[1:], np.sqrt(2.0))
    assert scale_grid(np.array([0.1]), np.array([1.0]))[0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("b", "s", "threshold"), [(1.2, 0.4, 0.0), (-0.3, 0.5, 0.2), (4.0, 2.0, 0.0)]
)
def test_posterior_of_a_mixture_against_quadrature(b, s, threshold) -> None:
    prior = Mixture(np.array([0.3, 0.0, 0.7]), np.array([2.0, 0.5, 0.1]), 0.0)

    def density(x):
        return (0.3 * norm.pdf(x, 0, 2.0) + 0.7 * norm.pdf(x, 0, 0.1)) * norm.pdf(b, x, s)

    def integral(f, low=-25.0, high=25.0):
        places = [p for p in (-0.5, -0.1, 0.0, 0.1, 0.5, b) if low < p < high]
        return quad(lambda x: f(x) * density(x), low, high, points=places, limit=300)[0]

    total = integral(lambda x: 1.0)
    mean = integral(lambda x: x) / total
    sd = np.sqrt(integral(lambda x: (x - mean) ** 2) / total)
    below, above = integral(lambda x: 1.0, high=threshold), integral(lambda x: 1.0, -threshold)
    found = posterior(np.array([b]), np.array([s]), prior, threshold)
    assert found.mean[0] == pytest.approx(mean, rel=1e-8)
    assert found.sd[0] == pytest.approx(sd, rel=1e-8)
    assert found.rate[0] == pytest.approx(min(below, above) / total, rel=1e-7)


def test_posterior_from_a_profile_against_quadrature() -> None:
    # A single Poisson sample of count 0 and one of 6 with a flat level: binomial in t.
    prior = Mixture(np.array([0.6, 0.4]), np.array([1.5, 0.2]), 0.0)
    lines = Lines(
        np.array([[6.0, 6.0], [0.0, 0.0]]), np.ones((2, 1)), np.zeros((2, 1)), np.zeros(2),
        np.array([[0.0], [1.0]]), np.ones((1, 2, 1)),
    )  # fmt: skip

    def density(t):
        mix = 0.6 * norm.pdf(t, 0, 1.5) + 0.4 * norm.pdf(t, 0, 0.2)
        return mix * (1 + np.exp(t)) ** -6.0

    def integral(f, low=-12.0, high=12.0):
        points = [p for p in (-1.0, -0.2, 0.0, 0.2, 1.0) if low < p < high]
        return quad(lambda t: f(t) * density(t), low, high, points=points, limit=300)[0]

    total = integral(lambda t: 1.0)
    mean = integral(lambda t: t) / total
    found = profile_posterior(lambda genes: lines, np.arange(2), prior, 0.0)
    assert found.mean[0] == pytest.approx(mean, rel=1e-6)
    sd = np.sqrt(integral(lambda t: (t - mean) ** 2) / total)
    assert found.sd[0] == pytest.approx(sd, rel=1e-6)
    assert found.rate[0] == pytest.approx(integral(lambda t: 1.0, low=0.0) / total, rel=1e-3)


def test_tail_rates_of_a_normal_posterior() -> None:
    rate = normal_tail_rates(np.array([1.0, -2.0, np.nan]), np.array([0.5, 4.0, 1.0]))
    np.testing.assert_allclose(rate, [norm.cdf(-2.0), norm.cdf(-0.5), np.nan])
    small = normal_tail_rates(np.array([1.0, -2.0]), np.array([0.5, 4.0]), 0.5)
    np.testing.assert_allclose(small, [norm.cdf(0.5, 1.0, 0.5), norm.sf(-0.5, -2.0, 4.0)])


def test_stepped_sd_has_half_the_curvature_where_the_scale_is_the_step() -> None:
    # R's Hessian steps over the narrow top of the prior.
    scale = 1e-3
    sd = np.array([np.sqrt(scale**2 / 2)])
    np.testing.assert_allclose(stepped_sd(np.zeros(1), sd, scale), np.sqrt(2.0) * sd)
    np.testing.assert_allclose(stepped_sd(np.zeros(1), sd, 1.0), sd, rtol=1e-5)


def test_replayed_lines_hold_the_prior_of_the_other_coefficients() -> None:
    x = np.column_stack([np.ones(6), np.arange(6) % 2, np.arange(6) / 3.0])
    counts = Counts(RNG.poisson(9, (3, 6)).astype(float), np.ones((1, 6)), np.full(3, 0.1))
    lines = coefficient_lines(counts, x, 1)
    nu = np.array([2.0, -0.7])
    q, r = np.linalg.qr(x[:, [0, 2]])
    gamma = r @ nu * np.sign(np.sum(q * lines.basis[:, :, 0].T, axis=0))
    assert gamma @ lines.penalty @ gamma == pytest.approx(nu @ nu / 225.0, rel=1e-12)


def test_matched_variance_is_that_of_the_tail() -> None:
    values = RNG.normal(0.0, 0.7, 50_000)
    assert matched_variance(values, np.ones(50_000)) == pytest.approx(0.49, rel=0.05)
    wild = np.r_[values, np.full(9, 30.0), np.inf, np.nan]
    assert matched_variance(wild, np.ones(wild.size)) == matched_variance(values, np.ones(50_000))
    assert matched_variance(np.array([np.inf]), np.ones(1)) == 1e6
    one = matched_variance(np.array([1.0]), np.ones(1))
    assert one == pytest.approx(1 / ndtri(0.975) ** 2)
    assert matched_variance(np.zeros(3), np.ones(3)) > 0.0


def designs():
    obs = pd.DataFrame({"f": list("aabbccab"), "b": list("xyxyxyyx"), "t": np.arange(8) / 4.0})
    counts = as_count_matrix(RNG.poisson(30, (8, 3)))
    return obs, lambda formula: as_design(formula, counts, obs=obs)


def test_expanded_design_does_not_depend_on_the_coding() -> None:
    _, make = designs()
    first = make("~ f + b + t")
    other = make("~ 0 + C(f, contr.treatment('c')) + t + b")
    wide = expanded_design(first, first.contrast(["f", "b", "a"])[0])
    again = expanded_design(other, other.contrast(["f", "b", "a"])[0])
    assert wide.matrix.shape == (8, 7)
    same = [(again.matrix == column[:, None]).all(axis=0) for column in wide.matrix.T]
    order = [int(np.flatnonzero(match)[0]) for match in same]
    assert sorted(order) == list(range(7))
    np.testing.assert_allclose(wide.contrast, again.contrast[order], atol=1e-13)
    np.testing.assert_allclose(wide.contrast, [0, -1, 1, 0, 0, 0, 0], atol=1e-13)
    beta = RNG.normal(size=(40, 5))
    # The same fitted values in the other coding.
    moved = np.linalg.lstsq(other.matrix, first.matrix @ beta.T, rcond=None)[0].T
    weights = RNG.uniform(0.5, 2.0, 40)
    np.testing.assert_allclose(
        prior_variances(wide, lambda c: beta @ c, weights),
        prior_variances(again, lambda c: moved @ c, weights)[order],
    )


def test_expanded_design_needs_factors_without_interactions() -> None:
    _, make = designs()
    crossed = make("~ f * t")
    with pytest.raises(InputError, match="interactions"):
        expanded_design(crossed, crossed.contrast("t")[0])
    numeric = make("~ t")
    with pytest.raises(InputError, match="formula with factors"):
        expanded_design(numeric, numeric.contrast("t")[0])
    assert standard_design(numeric, np.eye(2)[1]).sources[0] == []


def test_normal_prior_reaches_the_optimum_and_its_error() -> None:
    x = np.column_stack([np.ones(6), np.arange(6) % 2, np.arange(6) / 3.0])
    y = np.array([[3.0, 8, 2, 13, 5, 9], [0.0, 4, 0, 3, 0, 1]])
    alpha, variances = np.array([0.2, 0.5]), np.array([1e6, 0.2, 0.4])
    design = Expanded(x, [], np.array([0.0, 1.0, -0.5]))
    found = normal_exact(Counts(y, np.ones((1, 6)), alpha), design, variances, threads=1)
    ridge = np.diag(1 / (variances * np.log(2) ** 2))
    for gene in range(2):

        def cost(beta, gene=gene):
            eta = x @ beta
            r = 1 / alpha[gene]
            terms = (y[gene] + r) * np.log1p(alpha[gene] * np.exp(eta)) - y[gene] * eta
            return terms.sum() + 0.5 * beta @ ridge @ beta

        beta = minimize(cost, np.zeros(3), method="BFGS", options={"gtol": 1e-10}).x
        assert found.estimate[gene] == pytest.approx(beta @ design.contrast, abs=1e-6)
        mu = np.exp(x @ beta)
        info = x.T @ (x * (mu / (1 + alpha[gene] * mu))[:, None])
        inverse = np.linalg.inv(info + ridge)
        variance = design.contrast @ inverse @ info @ inverse @ design.contrast
        assert found.error[gene] == pytest.approx(np.sqrt(variance), rel=1e-5)
