"""What the page says of a result: what was compared and found, left out, cited and repeated."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.design import Design
from countglm.report.about import About
from countglm.report.citations import REFERENCES, Citations
from countglm.report.comparison import adjusted_for, compare, comparison, level_names
from countglm.report.excluded import excluded_section, reason_rows
from countglm.report.found import directions, error_sentence, fold_words, found_sentences
from countglm.report.methods import methods_text
from countglm.report.repeat import python_call
from countglm.report.repeat_choices import contrast_of
from countglm.report.repeat_shell import shell_text, shell_words
from countglm.report.summary import summary_section
from tests.support.analyses import N_GENES, analysis, study
from tests.support.fits import synthetic_design
from tests.support.pages import Page

pytestmark = pytest.mark.compiled


def words(html: str) -> str:
    return Page(html).words()


def changed(**settings):
    """The analysis with other settings."""
    return replace(analysis(), settings={**analysis().settings, **settings})


# What was compared


def test_levels_are_read_off_the_contrast() -> None:
    about = comparison(analysis())
    assert (about.factor, about.tested, about.reference) == ("group", "b", "a")
    assert about.sizes == (7, 7)
    assert adjusted_for(analysis()) == ["batch"]


def test_the_pairs_of_groups_whose_difference_it_is() -> None:
    about = compare(synthetic_design(), np.array([0.0, 0.0, 1.0]))
    rows = about.cells.rows
    assert [(tuple(rows[a]), tuple(rows[b])) for a, b in about.pairs] == [
        ((1, 0, 1), (1, 0, 0)),
        ((1, 1, 1), (1, 1, 0)),
    ]


def test_samples_of_an_interaction_are_those_at_the_reference_of_the_other_factor() -> None:
    dose = np.tile([0.0, 0.0, 1.0, 1.0], 2)
    line = np.repeat([0.0, 1.0], 4)
    design = Design(
        matrix=np.column_stack([np.ones(8), line, dose, line * dose]),
        names=("Intercept", "line[T.k]", "dose[T.1]", "line[T.k]:dose[T.1]"),
        factors={"line": ("w", "k"), "dose": (0, 1)},
        codings={"line": np.array([[0.0, 0, 0, 0], [0, 1, 0, 0]]),
                 "dose": np.array([[0.0, 0, 0, 0], [0, 0, 1, 0]])},
    )  # fmt: skip
    assert compare(design, np.array([0.0, 0, 1, 0])).factor == "dose"
    crossed = compare(design, np.array([0.0, 0, 0, 1]))
    assert crossed.is_interaction
    assert crossed.sizes is None
    assert level_names(design) == {"line": ["w"] * 4 + ["k"] * 4, "dose": ["0", "0", "1", "1"] * 2}


def test_a_column_of_numbers_is_compared_per_unit() -> None:
    matrix = np.column_stack([np.ones(6), np.arange(6.0), np.arange(6) % 2])
    design = Design(matrix=matrix, names=("Intercept", "age", "mark"))
    age, mark = (compare(design, np.eye(3)[k]) for k in (1, 2))
    assert (age.column, age.is_mark, mark.column, mark.is_mark) == ("age", False, "mark", True)
    assert compare(design, np.eye(3)[0]).column == ""


# What was found


def test_the_summary_counts_up_and_down_by_the_names_of_the_levels() -> None:
    facts = analysis().summary().facts
    told = words(summary_section({"": analysis()}))
    assert "Compared: group b against a (7 samples b, 7 samples a)" in told
    assert "with differences by batch taken into account" in told
    assert f"{facts['n_up']:,} genes higher in b" in told
    assert f"{facts['n_down']:,} genes lower in b" in told
    assert "The false discovery rate is 10%" in told
    assert "S4 (on)" in told, "genes are called by their symbols"


def test_no_gene_is_not_told_as_no_change() -> None:
    table = analysis().table.copy()
    table["padj"] = np.where(table["padj"].isna(), np.nan, 0.9)
    told = " ".join(found_sentences(replace(analysis(), table=table)))
    assert "No gene passes; the smallest is 0.9." in told
    assert "does not show that nothing changes" in told


def test_a_likelihood_ratio_has_no_direction() -> None:
    result = analysis(test="lrt", reduced="~ batch")
    told = words(summary_section({"": result}))
    assert "whether ~ batch + group explains a gene's counts better than ~ batch" in told
    assert "genes respond" in told
    assert "higher in b" not in told
    assert "The fold change in the table is of group b vs a alone" in told


def test_several_contrasts_share_a_table() -> None:
    told = words(summary_section({"first": analysis(), "second": analysis()}))
    assert "2 comparisons were made" in told
    assert "first group b vs a" in told
    assert "up to 10 in a hundred of each list" in told


def test_errors_to_expect_at_each_kind_of_call() -> None:
    facts = {"n_significant": 300, "alpha": 0.05, "called_by": "padj"}
    assert "up to about 15 in these 300" in error_sentence(changed(), facts)
    assert "not adjusted" in error_sentence(changed(p_adjust="none"), facts)
    by_sign = facts | {"called_by": "svalue"}
    assert "at most 5% are expected to change in the other direction" in error_sentence(
        changed(), by_sign
    )


@pytest.mark.parametrize(
    ("change", "told"), [(1.0, "2 times"), (-2.0, "1/4"), (3.7, "13 times"), (0.5, "1.4 times")]
)
def test_folds_as_people_say_them(change: float, told: str) -> None:
    assert fold_words(change) == told


def test_a_level_that_is_a_number_is_named_with_its_factor() -> None:
    coding = np.array([[0.0, 0.0], [0.0, 1.0]])
    design = Design(
        matrix=np.column_stack([np.ones(4), [0.0, 0, 1, 1]]), names=("Intercept", "min[T.60]"),
        factors={"min": (0, 60)}, codings={"min": coding},
    )  # fmt: skip
    result = replace(analysis(), fit=replace(analysis().fit, design=design),
                     contrast=np.array([0.0, 1.0]))  # fmt: skip
    assert directions(result) == ("higher in min 60", "lower in min 60")


# What was left out


def test_every_reason_is_told_with_its_genes_and_a_remedy() -> None:
    rows = {reason: rest for reason, *rest in reason_rows(analysis(), About(n_dropped=7))}
    counts = analysis().table["na_reason"].value_counts()
    assert rows["no count in any sample"][0] == counts["all_zero"] == 1
    assert rows["no count in any sample"][-1] == "S3"
    assert rows["dropped before the fit"][0] == 7
    assert all(meaning and remedy for _, meaning, remedy, _ in rows.values())
    page = words(excluded_section({"": analysis()}, About(n_dropped=7, drop_rule="too few")))
    assert f"1 ({100 / (N_GENES + 7):.1f}%)" in page
    assert "too few" in page


def test_reasons_have_words_for_every_word_of_a_table() -> None:
    from countglm._de_summary import REASONS
    from countglm.report.excluded import _MEANING

    assert set(_MEANING) == set(REASONS)


# How to cite it


def test_the_methods_name_what_was_done_and_cite_by_number() -> None:
    sentences, references = methods_text({"": analysis()})
    text = " ".join(sentences)
    for part in (
        f"countglm {countglm.__version__}", "the design ~ batch + group, in 14 samples",
        "median ratio", "Cox-Reid", "group, b against a", "Wald statistics",
        "Benjamini and Hochberg", "adjusted p-value below 0.1",
    ):  # fmt: skip
        assert part in text
    for number, reference in enumerate(references, 1):
        assert f"[{number}" in text or f", {number}]" in text
        assert reference in REFERENCES.values()


def test_the_methods_follow_the_settings() -> None:
    def text(result) -> str:
        return " ".join(methods_text({"": result})[0])

    assert "likelihood ratio [" in text(analysis(test="lrt", reduced="~ batch"))
    assert "procedure of DESeq2 1.38" in text(changed(mode="replay"))
    assert "trimmed means of log ratios" in text(changed(size_factors="tmm"))
    assert "absolute log2 fold change below 1" in text(
        changed(lfc_threshold=1.0, alternative="lessAbs")
    )
    assert "Yekutieli" in text(changed(p_adjust="BY"))
    assert "not adjusted" in text(changed(p_adjust="none"))
    assert "not looked for" in text(analysis(cooks_cutoff=False))
    assert "Cauchy" in text(analysis().shrink(method="apeglm"))
    assert "s-values" in text(analysis().shrink(method="ash", svalue=True))


def test_citations_are_numbered_as_they_come() -> None:
    cite = Citations()
    assert [cite("BH"), cite("cook", "BH"), cite("cook")] == ["[1]", "[2, 1]", "[2]"]
    assert cite.listed == [REFERENCES["BH"], REFERENCES["cook"]]


@pytest.mark.parametrize("key", REFERENCES)
def test_references_have_a_year_and_a_doi(key: str) -> None:
    assert "doi:10." in REFERENCES[key]
    assert any(f"({year})" in REFERENCES[key] for year in range(1930, 2030))


# How to repeat it


def repeated(result, counts=None) -> pd.DataFrame:
    """The table of what the page's Python makes."""
    data = study() if counts is None else counts
    names = {"counts": data, "samples": data.obs}
    exec(python_call({"": result}), names)
    return names["result"].table


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"alpha": 0.05, "lfc_threshold": 0.5, "alternative": "greater"},
        {"test": "lrt", "reduced": "~ batch", "independent_filtering": False},
        {"cooks_cutoff": False, "fit_type": "mean", "p_adjust": "BY"},
        {"size_factors": "poscounts", "use_t": True, "interval": "wald"},
    ],
)
def test_the_call_of_the_page_gives_the_same_table(choices) -> None:
    result = analysis(**choices)
    pd.testing.assert_frame_equal(repeated(result), result.table, check_exact=True)


