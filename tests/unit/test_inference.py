"""Tests of contrasts against direct computation: Wald by formula, likelihood ratios by search."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import countglm
from countglm.errors import InputError
from countglm.inference import ALTERNATIVES, benjamini_hochberg, wald_test
from countglm.status import Status

LN2 = math.log(2.0)
GROUPS = np.repeat(["a", "b", "c"], 4)
OBS = pd.DataFrame({"group": pd.Categorical(GROUPS), "x": np.tile([0.0, 1.0, -1.0, 0.5], 3)})
ALPHA = 0.2
FACTORS = np.tile([0.8, 1.3, 1.0, 0.9], 3)


def counts() -> np.ndarray:
    """Twelve genes of three groups, with effects of several sizes."""
    rng = np.random.default_rng(11)
    level = np.exp(rng.uniform(2, 6, 12))
    effect = np.array([1.0, 1.5, 0.4])[np.arange(12) // 4][:, None] ** rng.uniform(-3, 3, 12)
    mean = level * effect * FACTORS[:, None]
    return rng.negative_binomial(1 / ALPHA, 1 / (1 + ALPHA * mean)).astype(float) + 1


def fitted(y=None, formula="~ group", **options):
    chosen = {"dispersion": ALPHA, "size_factors": FACTORS, "obs": OBS} | options
    return countglm.fit_glm(counts() if y is None else y, formula, **chosen)


@pytest.fixture(scope="module")
def fit():
    return fitted()


def one_gene(y) -> np.ndarray:
    return np.asarray(y, dtype=float)[:, None]


class TestWald:
    @pytest.mark.parametrize("use_t", [False, True])
    @pytest.mark.parametrize("threshold", [0.0, 0.7])
    @pytest.mark.parametrize("alternative", ALTERNATIVES)
    def test_formulas(self, fit, alternative: str, threshold: float, use_t: bool) -> None:
        if alternative == "lessAbs" and threshold == 0.0:
            return
        table = wald_test(
            fit, "group[T.b]", lfc_threshold=threshold, alternative=alternative, use_t=use_t
        )
        b, s, t = fit.coefficients[:, 1] / LN2, fit.standard_errors[:, 1] / LN2, threshold
        tail = stats.t(12 - 3).sf if use_t else stats.norm.sf
        if alternative == "greaterAbs":
            # Both tails of an interval null, at its nearer end.
            stat, p = b / s, tail((abs(b) - t) / s) + tail((abs(b) + t) / s)
        elif alternative == "greaterAbs2014":
            stat = np.sign(b) * np.maximum((abs(b) - t) / s, 0)
            p = np.minimum(1, 2 * tail((abs(b) - t) / s))
        elif alternative == "greater":
            stat, p = np.maximum((b - t) / s, 0), tail((b - t) / s)
        elif alternative == "less":
            stat, p = np.minimum((b + t) / s, 0), tail(-(b + t) / s)
        else:
            low, high = (t - b) / s, (t + b) / s
            stat, p = np.maximum(np.minimum(low, high), 0), np.maximum(tail(low), tail(high))
        np.testing.assert_allclose(table["log2FoldChange"], b, rtol=1e-15)
        np.testing.assert_allclose(table["lfcSE"], s, rtol=1e-15)
        np.testing.assert_allclose(table["stat"], stat, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(table["pvalue"], p, rtol=1e-10)
        assert table["pvalue"].between(0, 1 + 1e-15).all()

    def test_alternatives_without_threshold_agree(self, fit) -> None:
        two_sided = wald_test(fit, "group[T.c]")
        old = wald_test(fit, "group[T.c]", alternative="greaterAbs2014")
        np.testing.assert_allclose(two_sided["pvalue"], old["pvalue"], rtol=1e-14)
        up = wald_test(fit, "group[T.c]", alternative="greater")["pvalue"]
        down = wald_test(fit, "group[T.c]", alternative="less")["pvalue"]
        np.testing.assert_allclose(up + down, 1.0, rtol=1e-13)
        np.testing.assert_allclose(2 * np.minimum(up, down), two_sided["pvalue"], rtol=1e-12)

    @pytest.mark.parametrize("vector", [[0, -1, 1], [1, 0.5, 0.5], [1, 1, 0], [0, 2, 0]])
    def test_contrast_is_a_quadratic_form_of_the_covariance(self, fit, vector) -> None:
        vector = np.array(vector, dtype=float)
        x = fit.design.matrix
        table = wald_test(fit, vector)
        for gene in range(fit.n_genes):
            mu = FACTORS * np.exp(x @ fit.coefficients[gene])
            information = x.T @ ((mu / (1 + ALPHA * mu))[:, None] * x)
            variance = vector @ np.linalg.inv(information) @ vector
            assert table["lfcSE"].iloc[gene] * LN2 == pytest.approx(math.sqrt(variance), rel=1e-9)
        np.testing.assert_allclose(table["log2FoldChange"] * LN2, fit.coefficients @ vector)

    @pytest.mark.parametrize("per_gene", [False, True])
    def test_weights_enter_errors_and_degrees_of_freedom(self, per_gene: bool) -> None:
        weights = np.array([1.0, 2, 0.5, 4] * 3)
        given = np.tile(weights[:, None], (1, 12)) if per_gene else weights
        weighted = fitted(weights=given)
        vector = np.array([0.0, -1.0, 1.0])
        table = wald_test(weighted, vector, use_t=True)
        x = weighted.design.matrix
        mu = FACTORS * np.exp(x @ weighted.coefficients[3])
        information = x.T @ ((weights * mu / (1 + ALPHA * mu))[:, None] * x)
        error = math.sqrt(vector @ np.linalg.inv(information) @ vector) / LN2
        assert table["lfcSE"].iloc[3] == pytest.approx(error, rel=1e-9)
        # Samples are counted relative to the largest weight: 12 of 7.5/4 a group.
        df = 3 * 7.5 / 4 - 3
        p = 2 * stats.t(df).sf(np.abs(table["log2FoldChange"] / table["lfcSE"]))
        np.testing.assert_allclose(table["pvalue"], p, rtol=1e-10)

    def test_degrees_of_freedom_that_are_used_up_give_no_p_value(self) -> None:
        weights = np.zeros((12, 12))
        weights[[0, 4, 8]] = 1.0
        weights[:, 1:] = 1.0
        table = wald_test(fitted(weights=weights), "group[T.b]", use_t=True)
        assert np.isnan(table["pvalue"].iloc[0])
        assert table["na_reason"].iloc[0] == "not_estimable"
        assert table["pvalue"].iloc[1:].notna().all()

    def test_releveling_changes_no_contrast(self, fit) -> None:
        first = wald_test(fit, ["group", "c", "b"])
        for reference in ("b", "c"):
            levels = [reference, *(g for g in "abc" if g != reference)]
            obs = OBS.assign(group=pd.Categorical(GROUPS, levels))
            other = wald_test(fitted(obs=obs), ["group", "c", "b"])
            for column in ("log2FoldChange", "lfcSE", "stat", "pvalue", "padj"):
                np.testing.assert_allclose(other[column], first[column], rtol=1e-9)
        swapped = wald_test(fit, ["group", "b", "c"])
        np.testing.assert_allclose(swapped["log2FoldChange"], -first["log2FoldChange"])
        np.testing.assert_allclose(swapped["pvalue"], first["pvalue"], rtol=1e-12)

    def test_table_has_its_columns_and_index(self, fit) -> None:
        table = wald_test(fit, "group[T.b]")
        assert table.columns.tolist() == [
            "baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj", "test", "status",
            "na_reason",
        ]  # fmt: skip
        assert table.index.tolist() == fit.gene_names.tolist()
        assert table.index.name == "gene"
        np.testing.assert_allclose(table["baseMean"], (counts() / FACTORS[:, None]).mean(axis=0))
        assert set(table["test"]) == {"Wald"}
        assert set(table["status"]) == {"CONVERGED"}
        assert table["na_reason"].isna().all()
        np.testing.assert_allclose(table["padj"], benjamini_hochberg(table["pvalue"]))


def log_likelihood(y, mu) -> float:
    """Negative binomial log-likelihood by SciPy; means of 0 for counts of 0 add nothing."""
    live = mu > 0
    r = 1 / ALPHA
    return float(np.sum(stats.nbinom.logpmf(y[live], r, 1 / (1 + ALPHA * mu[live]))))


def supremum(y, difference: float | None) -> float:
    """Largest log-likelihood of groups a and b (c: free) at a given log difference b - a.

    ``None`` leaves the difference free; then group b, all zero, adds nothing.
    """
    groups = {g: g == GROUPS for g in "abc"}

    def best(members: np.ndarray, shift: np.ndarray) -> float:
        def loss(level: float) -> float:
            mu = FACTORS[members] * np.exp(level + shift)
            return -log_likelihood(y[members], mu)

        return -float(optimize.minimize_scalar(loss, bounds=(-12, 12), options={"xatol": 1e-12},
                                               method="bounded").fun)  # fmt: skip

    alone = best(groups["c"], np.zeros(4))
    if difference is None:
        return alone + best(groups["a"], np.zeros(4))
    both = groups["a"] | groups["b"]
    return alone + best(both, np.where(GROUPS[both] == "b", difference, 0.0))


OFF = one_gene([30, 22, 41, 35, 0, 0, 0, 0, 12, 9, 15, 30])


class TestOnOffGenes:
    def test_likelihood_ratio_at_the_supremum(self) -> None:
        row = wald_test(fitted(OFF), "group[T.b]").iloc[0]
        gain = supremum(OFF[:, 0], None) - supremum(OFF[:, 0], 0.0)
        assert row["log2FoldChange"] == -np.inf
        assert np.isnan(row["lfcSE"])
        assert row["test"] == "LRT"
        assert row["status"] == "SEPARATED"
        assert row["na_reason"] is None
        assert row["stat"] == pytest.approx(-math.sqrt(2 * gain), rel=1e-7)
        assert row["pvalue"] == pytest.approx(stats.chi2(1).sf(2 * gain), rel=1e-6)
        assert row["padj"] == row["pvalue"]

    @pytest.mark.parametrize("threshold", [0.5, 2.0, 12.0])
    def test_threshold_is_the_nearest_point_of_the_null(self, threshold: float) -> None:
        fit = fitted(OFF)
        gain = supremum(OFF[:, 0], None) - supremum(OFF[:, 0], -threshold * LN2)
        for alternative, factor in (("greaterAbs", 2), ("greaterAbs2014", 2), ("less", 1)):
            row = wald_test(
                fit, "group[T.b]", lfc_threshold=threshold, alternative=alternative
            ).iloc[0]
            assert row["stat"] == pytest.approx(-math.sqrt(2 * gain), rel=1e-6, abs=1e-5)
            expected = factor * stats.norm.sf(math.sqrt(2 * gain))
            assert row["pvalue"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(("alternative", "threshold"), [("greater", 0.0), ("lessAbs", 1.0)])
    def test_an_estimate_inside_the_null_does_not_speak_against_it(
        self, alternative: str, threshold: float
    ) -> None:
        row = wald_test(
            fitted(OFF), "group[T.b]", alternative=alternative, lfc_threshold=threshold
        ).iloc[0]
        assert (row["stat"], row["pvalue"], row["test"]) == (0.0, 1.0, "LRT")

    def test_sign_follows_the_contrast(self) -> None:
        fit = fitted(OFF)
        down, up = (wald_test(fit, ["group", *pair]).iloc[0] for pair in (("b", "a"), ("a", "b")))
        assert up["log2FoldChange"] == np.inf
        assert up["stat"] == pytest.approx(-down["stat"], rel=1e-12)
        assert up["pvalue"] == pytest.approx(down["pvalue"], rel=1e-9)

    def test_they_enter_the_adjustment_with_the_others(self) -> None:
        table = wald_test(fitted(np.column_stack([counts(), OFF])), "group[T.b]")
        assert table["test"].tolist() == ["Wald"] * 12 + ["LRT"]
        assert table["padj"].notna().all()
        np.testing.assert_allclose(table["padj"], brute_force_bh(table["pvalue"].to_numpy()))

    def test_finite_contrast_of_infinite_coefficients(self) -> None:
        # Group a, the reference, is off: every coefficient is infinite, b against c is not.
        y = one_gene([0, 0, 0, 0, 30, 22, 41, 35, 12, 9, 15, 30])
        fit = fitted(y)
        np.testing.assert_array_equal(fit.coefficients[0], [-np.inf, np.inf, np.inf])
        row = wald_test(fit, ["group", "c", "b"]).iloc[0]
        obs = OBS.assign(group=pd.Categorical(GROUPS, list("bca")))
        other = wald_test(fitted(y, obs=obs), "group[T.c]").iloc[0]
        part = GROUPS != "a"
        alone = countglm.fit_glm(
            y[part], np.column_stack([np.ones(8), GROUPS[part] == "c"]).astype(float),
            dispersion=ALPHA, size_factors=FACTORS[part],
        )  # fmt: skip
        assert row["test"] == other["test"] == "Wald"
        for got in (row, other):
            assert got["log2FoldChange"] * LN2 == pytest.approx(alone.coefficients[0, 1], rel=1e-9)
            assert got["lfcSE"] * LN2 == pytest.approx(alone.standard_errors[0, 1], rel=1e-9)

    def test_contrast_of_two_silent_groups_is_not_estimable(self) -> None:
        y = one_gene([30, 22, 41, 35, 0, 0, 0, 0, 0, 0, 0, 0])
        fit = fitted(y)
        row = wald_test(fit, ["group", "c", "b"]).iloc[0]
        assert row["na_reason"] == "not_estimable"
        assert row[["log2FoldChange", "lfcSE", "stat", "pvalue", "padj"]].isna().all()
        assert wald_test(fit, ["group", "c", "a"]).iloc[0]["log2FoldChange"] == -np.inf

    def test_a_covariate_at_its_edge(self) -> None:
        y = one_gene([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40])
        design = np.column_stack([np.ones(12), np.arange(12.0)])
        fit = countglm.fit_glm(y, design, dispersion=ALPHA, size_factors="none")
        row = wald_test(fit, "x1").iloc[0]
        # Null: one common mean; supremum: the sample that counts is fitted alone.
        r, mean = 1 / ALPHA, 40 / 12
        null = np.sum(stats.nbinom.logpmf(y[:, 0], r, 1 / (1 + ALPHA * mean)))
        gain = float(stats.nbinom.logpmf(40, r, 1 / (1 + ALPHA * 40)) - null)
        assert row["log2FoldChange"] == np.inf
        assert row["stat"] == pytest.approx(math.sqrt(2 * gain), rel=1e-9)

    def test_a_design_of_one_column(self) -> None:
        # Nothing is left under the null: mu = 1 in every sample.
        y = one_gene([0, 0, 0, 0, 2, 0, 1, 3, 0, 1, 2, 1])
        x = (GROUPS == "a").astype(float)[:, None]
        fit = countglm.fit_glm(y, x, dispersion=ALPHA, size_factors="none")
        row = wald_test(fit, "x0").iloc[0]
        assert row["log2FoldChange"] == -np.inf
        gain = -4 * float(stats.nbinom.logpmf(0, 1 / ALPHA, 1 / (1 + ALPHA)))
        assert row["stat"] == pytest.approx(-math.sqrt(2 * gain), rel=1e-9)

    def test_offsets_and_weights_stay_in_the_constrained_fit(self) -> None:
        offset, weights = np.linspace(-0.5, 0.5, 12), np.array([1.0, 2, 1, 1] * 3)
        plain = wald_test(fitted(OFF, offset=offset, weights=weights), "group[T.b]").iloc[0]
        # A weight of 2 is the sample twice, an offset is a size factor.
        twice = np.repeat(np.arange(12), weights.astype(int))
        other = countglm.fit_glm(
            OFF[twice], "~ group", obs=OBS.iloc[twice].reset_index(drop=True), dispersion=ALPHA,
            size_factors=(FACTORS * np.exp(offset))[twice],
        )  # fmt: skip
        row = wald_test(other, "group[T.b]").iloc[0]
        assert plain["stat"] == pytest.approx(row["stat"], rel=1e-9)
        by_gene = fitted(
            np.column_stack([counts()[:, 0], OFF]),
            offset=np.column_stack([np.zeros(12), offset]),
            weights=np.column_stack([np.ones(12), weights]),
        )
        last = wald_test(by_gene, "group[T.b]").iloc[1]
        assert last["stat"] == pytest.approx(plain["stat"], rel=1e-12)

    def test_counts_are_needed_and_checked(self) -> None:
        loaded = dataclasses.replace(fitted(OFF), counts=None)
        with pytest.raises(InputError, match="pass them as counts="):
            wald_test(loaded, "group[T.b]")
        with pytest.raises(InputError, match="not the counts of this fit"):
            wald_test(loaded, "group[T.b]", counts=OFF + 1)
        row = wald_test(loaded, "group[T.b]", counts=OFF).iloc[0]
        assert row["stat"] == wald_test(fitted(OFF), "group[T.b]").iloc[0]["stat"]
        # Without an infinite contrast no counts are asked for.
        assert wald_test(loaded, "group[T.c]").iloc[0]["test"] == "Wald"


class TestReasons:
    def test_every_missing_p_value_has_its_word(self) -> None:
        y = np.column_stack([counts()[:, :2], np.zeros(12), counts()[:, 2:4], counts()[:, 4]])
        weights = np.ones((12, 6))
        weights[:, 3] = 0.0
        weights[4:8, 4] = 0.0
        fit = fitted(y, weights=weights)
        status = fit.status.copy()
        status[5] = Status.MAX_ITER
        fit = dataclasses.replace(fit, status=status)
        table = wald_test(fit, "group[T.b]")
        assert table["na_reason"].tolist() == [
            None, None, "all_zero", "no_weight", "not_estimable", "not_converged",
        ]  # fmt: skip
        assert table["pvalue"].isna().tolist() == [False, False, True, True, True, True]
        assert table["padj"].isna().equals(table["pvalue"].isna())
        # What remains determined under missing weights is tested.
        other = wald_test(fit, "group[T.c]")
        assert other["pvalue"].notna().tolist() == [True, True, False, False, True, False]
        part = GROUPS != "b"
        alone = countglm.fit_glm(
            y[part][:, [4]], "~ group", obs=OBS[part].reset_index(drop=True), dispersion=ALPHA,
            size_factors=FACTORS[part],
        )  # fmt: skip
        expected = wald_test(alone, "group[T.c]").iloc[0]
        for column in ("log2FoldChange", "lfcSE", "pvalue"):
            assert other[column].iloc[4] == pytest.approx(expected[column], rel=1e-9)


def brute_force_bh(p: np.ndarray) -> np.ndarray:
    """Smallest level at which each test is rejected, from the definition of the step-up rule."""
    m = p.size
    levels = [(np.sum(p <= q), q) for q in p]
    return np.array([min(1.0, min(m * q / k for k, q in levels if q >= one)) for one in p])


class TestBenjaminiHochberg:
    def test_known_example(self) -> None:
        p = [0.01, 0.04, 0.03, 0.005, 0.55]
        np.testing.assert_allclose(
            benjamini_hochberg(p), [0.025, 0.05, 0.05, 0.025, 0.55], rtol=1e-15
        )

    @pytest.mark.parametrize("seed", range(4))
    def test_definition_with_ties_and_ends(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        p = np.round(rng.uniform(size=40) ** 3, 2)
        p[:2] = [0.0, 1.0]
        np.testing.assert_allclose(benjamini_hochberg(p), brute_force_bh(p), rtol=1e-12)

    def test_missing_values_stay_and_do_not_count(self) -> None:
        p = np.array([np.nan, 0.02, np.nan, 0.03, 0.9])
        adjusted = benjamini_hochberg(p)
        assert np.isnan(adjusted).tolist() == [True, False, True, False, False]
        np.testing.assert_allclose(adjusted[[1, 3, 4]], brute_force_bh(p[[1, 3, 4]]))

    def test_nothing_to_adjust(self) -> None:
        assert benjamini_hochberg([]).shape == (0,)
        assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()
        assert benjamini_hochberg([0.3]).tolist() == [0.3]

    @pytest.mark.parametrize("bad", [-0.01, 1.01, np.inf])
    def test_no_probabilities_are_refused(self, bad: float) -> None:
        with pytest.raises(InputError, match=r"outside \[0, 1\]"):
            benjamini_hochberg([0.5, bad, np.nan])


class TestMistakes:
    def test_alternative_lists_the_choices(self, fit) -> None:
        with pytest.raises(
            InputError, match=r"'two\.sided' is not known; choose from greaterAbs, "
        ):
            wald_test(fit, "group[T.b]", alternative="two.sided")

    @pytest.mark.parametrize("threshold", [-0.5, np.nan, np.inf])
    def test_threshold_is_named(self, fit, threshold: float) -> None:
        with pytest.raises(InputError, match=f"lfc_threshold={threshold!r} must be a log2 fold"):
            wald_test(fit, "group[T.b]", lfc_threshold=threshold)

    def test_less_than_nothing_needs_a_threshold(self, fit) -> None:
        with pytest.raises(InputError, match="lessAbs' needs lfc_threshold > 0"):
            wald_test(fit, "group[T.b]", alternative="lessAbs")

    def test_unknown_contrast_lists_the_columns(self, fit) -> None:
        with pytest.raises(InputError, match=r"no column 'group_b'.*Columns: 'Intercept'"):
            wald_test(fit, "group_b")
