"""Parts of an HTML page: sections, paragraphs, figures, tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

# A browser may break a line after the hyphen of 1e-08.
_EXPONENT = re.compile(r"\b[\d.]+e-\d+")
_STYLES = ("style.css", "explorer.css")
_UNDRAWN = re.compile(r"^<svg [^>]*><title>(This figure could not be drawn: .*?)</title>", re.S)
_SECTION = re.compile(r'<section id="([a-z0-9-]+)">\n<h2>(.*?)</h2>')


def document(title: str, body: Sequence[str]) -> str:
    """Return a whole page of the parts of its body: the style inside, a list of contents first."""
    folder = files("countglm.report")
    style = "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _STYLES)
    parts, entries = _anchored(body)
    listed = "".join(f'<li><a href="#{anchor}">{name}</a></li>' for anchor, name in entries)
    contents = f'<nav aria-label="Contents"><ol>{listed}</ol></nav>' if len(entries) > 1 else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f'<header><h1>{escape(title)}</h1></header>\n{contents}\n<main id="content">\n'
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(heading: str, *parts: str) -> str:
    """A section under its heading, which is its anchor; ``parts`` are HTML."""
    return (
        f'<section id="{anchor_of(heading)}">\n<h2>{escape(heading)}</h2>\n'
        + "\n".join(parts)
        + "\n</section>"
    )


def anchor_of(text: str) -> str:
    """A name for links within the page: letters, digits and hyphens of ``text``."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return "-".join(words)[:60].strip("-") or "part"


def _anchored(body: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The parts with anchors that differ, and the anchor and heading of every section."""
    entries: list[tuple[str, str]] = []
    taken: set[str] = set()

    def named(match: re.Match[str]) -> str:
        stem, heading = match.groups()
        anchor, number = stem, 1
        while anchor in taken or anchor == "content":
            number += 1
            anchor = f"{stem}-{number}"
        taken.add(anchor)
        entries.append((anchor, heading))
        return f'<section id="{anchor}">\n<h2>{heading}</h2>'

    return [_SECTION.sub(named, part) for part in body], entries


def paragraphs(sentences: Sequence[str]) -> str:
    """One paragraph a sentence, escaped."""
    lines = (_EXPONENT.sub(r'<span class="whole">\g<0></span>', escape(s)) for s in sentences)
    return "\n".join(f"<p>{line}</p>" for line in lines)


def figure(svg: str, alt: str, caption: str, kind: str = "") -> str:
    """An SVG as an image with its caption; ``kind`` is the class of the figure."""
    # Percent signs, not base64: points are base64 inside already, and twice would swell the page.
    data = quote(svg, safe=" !$'*+,-./;=?@[]_`{|}~")
    marked = f' class="{kind}"' if kind else ""
    undrawn = _UNDRAWN.match(svg)
    if undrawn:
        alt = caption = unescape(undrawn.group(1))
    return (
        f'<figure{marked}><img src="data:image/svg+xml,{data}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def top_table(top: pd.DataFrame, label: str, annotation: Sequence[str] = ()) -> str:
    """A test table as HTML, without the reasons for missing values; ``annotation`` is text."""
    columns = [name for name in top.columns if name != "na_reason"]
    text = ("test", "status", *annotation)
    head = "<th scope='col'>gene</th>" + "".join(
        f"<th scope='col'{_class(name in text)}>{escape(str(name))}</th>" for name in columns
    )
    rows = []
    for gene, values in zip(top.index, top[columns].itertuples(index=False), strict=True):
        cells = "".join(
            f"<td{_class(name in text)}>{escape(number(name, value))}</td>"
            for name, value in zip(columns, values, strict=True)
        )
        rows.append(f"<tr><td>{escape(str(gene))}</td>{cells}</tr>")
    name = escape(f"Top genes for {label}")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{name}">'
        f'<table aria-label="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def table_region(
    label: str,
    head: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[str]],
    *,
    marks: Sequence[str] = (),
    kind: str = "",
) -> str:
    """A table of texts that scrolls where it is too wide.

    Parameters
    ----------
    label : str
        What the table holds, for those who cannot see it.
    head : sequence of (heading, kind)
        Columns: ``""`` numbers, ``"text"``, or ``"text words"``, which wraps.
    rows : sequence of sequence of str
        What follows the first line of a text stands small below it.
    marks : sequence of str, optional
        HTML before the first cell of each row.
    kind : str
        Class of the table.
    """
    cells = "".join(
        f"<th scope='col' class='{column}'>{escape(name)}</th>" for name, column in head
    )
    lines = []
    for place, row in enumerate(rows):
        mark = marks[place] if marks else ""
        line = "".join(
            f"<td class='{column}' data-name='{escape(name)}'>{mark if not number else ''}"
            f"{_lines(text)}</td>"
            for number, ((name, column), text) in enumerate(zip(head, row, strict=True))
        )
        lines.append(f"<tr>{line}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'<table class="{kind}" aria-label="{escape(label)}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _lines(text: str) -> str:
    """The first line of a text, and the others small below it."""
    first, _, rest = escape(text).partition("\n")
    return f"{first}<small>{rest}</small>" if rest else first


def _class(is_text: bool) -> str:
    return " class='text'" if is_text else ""


def number(name: str, value: Any) -> str:
    """A value of the test table's column ``name`` as text."""
    if isinstance(value, Status):
        return value.name
    if not isinstance(value, (int, float, np.number)):
        return str(value)
    number = float(value)
    if np.isnan(number):
        return "NA"
    if np.isinf(number):
        return "+\N{INFINITY}" if number > 0 else "\N{MINUS SIGN}\N{INFINITY}"
    if name in ("pvalue", "padj", "svalue"):
        return f"{number:.2e}" if number > 0 else "< 1e-307"
    return f"{number:.2f}".replace("-", "\N{MINUS SIGN}")


def number_text(value: float) -> str:
    """A number of three digits, infinity and the minus sign as people write them."""
    if np.isinf(value):
        return number("", value)
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def provenance_section(provenance: Mapping[str, Any]) -> str:
    """Versions and options of a result as a section."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in _flat(provenance)
    )
    return section(
        "Versions and options",
        f'<table class="pairs" aria-label="Versions and options"><tbody>{rows}</tbody></table>',
    )


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
