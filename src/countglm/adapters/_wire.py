"""Values between R and Python as bytes.

Releases of reticulate that were made before NumPy 2 cannot read its arrays.  Bytes pass every
release of both, keep every bit, and cost one copy.  An array keeps its shape and R's order, the
Fortran order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._kinds import is_a
from countglm._names import name_array

_DTYPES: dict[str, np.dtype[Any]] = {
    "bool": np.dtype(np.bool_),
    "int32": np.dtype("<i4"),
    "float64": np.dtype("<f8"),
}
# R has no larger integers, and its NA is -2^31.
_LARGEST_INTEGER = 2**31 - 1
# The entry by which R tells a packed value from a list.
KIND = "countglm_kind"


def empty(kind: str, shape: Sequence[int]) -> NDArray[Any]:
    """Return an array of an R array's shape in R's order, to be filled.

    Parameters
    ----------
    kind : {"bool", "int32", "float64"}
    shape : sequence of int
    """
    return np.empty([int(size) for size in shape], dtype=_DTYPES[kind], order="F")


def fill(array: NDArray[Any], start: float, data: bytes) -> None:
    """Write the bytes of R's entries from ``start`` (counted from 0) on."""
    values = np.frombuffer(data, dtype=array.dtype)
    flat = array.reshape(-1, order="F")  # a view: the array is in this order
    flat[int(start) : int(start) + values.size] = values


def text(data: bytes, missing: Sequence[float] = ()) -> NDArray[np.object_]:
    """Return R's strings (n,), which come in UTF-8, each with a zero byte behind it.

    ``missing`` are the places of NA, counted from 0; they become None.
    """
    out = name_array(bytes(data).split(b"\0")[:-1])
    for place in missing:
        out[int(place)] = None
    return out


def encode(value: Any) -> Any:
    """Return a value as what every release of reticulate turns into R's without NumPy.

    Numbers, texts and None stay; arrays, DataFrames, dicts and lists are packed.  Integers that R
    does not have become float64.  Anything else is an error of this package.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | float | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_INTEGER else float(value)
    if isinstance(value, Mapping):
        return _pack("dict", names=_texts(value), values=[encode(each) for each in value.values()])
    if is_a(value, "pandas", "DataFrame"):
        columns = [encode(value.iloc[:, place].to_numpy()) for place in range(value.shape[1])]
        return _pack(
            "frame", names=_texts(value.columns), columns=columns, index=_texts(value.index)
        )
    if is_a(value, "pandas", "Series", "Index", "Categorical"):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, list | tuple):
        if value and all(isinstance(each, str) for each in value):
            return _texts(value)
        return _pack("list", values=[encode(each) for each in value])
    raise TypeError(f"R has no value for a {type(value).__name__}")


def _pack(kind: str, **parts: Any) -> dict[str, Any]:
    return {KIND: kind, **parts}


def _array(array: NDArray[Any]) -> dict[str, Any]:
    kind = array.dtype.kind
    if kind not in "biuf":
        return _texts(array.ravel(order="F"), array.shape)
    name = "float64"
    if kind == "b":
        name = "logical"
    elif kind in "iu" and (array.size == 0 or _is_small(array)):
        name = "int32"
    dtype = _DTYPES["float64" if name == "float64" else "int32"]
    data = np.asarray(array, dtype=dtype).tobytes(order="F")
    return _pack(name, shape=list(array.shape), data=bytearray(data))


def _is_small(array: NDArray[Any]) -> bool:
    return bool(array.max() <= _LARGEST_INTEGER and array.min() >= -_LARGEST_INTEGER)


def _texts(values: Any, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    """Pack texts; None and NaN are R's NA. R's strings end at a zero byte, so it is shown."""
    items = list(values)
    missing = [place for place, item in enumerate(items) if item is None or item != item]
    for place in missing:
        items[place] = ""
    joined = "".join(str(item).replace("\0", "\\0") + "\0" for item in items)
    return _pack(
        "text",
        shape=list(shape or (len(items),)),
        data=bytearray(joined.encode("utf-8", "replace")),
        missing=bytearray(np.array(missing, dtype="<i4").tobytes()),
    )
