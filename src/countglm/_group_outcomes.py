"""From what came of every group to one result, and one warning of all that was not as it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._group_names import group_text
from ._grouped import GroupedResult
from ._grouped_table import adjusted_across
from ._names import plural
from ._warn import warn

if TYPE_CHECKING:
    from ._grouping import Grouping
    from ._pseudoreplication import Nesting
    from .deresult import DEResult


@dataclass(frozen=True, eq=False)
class GroupOutcome:
    """What came of a group besides results: refusals by name of the contrast, what was said."""

    refused: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    nesting: Nesting | None = None


def grouped_result(
    results: Mapping[Any, DEResult],
    name: str,
    outcomes: Mapping[Any, GroupOutcome],
    grouping: Grouping,
    across: Any,
) -> GroupedResult:
    """Return the results of the contrast ``name``."""
    return GroupedResult(
        results=results,
        by=grouping.by,
        failed={
            label: outcome.refused[name]
            for label, outcome in outcomes.items()
            if name in outcome.refused
        },
        n_samples={group.label: group.rows.size for group in grouping.groups},
        messages={label: each.messages for label, each in outcomes.items() if each.messages},
        caution=_caution(outcomes, grouping),
        control=grouping.control,
        across=adjusted_across(results, across) if results and across is not None else None,
        p_adjust_across=across if isinstance(across, str | None) else "given",
    )


def _caution(outcomes: Mapping[Any, GroupOutcome], grouping: Grouping) -> str:
    """Say where cells were tested in place of replicates; empty where they were not."""
    nested = {
        label: outcome.nesting for label, outcome in outcomes.items() if outcome.nesting is not None
    }
    if not nested:
        return ""
    label, first = next(iter(nested.items()))
    second = f", {grouping.by[0]!r}" if len(grouping.by) == 1 and grouping.control is None else ""
    return f"In {len(nested)} of {plural(len(outcomes), 'group')}: " + first.message(
        second, f" of {group_text(label)!r}"
    )


def tell_of_groups(
    grouped: Mapping[str, GroupedResult], outcomes: Mapping[Any, GroupOutcome], grouping: Grouping
) -> None:
    """Warn once of all that was not as it should be."""
    said = []
    for name, each in grouped.items():
        if each.failed:
            label, reason = next(iter(each.failed.items()))
            of = f" for {name!r}" if name else ""
            said.append(
                f"{len(each.failed)} of {plural(len(outcomes), 'group')} could not be fitted{of}, "
                f"first {group_text(label)!r}: {reason} All reasons are in .failed."
            )
    cautions = dict.fromkeys(each.caution for each in grouped.values() if each.caution)
    said += list(cautions)
    noted = {label: each.messages for label, each in outcomes.items() if each.messages}
    if noted:
        texts = Counter(message for messages in noted.values() for message in messages)
        label, messages = next(iter(noted.items()))
        said.append(
            f"{plural(len(noted), 'group')} with {plural(sum(texts.values()), 'note')}, first "
            f"{group_text(label)!r}: {messages[0]} All are in .messages."
        )
    if said:
        warn(" ".join(said))
