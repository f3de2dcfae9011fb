"""The table of a contrast as it stands in the page before, or without, its script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from countglm.report.explorer_columns import MEANING, Columns, gene_order, notes_of, text_of
from countglm.report.explorer_pack import shortened

if TYPE_CHECKING:
    from countglm.deresult import DEResult

FIRST = 25


def static_table(result: DEResult, columns: Columns, place: int | None) -> str:
    """Return the first genes as a table; ``place`` is that of its data in the page, if any."""
    top = result.table.iloc[gene_order(result.table)[:FIRST]].copy()
    for name in columns.numbers:
        top[name] = shortened(top[name].to_numpy())
    head = "".join(_heading(name, columns) for name in columns.shown)
    rows = []
    for number, (gene, note) in enumerate(zip(top.index, notes_of(top), strict=True)):
        values = [
            _cell(name, text_of(name, top[name].iloc[number], columns), columns)
            for name in (*columns.annotation, *columns.numbers)
        ]
        rows.append(
            f'<tr><th scope="row">{escape(str(gene))}</th>{"".join(values)}'
            f'<td class="text">{escape(note)}</td></tr>'
        )
    marks = "" if place is None else f' data-contrast="{place}"'
    label = escape(f"Genes, {result.label}")
    told = f"The {len(top)} genes of smallest {columns.ranking} of {len(result.table):,}."
    if place is None and len(top) < len(result.table):
        told += " The others are in the table of the result; this page has no room for them."
    return (
        f'<div class="explorer"{marks}>\n<p class="count">{escape(told)}</p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table aria-label="{label}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>\n"
        f"{_meanings(columns)}</div>"
    )


def _heading(name: str, columns: Columns) -> str:
    return f'<th scope="col"{_kind(name, columns)} data-column="{escape(name)}">{escape(name)}</th>'


def _cell(name: str, text: str, columns: Columns) -> str:
    return f"<td{_kind(name, columns)}>{escape(text)}</td>"


def _kind(name: str, columns: Columns) -> str:
    return "" if name in columns.numbers else ' class="text"'


def _meanings(columns: Columns) -> str:
    """What the columns hold, folded away."""
    lines = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(MEANING[name])}</dd></div>"
        for name in columns.shown
        if name in MEANING
    )
    return (
        f"<details><summary>What the columns mean</summary>"
        f'<dl class="meanings">{lines}</dl></details>'
    )
