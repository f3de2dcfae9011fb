"""How texts call groups, and what they say where none is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._names import plural
from .errors import InputError


def group_text(group: Any) -> str:
    """Return how a text calls a group."""
    return ", ".join(map(str, group)) if isinstance(group, tuple) else str(group)


def none_fitted(failed: Mapping[Any, str]) -> InputError:
    """The error where no group is left; the reasons of the groups are often the same."""
    first, reason = next(iter(failed.items()))
    same = sum(other == reason for other in failed.values())
    every = "all" if same == len(failed) else f"{same} of them"
    return InputError(
        f"None of {plural(len(failed), 'group')} could be fitted. {group_text(first)!r}"
        + (f" and {every} alike" if same > 1 else "")
        + f": {reason}"
    )
