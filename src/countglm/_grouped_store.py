"""GroupedResult to and from one file: the results of its groups side by side."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._de_store import result_contents, result_fields
from ._fitfile import damaged
from ._store import read_arrays, write_arrays
from .deresult import DEResult

if TYPE_CHECKING:
    from ._grouped import GroupedResult

_KIND = "GroupedResult"
_LISTS = ("groups", "by", "failed", "n_samples", "messages")


def save_groups(grouped: GroupedResult, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the results of all groups without the counts."""
    arrays: dict[str, NDArray[Any]] = {}
    parts = []
    for number, (group, result) in enumerate(grouped.results.items()):
        own, meta = result_contents(result)
        if grouped.across is not None:
            own["across"] = grouped.across[group]
        arrays |= {f"{number}.{name}": array for name, array in own.items()}
        parts.append(meta)
    meta = {
        "by": list(grouped.by),
        "groups": [_plain(group) for group in grouped.results],
        "results": parts,
        "failed": [[_plain(group), reason] for group, reason in grouped.failed.items()],
        "n_samples": [[_plain(group), n] for group, n in grouped.n_samples.items()],
        "messages": [[_plain(group), list(said)] for group, said in grouped.messages.items()],
        "control": _plain(grouped.control),
        "caution": grouped.caution,
        "p_adjust_across": grouped.p_adjust_across,
    }
    write_arrays(path, _KIND, arrays, meta, force=force)


def load_groups(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the keyword arguments of a GroupedResult."""
    arrays, meta = read_arrays(path, _KIND)
    if not all(isinstance(meta.get(name), list) for name in (*_LISTS, "results")):
        raise damaged(path, "it lacks its groups")
    parts: list[dict[str, NDArray[Any]]] = [{} for _ in meta["results"]]
    for name, array in arrays.items():
        number, _, rest = name.partition(".")
        if not number.isdigit() or int(number) >= len(parts):
            raise damaged(path, f"it holds {name!r}, which is of no group")
        parts[int(number)][rest] = array
    groups = [_group(item) for item in meta["groups"]]
    if len(groups) != len(parts):
        raise damaged(path, "its groups and its results are not as many")
    across = [np.asarray(part.pop("across")) for part in parts if "across" in part]
    results = [
        DEResult(**result_fields(own, each, path))
        for own, each in zip(parts, meta["results"], strict=True)
    ]
    return {
        "results": dict(zip(groups, results, strict=True)),
        "by": tuple(meta["by"]),
        "failed": {_group(group): reason for group, reason in meta["failed"]},
        "n_samples": {_group(group): n for group, n in meta["n_samples"]},
        "messages": {_group(group): tuple(said) for group, said in meta["messages"]},
        "control": meta.get("control"),
        "caution": str(meta.get("caution", "")),
        "across": dict(zip(groups, across, strict=True)) if across else None,
        "p_adjust_across": meta.get("p_adjust_across"),
    }


def _plain(group: Any) -> Any:
    """A group as JSON can hold it."""
    return list(group) if isinstance(group, tuple) else group


def _group(item: Any) -> Any:
    return tuple(item) if isinstance(item, list) else item
