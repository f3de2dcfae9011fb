"""From a fit to a table: words for what is missing, adjustments, intervals of replay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import countglm
from countglm._de_summary import REASONS
from countglm.errors import InputError
from tests.support.analyses import CONTRAST, N_GENES, ON_OFF, ZERO, analysis
from tests.support.groups import ALPHA, FACTORS, GROUPS, OBS, counts

ROOT = Path(__file__).resolve().parents[2]


def few(mode: str, **options: Any) -> Any:
    """Three samples and three coefficients: nothing is left for Student's t."""
    y = counts()[[0, 4, 8]]
    y[2, 0] = 0.0  # on and off
    y[1:, 1] = 0.0  # nothing in both levels that are compared
    y[:, 2] = 0.0
    chosen = {"dispersion": ALPHA, "size_factors": FACTORS[[0, 4, 8]], "use_t": True} | options
    return countglm.differential_expression(
        y, "~ group", ["group", "c", "b"], mode=mode, threads=1,
        obs=OBS.iloc[[0, 4, 8]].reset_index(drop=True), **chosen,
    ).table  # fmt: skip


@pytest.mark.parametrize("interval", ["wald", "profile"])
def test_no_residual_degree_of_freedom_is_said(interval: str) -> None:
    table = few("exact", interval=interval)
    assert table[["pvalue", "padj", "ciLower", "ciUpper"]].isna().all(axis=None)
    assert np.isinf(table["log2FoldChange"].iloc[0])
    words = ["no_residual_df", "not_estimable", "all_zero"] + ["no_residual_df"] * 9
    assert table["na_reason"].tolist() == words
    assert table["lfcSE"].iloc[3:].notna().all()
    normal = few("exact", use_t=False)
    assert normal["pvalue"].notna().tolist() == [True, False, False] + [True] * 9


def test_no_residual_degree_of_freedom_in_replay() -> None:
    table = few("replay", interval="wald")
    assert table[["pvalue", "padj", "ciLower", "ciUpper"]].isna().all(axis=None)
    assert (
        table["na_reason"].tolist()
        == ["no_residual_df"] * 2 + ["all_zero"] + ["no_residual_df"] * 9
    )
    assert few("replay", use_t=False)["pvalue"].iloc[1] == 1.0


def test_weights_leave_some_genes_without_degrees_of_freedom() -> None:
    y, weights = counts(), np.ones((12, 12))
    weights[:, 0], weights[[0, 4, 8], 0] = 1e-3, 1.0
    weights[:, 1] = weights[:, 0]
    y[GROUPS == "c", 0] = 0.0
    for mode in ("exact", "replay"):
        table = countglm.differential_expression(
            y, "~ group", ["group", "c", "b"], obs=OBS, weights=weights, dispersion=ALPHA,
            size_factors=FACTORS, mode=mode, use_t=True, threads=1, cooks_cutoff=False,
        ).table  # fmt: skip
        # 3 samples and 9 thousandths count, which is 0.009 degrees of freedom.
        assert table["pvalue"].iloc[:2].notna().all()
        weights[8, :2] = 0.9
        table = countglm.differential_expression(
            y, "~ group", ["group", "c", "b"], obs=OBS, weights=weights, dispersion=ALPHA,
            size_factors=FACTORS, mode=mode, use_t=True, threads=1, cooks_cutoff=False,
        ).table  # fmt: skip
        weights[8, :2] = 1.0
        assert table["na_reason"].iloc[:2].tolist() == ["no_residual_df"] * 2
        assert table["pvalue"].iloc[2:].notna().all()


