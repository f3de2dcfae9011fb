"""Quantile of values that do not count alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_quantile(values: Floats, weights: Floats, p: float) -> float:
    """Return the quantile ``p`` of values (m,) with weights (m,) > 0 (docs/math.md, 13.10).

    Weights are scaled to sum m, so that equal ones give the usual quantile with linear
    interpolation.  The order of the values is of no influence.
    """
    order = np.lexsort((weights, values))
    sorted_values = values[order]
    total = np.cumsum(weights[order])
    total *= values.size / total[-1]
    place = 1.0 + (values.size - 1) * p
    low = max(np.floor(place), 1.0)
    high = min(low + 1.0, float(values.size))
    part = place - np.floor(place)
    below, above = (
        sorted_values[min(int(np.searchsorted(total, x)), values.size - 1)] for x in (low, high)
    )
    return float((1.0 - part) * below + part * above)
