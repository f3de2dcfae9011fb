"""DEResult: what it says, other tests of its fit, other tools' columns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm._de_summary import REASONS as WORDS
from countglm._de_summary import _method_lines
from countglm.errors import InputError
from tests.support.analyses import CONTRAST, N_GENES, ON_OFF, SPIKED, ZERO, analysis, study

pytestmark = pytest.mark.compiled

REASONS = set(WORDS)


class TestSummary:
    def test_counts_are_those_of_the_table(self) -> None:
        result = analysis()
        table, facts = result.table, result.summary().facts
        below = table["padj"] < 0.1
        assert facts["n_genes"] == N_GENES
        assert facts["n_with_counts"] == N_GENES - 1
        assert facts["n_significant"] == below.sum() > 0
        assert facts["n_up"] == (below & (table["log2FoldChange"] > 0)).sum()
        assert facts["n_up"] + facts["n_down"] == facts["n_significant"]
        assert facts["n_on_off"] == (table["test"] == "LRT").sum() >= 1
        assert facts["n_on_off_significant"] >= 1
        assert facts["n_refitted_genes"] == result.outliers.refitted.sum() >= 1
        assert facts["n_replaced_counts"] == result.outliers.replaced_gene.size >= 1
        assert facts["na_reason"]["all_zero"] == 1
        assert json.loads(json.dumps(facts)) == facts

    def test_text_tells_what_the_method_did(self) -> None:
        text = str(analysis().summary())
        for words in (
            "group b vs a  (mode exact, Wald test)",
            f"{N_GENES - 1} genes with a count, of {N_GENES}; adjusted p < 0.1",
            "LFC > 0 (up)", "LFC < 0 (down)", "outliers", "low counts",
            "On/off genes kept by the likelihood ratio:",
            "No value, all_zero: 1 gene (no count in any sample)",
            "largest Newton decrement", "Replaced:", "Dispersion:",
        ):  # fmt: skip
            assert words in text
        assert repr(analysis().summary()) == text

    @pytest.mark.parametrize(
        ("number", "words"),
        [
            (1, "1 gene, with a dispersion of its own"),
            (2, "2 genes, with a dispersion of their own"),
        ],
    )
    def test_one_dispersion_outlier_is_singular(self, number: int, words: str) -> None:
        facts = {**analysis().summary().facts, "n_dispersion_outliers": number}
        assert words in _method_lines(facts)[-1]

    def test_another_level_is_counted_and_said(self) -> None:
        strict = analysis().summary(1e-6)
        assert strict.facts["n_significant"] == (analysis().table["padj"] < 1e-6).sum()
        assert "tuned for adjusted p < 0.1" in str(strict)
        with pytest.raises(InputError, match="between 0 and 1"):
            analysis().summary(1.0)

    def test_a_threshold_is_named(self) -> None:
        result = analysis().test(CONTRAST, lfc_threshold=0.5)
        assert "adjusted p < 0.1 for |LFC| > 0.5" in str(result.summary())

    def test_repr_is_two_short_lines(self) -> None:
        lines = repr(analysis()).splitlines()
        assert lines[0] == "DEResult: group b vs a, 90 genes x 14 samples, mode exact"
        assert len(lines) == 2
        assert max(map(len, lines)) < 80

    def test_given_dispersions_have_no_trend(self) -> None:
        result = analysis(dispersion=0.1)
        assert "Dispersions as given" in str(result.summary())


def test_every_missing_value_has_its_word_pydeseq2_35_148_355() -> None:
    """Users ask why a p-value is missing: every gene without one says so, and no other does."""
    table = analysis(min_replicates_for_replacement=np.inf).table
    missing = table["padj"].isna() | table["pvalue"].isna()
    assert (table["na_reason"].notna() == missing).all()
    assert set(table["na_reason"].dropna()) <= REASONS
    assert table["na_reason"].iloc[ZERO] == "all_zero"
    assert table["na_reason"].iloc[SPIKED] == "outlier"
    assert np.isfinite(table["pvalue"].iloc[ON_OFF])


class TestAnotherTest:
    def test_the_same_contrast_again_is_the_same_to_the_bit(self) -> None:
        again = analysis().test(CONTRAST)
        pd.testing.assert_frame_equal(again.table, analysis().table, check_exact=True)
        assert again.settings == analysis().settings

    def test_several_contrasts_of_one_fit_nf_core_452_pydeseq2_168(self) -> None:
        several = {"batch": ["batch", "y", "x"], "back": ["group", "a", "b"]}
        found = analysis().test(several)
        direct = countglm.differential_expression(
            study(), "~ batch + group", ["batch", "y", "x"], threads=1,
            min_replicates_for_replacement=3,
        )  # fmt: skip
        assert list(found) == ["batch", "back"]
        assert all(each.fit.dispersion is analysis().fit.dispersion for each in found.values())
        pd.testing.assert_frame_equal(found["batch"].table, direct.table, check_exact=True)
        np.testing.assert_array_equal(
            found["back"].table["log2FoldChange"], -analysis().table["log2FoldChange"]
        )

    def test_choices_change_and_the_rest_stays(self) -> None:
        strict = analysis().test(CONTRAST, lfc_threshold=1.0, alpha=0.01)
        again = strict.test("batch[T.y]")
        assert again.settings["lfc_threshold"] == 1.0
        assert again.settings["alpha"] == 0.01
        assert again.label == "batch[T.y]"

    def test_from_wald_to_likelihood_ratio_and_back(self) -> None:
        ratio = (
            analysis()
            .test(CONTRAST, lfc_threshold=1.0)
            .test(CONTRAST, test="lrt", reduced="~ batch")
        )
        assert set(ratio.table["test"]) == {"LRT"}
        assert ratio.test("batch[T.y]").settings["reduced"] == "~ batch"
        back = ratio.test(CONTRAST, test="wald")
        pd.testing.assert_frame_equal(back.table, analysis().table, check_exact=True)

    def test_values_that_settings_do_not_keep_are_asked_for(self) -> None:
        result = analysis().test(CONTRAST, p_adjust=lambda p: p)
        with pytest.raises(InputError, match="pass p_adjust= again"):
            result.test(CONTRAST)
        assert result.test(CONTRAST, p_adjust="BH").settings["p_adjust"] == "BH"

    def test_unknown_choices_and_contrasts(self) -> None:
        with pytest.raises(InputError, match="no choice 'threshold'; it takes 'test'"):
            analysis().test(CONTRAST, threshold=1)
        with pytest.raises(InputError, match="'c'"):
            analysis().test(["group", "c", "a"])

    def test_a_shrunken_result_tests_unshrunken(self) -> None:
        shrunken = analysis().shrink(method="apeglm", threads=1)
        assert "shrunken by apeglm" in str(shrunken.summary())
        assert np.isfinite(shrunken.table["log2FoldChange"].iloc[ON_OFF])
        again = shrunken.test(CONTRAST)
        assert "shrinkage" not in again.settings
        pd.testing.assert_frame_equal(again.table, analysis().table, check_exact=True)


class TestStyles:
    def test_significant_is_sorted(self) -> None:
        found = analysis().significant(0.01)
        assert (found["padj"] < 0.01).all()
        assert found["pvalue"].is_monotonic_increasing
        assert len(found) == (analysis().table["padj"] < 0.01).sum() > 2

    def test_edger_columns_and_units(self) -> None:
        table, styled = analysis().table, analysis().to("edger")
        assert list(styled.columns) == ["logFC", "logCPM", "LR", "PValue", "FDR"]
        assert styled.index.equals(table.index)
        np.testing.assert_array_equal(styled["logFC"], table["log2FoldChange"])
        np.testing.assert_array_equal(styled["LR"], table["stat"] ** 2)
        np.testing.assert_array_equal(styled["FDR"], table["padj"])
        np.testing.assert_allclose((2.0 ** styled["logCPM"]).sum(), 1e6)
        assert styled["logCPM"].iloc[ZERO] == -np.inf

    def test_edger_square_is_named_for_its_distribution_or_left_out(self) -> None:
        assert "F" in analysis().test(CONTRAST, use_t=True).to("edger")
        for one_sided in ({"alternative": "greater"}, {"lfc_threshold": 1.0}):
            styled = analysis().test(CONTRAST, **one_sided).to("edger")
            assert not {"F", "LR"} & set(styled.columns)
        ratio = analysis().test(CONTRAST, test="lrt", reduced="~ batch")
        np.testing.assert_array_equal(ratio.to("edger")["LR"], ratio.table["stat"])
        assert "t" not in ratio.to("limma")

    def test_limma_pertpy_deseq2_columns(self) -> None:
        result = analysis()
        limma = result.to("limma")
        assert list(limma.columns) == ["logFC", "AveExpr", "t", "P.Value", "adj.P.Val"]
        pertpy = result.to("pertpy")
        assert list(pertpy.columns) == [
            "variable", "baseMean", "log_fc", "lfcSE", "stat", "p_value", "adj_p_value", "contrast",
        ]  # fmt: skip
        assert pertpy["variable"].tolist() == result.table.index.tolist()
        assert set(pertpy["contrast"]) == {"group b vs a"}
        plain = result.to("deseq2")
        assert list(plain.columns) == [
            "baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj",
        ]  # fmt: skip

    def test_scanpy_has_the_highest_score_first(self) -> None:
        styled = analysis().to("scanpy")
        assert list(styled.columns) == ["names", "scores", "logfoldchanges", "pvals", "pvals_adj"]
        scores = styled["scores"].dropna()
        assert scores.is_monotonic_decreasing
        assert scores.index.tolist() == list(range(len(scores))), "missing scores stand last"

    def test_shrunken_results_leave_statistics_out(self) -> None:
        shrunken = analysis().shrink(method="apeglm", threads=1)
        assert "LR" not in shrunken.to("edger")
        assert "scores" not in shrunken.to("scanpy")
        assert shrunken.significant()["pvalue"].is_monotonic_increasing
        rates = analysis().shrink(method="apeglm", svalue=True, threads=1)
        with pytest.raises(InputError, match="holds s-values"):
            rates.to("edger")
        assert "s-value < 0.1" in str(rates.summary())
        assert rates.significant()["svalue"].is_monotonic_increasing

    def test_unknown_style(self) -> None:
        with pytest.raises(InputError, match="'seurat' is not known; choose from 'deseq2'"):
            analysis().to("seurat")


def test_annotation_stands_behind_the_table_with_its_types() -> None:
    table, var = analysis().table, study().var
    assert list(table.columns[-7:]) == list(var.columns)
    pd.testing.assert_frame_equal(
        table[list(var.columns)], var.set_index(table.index), check_exact=True
    )


def test_results_are_frozen() -> None:
    with pytest.raises(AttributeError):
        analysis().label = "other"
    assert replace(analysis(), label="other").label == "other"
