"""A certificate as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from countglm._names import plural

if TYPE_CHECKING:
    from .certificate import ParityCertificate

_MOST_GENES = 8


def certificate_text(certificate: ParityCertificate) -> str:
    """The whole certificate for a terminal: stages, calls, reasons, the genes that moved most."""
    parts = [_head(certificate), _stages(certificate), _calls(certificate), _reasons(certificate)]
    parts += [_genes(certificate), _verdict(certificate)]
    return "\n\n".join(part for part in parts if part)


def _head(certificate: ParityCertificate) -> str:
    versions = certificate.versions
    theirs = versions.get(certificate.engine, "")
    return (
        f"Parity with {certificate.engine} {theirs} (R {versions.get('R', '?')}): "
        f"{certificate.label}, mode {certificate.mode}, tolerance {certificate.tolerance:.0e}"
    )


def _stages(certificate: ParityCertificate) -> str:
    rows: list[tuple[str, ...]] = [
        ("stage", "compared", "beyond", "one side", "typical", "worst", "", "verdict")
    ]
    for name, row in certificate.stages.iterrows():
        rows.append((
            str(name), str(row["compared"]), str(row["beyond"]), str(row["one_sided"]),
            _short(row["typical"]), _short(row["worst"]), row["unit"], row["verdict"],
        ))  # fmt: skip
    return _columns(rows)


def _short(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1e}"


def _columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    numbers = range(1, 6)
    lines = [
        "  ".join(
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _calls(certificate: ParityCertificate) -> str:
    calls = certificate.calls
    lines = [
        f"Genes at adjusted p < {calls['alpha']:g}: {calls['ours']} here, {calls['theirs']} in "
        f"{certificate.engine}, {calls['both']} in both (Jaccard {calls['jaccard']:.3f}); "
        f"{calls['only_ours']} only here, {calls['only_theirs']} only there."
    ]
    for row in certificate.call_reasons().to_dict("records"):
        ours, theirs = f"+{row['only ours']}", f"-{row['only theirs']}"
        lines.append(f"{ours:>8} {theirs:>5}  {row['words']}")
    return "\n".join(lines)


def _reasons(certificate: ParityCertificate) -> str:
    counts = certificate.reason_counts()
    if not len(counts):
        return ""
    root = list(certificate.first_reasons)
    lines = ["Why genes differ, at the first stage that does:"]
    for code, words in counts["words"].items():
        if number := root.count(code):
            lines.append(f"{number:>8}  {words}")
    return "\n".join(lines)


def _genes(certificate: ParityCertificate) -> str:
    told = certificate.genes()
    if not len(told):
        return ""
    lines = ["Genes whose p moved most, beside its digits:"]
    for gene, text in told["sentence"].head(_MOST_GENES).items():
        lines.append(f"  {gene}: {text}")
    return "\n".join(lines)


def _verdict(certificate: ParityCertificate) -> str:
    differ = int((certificate.reasons != "").any(axis=1).sum())
    if not certificate.passed:
        return (
            f"{plural(differ, 'gene')} beyond the tolerance, {certificate.unexplained} without a "
            f"reason, at the stages {', '.join(certificate.unexplained_stages)}: report these."
        )
    if not differ:
        return "Every value agrees."
    return f"{plural(differ, 'gene')} beyond the tolerance, each with a computed reason."
