"""The last lines that a command prints: what was found, and where it lies. At most six."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._gene_labels import labels_of
from countglm._names import plural
from countglm._ranking import called, evidence, ranked
from countglm.cli.plain import plain, plain_lines
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult
    from countglm.results import GLMFit

SUMMARY_TEXT = "summary.txt"
_WIDTH = 79
_TITLE, _MOST_OF_GENE = 11, 24
# Contrasts that have a line each; of more, two have one, and the last line tells of the others.
MOST_CONTRASTS = 3
_BEYOND = {
    "greaterAbs": "|LFC| >",
    "greaterAbs2014": "|LFC| >",
    "lessAbs": "|LFC| <",
    "greater": "LFC >",
    "less": "LFC < -",
}
_LEFT_OUT = {
    "all_zero": "no counts",
    "low_mean": "low counts",
    "outlier": "outliers",
    "not_converged": "no optimum",
}


def text_of_tests(results: Mapping[str, DEResult], dropped: int) -> str:
    """All that the results say of themselves, for summary.txt."""
    lines = [f"{plural(dropped, 'gene')} dropped before the fit.\n"] if dropped else []
    for result in results.values():
        lines.append(f"{result.summary()}\n")
        if _of_intercept(result):
            from countglm.report.caution_design import INTERCEPT

            lines.append(f"Caution: {INTERCEPT}\n")
    return plain_lines("\n".join(lines))


def text_of_fit(fit: GLMFit, tables: Mapping[str, pd.DataFrame]) -> str:
    """All that a fit and its tests say of themselves, for summary.txt."""
    from countglm.report import words

    lines = [repr(fit), "", *words.certificate_sentences(fit)]
    lines += [f"{label}: {words.contrast_sentence(table)}" for label, table in tables.items()]
    if tables:
        lines += words.dispersion_caution(fit)
    return plain_lines("\n".join([*lines, ""]))


def lines_of_tests(
    results: Mapping[str, DEResult], facts: Mapping[str, Any], folder: Path
) -> list[str]:
    """Six lines on tests of all genes; ``facts`` is the summary of their output folder."""
    contrasts = facts["contrasts"]
    first = results[contrasts[0]["name"]]
    lines = [_found(_explained(each["name"], results[each["name"]]), each) for each in contrasts]
    if len(lines) == 1:
        lines.append(
            titled("Caution", "only the intercept is tested: a gene's level, not a difference")
            if _of_intercept(first)
            else titled("Strongest", _strongest(first.table, contrasts[0]))
        )
    if len(lines) <= 2:
        tested = _tested(contrasts[0], first.fit.n_samples, facts["n_dropped"])
        lines += [titled("Tested", tested), titled("Fit", _fitted(contrasts[0], first.fit, folder))]
    elif len(lines) <= MOST_CONTRASTS:
        lines.append(titled("Fit", _fitted(contrasts[0], first.fit, folder)))
    else:
        lines[2:] = [
            f"and {plural(len(lines) - 2, 'contrast')} more: {folder / SUMMARY_TEXT}",
            titled("Fit", _fitted(contrasts[0], first.fit, folder)),
        ]
    return lines + where(facts, folder, [each["file"] for each in contrasts])


def where(facts: Mapping[str, Any], folder: Path, tables: Sequence[str]) -> list[str]:
    """Two lines on where report, summary and tables lie."""
    page = folder / "report.html"
    lies = str(page) if page.name in facts["files"] else "left out by --no-report"
    if not tables:
        tables = [name for name in facts["files"] if name.startswith("coefficients")]
    lie = [str(folder / name) for name in tables]
    return [
        titled("Report", f"{lies}; in words: {folder / SUMMARY_TEXT}"),
        titled("Table", lie[0])
        if len(lie) == 1
        else titled("Tables", f"{plural(len(lie), 'table')} {folder}/test_*"),
    ]


def lines_of_fit(
    fit: GLMFit, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, Any], folder: Path
) -> list[str]:
    """Up to six lines on a fit and its tests."""
    from countglm.report import words

    level = words.PADJ_LEVEL
    counts = f"{plural(fit.n_genes, 'gene')} in {plural(fit.n_samples, 'sample')}"
    lines = [f"Fitted {counts}: {fit.design.formula or 'given design'}"]
    for label, table in tables.items():
        found = words.contrast_counts(table)
        lines.append(
            _found(label, found | {"n_significant": found["n_below_level"], "alpha": level})
        )
    if len(lines) > 1 + MOST_CONTRASTS:
        more = plural(len(tables) - 2, "contrast")
        lines[3:] = [f"and {more} more: {folder / SUMMARY_TEXT}"]
    if not tables:
        lines.append("Nothing was tested, as no --contrast was given.")
    if len(lines) <= MOST_CONTRASTS:
        lines.append(titled("Fit", _statuses(fit)))
    if len(lines) <= MOST_CONTRASTS and tables and words.dispersion_caution(fit):
        lines.append(
            titled("Caution", "too small p-values are likely: countglm de shares dispersions")
        )
    return lines + where(facts, folder, [each["file"] for each in facts["contrasts"]])


def titled(title: str, told: str) -> str:
    """Return a line under its title."""
    return f"{title:{_TITLE}}{told}"


def shortened(text: str, most: int = 44) -> str:
    """Return a name on one line, cut where it is longer than a line can bear."""
    text = plain(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def genes_found(count: int, facts: Mapping[str, Any]) -> str:
    """Return how many genes were found, and at which level."""
    said = "no gene" if count == 0 else plural(count, "gene")
    if facts.get("called_by") == "svalue":
        return f"{said} with an s-value < {facts['alpha']:g}"
    return f"{said} at an FDR of {100 * facts['alpha']:g}%"


def _found(name: str, facts: Mapping[str, Any]) -> str:
    ways = ""
    # What a likelihood ratio tests has no direction, or several.
    if facts["n_significant"] and facts.get("test") != "lrt":
        ways = f" ({facts['n_up']:,} up, {facts['n_down']:,} down)"
    beyond = (
        f" for {_BEYOND[facts['alternative']]} {facts['lfc_threshold']:g}"
        if facts.get("lfc_threshold")
        else ""
    )
    return f"{shortened(name)}: {genes_found(facts['n_significant'], facts)}{beyond}{ways}"


def _explained(name: str, result: DEResult) -> str:
    """Return a contrast in words, and where it is compared if that makes a difference."""
    from countglm.report.comparison import comparison

    if result.settings["test"] == "lrt":
        return f"{result.settings['design'] or 'given design'} against {result.settings['reduced']}"
    held = comparison(result).held.values()
    return _compared(name, result) + (f" at {', '.join(held)}" if held else "")


def _compared(name: str, result: DEResult) -> str:
    """Return a contrast in words: of a coefficient, the levels that it compares."""
    design = result.fit.design
    for factor, levels in design.factors.items():
        rows = design.codings.get(factor)
        if rows is None or name not in design.names:
            continue
        place = design.names.index(name)
        marked = [i for i, row in enumerate(rows) if row[place] == 1.0]
        bare = [i for i, row in enumerate(rows) if not row.any()]
        if len(marked) == len(bare) == 1:
            return f"{factor} {levels[marked[0]]} vs {levels[bare[0]]}"
    return name


def _of_intercept(result: DEResult) -> bool:
    from countglm.report.caution_design import of_intercept_alone

    return of_intercept_alone(result)


def _strongest(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """Name the genes of smallest p-value that are called, as many as a line holds."""
    order = ranked(table)
    if order.size == 0:
        return "no gene has a p-value"
    below = called(table, facts["alpha"])[order]
    rows = table.iloc[order[below]].head(9)
    if rows.empty:
        by = evidence(table)[0]
        values = table[by].dropna()
        word = "adjusted p-value" if by == "padj" else "s-value"
        return f"none below that; smallest {word} {values.min():.2g} ({_gene(values.idxmin())})"
    symbols = labels_of(rows)
    if facts.get("test") == "lrt":
        return as_fit([_gene(name) for name in symbols])
    changes = rows["log2FoldChange"].to_numpy(dtype=float)
    return as_fit(
        [f"{_gene(name)} {_change(value)}" for name, value in zip(symbols, changes, strict=True)]
    )


def _gene(name: object) -> str:
    # The smallest adjusted p-value stands before it on the line.
    return shortened(str(name), _MOST_OF_GENE)


def _change(log2: float) -> str:
    if math.isinf(log2):
        return "on" if log2 > 0 else "off"
    size = abs(log2)
    return f"{'up' if log2 > 0 else 'down'} " + (
        f"{2**size:,.0f}x"
        if 3.3 < size < 14
        else f"{2**size:.1f}x"
        if size < 14
        else f"2^{size:.0f}x"
    )


def as_fit(parts: Sequence[str]) -> str:
    """Join as many parts as stand on a line after its title."""
    told = parts[0]
    for part in parts[1:]:
        if len(told) + len(part) + 2 > _WIDTH - _TITLE:
            break
        told += f", {part}"
    return told


def _tested(facts: Mapping[str, Any], n_samples: int, dropped: int) -> str:
    reasons = dict(facts["na_reason"])
    n_genes = facts["n_genes"] + dropped
    tested = facts["n_genes"] - sum(reasons.values())
    parts = [f"{reasons.pop(word):,} {told}" for word, told in _LEFT_OUT.items() if word in reasons]
    if reasons:
        parts.append(f"{sum(reasons.values()):,} other")
    if dropped:
        parts.append(f"{dropped:,} dropped")
    genes = f"{tested:,} of {plural(n_genes, 'gene')}"
    left = f" ({', '.join(parts)})" if parts else ""
    ways = (
        f"{genes}, {plural(n_samples, 'sample')}{left}",
        f"{genes}{left}",
        f"{genes}, {plural(n_samples, 'sample')}",
    )
    return next((told for told in ways if len(told) <= _WIDTH - _TITLE), ways[-1])


def _fitted(facts: Mapping[str, Any], fit: GLMFit, folder: Path) -> str:
    bad = sum(count for status, count in fit.status_counts().items() if status in _BAD)
    if bad:
        return f"{plural(bad, 'gene', 'has')} no optimum: countglm diagnose {folder}/" + str(
            facts["result"]
        )
    if facts["mode"] == "replay":
        return "every gene as DESeq2's rule of stopping has it (--mode replay)"
    told = "all at their optimum"
    if facts["n_on_off"]:
        on_off = facts["n_on_off"], facts["n_on_off_significant"]
        told += f"; {plural(on_off[0], 'gene')} silent in a group, {on_off[1]:,} significant"
    return told


_BAD = (Status.MAX_ITER, Status.SINGULAR, Status.INVALID)


def _statuses(fit: GLMFit) -> str:
    counts = fit.status_counts()
    good = sum(counts.get(each, 0) for each in (Status.CONVERGED, Status.BOUNDARY_DISPERSION))
    parts = [f"{good:,} at the optimum"]
    for status, told in (
        (Status.SEPARATED, "silent in a group"),
        (Status.ALL_ZERO, "without counts"),
    ):
        if counts.get(status):
            parts.append(f"{counts[status]:,} {told}")
    bad = sum(counts.get(each, 0) for each in _BAD)
    if bad:
        parts.append(f"{bad:,} without an optimum (countglm diagnose names them)")
    return ", ".join(parts)
