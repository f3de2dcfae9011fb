"""Trimmed moments of numbers most of which are 0, from the others (docs/math.md, 10.2 and 10.3).

The zeros come first in ascending order, and their squared deviations stand together: neither is
written out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._trimmed_moments import (
    MIN_CELL,
    MIN_ROBUST_DISPERSION,
    TRIM,
    WHOLE_TRIM,
)

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Groups = NDArray[np.integer[Any]]


def trimmed_mean_with_zeros(ascending: Floats, n: int, share: float) -> float:
    """Return the mean of ``n`` numbers without ``floor(n share)`` at either end.

    Those other than zero, all positive, are ``ascending``.
    """
    cut = math.floor(n * share)
    before = max(cut - (n - ascending.size), 0)
    kept = ascending[before : max(ascending.size - cut, before)]
    return float(np.add.reduce(kept)) / (n - 2 * cut)


def trimmed_variance_with_zeros(ascending: Floats, n: int, share: float, factor: float) -> float:
    """Return the trimmed variance (eq. 10.2) of the same numbers."""
    centre = trimmed_mean_with_zeros(ascending, n, share)
    zeros, of_zero = n - ascending.size, centre * centre
    squares = np.sort((ascending - centre) ** 2)
    cut = math.floor(n * share)
    low, high = cut, n - cut
    # In ascending order: smaller squares, those of the zeros, larger ones.
    first = int(np.searchsorted(squares, of_zero))
    smaller = squares[low : min(first, high)]
    larger = squares[max(low - zeros, first) : max(high - zeros, first)]
    equal = max(min(high, first + zeros) - max(low, first), 0)
    total = float(np.add.reduce(smaller)) + equal * of_zero + float(np.add.reduce(larger))
    return factor * total / (n - 2 * cut)


def robust_dispersion_with_zeros(q: Floats, group: Groups, sizes: Index) -> float:
    """Return the robust dispersion (eq. 10.3) of a gene.

    Parameters
    ----------
    q : (m,) float64
        Normalised counts other than zero; at least one.
    group : (m,) int
        Cell of their samples.
    sizes : (G,) int
        Samples of every cell, zeros included.
    """
    order = np.lexsort((q, group))
    ascending, cell = q[order], group[order]
    n = int(np.add.reduce(sizes))
    bounds = np.searchsorted(cell, np.arange(sizes.size + 1))
    large = np.flatnonzero(sizes >= MIN_CELL)
    variances = []
    for k in large.tolist():
        size = int(sizes[k])
        share, factor = next((s, c) for least, s, c in TRIM if size >= least)
        within = ascending[bounds[k] : bounds[k + 1]]
        variances.append(trimmed_variance_with_zeros(within, size, share, factor))
    if not variances:
        variances.append(trimmed_variance_with_zeros(np.sort(q), n, *WHOLE_TRIM))
    mean = float(np.add.reduce(q)) / n
    return max((max(variances) - mean) / mean**2, MIN_ROBUST_DISPERSION)
