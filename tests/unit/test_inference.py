"""Tests of contrasts against direct computation: Wald by formula, likelihood ratios by search."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from countglm._p_adjust import adjustment
from countglm.errors import InputError
from countglm.inference import ALTERNATIVES, benjamini_hochberg, wald_test
from tests.support.groups import ALPHA, FACTORS, GROUPS, LN2, OBS, brute_force_bh, counts, fitted


@pytest.fixture(scope="module")
def fit():
    return fitted()


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
        assert table["na_reason"].iloc[0] == "no_residual_df"
        assert np.isfinite(
            table.loc[table.index[0], ["log2FoldChange", "lfcSE"]].astype(float)
        ).all()
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

    @pytest.mark.parametrize("method", ["bh", "by"])
    def test_bits_of_scipy(self, method: str) -> None:
        p = np.round(np.random.default_rng(8).uniform(size=3000) ** 3, 4)
        expected = stats.false_discovery_control(p, method=method)
        np.testing.assert_array_equal(adjustment(method.upper())(p), expected)

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
