"""Binomial fits: against statsmodels, linear programs and constructed solutions; their bits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

import countglm
from countglm import Status
from tests.support.logit import draw, separated_by_program

BITS = (
    "coefficients", "standard_errors", "deviance", "log_likelihood", "newton_decrement",
    "distance_bound", "max_leverage", "separated_samples", "separated_ones", "status",
)  # fmt: skip


def problem(seed=0, n=80, genes=4, most=12):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.integers(0, 2, n)])
    trials = rng.integers(0, most, n).astype(float)
    share = 1.0 / (1.0 + np.exp(-(x @ [-0.5, 1.0, -0.7, 0.4])))
    y = rng.binomial(trials.astype(int)[:, None], share[:, None], size=(n, genes)).astype(float)
    return x, y, trials, rng


def reference(x, y, trials, offset=None, weights=None):
    """Fit by statsmodels on the samples that count, to rounding."""
    keep = trials > 0
    if weights is not None:
        keep &= weights > 0
    model = sm.GLM(
        np.column_stack([y, trials - y])[keep], x[keep], family=sm.families.Binomial(),
        offset=None if offset is None else offset[keep],
        freq_weights=None if weights is None else weights[keep],
    )  # fmt: skip
    with warnings.catch_warnings():
        # It takes responses that are fitted closely for separated ones.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        first = model.fit(tol=1e-14, maxiter=200)
        # Its standard errors are those of the step before the last.
        return model.fit(start_params=first.params, tol=1e-15, maxiter=200)


@pytest.mark.parametrize("most", [2, 12])
def test_everything_agrees_with_statsmodels(most):
    x, y, trials, rng = problem(most=most)
    offset, weights = rng.normal(0.0, 0.3, len(x)), rng.integers(0, 3, len(x)).astype(float)
    fit = countglm.fit_glm(
        y, x, family="binomial", trials=trials, offset=offset, weights=weights, tol=1e-10
    )
    for gene in range(y.shape[1]):
        other = reference(x, y[:, gene], trials, offset, weights)
        # Both solve to rounding; it solves with normal equations of condition 1e1 here.
        np.testing.assert_allclose(fit.coefficients[gene], other.params, rtol=1e-9)
        np.testing.assert_allclose(fit.standard_errors[gene], other.bse, rtol=1e-9)
        np.testing.assert_allclose(fit.log_likelihood[gene], other.llf, rtol=1e-9)
        np.testing.assert_allclose(fit.deviance[gene], other.deviance, rtol=1e-9)
        np.testing.assert_allclose(fit.covariance[gene], other.cov_params(), rtol=1e-8, atol=1e-12)
    assert (fit.status == Status.CONVERGED).all()
    assert (fit.newton_decrement < 1e-10).all()
    assert fit.dispersion.tolist() == [1.0] * 4
    np.testing.assert_array_equal(fit.covariance, fit.observed_covariance())


def test_two_groups_have_the_log_odds_of_their_shares():
    x = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    y = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    fit = countglm.fit_glm(y, x, family="binomial", trials=8)
    odds = np.array([6.0 / 18.0, 18.0 / 6.0])
    np.testing.assert_allclose(
        fit.coefficients[0], [np.log(odds[0]), np.log(odds[1] / odds[0])], rtol=1e-13
    )
    np.testing.assert_allclose(
        fit.standard_errors[0], np.sqrt([1 / 6 + 1 / 18, 2 / 6 + 2 / 18]), rtol=1e-13
    )
    np.testing.assert_allclose(fit.mu()[:, 0], [2, 2, 2, 6, 6, 6], rtol=1e-13)
    assert fit.base_mean[0] == y.sum() / 48.0


def test_bernoulli_is_one_trial():
    x, y, _, _ = problem(most=2)
    one = countglm.fit_glm(y > 0, x, family="bernoulli")
    two = countglm.fit_glm((y > 0).astype(int), x, family="binomial", trials=np.ones(len(x)))
    assert one.family == two.family == "binomial"
    for name in BITS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.trials is None


def test_trials_are_as_many_samples():
    x, y, trials, _ = problem(n=20, genes=1)
    many = [np.repeat(x, trials.astype(int), axis=0)]
    each = [np.arange(t) < k for t, k in zip(trials, y[:, 0], strict=True)]
    fit = countglm.fit_glm(y, x, family="binomial", trials=trials)
    split = countglm.fit_glm(np.concatenate(each), many[0], family="bernoulli")
    np.testing.assert_allclose(fit.coefficients, split.coefficients, rtol=1e-11)
    np.testing.assert_allclose(fit.standard_errors, split.standard_errors, rtol=1e-11)


@pytest.mark.compiled
def test_separation_is_that_of_linear_programs():
    assert {(Status.CONVERGED, False), (Status.SEPARATED, True)} <= compared(200, 40)


def test_separation_of_small_samples_is_that_of_linear_programs():
    assert {(Status.CONVERGED, False), (Status.SEPARATED, True)} <= compared(12, 10)


def compared(many, most):
    """Compare ``many`` random problems of up to ``most`` samples; return what they were."""
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(many):
        one = draw(rng, most)
        fit = countglm.fit_glm(
            one.y, one.x, family="binomial", trials=one.trials, weights=one.weights, threads=1
        )
        pattern = fit.separation_pattern[0]
        none = np.zeros(one.y.size, dtype=bool)
        found = none if pattern < 0 else fit.separated_samples[pattern]
        expected = separated_by_program(one)
        np.testing.assert_array_equal(found, expected)
        if pattern >= 0:
            np.testing.assert_array_equal(fit.separated_ones[pattern], found & (one.y > 0))
            heavy = found & (one.weights > 0)
            np.testing.assert_array_equal(fit.mu()[heavy, 0], one.y[heavy])
        seen.add((Status(fit.status[0]), bool(expected.any())))
    return seen


def test_responses_of_one_kind_have_a_probability_of_one_or_zero():
    x = np.column_stack([np.ones(5), [0.0, 1.0, 2.0, 3.0, -4.0]])
    y = np.column_stack([np.ones(5), np.zeros(5), [0, 0, 1, 1, 0]])
    fit = countglm.fit_glm(y, x, family="bernoulli")
    assert (fit.status == Status.SEPARATED).all()
    assert fit.coefficients[0, 0] == np.inf
    assert np.isnan(fit.coefficients[0, 1])
    assert fit.coefficients[1, 0] == -np.inf
    assert fit.coefficients[2].tolist() == [-np.inf, np.inf]
    assert fit.log_likelihood.tolist() == fit.deviance.tolist() == [0.0] * 3
    np.testing.assert_array_equal(fit.mu(), y)


def test_the_likelihood_of_separated_responses_is_its_supremum():
    # The first two groups are pure, the third is not: an intercept of its own alone is left.
    x = np.kron(np.eye(3), np.ones((4, 1)))
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1.0])
    fit = countglm.fit_glm(y, x, family="bernoulli")
    assert fit.coefficients[0, :2].tolist() == [-np.inf, np.inf]
    np.testing.assert_allclose(fit.coefficients[0, 2], np.log(3.0), rtol=1e-13)
    np.testing.assert_allclose(fit.log_likelihood[0], 3 * np.log(0.75) + np.log(0.25), rtol=1e-13)
    np.testing.assert_allclose(fit.standard_errors[0, 2], np.sqrt(1 + 1 / 3), rtol=1e-13)
    test = countglm.wald_test(fit, np.array([1.0, 0.0, -1.0]))
    assert test["test"].tolist() == ["LRT"]
    table = countglm.likelihood_ratio_test(fit, np.column_stack([x[:, 0] + x[:, 2], x[:, 1]]))
    null = 8 * np.log(3 / 8 / 1) - 8 * np.log(3 / 8)
    pooled = 3 * np.log(3 / 8) + 5 * np.log(5 / 8)
    np.testing.assert_allclose(table["stat"], 2 * (fit.log_likelihood - pooled) + null, rtol=1e-12)
    np.testing.assert_allclose(np.abs(test["stat"]) ** 2, table["stat"], rtol=1e-10)


def test_bits_do_not_depend_on_threads_blocks_or_neighbours():
    x, y, trials, rng = problem(n=16, genes=6)
    y[:, 3], y[:, 5] = trials, np.where(x[:, 1] > 0, trials, 0)
    weights = rng.random(len(x))
    whole = countglm.fit_glm(y, x, family="binomial", trials=trials, weights=weights, threads=1)
    for options in ({"threads": 2, "block_size": 2}, {"threads": 1, "block_size": 4}):
        other = countglm.fit_glm(y, x, family="binomial", trials=trials, weights=weights, **options)
        for name in BITS:
            np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))
    alone = countglm.fit_glm(y[:, 4], x, family="binomial", trials=trials, weights=weights)
    np.testing.assert_array_equal(alone.coefficients[0], whole.coefficients[4])
    np.testing.assert_array_equal(alone.standard_errors[0], whole.standard_errors[4])


def test_offsets_weights_and_trials_of_genes():
    x, y, trials, rng = problem(n=24, genes=3)
    trials = np.maximum(trials, 1.0)
    y = np.minimum(y, trials[:, None])
    offset, weights = rng.normal(size=y.shape), rng.random(y.shape)
    tries = np.maximum(y, rng.integers(1, 14, y.shape))
    fit = countglm.fit_glm(y, x, family="binomial", trials=tries, offset=offset, weights=weights)
    for gene in range(3):
        alone = countglm.fit_glm(
            y[:, gene], x, family="binomial", trials=tries[:, gene], offset=offset[:, gene],
            weights=weights[:, gene],
        )  # fmt: skip
        np.testing.assert_array_equal(alone.coefficients[0], fit.coefficients[gene])
        np.testing.assert_array_equal(alone.mu()[:, 0], fit.mu()[:, gene])
        table = countglm.likelihood_ratio_test(fit, ["-x1"])
        one = countglm.likelihood_ratio_test(alone, ["-x1"])
        assert table["stat"].iloc[gene] == one["stat"].iloc[0]


def test_a_response_without_weight_is_not_fitted():
    x, y, trials, _ = problem(genes=2)
    weights = np.ones_like(y)
    weights[:, 1] = 0.0
    fit = countglm.fit_glm(y, x, family="binomial", trials=trials, weights=weights)
    assert fit.status.tolist() == [Status.CONVERGED, Status.INVALID]
    assert np.isnan(fit.mu()[:, 1]).all()
    assert countglm.wald_test(fit, "x1")["na_reason"].tolist() == [None, "no_weight"]


def test_samples_that_leave_a_coefficient_open():
    x, y, trials, _ = problem(n=30, genes=1)
    weights = np.where(x[:, 3] > 0, 0.0, 1.0)
    fit = countglm.fit_glm(y, x, family="binomial", trials=trials, weights=weights)
    assert fit.status[0] == Status.SINGULAR
    assert np.isnan(fit.coefficients[0]).tolist() == [False, False, False, True]
    keep = weights > 0
    part = countglm.fit_glm(y[keep], x[keep][:, :3], family="binomial", trials=trials[keep])
    np.testing.assert_allclose(fit.coefficients[0, :3], part.coefficients[0], rtol=1e-11)
    np.testing.assert_allclose(fit.standard_errors[0, :3], part.standard_errors[0], rtol=1e-11)


def test_a_billion_trials_keep_their_digits():
    x = np.column_stack([np.ones(40), np.linspace(-2, 2, 40)])
    y = np.round(1e9 / (1.0 + np.exp(1.0 - 0.3 * x[:, 1])))
    fit = countglm.fit_glm(y, x, family="binomial", trials=1e9)
    other = reference(x, y, np.full(40, 1e9))
    np.testing.assert_allclose(fit.coefficients[0], other.params, rtol=1e-13)
    # The chance of every count is near (2 pi variance)^-1/2: its logarithm is known to 1e-12.
    share = fit.mu()[:, 0] / 1e9
    near = -0.5 * np.log(2 * np.pi * 1e9 * share * (1 - share)).sum()
    np.testing.assert_allclose(fit.log_likelihood[0] + 0.5 * fit.deviance[0], near, atol=1e-7)


def test_profile_intervals_reject_what_the_ratio_rejects():
    x, y, trials, _ = problem(n=20, genes=2)
    y[:, 1] = np.where(x[:, 1] > 0.3, trials, 0.0)
    fit = countglm.fit_glm(y, x, family="binomial", trials=trials)
    table = countglm.confidence_intervals(fit, "x1", method="profile")
    assert list(table.columns[:4]) == ["mean", "estimate", "lower", "upper"]
    for end in (table["lower"].iloc[0], table["upper"].iloc[0]):
        held = countglm.fit_glm(
            y[:, 0], x[:, [0, 2, 3]], family="binomial", trials=trials, offset=end * x[:, 1]
        )
        np.testing.assert_allclose(held.deviance[0] - fit.deviance[0], 3.841458820694124, rtol=1e-6)
    assert table["upper"].iloc[1] == np.inf
    assert np.isfinite(table["lower"].iloc[1])


def test_steps_are_kept_and_all_are_newton_s():
    x, y, trials, _ = problem(genes=1)
    fit = countglm.fit_glm(y, x, family="binomial", trials=trials, trace=True)
    trace = fit.trace[0]
    assert set(trace.kind) == {"newton"}
    assert len(trace.deviance) == fit.n_iter[0] + 1
    np.testing.assert_allclose(trace.deviance[-1], fit.deviance[0], rtol=1e-12)
    np.testing.assert_array_equal(trace.coefficients[-1], fit.coefficients[0])
    assert (np.diff(trace.deviance) < 1e-9).all()


@pytest.mark.compiled
def test_samples_that_lie_far_away_are_no_obstacle():
    rng = np.random.default_rng(3)
    x = rng.normal(size=120)
    near = np.argsort(np.abs(x))[:6]
    y = (x > 0).astype(float)
    y[near] = [1, 0, 1, 0, 0, 1]
    far = np.abs(x) > np.abs(x[near]).max() * 1.01
    design = np.column_stack([np.ones(120), np.where(far, 1000.0 * x, x)])
    fit = countglm.fit_glm(y, design, family="bernoulli", trace=True)
    assert fit.status[0] == Status.CONVERGED
    assert np.abs(design @ fit.coefficients[0]).max() > 1e3
    assert fit.distance_bound[0] < 1e-6
    # Samples that lie so far are certain: the others alone have the same optimum.
    alone = countglm.fit_glm(y[~far], design[~far], family="bernoulli", max_iter=1000)
    np.testing.assert_allclose(fit.coefficients[0], alone.coefficients[0], rtol=1e-7)
    np.testing.assert_allclose(fit.standard_errors[0], alone.standard_errors[0], rtol=1e-6)
    assert len(fit.trace[0].deviance) == fit.n_iter[0] + 1
    assert (np.diff(fit.trace[0].deviance) < 1e-9).all()
