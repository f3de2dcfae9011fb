"""Pictures of the surest genes: their counts by sample, a heat map, and what contrasts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm._ranking import called, ranked
from countglm.report.findings import plotted
from countglm.report.html import figure, paragraphs, section
from countglm.report.words import gene_labels

if TYPE_CHECKING:
    from countglm.deresult import DEResult
    from countglm.report.sample_facts import SampleFacts

_SINGLE, _TOGETHER = 4, 30
_SMALL, _TALL, _BROAD = (4.2, 3.0), (6.0, 5.8), (7.4, 4.0)
# Sets of more contrasts than this have no room in a picture.
_MOST_SETS = 12


def gene_pictures(result: DEResult, facts: SampleFacts) -> str:
    """Counts of the surest genes and a heat map; empty without counts."""
    if facts.values is None or not facts.few_enough:
        return ""
    best = ranked(result.table)
    if not best.size:
        return ""
    labels = gene_labels(result).to_numpy()
    found = int(called(result.table, result.settings["alpha"]).sum())
    single = [_counts(result, int(row), str(labels[row])) for row in best[:_SINGLE]]
    number = min(found, _TOGETHER) if found else min(best.size, _TOGETHER)
    told = (
        f"The {number} surest genes" if found else f"The {number} foremost genes, none significant"
    )
    together = plotted(
        "heatmap", result,
        f"Heat map of {plural(number, 'gene')} in {plural(len(facts.names), 'sample')}: "
        f"{', '.join(str(labels[row]) for row in best[:number])}.",
        f"{told}: variance-stabilised counts less the mean of the gene. Expected: samples of a "
        "group alike.",
        values=facts.values, size=_TALL,
    )  # fmt: skip
    return (
        f"<h3>The {'surest' if found else 'foremost'} genes by sample</h3>"
        f'<div class="figures">{together}</div>'
        f'<div class="figures">{"".join(single)}</div>'
    )


def _counts(result: DEResult, row: int, label: str) -> str:
    name = str(result.table.index[row])
    also = f" ({name})" if label != name else ""
    return plotted(
        "counts", result, f"Normalised counts of gene {label}{also} by sample.",
        f"{label}: count of every sample divided by its size factor.", gene=row, size=_SMALL,
    )  # fmt: skip


def overlap_section(results: Mapping[str, DEResult]) -> list[str]:
    """How many genes several contrasts have in common; nothing for one."""
    if not 1 < len(results) <= _MOST_SETS:
        return []
    genes = {tuple(result.table.index) for result in results.values()}
    if len(genes) > 1:
        return []
    from countglm import plots
    from countglm.report.drawing import draw

    flags = np.column_stack([
        called(result.table, result.settings["alpha"]) for result in results.values()
    ])  # fmt: skip
    several = int((flags.sum(axis=1) > 1).sum())
    names = list(results)
    each = "; ".join(
        f"{name} {int(count):,}" for name, count in zip(names, flags.sum(axis=0), strict=True)
    )
    told = (
        f"{plural(int(flags.any(axis=1).sum()), 'gene')} respond to at least one comparison, "
        f"{several:,} to more than one."
    )
    picture = figure(
        draw(lambda axes: plots.upset(dict(results), ax=axes), _BROAD),
        f"Bars of the genes found by exactly these comparisons and no other. By each: {each}.",
        "Genes by the comparisons that find them. Dots: which comparisons; bar: genes found by "
        "just these.",
    )
    shown = f'<div class="figures">{picture}</div>'
    return [section("Comparisons side by side", paragraphs([told]), shown)]
