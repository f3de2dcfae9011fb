"""What `lanes` offers, without compilation: a value is a NumPy array of ``LANES`` numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .intrinsics import LANES

# Adding this rounds a double to an integer and leaves it in the low bits of the mantissa.
ROUNDER = 6755399441055744.0
ROUNDER_BITS = 4843621399236968448
SQRT_HALF_BITS = 4604544271217802189


class Lanes(np.ndarray):
    """Values of the lanes; ``x += y`` makes new ones, as it does where it is compiled."""

    def __iadd__(self, other: Any) -> Any:  # type: ignore[misc]
        return self + other

    def __isub__(self, other: Any) -> Any:  # type: ignore[misc]
        return self - other

    def __imul__(self, other: Any) -> Any:  # type: ignore[misc]
        return self * other


def load(a: Any, i: int) -> Any:
    """Return row ``i`` of ``a`` (m, LANES)."""
    return a[i].copy().view(Lanes)


def store(a: Any, i: int, value: Any) -> None:
    """Set row ``i`` of ``a`` (m, LANES)."""
    a[i] = value


def spread(x: float) -> Any:
    """Return ``x`` in every lane."""
    return np.full(LANES, float(x)).view(Lanes)


def choose(condition: Any, a: Any, b: Any) -> Any:
    """Return ``a`` where the condition holds, else ``b``."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, a, b).view(Lanes)
    return a if condition else b


def some(mask: Any) -> bool:
    """Return whether the condition holds in any lane."""
    return bool(np.any(mask))


def root(x: Any) -> Any:
    """Return the square root."""
    return np.sqrt(x)


def magnitude(x: Any) -> Any:
    """Return the absolute value."""
    return np.abs(x)


def two_to(shifted: Any) -> Any:
    """Return 2**k from ``shifted = k + ROUNDER``, |k| <= 1022."""
    return np.ldexp(1.0, np.asarray(shifted - ROUNDER).astype(np.int64))


def exponent(x: Any) -> Any:
    """Return k of ``x = m 2**k`` with m in [sqrt(1/2), sqrt(2)), as a float."""
    bits = np.asarray(x, dtype=np.float64).view(np.int64)
    return ((bits - SQRT_HALF_BITS) >> 52).astype(np.float64)


def mantissa(x: Any) -> Any:
    """Return m of ``x = m 2**k`` with m in [sqrt(1/2), sqrt(2))."""
    bits = np.asarray(x, dtype=np.float64).view(np.int64)
    return (bits - (((bits - SQRT_HALF_BITS) >> 52) << 52)).view(np.float64)
