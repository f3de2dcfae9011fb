"""Values between NumPy and R in one process. A matrix arrives transposed, its bytes in place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_NA_INTEGER = -(2**31)


def to_r(rinterface: Any, value: Any) -> Any:
    """Return an R value: named lists for dicts, vectors for arrays, lists of text and scalars.

    A C-ordered matrix (m, n) is R's matrix of dimensions (n, m) without moving a byte.
    """
    if value is None:
        return rinterface.NULL
    if isinstance(value, dict):
        made = rinterface.ListSexpVector([to_r(rinterface, each) for each in value.values()])
        made.names = rinterface.StrSexpVector([str(key) for key in value])
        return made
    if isinstance(value, np.ndarray):
        return _vector(rinterface, value)
    if isinstance(value, list):
        if all(isinstance(each, str) for each in value):
            return rinterface.StrSexpVector(value)
        return rinterface.ListSexpVector([to_r(rinterface, each) for each in value])
    kinds = {bool: "BoolSexpVector", int: "IntSexpVector", float: "FloatSexpVector"}
    return getattr(rinterface, kinds.get(type(value), "StrSexpVector"))([value])


def _vector(rinterface: Any, array: NDArray[Any]) -> Any:
    if array.dtype == np.bool_:
        return rinterface.BoolSexpVector(array.tolist())
    whole = array.dtype == np.int32
    kind = rinterface.IntSexpVector if whole else rinterface.FloatSexpVector
    flat: Any = np.ascontiguousarray(array, dtype=np.int32 if whole else np.float64).reshape(-1)
    made = kind.from_memoryview(memoryview(flat))
    if array.ndim == 2:
        made.do_slot_assign("dim", rinterface.IntSexpVector(list(array.shape[::-1])))
    return made


def from_r(rinterface: Any, value: Any) -> Any:
    """Return dicts for named lists, arrays for numbers, lists for text, scalars for length one.

    A matrix of dimensions (n, m) becomes an array (m, n) with the bytes in place. Logical and
    whole numbers with an NA come as floats with NaN.
    """
    if value is rinterface.NULL or value == rinterface.NULL:
        return None
    if isinstance(value, rinterface.ListSexpVector):
        items = [from_r(rinterface, each) for each in value]
        names = value.names
        return items if names == rinterface.NULL else dict(zip(names, items, strict=True))
    if isinstance(value, rinterface.StrSexpVector):
        texts = [None if each is rinterface.NA_Character else str(each) for each in value]
        return texts[0] if len(texts) == 1 else texts
    return _array(rinterface, value)


def _array(rinterface: Any, value: Any) -> Any:
    # Fortran order flattens a matrix as R stores it, whether or not rpy2 has given it a shape.
    array = np.array(value.memoryview()).ravel(order="F")
    if not isinstance(value, rinterface.FloatSexpVector):
        absent = array == _NA_INTEGER
        if absent.any():
            array = np.where(absent, np.nan, array.astype(np.float64))
        elif isinstance(value, rinterface.BoolSexpVector):
            array = array.astype(np.bool_)
    dimensions = value.do_slot("dim") if "dim" in value.list_attrs() else ()
    if len(dimensions) == 2:
        return array.reshape([int(n) for n in dimensions][::-1])
    return array.item() if array.size == 1 else array