class TestAdjustment:
    def test_what_the_adjustment_leaves_out_is_not_called_filtered(self) -> None:
        def without_the_largest(p: np.ndarray) -> np.ndarray:
            return np.where(p > 0.5, np.nan, p)

        plain = analysis().test(CONTRAST, p_adjust=without_the_largest, independent_filtering=False)
        table = plain.table
        left = table["pvalue"] > 0.5
        assert left.any()
        assert (table["na_reason"][left] == "not_adjusted").all()
        assert not (table["na_reason"] == "low_mean").any()
        assert "No value, not_adjusted" in str(plain.summary())

        filtered = analysis().test(CONTRAST, p_adjust=without_the_largest, alpha=0.5)
        table, passed = filtered.table, filtered.filtering.passed
        has = table["pvalue"].notna().to_numpy()
        assert (table["na_reason"][has & ~passed] == "low_mean").all()
        large = (table["pvalue"] > 0.5).to_numpy()
        assert (table["na_reason"][has & passed & large] == "not_adjusted").all()
        assert table["na_reason"][has & passed & ~large].isna().all()

    def test_filtered_genes_keep_their_word(self) -> None:
        table = analysis().test(CONTRAST, filter_statistic=list(range(N_GENES))).table
        low = table["na_reason"] == "low_mean"
        assert (low == (table["pvalue"].notna() & table["padj"].isna())).all()

    @pytest.mark.parametrize("scale", [-1.0, 1e3])
    def test_adjusted_values_that_are_none(self, scale: float) -> None:
        with pytest.raises(InputError, match=r"value\(s\) outside \[0, 1\], the first .* for p = "):
            analysis().test(CONTRAST, p_adjust=lambda p: scale * p)

    def test_no_adjusted_value_without_a_p_value(self) -> None:
        def filled(p: np.ndarray) -> np.ndarray:
            p[np.isnan(p)] = 1.0
            return p

        table = analysis().test(CONTRAST, p_adjust=filled, independent_filtering=False).table
        assert np.isnan(table["padj"].iloc[ZERO])
        assert table["na_reason"].iloc[ZERO] == "all_zero"
        known = table["pvalue"].notna()
        np.testing.assert_array_equal(table["padj"][known], table["pvalue"][known])


class TestIntervalsOfReplay:
    def test_they_are_those_of_the_table(self) -> None:
        result = analysis(mode="replay")
        plain = result.test(CONTRAST, interval="wald", level=0.9).table
        student = result.test(CONTRAST, interval="wald", use_t=True).table
        for table, z in ((plain, stats.norm.ppf(0.95)), (student, stats.t(14 - 3).ppf(0.975))):
            middle = (table["ciLower"] + table["ciUpper"]) / 2
            np.testing.assert_allclose(middle, table["log2FoldChange"], rtol=1e-12, atol=1e-12)
            width = (table["ciUpper"] - table["ciLower"]) / 2
            np.testing.assert_allclose(width, z * table["lfcSE"], rtol=1e-12)
            assert np.isfinite(table[["ciLower", "ciUpper"]].iloc[ON_OFF]).all()
        pd.testing.assert_frame_equal(
            plain.drop(columns=["ciLower", "ciUpper"]), result.table, check_exact=True
        )

    def test_an_interval_excludes_zero_where_the_test_rejects(self) -> None:
        table = analysis(mode="replay").test(CONTRAST, interval="wald", level=0.95).table
        known = table["pvalue"].notna()
        excludes = (table["ciLower"] > 0.0) | (table["ciUpper"] < 0.0)
        assert (excludes[known] == (table["pvalue"][known] < 0.05)).all()

    def test_contrast_without_counts_is_zero(self) -> None:
        y = counts()
        y[GROUPS != "a", 0] = 0.0
        row = countglm.differential_expression(
            y, "~ group", ["group", "c", "b"], obs=OBS, mode="replay", dispersion=ALPHA,
            size_factors=FACTORS, interval="wald", threads=1,
        ).table.iloc[0]  # fmt: skip
        assert row["log2FoldChange"] == 0.0
        assert row["ciUpper"] == -row["ciLower"] == stats.norm.ppf(0.975) * row["lfcSE"] > 0.0

    def test_profiles_are_refused_before_anything_is_fitted(self) -> None:
        with pytest.raises(InputError, match=r"choose interval='wald' or mode='exact'"):
            countglm.differential_expression(
                "no counts", "~ group", mode="replay", interval="profile"
            )
        with pytest.raises(InputError, match=r"choose interval='wald' or mode='exact'"):
            analysis(mode="replay").test(CONTRAST, interval="profile")


def test_every_word_is_documented() -> None:
    guide = (ROOT / "docs" / "guides" / "overview.md").read_text()
    attributes = str(countglm.DEResult.__doc__)
    for word in REASONS:
        assert f"| `{word}` |" in guide
        assert word in attributes
