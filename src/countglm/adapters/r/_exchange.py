"""Trees of arrays, text and numbers as two files: all bits of a number survive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_ARRAY = "@array"
# How the name of a folder starts that the two processes share.
FOLDER_PREFIX = "countglm-r-"


def write_tree(folder: Path, name: str, tree: Any) -> None:
    """Write ``tree`` (dicts, lists, arrays, text, numbers, None) as ``name`` in ``folder``."""
    arrays: list[Any] = []
    shape = json.dumps(_without_arrays(tree, arrays))
    with open(folder / f"{name}.npz", "wb") as file:
        np.savez(file, **{f"a{i}": array for i, array in enumerate(arrays)})
    # The text comes last and at once: where it stands, the arrays are complete.
    unfinished = folder / f"{name}.part"
    unfinished.write_text(shape, encoding="utf-8")
    unfinished.replace(folder / f"{name}.json")


def read_tree(folder: Path, name: str) -> Any:
    """Read what `write_tree` wrote, or None where it did not come to its end."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    return _with_arrays(json.loads(path.read_text(encoding="utf-8")), arrays)


def _without_arrays(node: Any, arrays: list[Any]) -> Any:
    if isinstance(node, np.ndarray):
        arrays.append(node)
        return {_ARRAY: f"a{len(arrays) - 1}"}
    if isinstance(node, dict):
        return {str(key): _without_arrays(value, arrays) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_without_arrays(value, arrays) for value in node]
    return node.item() if isinstance(node, np.generic) else node


def _with_arrays(node: Any, arrays: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if set(node) == {_ARRAY}:
            return arrays[node[_ARRAY]]
        return {key: _with_arrays(value, arrays) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_arrays(value, arrays) for value in node]
    return node
