"""The last lines of a test in groups of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from countglm._names import plural
from countglm.cli.ending import (
    MOST_CONTRASTS,
    SUMMARY_TEXT,
    as_fit,
    genes_found,
    shortened,
    titled,
    where,
)


def lines_of_groups(facts: Mapping[str, Any], folder: Path) -> list[str]:
    """Up to six lines on tests in groups of samples."""
    contrasts = facts["contrasts"]
    lines = []
    for each in contrasts[:MOST_CONTRASTS]:
        hit = [group for group in each["groups"] if group["n_significant"]]
        lines.append(
            f"{shortened(each['name'])} by {', '.join(each['by'])}: "
            f"{genes_found(each['n_significant'], each)} in {len(hit)} of "
            f"{plural(len(each['groups']), 'group')}"
        )
    first = contrasts[0]
    if len(contrasts) > MOST_CONTRASTS:
        more = plural(len(contrasts) - 2, "contrast")
        lines[2:] = [f"and {more} more: {folder / SUMMARY_TEXT}"]
    most = sorted(first["groups"], key=lambda group: -group["n_significant"])
    parts = [
        f"{shortened(g['group'], 30)} {g['n_significant']:,}" for g in most if g["n_significant"]
    ]
    notes = [
        titled("Most in", as_fit(parts)) if parts else "",
        titled("Not fitted", as_fit([shortened(each["group"], 30) for each in first["failed"]]))
        if first["failed"]
        else "",
        titled("Caution", f"{first['caution'].split('; ')[0].rstrip('.')}.")
        if first["caution"]
        else "",
        titled("Groups", _sizes(first["groups"])),
    ]
    lines += [note for note in notes if note][: MOST_CONTRASTS + 1 - len(lines)]
    return lines + where(facts, folder, [each["file"] for each in contrasts])


def _sizes(groups: Sequence[Mapping[str, Any]]) -> str:
    least, most = (choose(each["n_samples"] for each in groups) for choose in (min, max))
    sizes = plural(most, "sample") if least == most else f"{least:,} to {most:,} samples"
    return f"{plural(len(groups), 'group')} of {sizes}"
