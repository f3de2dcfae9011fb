"""The regularised logarithm: its optimum, its limits, later samples, and the weighted quantile."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from countglm import InputError, datasets
from countglm._rlog import effects_at, replayed_effects, sample_effects
from countglm._weighted_quantile import weighted_quantile
from countglm.transformations import RegularizedLog, fit_rlog, normalized_counts, rlog, vst
from countglm.trend import Trend

pytestmark = pytest.mark.compiled

TREND = Trend("parametric", np.array([0.03, 2.5]), None, "parametric")
LN2 = np.log(2)


@pytest.fixture(scope="module")
def counts():
    y = datasets.pasilla().to_df()
    return y.loc[:, y.sum() > 0].iloc[:, ::12]


def cost(y, s, a, ridge, intercept, effects):
    """Minus the penalised log-likelihood (g,), without what the parameters leave out."""
    eta = intercept[:, None] + effects
    mu, a = s * np.exp(eta), a[:, None]
    terms = (y + 1 / a) * np.log1p(a * mu) - y * eta + ridge * effects**2 / 2
    return terms.sum(axis=1)


@st.composite
def problems(draw):
    n = draw(st.integers(2, 6))
    y = np.array([draw(st.lists(st.sampled_from([0, 1, 3, 40, 10**6]), min_size=n, max_size=n))])
    y[0, 0] += not y.any()
    s = np.array([draw(st.lists(st.floats(0.1, 10), min_size=n, max_size=n))])
    alpha = np.array([draw(st.sampled_from([1e-8, 1e-3, 0.1, 10.0]))])
    return y.astype(float), s, alpha, draw(st.sampled_from([1e-3, 1.0, 50.0, 1e6]))


@settings(max_examples=200, deadline=None)
@given(problems())
def test_the_gradient_is_zero_at_the_result(problem):
    y, s, alpha, ridge = problem
    intercept, b = sample_effects(y, s, alpha, ridge)
    mu = s * np.exp(intercept[:, None] + b)
    score = (y - mu) / (1 + alpha[:, None] * mu)
    noise = 1e-12 * (y + mu + 1).max()
    assert np.abs(score - ridge * b).max() <= noise + 1e-11 * ridge * np.abs(b).max()
    assert np.abs(score.sum()) <= 10 * noise + 1e-11 * ridge * np.abs(b).sum()


def test_no_other_optimiser_finds_a_better_point():
    rng = np.random.default_rng(0)
    y = rng.negative_binomial(1, 0.1, (10, 5)).astype(float) + (np.arange(5) == 0)
    s, alpha, ridge = rng.uniform(0.5, 2, (10, 5)), rng.uniform(0.01, 2, 10), 3.0
    intercept, b = sample_effects(y, s, alpha, ridge)
    ours = cost(y, s, alpha, ridge, intercept, b)
    for g in range(10):
        row = slice(g, g + 1)

        def objective(v, row=row):
            return cost(y[row], s[row], alpha[row], ridge, v[:1], v[None, 1:])[0]

        found = optimize.minimize(objective, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
        assert ours[g] <= found.fun + 1e-10
        np.testing.assert_allclose(np.r_[intercept[g], b[g]], found.x, atol=1e-5)


def test_effects_around_a_given_level_are_the_same():
    rng = np.random.default_rng(1)
    y = rng.negative_binomial(1, 0.05, (20, 4)).astype(float) + (np.arange(4) == 0)
    s, alpha = rng.uniform(0.5, 2, (20, 4)), rng.uniform(0.01, 2, 20)
    intercept, b = sample_effects(y, s, alpha, 2.0)
    np.testing.assert_allclose(effects_at(y, s, alpha, 2.0, intercept), b, rtol=1e-9, atol=1e-10)


def test_replay_nears_the_optimum_where_no_mean_is_clamped():
    rng = np.random.default_rng(2)
    y = rng.negative_binomial(5, 0.01, (50, 6)).astype(float)
    s, alpha = rng.uniform(0.5, 2, (50, 6)), np.full(50, 0.2)
    ours, theirs = sample_effects(y, s, alpha, 2.0), replayed_effects(y, s, alpha, 2.0)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-2)
    assert (cost(y, s, alpha, 2.0, *ours) <= cost(y, s, alpha, 2.0, *theirs) + 1e-9).all()


def test_a_gene_does_not_depend_on_the_others(counts):
    options = {"fit_type": TREND, "prior_variance": 0.1, "size_factors": "none"}
    for mode in ("exact", "replay"):
        together = rlog(counts, mode=mode, **options)
        alone = rlog(counts.iloc[:, 40:41], mode=mode, **options)
        assert alone.equals(together.iloc[:, 40:41])
        order = np.random.default_rng(3).permutation(counts.shape[1])
        shuffled = rlog(counts.iloc[:, order], mode=mode, **options)
        assert shuffled.equals(together.iloc[:, order])


def test_the_order_of_the_genes_changes_no_bit(counts):
    order = np.random.default_rng(3).permutation(counts.shape[1])
    assert rlog(counts.iloc[:, order]).equals(rlog(counts).iloc[:, order])


def test_strong_genes_keep_their_logarithm_and_weak_ones_lose_their_spread(counts):
    q = normalized_counts(counts)
    values = rlog(counts)
    strong = (q.mean() > 2000).to_numpy()
    weak = (q.mean() < 2).to_numpy()
    np.testing.assert_allclose(values.loc[:, strong], np.log2(q.loc[:, strong]), atol=0.5)
    assert values.loc[:, weak].std().max() < 0.5 < np.log2(q.loc[:, weak] + 0.5).std().max()


def test_the_prior_variance_rules_how_much_is_shrunken(counts):
    fitted = fit_rlog(counts)
    assert np.array_equal(rlog(counts, prior_variance=fitted.prior_variance), fitted.values)
    tight = fit_rlog(counts, prior_variance=1e-12)
    np.testing.assert_allclose(
        tight.values, np.broadcast_to(tight.intercept, tight.values.shape), atol=1e-8
    )
    spread = [fit_rlog(counts, prior_variance=v).values.std(axis=0).mean() for v in (0.01, 0.1, 1)]
    assert np.all(np.diff(spread) > 0)


def test_genes_without_counts_are_zero(counts):
    y = counts.copy()
    y.insert(3, "empty", 0)
    for mode in ("exact", "replay"):
        values = rlog(y, mode=mode)
        assert (values["empty"] == 0).all()
        assert values.drop(columns="empty").equals(rlog(counts, mode=mode))


def test_alike_samples_are_their_gene():
    fitted = fit_rlog(np.full((3, 10), 5), fit_type=TREND)
    np.testing.assert_allclose(fitted.values, np.log2(5), rtol=1e-9)


@pytest.mark.parametrize("mode", ["exact", "replay"])
def test_later_samples_get_the_same_values(counts, mode):
    fitted = fit_rlog(counts, mode=mode)
    same = fitted.transform(counts.iloc[[4, 1]])
    tolerance = 1e-8 if mode == "exact" else 0.05
    q = normalized_counts(counts)
    seen = ((q.min() > 5) if mode == "replay" else (q.mean() > 0)).to_numpy()
    np.testing.assert_allclose(same.loc[:, seen], fitted.values[[4, 1]][:, seen], atol=tolerance)
    bare = RegularizedLog(fitted.dispersion, fitted.intercept, fitted.prior_variance, mode)
    with pytest.raises(InputError, match="cannot find those of new samples"):
        bare.transform(counts)
    with pytest.raises(InputError, match="genes, the counts have"):
        bare.transform(counts.iloc[:, :5], size_factors="none")


def test_a_new_sample_does_not_depend_on_its_companions(counts):
    fitted = fit_rlog(counts)
    two, all_of_them = fitted.transform(counts.iloc[[4, 1]]), fitted.transform(counts)
    pd.testing.assert_frame_equal(fitted.transform(counts.iloc[:1]), all_of_them.iloc[:1])
    assert two.equals(all_of_them.iloc[[4, 1]])


def test_normalization_factors_of_equal_columns_are_size_factors(counts):
    factors = np.outer(np.exp(np.linspace(-0.3, 0.3, len(counts))), np.ones(counts.shape[1]))
    np.testing.assert_allclose(
        rlog(counts, normalization_factors=factors),
        rlog(counts, size_factors=factors[:, 0]),
        atol=1e-9,
    )


def test_one_trend_serves_both_transformations(counts):
    fitted = fit_rlog(counts, fit_type="local")
    assert fitted.trend.kind == "local"
    assert np.array_equal(vst(counts, fit_type=fitted.trend), vst(counts, fit_type="local"))


def test_mistakes_are_named(counts):
    for value in (0.0, -1.0, np.inf):
        with pytest.raises(InputError, match="must be positive and finite"):
            rlog(counts, prior_variance=value, fit_type=TREND)
    with pytest.raises(InputError, match="No sample has a count"):
        rlog(np.zeros((3, 4)), size_factors="none", fit_type=TREND)


def test_equal_weights_give_the_usual_quantile():
    x = np.random.default_rng(4).normal(size=101)
    for p in (0.0, 0.05, 0.5, 0.957, 1.0):
        for weights in (np.ones(101), np.full(101, 8.0)):
            assert weighted_quantile(x, weights, p) == pytest.approx(np.quantile(x, p), rel=1e-12)


def test_weights_count_as_repetitions():
    x, times = np.array([3.0, 1.0, 7.0, 5.0]), np.array([2, 3, 1, 4])
    # Between two of ten repeated values; weights are scaled to the number of values, 4.
    assert weighted_quantile(x, times.astype(float), 0.5) == 3.0 * 0.5 + 5.0 * 0.5
    assert weighted_quantile(x, times.astype(float), 1.0) == 7.0
    assert weighted_quantile(x, times.astype(float), 0.0) == 1.0
