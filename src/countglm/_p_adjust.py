"""The adjustment of p-values that a caller chose: by name, or a function of his own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .inference import benjamini_hochberg, step_up

Floats = NDArray[np.float64]


def adjustment(p_adjust: Any) -> Callable[[Floats], Floats]:
    """Return the function from p-values (n_genes,) to adjusted ones, NaN where there is none.

    Raises
    ------
    InputError
        By what is returned, where a caller's function gives another shape or values outside
        [0, 1].
    """
    if p_adjust == "none":
        return lambda p: np.array(p, dtype=np.float64)
    if p_adjust == "BH":
        return benjamini_hochberg
    if p_adjust == "BY":
        return lambda p: step_up(p, dependent=True)
    return lambda p: _given(p_adjust, p)


def check_adjustment(p_adjust: Any, name: str) -> None:
    """Raise InputError unless ``p_adjust`` names an adjustment or is a function."""
    named = isinstance(p_adjust, str) and p_adjust in ("BH", "BY", "none")
    if not (callable(p_adjust) or named):
        raise InputError(
            f"{name}={p_adjust!r} is not known; choose 'BH', 'BY', 'none', or give a function "
            "of the p-values (NaN where there is none)."
        )


def _given(function: Callable[[Floats], Any], p: Floats) -> Floats:
    # A copy, which the function may change.
    adjusted = np.asarray(function(p.copy()), dtype=np.float64)
    if adjusted.shape != p.shape:
        raise InputError(
            f"The function p_adjust returned shape {adjusted.shape} for {p.shape} p-values; "
            "return one adjusted p-value for each, NaN for NaN."
        )
    adjusted = np.where(np.isnan(p), np.nan, adjusted)
    outside = np.flatnonzero((adjusted < 0.0) | (adjusted > 1.0))
    if outside.size:
        raise InputError(
            f"The function p_adjust returned {outside.size} value(s) outside [0, 1], the first "
            f"{adjusted[outside[0]]:g} for p = {p[outside[0]]:g}; return adjusted p-values, such "
            "as np.minimum(1, ...)."
        )
    return adjusted
