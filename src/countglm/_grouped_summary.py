"""What the results of groups say at a glance: a line for every group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._de_summary import checked_alpha, summarise
from ._group_names import group_text
from ._names import plural

if TYPE_CHECKING:
    import pandas as pd

    from ._grouped import GroupedResult

_COLUMNS = ("samples", "with counts", "up", "down", "outliers", "low counts")
_WIDEST = 28


@dataclass(frozen=True, repr=False)
class GroupedSummary:
    """Numbers of the results of groups; printing it gives the text.

    Attributes
    ----------
    facts : dict
        The numbers under names; JSON can hold it.
    """

    facts: dict[str, Any]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per group that was fitted."""
        import pandas as pd

        groups = self.facts["groups"]
        index = pd.Index([entry["group"] for entry in groups], name=", ".join(self.facts["by"]))
        names = list(_row(groups[0])) if groups else []
        return pd.DataFrame([_row(entry) for entry in groups], index=index, columns=names)

    def __str__(self) -> str:
        return "\n".join(_lines(self.facts))

    __repr__ = __str__


def summarise_groups(grouped: GroupedResult, alpha: float | None) -> GroupedSummary:
    """Count what was found in every group at ``alpha``."""
    first = next(iter(grouped.results.values()))
    level = checked_alpha(alpha, first.settings)
    groups = [
        {
            "group": group_text(group),
            "n_samples": grouped.n_samples.get(group, result.fit.n_samples),
            **summarise(result, level).facts,
        }
        for group, result in grouped.results.items()
    ]
    if grouped.across is not None:
        for entry, values in zip(groups, grouped.across.values(), strict=True):
            entry["n_significant_across"] = int(np.count_nonzero(values < level))
    return GroupedSummary(
        {
            "contrast": grouped.label,
            "by": list(grouped.by),
            "control": None if grouped.control is None else str(grouped.control),
            "alpha": level,
            "mode": first.settings["mode"],
            "test": first.settings["test"],
            "p_adjust_across": grouped.p_adjust_across,
            "caution": grouped.caution,
            "n_significant": sum(entry["n_significant"] for entry in groups),
            "groups": groups,
            "failed": [
                {"group": group_text(group), "reason": reason}
                for group, reason in grouped.failed.items()
            ],
            "messages": [
                {"group": group_text(group), "messages": list(messages)}
                for group, messages in grouped.messages.items()
            ],
        }
    )


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a group that its line shows."""
    reasons = entry["na_reason"]
    numbers = (
        entry["n_samples"], entry["n_with_counts"], entry["n_up"], entry["n_down"],
        reasons.get("outlier", 0), reasons.get("low_mean", 0),
    )  # fmt: skip
    row = dict(zip(_COLUMNS, numbers, strict=True))
    if "n_significant_across" in entry:
        row["over all"] = entry["n_significant_across"]
    return row


def _lines(facts: dict[str, Any]) -> list[str]:
    groups = facts["groups"]
    test = "likelihood ratio" if facts["test"] == "lrt" else "Wald"
    against = f", each against {facts['control']}" if facts["control"] is not None else ""
    lines = [
        f"{facts['contrast']} by {', '.join(facts['by'])}{against}  (mode {facts['mode']}, {test} "
        f"test)",
        f"{plural(len(groups), 'group')}, {facts['n_significant']:,} significant at "
        f"{facts['alpha']:g}",
    ]
    rows = [[_short(entry["group"]), *(f"{n:,}" for n in _row(entry).values())] for entry in groups]
    head = ["", *(_row(groups[0]) if groups else ())]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join(["", row[0].ljust(widths[0]), *cells]))
    if facts["p_adjust_across"] is not None:
        lines.append(f"over all: adjusted by {facts['p_adjust_across']} over all groups at once")
    if facts["failed"]:
        lines.append(f"Not fitted: {plural(len(facts['failed']), 'group')}")
        lines += [f"  {entry['group']}: {entry['reason']}" for entry in facts["failed"]]
    if facts["caution"]:
        lines.append(facts["caution"])
    for entry in facts["messages"]:
        lines += [f"Note on {entry['group']}: {message}" for message in entry["messages"]]
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
