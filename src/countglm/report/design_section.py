"""The section on the design: what was fitted, what a coefficient means, what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from countglm._contrasts import combination
from countglm._names import first_few, plural
from countglm.diagnostics import report_design
from countglm.report import words
from countglm.report.comparison import Comparison, comparison
from countglm.report.design_picture import model_matrix, picture_caption, picture_words
from countglm.report.html import figure, number_text, paragraphs, section, table_region
from countglm.report.sample_groups import (
    coefficient_meanings,
    sample_groups,
    sample_names,
)

if TYPE_CHECKING:
    from countglm.deresult import DEResult

# Contrasts below the picture, coefficients and groups in tables, pairs of groups in a sentence.
_MOST_DRAWN, _MOST_LISTED, _MOST_GROUPS, _MOST_PAIRS = 8, 60, 100, 3


def design_section(results: Mapping[str, DEResult]) -> str:
    """The design that some results share, in words, as a picture and as tables."""
    first = next(iter(results.values()))
    fit = first.fit
    what = (
        f"A {words.model_name(fit)} was fitted to each of {plural(fit.n_genes, 'gene')} in "
        f"{plural(fit.n_samples, 'sample')}."
    )
    contrasts = {_short_name(name, r): r.contrast for name, r in results.items()}
    drawn = dict(list(contrasts.items())[:_MOST_DRAWN])
    drawing = figure(
        model_matrix(fit.design, drawn),
        picture_words(fit.design, drawn),
        picture_caption(fit.design),
        kind="matrix",
    )
    picture = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Model matrix">{drawing}</div>'
    )
    compared = [sentence for name, result in results.items() for sentence in _compared(result)]
    return section(
        "Design and comparison",
        paragraphs([what, *words.design_sentences(fit), *words.zeros_sentences(fit)]),
        picture,
        "<h3>What was compared</h3>",
        paragraphs(compared),
        "<h3>Coefficients</h3>",
        _coefficients(results),
        _groups(first),
    )


def _short_name(name: str, result: DEResult) -> str:
    return name or result.label


def _compared(result: DEResult) -> list[str]:
    """A contrast as a sum of coefficients, and the groups of samples whose difference it is."""
    about, design = comparison(result), result.fit.design
    total = combination(result.contrast, design.names)
    told = f"{result.label}: the log2 fold change is {total.replace('-', chr(0x2212))}."
    if total == result.label:
        told = f"{result.label}: the log2 fold change is this coefficient."
    sentences = [f"{told} {_as_difference(about)}".strip()]
    if result.settings["test"] == "lrt":
        reduced = result.settings["reduced"]
        smaller = "a smaller design" if reduced in (None, "given") else reduced
        sentences.append(
            f"The p-values are of a likelihood ratio test of {design.formula or 'the design'} "
            f"against {smaller}: they ask for any difference that the smaller design cannot "
            "explain. The fold changes show one comparison of it."
        )
    return sentences


def _as_difference(about: Comparison) -> str:
    """Which groups of samples differ by just the contrast."""
    groups = sample_groups(about.design)
    by_sample = {int(group.samples[0]): group for group in groups}
    first = [int(members[0]) for members in about.cells.members]
    pairs = [
        f"{tested} and {reference}"
        for more, less in about.pairs
        if (tested := by_sample[first[more]].label) and (reference := by_sample[first[less]].label)
    ]
    if not pairs:
        return ""
    # Groups that differ in numbers only have the same name.
    pairs = list(dict.fromkeys(pairs))
    listed = "; between ".join(pairs[:_MOST_PAIRS])
    more = len(pairs) - _MOST_PAIRS
    rest = f"; and {more} more pair{'s' if more > 1 else ''} of groups" if more > 0 else ""
    same = ", taken to be the same in all" if len(pairs) > 1 else ""
    return f"It is the difference between {listed}{rest}{same}."


def _coefficients(results: Mapping[str, DEResult]) -> str:
    """Every coefficient: what it means, how others blur it, its weight in what was compared."""
    design = next(iter(results.values())).fit.design
    report = report_design(design.matrix, design.names, sample_names(design))
    head = [
        ("coefficient", "text"), ("what it says (log2 scale in tables)", "text words"),
        ("variance inflation", ""),
    ]  # fmt: skip
    shown = dict(list(results.items())[:_MOST_DRAWN])
    head += [(f"weight in {_short_name(name, r)}", "") for name, r in shown.items()]
    rows = []
    for j, meaning in enumerate(coefficient_meanings(design)[:_MOST_LISTED]):
        inflation = float(report.variance_inflation[j])
        blurred = "" if np.isnan(inflation) else number_text(inflation)
        weights = [number_text(float(result.contrast[j])) for result in shown.values()]
        rows.append([design.names[j], meaning, blurred, *weights])
    left = len(design.names) - len(rows)
    told = [
        "Variance inflation: by how much the other columns raise the variance of this one; 1 is "
        "none, from about 10 on two columns nearly say the same. "
        f"Condition number of the scaled design: {report.condition_number:.3g}."
    ]
    if left:
        told.append(f"{plural(left, 'coefficient')} more.")
    return table_region("Coefficients", head, rows, kind="told") + paragraphs(told)


def _groups(result: DEResult) -> str:
    """The groups of samples with the sum of coefficients that is the logarithm of their mean."""
    design = result.fit.design
    names, groups = sample_names(design), sample_groups(design)
    head = [
        ("group", "text words"), ("samples", ""), ("named", "text words"),
        ("logarithm of the mean", "text words"),
    ]  # fmt: skip
    rows = [
        [
            group.label or f"group {place}",
            f"{group.samples.size:,}",
            first_few((names[i] for i in group.samples), 8).replace("'", ""),
            group.total,
        ]
        for place, group in enumerate(groups[:_MOST_GROUPS], 1)
    ]
    left = len(groups) - len(rows)
    more = paragraphs([f"{plural(left, 'group')} more."]) if left else ""
    table = table_region("Groups of samples", head, rows, kind="told")
    return (
        f"<details><summary>{plural(len(groups), 'group')} of samples with equal rows, as a table"
        f"</summary>{table}{more}</details>"
    )
