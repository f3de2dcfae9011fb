"""Variance stabilisation, counts per million and their kin: what each formula promises."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, sparse

import countglm
from countglm import CountglmWarning, InputError, datasets, estimate_size_factors
from countglm._fmm_spline import fmm_spline
from countglm._trend_of_counts import _representatives
from countglm._vst import stabilizing_curve
from countglm.transformations import fit_vst, fpkm, fpm, normalized_counts, vst
from countglm.trend import Trend

pytestmark = pytest.mark.compiled

PARAMETRIC = Trend("parametric", np.array([0.03, 2.5]), None, "parametric")
CONSTANT = Trend("mean", np.array([0.2]), None, "mean")


@pytest.fixture(scope="module")
def counts():
    """Pasilla's counts of every sixth gene with one, as a DataFrame."""
    y = datasets.pasilla().to_df()
    return y.loc[:, y.sum() > 0].iloc[:, ::6]


@pytest.mark.parametrize("trend", [PARAMETRIC, CONSTANT], ids=["parametric", "mean"])
def test_closed_forms_are_integrals_of_one_over_the_standard_deviation(trend):
    curve = stabilizing_curve(trend, np.array([1e4]), np.array([1.0]), 1.0, replay=False)

    def integrand(t):
        # q = t², so that there is no pole at zero; noise is 1.
        return 2 / np.sqrt(1 + float(trend(t * t)) * t * t)

    high = integrate.quad(integrand, 1.0, 30.0, epsabs=1e-13, epsrel=1e-13)[0]
    low = integrate.quad(integrand, 1.0, 5.0, epsabs=1e-13, epsrel=1e-13)[0]
    start, middle, end = curve(np.array([1.0, 25.0, 900.0]))
    assert (middle - start) / (end - start) == pytest.approx(low / high, rel=1e-12)


@pytest.mark.parametrize("trend", [PARAMETRIC, CONSTANT], ids=["parametric", "mean"])
def test_high_counts_become_their_binary_logarithm(trend):
    q = 2.0 ** np.array([30, 40, 50])
    curve = stabilizing_curve(trend, q, q, 1.0, replay=False)
    np.testing.assert_allclose(curve(q), [30, 40, 50], atol=1e-6)


@pytest.mark.parametrize("replay", [False, True])
def test_a_local_trend_is_integrated_numerically(replay):
    # A parametric trend that does not say so has the closed form up to scale and shift.
    q = np.linspace(0, 5e4, 400)
    means = np.linspace(1, 4e4, 500)
    known = stabilizing_curve(PARAMETRIC, q, means, 1.0, replay=False)
    curve = stabilizing_curve(lambda m: PARAMETRIC(m), q, means, 1.0, replay=replay)
    low, high = np.quantile(means, [0.95, 0.999])
    np.testing.assert_allclose(curve(np.array([low, high])), np.log2([low, high]), rtol=1e-12)
    a, b = known(np.array([low, high]))
    expected = (known(q) - a) * np.log2(high / low) / (b - a) + np.log2(low)
    error = np.abs(curve(q) - expected)
    assert error.max() < (0.05 if replay else 1e-10)


def test_values_beyond_the_largest_count_go_on(counts):
    stabilizer = fit_vst(counts, fit_type=lambda m: PARAMETRIC(m))
    largest = counts.to_numpy().max()
    beyond = stabilizer(largest * 10.0 ** np.arange(6))
    assert (np.diff(beyond) > 0).all()
    np.testing.assert_allclose(np.diff(beyond), np.log2(10), rtol=0.01)


