"""The report's HTML, section by section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural
from countglm.report import figures, words
from countglm.report.html import (
    document,
    figure,
    paragraphs,
    provenance_section,
    section,
    top_table,
)
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from countglm.results import GLMFit

TOP = 25
# Every contrast gets its sentence and table; figures of many contrasts would swell the page.
CONTRASTS_WITH_FIGURES = 4
# Blue: at the optimum. Amber: known limits. Grey: nothing to fit. Vermilion: needs attention.
_KIND = {
    Status.CONVERGED: "optimum",
    Status.BOUNDARY_DISPERSION: "optimum",
    Status.SEPARATED: "limit",
    Status.ALL_ZERO: "empty",
}


def render(fit: GLMFit, tables: Mapping[str, pd.DataFrame], title: str) -> str:
    """Return the whole page as text."""
    body = [
        fit_section(fit),
        status_section(fit),
        certificate_section(fit),
        *(
            _contrast(fit, label, table, number < CONTRASTS_WITH_FIGURES)
            for number, (label, table) in enumerate(tables.items())
        ),
        provenance_section(fit.provenance),
    ]
    return document(title, body)


def fit_section(fit: GLMFit) -> str:
    """What was fitted: model, design, coefficients."""
    what = (
        f"A {words.model_name(fit)} was fitted to each of {plural(fit.n_genes, 'gene')} "
        f"in {plural(fit.n_samples, 'sample')}."
    )
    names = "".join(f"<li><code>{escape(name)}</code></li>" for name in fit.coef_names[:40])
    if len(fit.coef_names) > 40:
        names += f"<li>and {len(fit.coef_names) - 40} more</li>"
    return section(
        "What was fitted",
        paragraphs([what, *words.design_sentences(fit), *words.zeros_sentences(fit)]),
        f"<h3>Coefficients</h3>\n<ul>{names}</ul>",
    )


def status_section(fit: GLMFit) -> str:
    """Every status that occurs, with its genes and its sentence."""
    blocks = []
    for status, count, share in words.status_rows(fit):
        kind = _KIND.get(status, "attention")
        blocks.append(
            f'<div class="status"><h3><span>{status.name}</span>'
            f"<span>{plural(count, 'gene')} ({100 * share:.1f}%)</span></h3>"
            f'<div class="bar"><div class="{kind}" style="width:{100 * share:.2f}%"></div></div>'
            f"<p>{escape(status.sentence)}</p></div>"
        )
    return section("How the genes ended", *blocks)


def certificate_section(fit: GLMFit, *, with_dispersion: bool = True) -> str:
    """How near the genes are to their optimum."""
    sentences = words.certificate_sentences(fit)
    alt = (
        "Scatter of the Newton decrement against the condition number of every gene. "
        f"{' '.join(sentences[:2])}"
    )
    parts = [
        figure(
            figures.certificate(fit),
            alt,
            "Distance of every gene to its optimum, in standard errors.",
        )
    ]
    if with_dispersion and fit.family != "poisson":
        parts.append(
            figure(
                figures.mean_dispersion(fit),
                "Scatter of the dispersion against the mean count of every usable gene, both "
                f"axes logarithmic. Median dispersion {_median_dispersion(fit):.2g}.",
                "Dispersion per gene (var = mu + dispersion mu\N{SUPERSCRIPT TWO}). Triangles: "
                "at or near 0.",
            )
        )
    return section(
        "Certificate", paragraphs(sentences), f'<div class="figures">{"".join(parts)}</div>'
    )


def _median_dispersion(fit: GLMFit) -> float:
    values = fit.dispersion[fit.converged]
    return float(np.median(values)) if values.size else float("nan")


def _contrast(fit: GLMFit, label: str, table: pd.DataFrame, with_figures: bool) -> str:
    sentence = words.contrast_sentence(table)
    parts = [paragraphs([sentence, *words.dispersion_caution(fit)])]
    if with_figures:
        parts.append(contrast_figures(table, label, sentence))
    top = words.top_genes(table, TOP)
    parts.append(f"<h3>The {len(top)} genes of smallest p-value</h3>" + top_table(top, label))
    return section(f"Test: {label}", *parts)


def contrast_figures(
    table: pd.DataFrame,
    label: str,
    sentence: str,
    level: float = words.PADJ_LEVEL,
    named: Sequence[tuple[int, str]] = (),
) -> str:
    """Fold change against mean, and the p-values, of one contrast."""
    return (
        '<div class="figures">'
        + figure(
            figures.ma_plot(table, level, named),
            f"Scatter of log2 fold change against mean count for {label}. {sentence}",
            "Fold change against mean. Triangles: beyond the axis, or infinite.",
        )
        + figure(
            figures.p_value_histogram(table),
            f"Histogram of the p-values for {label}. {sentence}",
            "P-values. A flat part and a peak at 0 are expected.",
        )
        + "</div>"
    )
