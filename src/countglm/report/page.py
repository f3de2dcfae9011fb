"""The report's HTML, section by section."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._names import plural
from countglm.report import figures, words
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from countglm.results import GLMFit

_TOP = 25
# Every contrast gets its sentence and table; figures of many contrasts would swell the page.
_CONTRASTS_WITH_FIGURES = 4
# A browser may break a line after the hyphen of 1e-08.
_EXPONENT = re.compile(r"\b[\d.]+e-\d+")
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
        f"<h1>{escape(title)}</h1>",
        _summary(fit),
        _status(fit),
        _certificate(fit),
        *(
            _contrast(fit, label, table, number < _CONTRASTS_WITH_FIGURES)
            for number, (label, table) in enumerate(tables.items())
        ),
        _provenance(fit),
    ]
    style = files("countglm.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(heading: str, *parts: str) -> str:
    return f"<section>\n<h2>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"


def _paragraphs(sentences: Sequence[str]) -> str:
    lines = (_EXPONENT.sub(r'<span class="whole">\g<0></span>', escape(s)) for s in sentences)
    return "\n".join(f"<p>{line}</p>" for line in lines)


def _figure(svg: str, alt: str, caption: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _summary(fit: GLMFit) -> str:
    what = (
        f"A {words.model_name(fit)} was fitted to each of {plural(fit.n_genes, 'gene')} "
        f"in {plural(fit.n_samples, 'sample')}."
    )
    names = "".join(f"<li><code>{escape(name)}</code></li>" for name in fit.coef_names[:40])
    if len(fit.coef_names) > 40:
        names += f"<li>and {len(fit.coef_names) - 40} more</li>"
    return _section(
        "What was fitted",
        _paragraphs([what, *words.design_sentences(fit)]),
        f"<h3>Coefficients</h3>\n<ul>{names}</ul>",
    )


def _status(fit: GLMFit) -> str:
    blocks = []
    for status, count, share in words.status_rows(fit):
        kind = _KIND.get(status, "attention")
        blocks.append(
            f'<div class="status"><h3><span>{status.name}</span>'
            f"<span>{plural(count, 'gene')} ({100 * share:.1f}%)</span></h3>"
            f'<div class="bar"><div class="{kind}" style="width:{100 * share:.2f}%"></div></div>'
            f"<p>{escape(status.sentence)}</p></div>"
        )
    return _section("How the genes ended", *blocks)


def _certificate(fit: GLMFit) -> str:
    sentences = words.certificate_sentences(fit)
    alt = f"Histogram of the Newton decrement of converged genes. {' '.join(sentences[:2])}"
    parts = [
        _figure(
            figures.certificate_histogram(fit),
            alt,
            "Distance to the optimum, in standard errors, of every converged gene.",
        )
    ]
    if fit.family != "poisson":
        parts.append(
            _figure(
                figures.mean_dispersion(fit),
                "Scatter of the dispersion against the mean count of every usable gene, both "
                f"axes logarithmic. Median dispersion {_median_dispersion(fit):.2g}.",
                "Dispersion per gene (var = mu + dispersion mu\N{SUPERSCRIPT TWO}). Triangles: "
                "at or near 0.",
            )
        )
    return _section(
        "Certificate", _paragraphs(sentences), f'<div class="figures">{"".join(parts)}</div>'
    )


def _median_dispersion(fit: GLMFit) -> float:
    values = fit.dispersion[fit.converged]
    return float(np.median(values)) if values.size else float("nan")


def _contrast(fit: GLMFit, label: str, table: pd.DataFrame, with_figures: bool) -> str:
    sentence = words.contrast_sentence(table)
    parts = [_paragraphs([sentence, *words.dispersion_caution(fit)])]
    if with_figures:
        parts.append(
            '<div class="figures">'
            + _figure(
                figures.ma_plot(table),
                f"Scatter of log2 fold change against mean count for {label}. {sentence}",
                "Fold change against mean. Triangles: beyond the axis, or infinite.",
            )
            + _figure(
                figures.p_value_histogram(table),
                f"Histogram of the p-values for {label}. {sentence}",
                "P-values. A flat part and a peak at 0 are expected.",
            )
            + "</div>"
        )
    top = words.top_genes(table, _TOP)
    parts.append(f"<h3>The {len(top)} genes of smallest p-value</h3>" + _top_table(top, label))
    return _section(f"Test: {label}", *parts)


def _top_table(top: pd.DataFrame, label: str) -> str:
    columns = [name for name in top.columns if name != "na_reason"]
    text = ("test", "status")
    head = "<th scope='col'>gene</th>" + "".join(
        f"<th scope='col'{_class(name in text)}>{escape(str(name))}</th>" for name in columns
    )
    rows = []
    for gene, values in zip(top.index, top[columns].itertuples(index=False), strict=True):
        cells = "".join(
            f"<td{_class(name in text)}>{escape(_number(name, value))}</td>"
            for name, value in zip(columns, values, strict=True)
        )
        rows.append(f"<tr><td>{escape(str(gene))}</td>{cells}</tr>")
    name = escape(f"Top genes for {label}")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _class(is_text: bool) -> str:
    return " class='text'" if is_text else ""


def _number(name: str, value: Any) -> str:
    if isinstance(value, Status):
        return value.name
    if not isinstance(value, (int, float, np.number)):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return "NA"
    if np.isinf(number):
        return "+\N{INFINITY}" if number > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if name in ("pvalue", "padj"):
        return f"{number:.2e}" if number > 0 else "< 1e-307"
    return f"{number:.2f}".replace("-", "\N{MINUS SIGN}")


def _provenance(fit: GLMFit) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in _flat(fit.provenance)
    )
    return _section("Versions and options", f'<table class="pairs"><tbody>{rows}</tbody></table>')


def _flat(entries: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in entries.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += _flat(value, f"{name} / ")
        elif isinstance(value, (list, tuple)):
            rows.append((name, ", ".join(str(item) for item in value)))
        elif isinstance(value, float):
            rows.append((name, f"{value:.6g}"))
        else:
            rows.append((name, "none" if value is None else str(value)))
    return rows