def test_the_spline_of_a_cubic_is_the_cubic():
    x = np.array([0.0, 0.5, 2.0, 3.0, 4.5, 6.0])
    polynomial = np.polynomial.Polynomial([1.0, -2.0, 0.5, 0.25])
    inside = np.linspace(-1, 7, 50)
    np.testing.assert_allclose(
        fmm_spline(x, polynomial(x))(inside), polynomial(inside), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("fit_type", ["parametric", "local", "mean"])
@pytest.mark.parametrize("mode", ["exact", "replay"])
def test_variance_is_even_over_the_mean(counts, fit_type, mode):
    values = vst(counts, fit_type=fit_type, mode=mode)
    assert values.index.equals(counts.index)
    assert values.columns.equals(counts.columns)
    mean = normalized_counts(counts).mean().to_numpy()
    spread = values.std().to_numpy()
    high, middle = np.median(spread[mean > 1000]), np.median(spread[(mean > 20) & (mean < 100)])
    assert 0.4 < middle / high < 2.5


def test_the_blind_design_is_the_mean_alone(counts):
    obs = datasets.pasilla().obs
    ones = np.ones((len(counts), 1))
    blind = vst(counts)
    assert blind.equals(vst(counts, blind=False, design=ones))
    seen = vst(counts, blind=False, design="~ type + condition", obs=obs)
    assert not blind.equals(seen)
    given = countglm.fit_glm(counts, ones).dispersion
    trend = countglm.trend.fit_trend(normalized_counts(counts).mean(), given)
    np.testing.assert_allclose(vst(counts, fit_type=trend), blind, rtol=1e-13)


def test_storage_changes_no_bit(counts):
    expected = vst(counts).to_numpy()
    for same in (counts.to_numpy(), sparse.csr_matrix(counts.to_numpy()), datasets.pasilla()):
        if hasattr(same, "var_names"):
            same = same[:, counts.columns].copy()
        values = vst(same)
        assert isinstance(values, np.ndarray)
        assert np.array_equal(values, expected)


def test_the_order_of_the_genes_changes_no_bit(counts):
    order = np.random.default_rng(8).permutation(counts.shape[1])
    for options in ({}, {"fit_type": "local"}, {"n_subset": 300}):
        values = vst(counts, **options)
        shuffled = vst(counts.iloc[:, order], **options)
        assert shuffled.equals(values.iloc[:, order])


def test_a_subset_stands_for_all_genes(counts):
    values, subset = vst(counts), vst(counts, n_subset=500)
    assert 0 < np.abs(values - subset).to_numpy().max() < 1
    assert vst(counts, n_subset=10**6).equals(values)


def test_representatives_are_evenly_spaced_in_rank(counts):
    from countglm._model import prepare_model
    from countglm._moments import base_moments

    model = prepare_model(counts, np.ones((len(counts), 1)))
    high = np.sort(base_moments(model)[0])
    high = high[high > 5]
    chosen = np.sort(base_moments(_representatives(model, 50, "replay"))[0])
    places = np.rint(np.linspace(1, high.size, 50)).astype(int) - 1
    np.testing.assert_allclose(chosen, high[places], rtol=1e-14)


def test_normalization_factors_of_equal_columns_are_size_factors(counts):
    s = estimate_size_factors(counts)
    factors = np.broadcast_to(s[:, None], counts.shape)
    for options in ({}, {"fit_type": "local"}):
        np.testing.assert_allclose(
            vst(counts, normalization_factors=factors, **options),
            vst(counts, **options),
            rtol=1e-9,
        )
    np.testing.assert_allclose(
        normalized_counts(counts, normalization_factors=factors), normalized_counts(counts)
    )


def test_genes_without_counts_have_the_value_of_a_zero(counts):
    y = counts.copy()
    y.insert(0, "empty", 0)
    values = vst(y)
    assert np.isfinite(values).all(axis=None)
    assert values["empty"].nunique() == 1
    zero = np.argwhere(y.to_numpy()[:, 1:] == 0)[0]
    assert values.to_numpy()[zero[0], zero[1] + 1] == values["empty"].iloc[0]
    np.testing.assert_array_equal(values.iloc[:, 1:], vst(counts))


def test_later_samples_get_the_same_values(counts):
    stabilizer = fit_vst(counts)
    np.testing.assert_allclose(stabilizer.transform(counts), vst(counts), rtol=1e-12)
    two = counts.iloc[[4, 1]]
    np.testing.assert_allclose(stabilizer.transform(two), vst(counts).iloc[[4, 1]], rtol=1e-12)
    s = estimate_size_factors(counts)
    np.testing.assert_array_equal(
        stabilizer.transform(two, size_factors=s[[4, 1]]), vst(counts).iloc[[4, 1]]
    )
    pd.testing.assert_frame_equal(
        stabilizer.transform(counts.iloc[:1]), stabilizer.transform(counts).iloc[:1]
    )
    np.testing.assert_array_equal(stabilizer(two.iloc[0] / s[4]), vst(counts).iloc[4])
    with pytest.raises(InputError, match="are not those of the transformation"):
        stabilizer.transform(two.iloc[:, ::-1])
    with pytest.raises(InputError, match="give the same genes"):
        stabilizer.transform(two.iloc[:, 1:])
    other = fit_vst(counts, size_factors="library")
    with pytest.raises(InputError, match="cannot find those of new samples"):
        other.transform(two)


def test_a_failed_parametric_trend_warns_and_works():
    # A dispersion that grows with the mean.
    mean = np.geomspace(20, 2000, 60)
    alpha = 0.05 * mean / 100
    y = np.random.default_rng(0).negative_binomial(1 / alpha, 1 / (1 + alpha * mean), (6, 60))
    with pytest.warns(CountglmWarning, match="local regression is used"):
        values = vst(y)
    assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"design": np.ones((7, 1))}, "blind=False only"),
        ({"blind": False}, "needs design="),
        ({"fit_type": "cubic"}, "fit_type='cubic'"),
        ({"mode": "fast"}, "mode='fast'"),
        ({"mode": "fast", "fit_type": CONSTANT}, "mode='fast'"),
        ({"n_subset": 1}, "n_subset=1"),
        ({"size_factors": [1.0] * 7, "normalization_factors": np.ones((7, 300))}, "Give either"),
        ({"normalization_factors": np.ones(7)}, "samples x genes"),
    ],
)
def test_mistakes_are_named(counts, options, message):
    with pytest.raises(InputError, match=message):
        vst(counts.iloc[:, :300], **options)


