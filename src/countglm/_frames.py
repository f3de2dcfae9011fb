"""DataFrames as named arrays and JSON, so that a file holds them without pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._names import first_few
from ._warn import warn

if TYPE_CHECKING:
    import pandas as pd

Arrays = dict[str, NDArray[Any]]
# What stands for a missing value of a column of objects, by its code.
_PRESENT, _NONE, _NAN, _NA = range(4)


def pack_frame(frame: pd.DataFrame | None, key: str, arrays: Arrays) -> dict[str, Any] | None:
    """Put the columns of ``frame`` into ``arrays`` under names that begin with ``key``.

    Returns what is needed besides, which JSON can hold. Values that neither an array nor JSON can
    hold become text, with a warning.
    """
    if frame is None:
        return None
    as_text: list[str] = []
    columns = []
    for place, name in enumerate(frame.columns):
        kind = _pack(frame.iloc[:, place].array, f"{key}.{place}", arrays)
        if kind.get("text"):
            as_text.append(str(name))
        columns.append({"name": _label(name), **kind})
    if as_text:
        warn(
            f"{len(as_text)} column(s) of {key} hold objects that a file cannot hold "
            f"({first_few(as_text)}); they are saved as text."
        )
    index = {"name": _label(frame.index.name), **_pack(frame.index.array, f"{key}.index", arrays)}
    return {"index": index, "columns": columns}


def unpack_frame(
    meta: Mapping[str, Any] | None, key: str, arrays: Mapping[str, NDArray[Any]]
) -> pd.DataFrame | None:
    """Make the frame of what `pack_frame` left."""
    import pandas as pd

    if meta is None:
        return None
    index = pd.Index(_unpack(meta["index"], f"{key}.index", arrays), name=meta["index"]["name"])
    values = [
        pd.Series(_unpack(kind, f"{key}.{place}", arrays), index=index)
        for place, kind in enumerate(meta["columns"])
    ]
    frame = pd.concat(values, axis=1) if values else pd.DataFrame(index=index)
    frame.columns = pd.Index([kind["name"] for kind in meta["columns"]])
    return frame


def _label(name: Any) -> Any:
    if isinstance(name, np.generic):
        name = name.item()
    return name if name is None or isinstance(name, (str, int, float, bool)) else str(name)


def _pack(values: Any, key: str, arrays: Arrays) -> dict[str, Any]:
    import pandas as pd

    if isinstance(values, pd.Categorical):
        arrays[f"{key}.codes"] = np.asarray(values.codes)
        categories = _pack(values.categories.array, f"{key}.categories", arrays)
        return {"kind": "category", "ordered": bool(values.ordered), "categories": categories}
    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        missing = np.asarray(values.isna())
        arrays[f"{key}.missing"] = missing
        arrays[key] = np.array(
            ["" if no else v for v, no in zip(values, missing, strict=True)], dtype=object
        )
        return {"kind": "string", "dtype": str(dtype)}
    if hasattr(dtype, "numpy_dtype") and hasattr(values, "isna") and dtype.kind in "biuf":
        plain = isinstance(values, pd.arrays.NumpyExtensionArray)
        if not plain:
            missing = np.asarray(values.isna())
            arrays[f"{key}.missing"] = missing
            arrays[key] = values.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
            return {"kind": "masked", "dtype": str(dtype)}
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        arrays[key] = array.view(np.int64)
        return {"kind": "time", "dtype": array.dtype.str}
    if array.dtype.kind in "biuf":
        arrays[key] = array
        return {"kind": "plain"}
    return _pack_objects(array, key, arrays)


def _pack_objects(array: NDArray[Any], key: str, arrays: Arrays) -> dict[str, Any]:
    items = array.tolist()
    codes = _codes(items)
    arrays[f"{key}.missing"] = codes
    present = [item for item, code in zip(items, codes, strict=True) if code == _PRESENT]
    if all(type(item) is str for item in present):
        texts = ["" if code else item for item, code in zip(items, codes, strict=True)]
        kind: dict[str, Any] = {"kind": "text"}
        words = {word: place for place, word in enumerate(sorted({*texts}))}
        if 2 * len(words) < len(texts):
            # Words that repeat are kept once: text does not compress in HDF5.
            arrays[key] = np.array([*words], dtype=object)
            arrays[f"{key}.places"] = np.array([words[text] for text in texts], dtype=np.int32)
            return {"kind": "words"}
    else:
        try:
            texts = [
                "" if code else json.dumps(item) for item, code in zip(items, codes, strict=True)
            ]
            kind = {"kind": "json"}
        except (TypeError, ValueError):
            texts = ["" if code else str(item) for item, code in zip(items, codes, strict=True)]
            kind = {"kind": "text", "text": True}
    arrays[key] = np.array(texts, dtype=object)
    return kind


def _codes(items: list[Any]) -> NDArray[np.int8]:
    if {*map(type, items)} <= {str, type(None)}:
        return np.array([item is None for item in items], dtype=np.int8) * np.int8(_NONE)
    return np.array([_missing(item) for item in items], dtype=np.int8)


def _missing(item: Any) -> int:
    if item is None:
        return _NONE
    if isinstance(item, float) and item != item:
        return _NAN
    return _NA if type(item).__name__ == "NAType" else _PRESENT


def _unpack(kind: Mapping[str, Any], key: str, arrays: Mapping[str, NDArray[Any]]) -> Any:
    import pandas as pd

    name = kind["kind"]
    if name == "category":
        categories = pd.Index(_unpack(kind["categories"], f"{key}.categories", arrays))
        return pd.Categorical.from_codes(
            arrays[f"{key}.codes"], categories=categories, ordered=kind["ordered"]
        )
    if name == "plain":
        return arrays[key]
    if name == "time":
        return arrays[key].view(kind["dtype"])
    if name in ("masked", "string"):
        values = pd.array(arrays[key], dtype=kind["dtype"])
        values[arrays[f"{key}.missing"]] = pd.NA
        return values
    texts = arrays[key][arrays[f"{key}.places"]] if name == "words" else arrays[key]
    read = json.loads if name == "json" else str
    stand = {_NONE: None, _NAN: np.nan, _NA: pd.NA}
    items = np.empty(texts.size, dtype=object)
    items[:] = [
        stand[int(code)] if code else read(text)
        for text, code in zip(texts, arrays[f"{key}.missing"], strict=True)
    ]
    return items
