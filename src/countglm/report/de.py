"""The page about differential expression: what was found, then how."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm._ranking import called
from countglm._samples import annotation_columns
from countglm.report import figures, words
from countglm.report.html import (
    document,
    figure,
    paragraphs,
    provenance_section,
    section,
    top_table,
)
from countglm.report.page import (
    CONTRASTS_WITH_FIGURES,
    TOP,
    certificate_section,
    contrast_figures,
    fit_section,
    status_section,
)

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

_NAMED = 8
_ANNOTATION_SHOWN = 3
_SYMBOLS = ("symbol", "gene_symbol", "gene_symbols", "gene_name", "hgnc_symbol", "external_name")


def render(results: Mapping[str, DEResult], title: str) -> str:
    """Return the page of results by name."""
    return document(title, sections(results))


def sections(results: Mapping[str, DEResult]) -> list[str]:
    """Return the parts of the page; fits that several contrasts share appear once."""
    body = [
        _contrast(name, result, number < CONTRASTS_WITH_FIGURES)
        for number, (name, result) in enumerate(results.items())
    ]
    fits: list[int] = []
    for result in results.values():
        if id(result.dispersion) in fits:
            continue
        fits.append(id(result.dispersion))
        body += [
            fit_section(result.fit),
            _dispersion(result),
            *_proof(result),
            provenance_section(result.provenance),
        ]
    return body


def _proof(result: DEResult) -> list[str]:
    """How the genes ended and the certificate; a replayed fit has none."""
    if result.settings["mode"] == "replay":
        told = (
            "This fit repeats DESeq2 1.38 with its starting values, clamps and stopping rules. It "
            "carries no certificate: what those rules accept may stand away from the optimum."
        )
        return [section("Certificate", paragraphs([told]))]
    return [status_section(result.fit), certificate_section(result.fit, with_dispersion=False)]


def _contrast(name: str, result: DEResult, with_figures: bool) -> str:
    level = result.settings["alpha"]
    table = result.table
    sentence = words.contrast_sentence(table, level)
    parts = [f"<pre>{escape(str(result.summary()))}</pre>"]
    shown = annotation_columns(result.var)
    if with_figures:
        parts.append(contrast_figures(table, result.label, sentence, level, _named(result)))
    top = words.top_genes(table, TOP)
    first = shown[:_ANNOTATION_SHOWN]
    top = top[first + [column for column in top.columns if column not in shown]]
    parts.append(f"<h3>The {len(top)} genes of smallest p-value</h3>")
    parts.append(top_table(top, result.label, first))
    heading = result.label if name in ("", result.label) else f"{name}: {result.label}"
    return section(f"Test: {heading}", *parts)


def _named(result: DEResult) -> list[tuple[int, str]]:
    """Rows of the genes to be called by name in a figure, with their symbol where there is one."""
    best = words.top_genes(result.table.reset_index(drop=True), _NAMED)
    rows = best.index[called(best, result.settings["alpha"])]
    names = _symbols(result.table, annotation_columns(result.var))
    return [(int(row), str(names.iloc[int(row)])) for row in rows]


def _symbols(table: pd.DataFrame, annotation: list[str]) -> pd.Series:
    """A name for every gene: its symbol, or else its name in the counts."""
    own = table.index.to_series().astype(str)
    for column in annotation:
        if column.lower() in _SYMBOLS:
            symbol = table[column].astype(object)
            return symbol.where(symbol.notna() & (symbol.astype(str) != ""), own)
    return own


def _dispersion(result: DEResult) -> str:
    stages = result.dispersion
    if stages.trend_kind == "none":
        return section("Dispersion", paragraphs(["The dispersions were given."]))
    kept = int(stages.outlier.sum())
    told = (
        f"Trend: {stages.trend_kind}. Log dispersions scatter around it with variance "
        f"{stages.prior_variance:.3g} beyond sampling. {plural(kept, 'gene')} above it "
        f"{'keeps its' if kept == 1 else 'keep their'} own."
    )
    usable = int(np.isfinite(stages.final).sum())
    picture = figure(
        figures.dispersion_trend(stages),
        f"Scatter of the dispersion of {plural(usable, 'gene')} against the mean count, alone and "
        f"as used, with the trend. {told}",
        "Dispersion per gene (var = mu + dispersion mu\N{SUPERSCRIPT TWO}). Values near 0 are "
        "drawn at the lower margin.",
    )
    return section("Dispersion", paragraphs([told]), f'<div class="figures">{picture}</div>')
