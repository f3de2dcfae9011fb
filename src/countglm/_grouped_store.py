"""GroupedResult to and from one file: the results of its groups side by side."""

from __future__ import annotations

import json
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
# An attribute of HDF5 holds 64 kB, and what is told of many groups is more: it stands in an array.
_TOLD = "told"


def save_groups(grouped: GroupedResult, path: str | os.PathLike[str], *, force: bool) -> None:
    """Write the results of all groups without the counts."""
    arrays: dict[str, NDArray[Any]] = {}
    told = [
        {
            "by": list(grouped.by),
            "groups": [_plain(group) for group in grouped.results],
            "failed": [[_plain(group), reason] for group, reason in grouped.failed.items()],
            "n_samples": [[_plain(group), n] for group, n in grouped.n_samples.items()],
            "messages": [[_plain(group), list(said)] for group, said in grouped.messages.items()],
            "control": _plain(grouped.control),
            "caution": grouped.caution,
            "p_adjust_across": grouped.p_adjust_across,
        }
    ]
    for number, (group, result) in enumerate(grouped.results.items()):
        own, meta = result_contents(result)
        if grouped.across is not None:
            own["across"] = grouped.across[group]
        arrays |= {f"{number}.{name}": array for name, array in own.items()}
        told.append(meta)
    arrays[_TOLD] = np.array([json.dumps(each) for each in told], dtype=object)
    write_arrays(path, _KIND, arrays, {}, force=force)


def load_groups(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the keyword arguments of a GroupedResult."""
    arrays, _ = read_arrays(path, _KIND)
    try:
        meta, *metas = [json.loads(str(text)) for text in arrays.pop(_TOLD)]
    except (KeyError, ValueError, TypeError) as error:
        raise damaged(path, "it does not tell its groups") from error
    if not isinstance(meta, dict) or not all(isinstance(meta.get(name), list) for name in _LISTS):
        raise damaged(path, "it lacks its groups")
    parts: list[dict[str, NDArray[Any]]] = [{} for _ in metas]
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
        DEResult(**result_fields(own, each, path)) for own, each in zip(parts, metas, strict=True)
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
