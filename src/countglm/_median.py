"""The median, with one partition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[np.float64]) -> float:
    """Return the median of values (n,) without NaN, n >= 1, the bits of ``np.median``.

    NumPy places three order statistics, which takes five times as long as placing one.
    """
    half = values.size // 2
    ordered = np.partition(values, half)
    upper = float(ordered[half])
    return upper if values.size % 2 else (float(np.max(ordered[:half])) + upper) / 2.0
