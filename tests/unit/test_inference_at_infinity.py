"""Contrasts without a finite estimate: likelihood ratios at the supremum against direct search."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import countglm
from countglm.errors import InputError
from countglm.inference import wald_test
from countglm.status import Status
from tests.support.groups import ALPHA, FACTORS, GROUPS, LN2, OBS, brute_force_bh, counts, fitted


def one_gene(y) -> np.ndarray:
    return np.asarray(y, dtype=float)[:, None]


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


def test_unfinished_separated_genes_get_no_p_value() -> None:
    from countglm import fit_glm, wald_test

    counts = np.array([0, 0, 0, 7, 5000, 2])[:, None]
    design = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1], [0.0, 1, 2, 0, 3, 1]])
    options = {"dispersion": 3.0, "size_factors": "none"}
    finished = wald_test(fit_glm(counts, design, **options), "x1").iloc[0]
    assert finished["status"] == "SEPARATED"
    assert finished["test"] == "LRT"
    assert 0.0 < finished["pvalue"] < 1.0
    stopped = wald_test(fit_glm(counts, design, max_iter=1, **options), "x1").iloc[0]
    assert np.isnan(stopped["pvalue"])
    assert stopped["na_reason"] == "not_converged"


def test_p_values_never_exceed_one_by_rounding() -> None:
    from countglm.inference import wald_statistics

    lfc, se = np.array([1.5674833802017743e-16]), np.array([0.6311633116929153])
    _, pvalue = wald_statistics(lfc, se, 0.8650434525627286, "greaterAbs", None)
    assert pvalue[0] <= 1.0
