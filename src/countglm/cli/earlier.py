"""What an earlier run left in a folder: its summary, checked before anything relies on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from countglm.errors import InputError

SUMMARY = "summary.json"
# Names that runs give to their files.
_OURS = (
    SUMMARY, "summary.txt", "report.html", "report_*.html", "result*.h5", "result.h5ad", "fit.h5",
    "test_*", "groups_*", "samples*.tsv*", "samples*.csv*", "samples*.parquet", "coefficients.*",
    "dispersions*", "normalized_counts.*", "parity_stages.tsv", "parity_genes.tsv",
)  # fmt: skip
_TEXT, _LIST, _WHOLE = ((str,), "a text"), ((list,), "a list"), ((int,), "a whole number")
_Kinds = Mapping[str, tuple[tuple[type, ...], str]]
_SUMMARY: _Kinds = {
    "command": _TEXT, "title": _TEXT, "normalized_counts": _TEXT, "files": _LIST,
    "contrasts": _LIST, "by": _LIST, "designs": _LIST, "n_dropped": _WHOLE,
    "input": ((dict,), "an object"),
}  # fmt: skip
_CONTRAST: _Kinds = {"name": _TEXT, "result": _TEXT}
_INPUT: _Kinds = {
    "counts": _TEXT, "samples": _TEXT, "folder": _TEXT, "layer": _TEXT, "size_factors": _TEXT,
    "drop_rule": _TEXT, "command": _LIST, "n_dropped": _WHOLE,
    "min_count": ((int, float), "a number"),
}  # fmt: skip


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary that an earlier run left in ``folder``; empty where there is none of ours.

    One that is damaged vouches for nothing, and is none.
    """
    try:
        found = _parsed(folder)
    except (OSError, ValueError):
        return {}
    return {} if _fault(found) else found


def whole_summary(folder: Path) -> dict[str, Any]:
    """The summary in ``folder``.

    Raises
    ------
    InputError
        There is none, or it is not as a run left it.
    """
    path = folder / SUMMARY
    try:
        found = _parsed(folder)
        fault = _fault(found)
    except FileNotFoundError:
        found, fault = {}, ""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError:
        found, fault = {}, "it is no JSON, or only a part of it"
    if fault:
        raise InputError(
            f"{path} is damaged: {fault}; run the analysis again, or take the file from a copy."
        )
    if not found:
        raise InputError(
            f"{folder} holds no {SUMMARY} of countglm; name the output folder of a run of "
            "countglm de."
        )
    return found


def foreign_files(folder: Path) -> list[str]:
    """Files that a run may overwrite, in a folder in which no summary says that they are ours."""
    if read_summary(folder):
        return []
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if any(fnmatch(name, pattern) for pattern in _OURS)]


def _parsed(folder: Path) -> dict[str, Any]:
    """The object in the file; empty where it is not of countglm."""
    found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    return found if isinstance(found, dict) and "countglm" in found else {}


def _fault(summary: Mapping[str, Any]) -> str:
    """What is wrong with a summary; empty where nothing is."""
    if not summary:
        return ""
    if fault := _wrong(summary, _SUMMARY):
        return fault
    if not summary.get("files") or not _texts(summary["files"]):
        return "its 'files' is no list of names"
    for each in summary.get("contrasts") or []:
        if not isinstance(each, dict):
            return "its 'contrasts' are not all objects"
        missing = each.get("result") and each.get("name") is None
        if fault := _wrong(each, _CONTRAST) or ("it has no 'name'" if missing else ""):
            return f"in its 'contrasts', {fault}"
    given = summary.get("input") or {}
    fault = _wrong(given, _INPUT)
    if not fault and not _texts(given.get("command") or []):
        fault = "its 'command' is not all words"
    return f"in its 'input', {fault}" if fault else ""


def _wrong(found: Mapping[str, Any], kinds: _Kinds) -> str:
    for key, (types, told) in kinds.items():
        value = found.get(key)
        # True is an int, and no number that a run writes.
        if value is not None and (not isinstance(value, types) or isinstance(value, bool)):
            return f"its {key!r} is not {told}"
    return ""


def _texts(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
