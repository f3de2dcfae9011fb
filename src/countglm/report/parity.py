"""The page about agreement with another engine: stages, calls, reasons, figures, genes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._names import plural
from countglm.adapters.parity import stages
from countglm.adapters.parity.summary import p_moved
from countglm.adapters.parity.words import REASONS, sentence
from countglm.report import parity_figures as figures
from countglm.report.de import sections as de_sections
from countglm.report.explorer import Explorer
from countglm.report.html import document, figure, number, paragraphs, section, table_region

if TYPE_CHECKING:
    import pandas as pd

    from countglm.adapters.parity import ParityCertificate
    from countglm.deresult import DEResult
    from countglm.report.parity_figures import Mark

_MEAN = f"{stages.BASE_MEAN} theirs"
# Genes listed for each reason; those without any are listed up to the second number.
_LISTED, _UNEXPLAINED_LISTED = 5, 50
_SIDES = ("ours", "theirs")
_MINUS = "\N{MINUS SIGN}"
_COLUMNS = (
    "Beyond: values that differ by more than the tolerance, those on one side among them. One "
    "side: only one of the two gives a finite value. Typical: the median difference."
)
_EXACT = (
    "Mode exact solves every step to its optimum and keeps on/off genes at infinity, so it differs "
    "wherever {0} stops early or clamps; mode replay repeats the rules of {0}."
)


def render(certificate: ParityCertificate, result: DEResult, title: str) -> str:
    """Return the page of a certificate, followed by the report of the result it is about."""
    results = {"": result}
    return document(title, [*sections(certificate), *de_sections(results, shows=Explorer(results))])


def sections(certificate: ParityCertificate) -> list[str]:
    """Return the parts of the page that compare with the other engine."""
    palette = figures.marks(certificate.reasons)
    parts = [_agreement(certificate)]
    if palette:
        parts.append(_reasons(certificate, palette))
    parts.append(_scatters(certificate, palette))
    if palette:
        parts.append(_genes(certificate, palette))
    return parts


def engine_name(certificate: ParityCertificate) -> str:
    """The other engine with its version."""
    version = certificate.versions.get(certificate.engine, "")
    return f"{certificate.engine} {version}".strip()


def _agreement(certificate: ParityCertificate) -> str:
    told = [
        f"{certificate.label}: countglm (mode {certificate.mode}) beside {engine_name(certificate)}"
        f"{_on_r(certificate)}, run on the same counts.",
        *([_EXACT.format(certificate.engine)] if certificate.mode == "exact" else []),
        _verdict(certificate),
        *certificate.warnings,
    ]
    return section(
        f"Agreement with {engine_name(certificate)}",
        paragraphs(told),
        "<h3>Stage by stage</h3>",
        _stages(certificate.stages, certificate.engine),
        paragraphs([_COLUMNS]),
        _calls(certificate),
    )


def _on_r(certificate: ParityCertificate) -> str:
    version = certificate.versions.get("R")
    return f" on R {version}" if version else ""


def _verdict(certificate: ParityCertificate) -> str:
    deviating = int((certificate.reasons != "").any(axis=1).sum())
    # Genes without any count have nothing that could differ.
    total = int(np.count_nonzero(certificate.values[_MEAN].to_numpy() > 0.0))
    stages = f" Stages without a reason: {', '.join(certificate.unexplained_stages)}."
    stages = stages if certificate.unexplained_stages else ""
    if not deviating and not stages:
        return f"All {plural(total, 'gene')} with a count agree within tolerance at every stage."
    told = (
        f"{deviating:,} of {plural(total, 'gene')} with a count "
        f"{'deviates' if deviating == 1 else 'deviate'} at one stage or more, "
    )
    rest = " The others agree within tolerance throughout." if deviating < total else ""
    if certificate.passed:
        return f"{told}{'' if deviating == 1 else 'each '}with a reason found by computation.{rest}"
    return (
        f"{told}{certificate.unexplained:,} of them without a reason that was found.{stages}{rest}"
    )


def _stages(table: pd.DataFrame, engine: str) -> str:
    head = (
        ("stage", "text"), ("verdict", "text"), ("compared", ""), ("beyond", ""),
        ("one side", ""), ("typical", ""), ("99%", ""), ("worst", ""), ("unit", "text"),
        ("worst at", "text"), ("tolerance", "text"),
    )  # fmt: skip
    rows = []
    for name, row in table.iterrows():
        numbers = [f"{row[column]:,}" for column in ("compared", "beyond", "one_sided")]
        sizes = [_size(float(row[column])) for column in ("typical", "p99", "worst")]
        texts = [str(row[column]) for column in ("unit", "worst_at", "tolerance")]
        rows.append([str(name), str(row["verdict"]), *numbers, *sizes, *texts])
    return table_region(f"Differences from {engine} by stage", head, rows, kind="dense")


def _size(value: float) -> str:
    if np.isnan(value):
        return "\N{EN DASH}"
    if np.isinf(value):
        return "\N{INFINITY}"
    if 0 < value < 1e-3:
        return f"{value:.1e}"
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}"


def _calls(certificate: ParityCertificate) -> str:
    calls, engine = certificate.calls, escape(certificate.engine)
    parts = (
        ("ours", f"{calls['only_ours']:,} only countglm", calls["only_ours"]),
        ("both", f"{calls['both']:,} both", calls["both"]),
        ("theirs", f"{calls['only_theirs']:,} only {engine}", calls["only_theirs"]),
    )
    whole = max(sum(count for _, _, count in parts), 1)
    bar = "".join(
        f'<div class="{kind}" style="width:{100 * count / whole:.2f}%"></div>'
        for kind, _, count in parts
        if count
    )
    listed = "".join(f'<li><span class="chip {kind}"></span>{text}</li>' for kind, text, _ in parts)
    jaccard = calls["jaccard"]
    shared = "" if np.isnan(jaccard) else f" Shared: {100 * jaccard:.2f}% of all called."
    return (
        f"<h3>Genes called at adjusted p &lt; {calls['alpha']:g}</h3>"
        f"<p>countglm {calls['ours']:,}, {engine} {calls['theirs']:,}.{shared}</p>"
        f'<div class="bar calls">{bar}</div><ul class="key">{listed}</ul>'
        + _one_sided_calls(certificate)
    )


def _one_sided_calls(certificate: ParityCertificate) -> str:
    """Why genes are called by one analysis only."""
    counts = certificate.call_reasons()
    if not len(counts):
        return ""
    head = [
        ("why one side only", "text"), ("only countglm", ""), (f"only {certificate.engine}", ""),
    ]  # fmt: skip
    rows = [
        [row["words"], *(f"{row[name]:,}" for name in ("only ours", "only theirs"))]
        for row in counts.to_dict("records")
    ]
    return table_region("Reasons of calls on one side only", head, rows)


def _reasons(certificate: ParityCertificate, palette: Mapping[str, Mark]) -> str:
    reasons = certificate.reasons
    names = [str(name) for name in reasons if (reasons[name] != "").any()]
    first = certificate.first_reasons
    rows = []
    for code in palette:
        counts = [
            int((first == code).sum()),
            *(int((reasons[name] == code).sum()) for name in names),
        ]
        shown = [f"{count:,}" if count else "" for count in counts]
        rows.append([f"{_label(code)}\n{REASONS.get(code, '')}", *shown])
    table = table_region(
        f"Reasons of deviations from {certificate.engine}, genes by stage",
        [("reason", "text words"), ("first", ""), *((name, "") for name in names)],
        rows, marks=[_chip(mark) for mark in palette.values()], kind="told",
    )  # fmt: skip
    told = (
        "Genes beyond the tolerance by the reason that was computed for them: where the gene first "
        "leaves the tolerance, then at every stage."
    )
    return section("Why genes deviate", paragraphs([told]), table)


def _chip(mark: Mark) -> str:
    """The mark of a reason as it looks in the figures, or nearly."""
    kind = "chip" if mark.round else "chip square"
    return f'<span class="{kind}" style="background:{mark.colour}"></span>'


def _label(code: str) -> str:
    return code.replace("_", " ")


def _scatters(certificate: ParityCertificate, palette: Mapping[str, Mark]) -> str:
    engine, values, reasons = certificate.engine, certificate.values, certificate.reasons
    drawn = []
    for panel in figures.PANELS:
        if f"{panel.stage} ours" not in values:
            continue
        points = figures.stage_points(values, reasons, panel)
        caption, alt = figures.captions(panel, points, engine)
        drawn.append(figure(figures.against(points, panel, engine, palette), alt, caption))
    if f"{stages.LFC} ours" in values:
        points = figures.difference_points(values, reasons)
        caption = "Triangles: equal to the last bit or below the axis, and infinite."
        svg = figures.difference(points, palette)
        drawn.append(figure(svg, f"Scatter of differences of fold changes. {caption}", caption))
    shown = {"within tolerance": figures.WITHIN, **palette}
    listed = "".join(
        f"<li>{_chip(mark)}{escape(_label(code))}</li>" for code, mark in shown.items()
    )
    return section(
        f"countglm against {engine_name(certificate)}",
        f'<ul class="key">{listed}</ul>',
        f'<div class="figures small">{"".join(drawn)}</div>',
    )


def _genes(certificate: ParityCertificate, palette: Mapping[str, Mark]) -> str:
    values, engine = certificate.values, certificate.engine
    pairs = [f"{name} {side}" for name in (stages.LFC, stages.PADJ) for side in _SIDES]
    head = [
        ("gene", "text"), ("mean count", ""), ("log2 change here", ""),
        (f"log2 change {engine}", ""), ("adjusted p here", ""), (f"adjusted p {engine}", ""),
        ("why", "text words"),
    ]  # fmt: skip
    rows, chips = [], []
    for code, mark in palette.items():
        for row, why in _worst(certificate, code):
            shown = [_value(values[name].iloc[row]) for name in pairs]
            mean = f"{values[_MEAN].iloc[row]:,.1f}"
            rows.append([str(values.index[row]), mean, *shown, why])
            chips.append(_chip(mark))
    table = table_region("Genes that deviate most", head, rows, marks=chips, kind="told")
    told = (
        f"For every reason the genes whose p-value moves most beside its digits, {_LISTED} at "
        "most, with what was found for the fold change or, where the reason does not touch it, "
        "for the first stage that it touches."
    )
    return section("Genes that deviate most", paragraphs([told]), table)


def _worst(certificate: ParityCertificate, code: str) -> list[tuple[int, str]]:
    """Rows of the genes with this reason whose p-value moves most, and their sentences."""
    # By place, not by name: names of genes may repeat.
    hit = certificate.reasons.to_numpy() == code
    names = [str(name) for name in certificate.reasons]
    rows = np.flatnonzero(hit.any(axis=1))
    most = _UNEXPLAINED_LISTED if code == figures.UNKNOWN else _LISTED
    rows = rows[np.argsort(-p_moved(certificate.values.iloc[rows]), kind="stable")[:most]]
    change = names.index(stages.LFC)
    at = np.where(hit[rows, change], change, hit[rows].argmax(axis=1))
    tables: list[Any] = [certificate.values.iloc[rows], certificate.evidence.iloc[rows]]
    told = zip(rows, at, *(table.to_dict("records") for table in tables), strict=True)
    return [
        (int(row), sentence(code, names[stage], values, evidence, certificate.engine))
        for row, stage, values, evidence in told
    ]


def _value(value: float) -> str:
    if not np.isfinite(value):
        return number("", value)
    text = f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"
    return text.replace("-", _MINUS) if value < 0 else text