def test_a_normalization_factor_that_cannot_be_is_named(counts):
    factors = np.ones(counts.shape)
    factors[2, 5] = 0
    with pytest.raises(InputError, match=f"is 0 for sample '{counts.index[2]}'.*gene"):
        normalized_counts(counts, normalization_factors=factors)


def test_counts_per_million(counts):
    total = counts.sum(axis=1)
    pd.testing.assert_frame_equal(
        fpm(counts, robust=False), counts.div(total, axis=0) * 1e6, rtol=1e-14
    )
    robust = fpm(counts)
    depth = np.exp(np.log(total).mean())
    np.testing.assert_allclose(robust, normalized_counts(counts) / depth * 1e6, rtol=1e-13)
    with pytest.raises(InputError, match="robust=False"):
        fpm(counts, robust=False, size_factors=np.ones(7))


def test_one_sample_alone(counts):
    s, one = estimate_size_factors(counts), counts.iloc[:1]
    lengths = np.arange(1.0, counts.shape[1] + 1)
    alone, together = ({"size_factors": given} for given in (s[:1], s))
    pd.testing.assert_frame_equal(
        normalized_counts(one, **alone), normalized_counts(counts, **together).iloc[:1]
    )
    pd.testing.assert_frame_equal(fpm(one, robust=False), fpm(counts, robust=False).iloc[:1])
    pd.testing.assert_frame_equal(
        fpkm(one, lengths, robust=False), fpkm(counts, lengths, robust=False).iloc[:1]
    )
    with pytest.raises(InputError, match="one sample"):
        vst(one)


@pytest.mark.parametrize("factors", ["nonsense", "tmm"])
def test_total_counts_take_no_size_factors(counts, factors):
    with pytest.raises(InputError, match="leave size_factors"):
        fpm(counts, robust=False, size_factors=factors)


def test_lengths_divide_counts_per_million(counts):
    lengths = np.random.default_rng(1).uniform(300, 5000, counts.shape[1])
    for robust in (True, False):
        expected = fpm(counts, robust=robust) * 1e3 / lengths
        np.testing.assert_allclose(fpkm(counts, lengths, robust=robust), expected, rtol=1e-13)
        same = np.tile(lengths, (7, 1))
        np.testing.assert_allclose(fpkm(counts, same, robust=robust), expected, rtol=1e-12)
    named = pd.Series(lengths, index=counts.columns)
    assert fpkm(counts, named[::-1]).equals(fpkm(counts, lengths))


def test_mistaken_lengths_are_named(counts):
    lengths = np.ones(counts.shape[1])
    lengths[3] = 0
    with pytest.raises(InputError, match=f"0 for gene '{counts.columns[3]}'"):
        fpkm(counts, lengths)
    with pytest.raises(InputError, match="one per gene"):
        fpkm(counts, lengths[1:])


def test_pydeseq2_154_231_263_every_option_of_vst_works_alone_and_on_new_samples(counts):
    """Local and mean trends, a design of choice, frozen values: for training and new samples."""
    obs = datasets.pasilla().obs
    for fit_type in ("parametric", "local", "mean"):
        options = {"fit_type": fit_type, "blind": False, "design": "~ condition", "obs": obs}
        stabilizer = fit_vst(counts, **options)
        assert stabilizer.trend.kind == fit_type
        np.testing.assert_allclose(
            stabilizer.transform(counts.iloc[2:4]), vst(counts, **options).iloc[2:4], rtol=1e-12
        )