def test_a_shrunken_result_and_another_reference_are_repeated() -> None:
    result = countglm.differential_expression(
        study(), "~ batch + group", "group[T.a]", reference={"group": "b"}, threads=1,
        min_replicates_for_replacement=3,
    ).shrink(method="apeglm")  # fmt: skip
    assert "reference={'group': 'b'}" in python_call({"": result})
    pd.testing.assert_frame_equal(repeated(result), result.table, check_exact=True)


def test_contrasts_are_written_as_they_are_asked_for() -> None:
    assert contrast_of(analysis()) == ["group", "b", "a"]
    assert contrast_of(replace(analysis(), label="group[T.b]")) == "group[T.b]"
    mixed = replace(analysis(), contrast=np.array([0.0, 0.5, 1.0]), label="mixed")
    assert contrast_of(mixed) == [0.0, 0.5, 1.0]


def test_what_is_not_in_the_page_is_said() -> None:
    text = python_call({"": changed(dispersion="given")}, About(n_dropped=5, drop_rule="rare"))
    assert "# dispersion: as given to the analysis; this page does not hold them" in text
    assert "dispersion=dispersion," in text
    assert "without 5 genes that were dropped before (rare)" in text


def test_the_command_is_the_one_typed_or_one_to_the_same_effect() -> None:
    typed = ("countglm", "de", "my counts.csv", "--design", "~ a", "-o", "out")
    assert shell_words({"": analysis()}, About(command=typed)) == list(typed)
    made = shell_words({"": changed(alpha=0.05, min_replicates_for_replacement=7.0)})
    assert made[:5] == ["countglm", "de", "COUNTS", "--samples", "SAMPLES"]
    assert made[made.index("--contrast") + 1] == "group,b,a"
    assert made[made.index("--alpha") + 1] == "0.05"
    assert shlex.split(shell_text(made).replace("\\\n", " ")) == made
    assert max(len(line) for line in shell_text(made).splitlines()) <= 80


def test_no_command_where_options_cannot_say_it() -> None:
    assert shell_words({"": changed(dispersion="given")}) == []
    assert shell_words({"": changed(use_t=True)}) == []
