"""Pages about groups of samples: an index of all, and a page for each."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._group_names import group_text
from countglm._names import plural
from countglm._provenance import in_common
from countglm._ranking import evidence
from countglm.report import group_figures
from countglm.report.about import NOTHING, About
from countglm.report.de import sections
from countglm.report.explorer import Explorer
from countglm.report.html import (
    document,
    figure,
    paragraphs,
    provenance_section,
    section,
    table_region,
)

if TYPE_CHECKING:
    from countglm._grouped import GroupedResult
    from countglm.deresult import DEResult

# Pages of thousands of groups would take longer than their fits: those with most genes get one.
MOST_PAGES = 100
# Rows of all tables in all pages together: 35 bytes each. Beyond, pages show their first genes.
MOST_ROWS = 1_500_000
# Of more pages than this each has the main figures only: a figure takes a sixth of a second.
FULL_PAGES = 10
# More would not be readable in a figure as wide as half a page.
_GROUPS_DRAWN, _COLUMNS_DRAWN, _GENES_DRAWN = 25, 16, 25


def page_names(grouped: Mapping[str, GroupedResult], stem: str) -> dict[Any, str]:
    """Return the file name of the page of every group that has one."""
    found: dict[Any, int] = {}
    for each in grouped.values():
        for group, result in each.results.items():
            level = result.settings["alpha"]
            below = int((result.table[evidence(result.table)[0]] < level).sum())
            found[group] = found.get(group, 0) + below
    chosen = sorted(found, key=lambda group: -found[group])[:MOST_PAGES]
    names: dict[Any, str] = {}
    for group in found:
        if group in chosen:
            names[group] = _free(f"{stem}_{_plain(group_text(group))}", names)
    return names


def render_group(
    group: Any,
    results: Mapping[str, DEResult],
    title: str,
    index: str,
    caution: str,
    about: About = NOTHING,
    *,
    answers: bool = True,
    brief: bool = False,
) -> str:
    """Return the page of one group: its results by name; with all genes if it ``answers``.

    A ``brief`` one has fewer figures.
    """
    back = f'<p><a href="{escape(index)}">All groups</a></p>'
    shows = Explorer(results) if answers else None
    body = [back, *_caution(caution), *sections(results, about, shows, brief=brief)]
    return document(f"{title}: {group_text(group)}", body)


def pages_answer(grouped: Mapping[str, GroupedResult], pages: Mapping[Any, str]) -> bool:
    """Return whether the pages may hold all their genes."""
    n_genes = len(next(iter(next(iter(grouped.values())).values())).table)
    n_tables = sum(group in each.results for each in grouped.values() for group in pages)
    return n_tables * n_genes <= MOST_ROWS


def render_index(grouped: Mapping[str, GroupedResult], title: str, pages: Mapping[Any, str]) -> str:
    """Return the page about all groups."""
    body = [_overview(name, each, pages) for name, each in grouped.items()]
    first = next(iter(grouped.values()))
    body += [_failed(name, each) for name, each in grouped.items() if each.failed]
    if first.messages:
        rows = [
            [group_text(group), " ".join(messages)] for group, messages in first.messages.items()
        ]
        head = [("group", "text"), ("what was said", "text words")]
        body.append(section("Notes", table_region("Notes on groups", head, rows, kind="told")))
    records = [result.provenance for result in first.results.values()]
    body.append(provenance_section(in_common(records)))
    return document(title, body)


def _overview(name: str, grouped: GroupedResult, pages: Mapping[Any, str]) -> str:
    """The groups of one contrast: how many genes respond, and which in several."""
    facts = grouped.summary().facts
    entries = dict(zip(grouped.results, facts["groups"], strict=True))
    many = len(entries) > _GROUPS_DRAWN
    if many:
        richest = sorted(entries, key=lambda group: -entries[group]["n_significant"])
        entries = {group: entries[group] for group in richest}
    against = "" if grouped.control is None else f", each against {grouped.control}"
    told = [
        f"{plural(len(entries), 'group')} by {', '.join(grouped.by)}{against}: "
        f"{facts['n_significant']:,} responses of a gene in a group with adjusted p below "
        f"{facts['alpha']:g}." + (" Groups with most genes come first." if many else "")
    ]
    drawn = list(entries)[:_GROUPS_DRAWN]
    labels = [entries[group]["group"] for group in drawn]
    up, down = ([entries[group][key] for group in drawn] for key in ("n_up", "n_down"))
    counts = ", ".join(f"{a} {b} up {c} down" for a, b, c in zip(labels, up, down, strict=True))
    first = f" The first {len(drawn)} groups." if many else ""
    bars = figure(
        group_figures.responses(labels, up, down),
        f"Bars of the genes that respond in each group: {counts}.",
        f"Genes with adjusted p below {facts['alpha']:g}.{first}",
    )
    columns = {group: grouped[group] for group in drawn[:_COLUMNS_DRAWN]}
    shared = _shared(columns, facts["alpha"], len(columns) < len(entries))
    figures = f'<div class="figures">{bars}{"".join(shared)}</div>'
    # A long table would hide what follows it.
    parts = [_table(grouped, entries, pages), figures]
    heading = grouped.label if name in ("", grouped.label) else f"{name}: {grouped.label}"
    return section(
        heading, paragraphs(told), *_caution(grouped.caution), *(parts[::-1] if many else parts)
    )


def _caution(text: str) -> list[str]:
    """What a reader must know before the numbers."""
    return [f'<div class="caution">{paragraphs([text])}</div>'] if text else []


def _table(
    grouped: GroupedResult, entries: Mapping[Any, dict[str, Any]], pages: Mapping[Any, str]
) -> str:
    """A line for every group, which leads to its page."""
    head = ["group", "samples", "genes with counts", "up", "down", "outliers", "low counts"]
    if grouped.across is not None:
        head.append("over all groups")
    rows = []
    for group, entry in entries.items():
        reasons = entry["na_reason"]
        numbers = [
            entry["n_samples"], entry["n_with_counts"], entry["n_up"], entry["n_down"],
            reasons.get("outlier", 0), reasons.get("low_mean", 0),
        ]  # fmt: skip
        if grouped.across is not None:
            numbers.append(entry["n_significant_across"])
        text = escape(entry["group"])
        linked = f'<a href="{escape(pages[group])}">{text}</a>' if group in pages else text
        cells = "".join(f"<td>{number:,}</td>" for number in numbers)
        rows.append(f"<tr><td>{linked}</td>{cells}</tr>")
    titles = "".join(f"<th scope='col'>{escape(name)}</th>" for name in head)
    left = sum(group not in pages for group in entries)
    note = f"<p>The {len(entries) - left} groups with most genes have a page.</p>" if left else ""
    return (
        f'{note}<div class="scroll" tabindex="0" role="region" aria-label="Groups">'
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _shared(results: Mapping[Any, DEResult], level: float, in_part: bool) -> list[str]:
    """The genes that respond in most groups, as a figure; none for a single group."""
    if len(results) < 2:
        return []
    tables = [result.table for result in results.values()]
    padj = np.stack([table[evidence(table)[0]].to_numpy(dtype=np.float64) for table in tables])
    change = np.stack([table["log2FoldChange"].to_numpy(dtype=np.float64) for table in tables])
    found = padj < level
    best = np.nanmin(np.where(np.isnan(padj), 1.0, padj), axis=0)
    order = np.lexsort((best, -found.sum(axis=0)))
    chosen = order[found.sum(axis=0)[order] > 0][:_GENES_DRAWN]
    if not chosen.size:
        return []
    labels = [group_text(group) for group in results]
    genes = [str(tables[0].index[gene]) for gene in chosen]
    several = int((found.sum(axis=0) > 1).sum())
    return [
        figure(
            group_figures.shared_genes(genes, labels, change[:, chosen].T, found[:, chosen].T),
            f"Fold changes of {plural(len(genes), 'gene')} in the groups: {', '.join(genes)}.",
            f"{plural(several, 'gene')} respond{'s' if several == 1 else ''} in more than one "
            f"{f'of the first {len(results)} groups' if in_part else 'group'}; here those that do "
            "in most. A dot: significant there. Grey: no estimate.",
        )
    ]


def _failed(name: str, grouped: GroupedResult) -> str:
    rows = [[group_text(group), reason] for group, reason in grouped.failed.items()]
    head = [("group", "text"), ("why", "text words")]
    heading = "Not fitted" if name in ("", grouped.label) else f"Not fitted: {name}"
    return section(heading, table_region(heading, head, rows, kind="told"))


def _plain(text: str) -> str:
    """A group in characters that every file system takes."""
    kept = "".join(char if char.isalnum() or char in "-." else "_" for char in text)
    return "_".join(part for part in kept.split("_") if part)[:80].strip(".") or "group"


def _free(stem: str, names: Mapping[Any, str]) -> str:
    """A file name that differs from others by more than case."""
    taken = {name.lower() for name in names.values()}
    name, number = f"{stem}.html", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}.html"
    return name
