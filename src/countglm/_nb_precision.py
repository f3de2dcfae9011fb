"""The precisions in which losses are computed, and what rounding to them makes of a number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

Floats = NDArray[np.float64]

# Coarsest first, with half the distance of 1 from the next number and what people call it.
PRECISIONS = {
    "bfloat16": (2.0**-8, "bfloat16"), "float16": (2.0**-11, "half"),
    "float32": (2.0**-24, "single"), "float64": (2.0**-53, "double"),
}  # fmt: skip
_NAMES = {
    **{name: name for name in PRECISIONS}, "half": "float16", "fp16": "float16", "bf16": "bfloat16",
    "single": "float32", "fp32": "float32", "double": "float64", "fp64": "float64",
}  # fmt: skip


def precision_of(dtype: Any, given: Iterable[Any]) -> str:
    """Return the precision that was named, or the coarsest of the arrays.

    Raises
    ------
    InputError
        A name of no precision.
    """
    if dtype is None:
        names = [str(getattr(v, "dtype", "")).removeprefix("torch.") for v in given]
        return next((name for name in PRECISIONS if name in names), "float64")
    # Python's float is a double; the word alone is torch's single and NumPy's double.
    word = "float64" if dtype is float else getattr(dtype, "__name__", str(dtype))
    name = _NAMES.get(str(word).lower().removeprefix("torch."))
    if name is None:
        raise InputError(
            f"dtype={dtype!r} is no precision of a loss; choose one of {', '.join(PRECISIONS)}."
        )
    return name


def rounded(values: Any, precision: str) -> Any:
    """Return values as they are held in a precision."""
    if precision == "float64":
        return np.asarray(values, dtype=np.float64)
    with np.errstate(all="ignore"):
        if precision == "float16":
            return np.asarray(values).astype(np.float16).astype(np.float32)
        single = np.array(values, dtype=np.float32)
        if precision == "float32":
            return single
        bits = single.view(np.uint32)
        kept = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
        return np.where(np.isfinite(single), kept.view(np.float32), single)
