"""A dispersion from trimmed moments, which one outlying count does not inflate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._cells import add_rows, cells_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A variance needs three samples, and so does the finding that one of them stands apart.
MIN_CELL = 3
MIN_ROBUST_DISPERSION = 0.04
# Trimmed share at each end, and what makes the trimmed variance of normal data consistent.
TRIM = ((24, 1.0 / 8.0, 1.51), (4, 1.0 / 4.0, 1.86), (0, 1.0 / 3.0, 2.04))
WHOLE_TRIM = (1.0 / 8.0, 1.51)
# Samples of which trimmed means sort all rows at once.
_FEW = 8


def samples_in_cells(x: Floats, least: float) -> Flags:
    """Return which samples (n,) share their row of ``x`` (n, p) with ``least`` samples or more."""
    cell = cells_of(x).cell
    return np.asarray(np.bincount(cell)[cell] >= least)


def trimmed_mean(values: Floats, share: float) -> Floats:
    """Return the mean of each row without ``floor(n share)`` values at either end.

    Parameters
    ----------
    values : (g, n) float64
    share : float
        In [0, 0.5).

    Returns
    -------
    (g,) float64
        The same bits for every order of the columns.
    """
    n = values.shape[1]
    cut = math.floor(n * share)
    if n <= _FEW:
        columns = _sorted_columns(values)[cut : n - cut]
        return np.asarray(add_rows(columns) / columns.shape[0])
    kept = np.ascontiguousarray(np.sort(values, axis=1)[:, cut : n - cut])
    return np.asarray(np.add.reduce(kept, axis=1) / kept.shape[1])


def _sorted_columns(values: Floats) -> Floats:
    """Return the values (g, n) of each row in ascending order, as (n, g), for small n.

    Neighbours change places over all rows at once, which for few columns takes a fraction of the
    time of sorting row by row.
    """
    a = np.array(values.T, order="C")
    for end in range(len(a) - 1, 0, -1):
        for i in range(end):
            smaller = np.minimum(a[i], a[i + 1])
            np.maximum(a[i], a[i + 1], out=a[i + 1])
            a[i] = smaller
    return a


def robust_dispersion(q: Floats, x: Floats) -> Floats:
    """Return a moment estimate of the dispersion that one outlier does not inflate (eq. 10.3).

    Parameters
    ----------
    q : (g, n) float64
        Normalised counts.
    x : (n, p) float64
        Design matrix, for its cells.

    Returns
    -------
    (g,) float64
        At least 0.04; NaN for genes without counts.

    References
    ----------
    docs/math.md, eqs. 10.2 and 10.3; Love, Huber and Anders (2014), Genome Biol. 15:550.
    """
    large = [members for members in cells_of(x).members if members.size >= MIN_CELL]
    if large:
        variance = np.full(q.shape[0], -np.inf)
        for members in large:
            share, factor = next((s, c) for least, s, c in TRIM if members.size >= least)
            within = _trimmed_variance(q[:, members], share, factor)
            variance = np.maximum(variance, within)
    else:
        variance = _trimmed_variance(q, *WHOLE_TRIM)
    mean = np.add.reduce(q, axis=1) / q.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.maximum((variance - mean) / mean**2, MIN_ROBUST_DISPERSION))


def _trimmed_variance(q: Floats, share: float, factor: float) -> Floats:
    squares = (q - trimmed_mean(q, share)[:, None]) ** 2
    return factor * trimmed_mean(squares, share)
