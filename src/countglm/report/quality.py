"""The section on samples: depth, likeness, outlying counts, each with a figure, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm.report.about import NOTHING, About
from countglm.report.comparison import level_names
from countglm.report.findings import plotted
from countglm.report.html import number_text, paragraphs, section, table_region
from countglm.report.sample_facts import MOST_ENTRIES, MOST_SAMPLES, UNEXPLAINED

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

_MOST_ROWS = 150
_MILLION = 1e6
_SQUARE = (5.6, 4.4)


def quality_section(facts: SampleFacts, about: About = NOTHING, *, brief: bool = False) -> str:
    """What the counts say about the samples; a ``brief`` section shows their main differences."""
    result = facts.result
    parts = [paragraphs(_told(facts, about))]
    figures = _figures(facts, brief)
    if figures:
        parts.append(f'<div class="figures">{"".join(figures)}</div>')
    parts.append(_table(facts, result))
    return section("Samples", *parts)


def _told(facts: SampleFacts, about: About) -> list[str]:
    told = [f"{plural(len(facts.names), 'sample')}, size factors {_range(facts.factors)}."]
    if facts.totals is not None:
        told[0] = (
            f"{plural(len(facts.names), 'sample')} of {_range(facts.totals / _MILLION)} million "
            f"counts, size factors {_range(facts.factors)}."
        )
    if not facts.with_counts:
        why = about.without_counts or (
            "The counts were not at hand when this page was made: result.report(path, "
            "counts=counts), or countglm report FOLDER --counts FILE, adds the figures of samples."
        )
        told.append(why)
    elif not facts.few_enough:
        told.append(
            f"Pictures of every sample are left out: they are made for up to {MOST_SAMPLES:,} "
            f"samples and {MOST_ENTRIES:,} counts. countglm.plots.pca and its neighbours draw "
            "them from values that you transform yourself."
        )
    return told


def _range(values: np.ndarray) -> str:
    low, high = float(values.min()), float(values.max())
    if f"{low:.3g}" == f"{high:.3g}":
        return number_text(low)
    return f"{number_text(low)} to {number_text(high)}"


def _figures(facts: SampleFacts, brief: bool) -> list[str]:
    result = facts.result
    if not facts.with_counts:
        return []
    if brief:
        return [] if facts.values is None else [_components(facts)]
    depth = plotted(
        "size_factors", result,
        f"Scatter of the size factor against the total count of {len(facts.names):,} samples. "
        f"Size factors {_range(facts.factors)}.",
        "Size factors against total counts. Near the line: normal. Off it: a few genes take many "
        "of the reads, or many genes are missing.",
    )  # fmt: skip
    if facts.values is None:
        return [depth]
    n = len(facts.names)
    parts = [
        _components(facts),
        plotted(
            "sample_distances", result, f"Matrix of the distances between {n:,} samples.",
            "Distances between samples. Expected: dark blocks of samples of a group.",
            values=facts.values, size=_SQUARE,
        ),
        depth,
    ]  # fmt: skip
    if facts.far_counts is not None:
        parts.append(
            plotted(
                "cooks", result,
                f"Boxes of the Cook's distances of the counts of each of {n:,} samples.",
                "Cook's distances: how much single counts move the fits. Expected: boxes at the "
                "same height. Dashed: from here a count is an outlier.",
            )
        )  # fmt: skip
    return parts


def _components(facts: SampleFacts) -> str:
    return plotted(
        "pca", facts.result,
        f"Scatter of {len(facts.names):,} samples by their first two principal components.",
        "Samples by their main differences (principal components of the 500 most variable genes). "
        "Expected: samples of a group together.",
        values=facts.values,
    )  # fmt: skip


def _table(facts: SampleFacts, result: DEResult) -> str:
    """A line for every sample; not for very many."""
    n = len(facts.names)
    if n > _MOST_ROWS:
        return ""
    levels = level_names(result.fit.design)
    head = [("sample", "text"), *((factor, "text") for factor in levels)]
    columns = [facts.names, *levels.values()]
    if facts.totals is not None:
        head.append(("counts (millions)", ""))
        columns.append([number_text(value) for value in facts.totals / _MILLION])
    head.append(("size factor", ""))
    columns.append([number_text(value) for value in facts.factors])
    if facts.unexplained is not None and np.isfinite(facts.unexplained).any():
        head.append(("variance left", ""))
        left = facts.unexplained
        columns.append(["" if np.isnan(value) else number_text(value) for value in left])
    if facts.replaced.any():
        head.append(("counts replaced", ""))
        columns.append([f"{number:,}" for number in facts.replaced])
    rows = [list(row) for row in zip(*columns, strict=True)]
    told = (
        "Variance left: what the design does not explain, in units of the median sample; beyond "
        f"{UNEXPLAINED:g} a sample is unlike its group."
        if any(name == "variance left" for name, _ in head)
        else ""
    )
    table = table_region("Samples", head, rows, kind="told")
    return (
        f"<details{' open' if n <= 24 else ''}><summary>Every sample</summary>{table}"
        f"{paragraphs([told]) if told else ''}</details>"
    )
