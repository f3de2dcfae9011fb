"""What the page says of designs with interactions, of thresholds, and of few genes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli.ending import _explained
from countglm.counts import as_count_matrix
from countglm.design import Design, as_design
from countglm.plots import p_values
from countglm.plots._tables import threshold_of
from countglm.report.caution_genes import RULES
from countglm.report.comparison import compare
from countglm.report.excluded import reason_rows
from countglm.report.explorer_columns import MEANING
from countglm.report.findings import results_section
from countglm.report.found import (
    compared_words,
    directions,
    error_sentence,
    found_sentences,
    one_way,
)
from countglm.report.sample_groups import coefficient_meanings
from countglm.report.summary import summary_section
from countglm.report.words import contrast_sentence
from countglm.status import Status
from tests.support.analyses import analysis
from tests.support.pages import Page

pytestmark = pytest.mark.compiled


def made(formula: str) -> Design:
    obs = pd.DataFrame(
        {"batch": list("xxxxyyyyzzzz"), "cond": list("aabb") * 3, "age": np.arange(12.0)}
    )
    return as_design(formula, as_count_matrix(np.ones((12, 3), dtype=np.int64)), obs=obs)


def of(design: Design, contrast):
    """The analysis as if of another design."""
    vector, label = design.contrast(contrast)
    base = analysis()
    return replace(base, fit=replace(base.fit, design=design), contrast=vector, label=label)


def changed(**settings):
    return replace(analysis(), settings={**analysis().settings, **settings})


def test_a_factor_in_an_interaction_is_compared_at_the_reference_of_the_other() -> None:
    result = of(made("~ batch * cond"), ["cond", "b", "a"])
    assert compared_words(result) == "cond b against a at batch x"
    assert compare(result.fit.design, result.contrast).sizes == (2, 2)
    told = Page(summary_section({"": result})).words()
    assert "cond b against a at batch x (2 samples b, 2 samples a). " in told
    meanings = coefficient_meanings(result.fit.design)
    assert meanings[3] == "cond b compared with a, at batch x"
    assert meanings[4].startswith("interaction: what batch[T.y] and cond[T.b] add")


def test_a_factor_in_an_interaction_with_a_number_is_compared_at_0() -> None:
    result = of(made("~ cond * age"), ["cond", "b", "a"])
    assert compared_words(result) == "cond b against a at age 0"
    assert compare(result.fit.design, result.contrast).sizes is None


def test_a_column_without_its_lower_terms_is_an_effect_within_a_level() -> None:
    design = made("~ batch + batch:cond")
    result = of(design, "batch[z]:cond[T.b]")
    assert compared_words(result) == "cond b against a, within batch z"
    assert directions(result) == ("up (fold change above 1)", "down (fold change below 1)")
    meanings = coefficient_meanings(design)
    assert meanings[1] == "batch y compared with x, at cond a"
    assert meanings[5] == "cond b against a, within batch z"
    slopes = coefficient_meanings(made("~ cond + cond:age"))
    assert slopes[3] == "the change of expression with age, per unit, within cond b"


def test_the_intercept_of_codings_around_a_mean() -> None:
    assert coefficient_meanings(made("~ C(cond, Sum)"))[0] == (
        "level of expression at the mean over cond"
    )


def test_an_s_value_with_a_threshold_is_told_with_it() -> None:
    result = analysis().shrink(method="ash", svalue=True, lfc_threshold=0.5)
    facts = result.summary().facts | {"n_significant": 20}
    assert "of less than 0.5" in error_sentence(result, facts)
    assert "by more than 1.41-fold" in found_sentences(result)[0]
    page = results_section("", result, Nothing(), "")
    assert "or of changes of less than 0.5 (log2)" in page
    assert "wrong signs or too small changes" in page
    assert "below the threshold" in MEANING["svalue"]


def test_genes_switched_on_have_a_finite_fold_change_after_shrinkage() -> None:
    shrunken = analysis().shrink(method="apeglm")
    assert "estimate before shrinkage was infinite" in " ".join(found_sentences(shrunken))
    assert "fold change has no finite value" in " ".join(found_sentences(analysis()))


def test_errors_to_expect_among_few_genes_and_by_other_adjustments() -> None:
    facts = {"n_significant": 1, "alpha": 0.1, "called_by": "padj"}
    assert "fewer than one in a list of one" in error_sentence(analysis(), facts)
    assert "fewer than one in these 5" in error_sentence(analysis(), facts | {"n_significant": 5})
    given = error_sentence(changed(p_adjust="given"), facts)
    assert "false discovery rate" not in given
    assert "a function that was given" in given
    assert "with p-value below" in found_sentences(changed(p_adjust="none"))[0]


class Nothing:
    """Draws nothing."""

    def figure(self, *_given: str, **_options: object) -> str:
        return ""

    def table(self, name: str) -> str:
        return name

    def ending(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("choices", "flat"),
    [
        ({}, True),
        ({"lfc_threshold": 1.0}, False),
        ({"lfc_threshold": 1.0, "alternative": "lessAbs"}, False),
        ({"alternative": "greater"}, False),
        ({"test": "lrt", "reduced": "~ batch"}, True),
    ],
)
def test_a_histogram_is_called_flat_only_where_it_should_be(choices, flat: bool) -> None:
    page = results_section("", analysis(**choices), Nothing(), "")
    assert ("Expected: flat" in page) == flat
    axes = p_values(analysis(**choices))
    assert ("dotted: flat" in axes.get_xlabel()) == flat
    assert any(line.get_linestyle() == ":" for line in axes.lines) == flat


def test_a_test_for_little_change_has_no_direction() -> None:
    result = analysis(lfc_threshold=1.0, alternative="lessAbs")
    assert not one_way(result)
    told = " ".join(found_sentences(result))
    assert "are shown to change by less than 2-fold" in told
    assert "higher in" not in told
    assert "of group b vs a alone" not in told


def test_a_likelihood_ratio_has_no_up_and_down_anywhere() -> None:
    result = analysis(test="lrt", reduced="~ batch")
    assert " up, " not in results_section("", result, Nothing(), "")
    assert " up, " not in contrast_sentence(result.table, 0.1, one_way=False)


def test_tested_means_the_same_in_sentence_and_tile() -> None:
    table = analysis().table.copy()
    assert contrast_sentence(table).startswith("89 genes tested; ")
    table.iloc[10:30, table.columns.get_loc("padj")] = np.nan
    assert contrast_sentence(table).startswith("89 genes with a p-value, 69 of them tested; ")


def test_reasons_follow_the_choices() -> None:
    result = changed(filter_statistic="given")
    table = result.table.copy()
    table["na_reason"] = "low_mean"
    result = replace(result, table=table)
    assert "value of the given filter_statistic too low" in [row[0] for row in reason_rows(result)]


def test_no_advice_that_the_mode_refuses() -> None:
    base = changed(mode="replay")
    status = base.fit.status.copy()
    status[10] = Status.MAX_ITER
    result = replace(base, fit=replace(base.fit, status=status))
    rule = next(rule for rule in RULES if "optimum" in rule.looked_at)
    (caution,) = rule.find(None, result)
    assert "max_iter" not in caution.remedy
    assert "mode='exact'" in caution.remedy


def test_a_command_says_where_an_interaction_is_compared() -> None:
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"batch": [*"xxxxyyyy"], "cond": [*"aabbaabb"]})
    counts = rng.negative_binomial(5, 5 / (5 + rng.uniform(5, 200, 60)), (8, 60))
    for formula, words in (
        ("~ batch * cond", "cond b vs a at batch x"),
        ("~ batch + cond", "cond b vs a"),
    ):
        result = countglm.differential_expression(
            counts, formula, ["cond", "b", "a"], obs=obs, fit_type="mean"
        )
        assert _explained(result.label, result) == words


def test_s_values_are_drawn_with_the_threshold_that_they_are_of() -> None:
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(5, 5 / (5 + rng.uniform(5, 200, 60)), (8, 60))
    obs = pd.DataFrame({"cond": [*"aabbaabb"]})
    result = countglm.differential_expression(
        counts, "~ cond", ["cond", "b", "a"], obs=obs, fit_type="mean"
    )
    shrunken = result.shrink(svalue=True, lfc_threshold=0.5)
    assert threshold_of(shrunken) == 0.5
    assert threshold_of(result) == 0.0
