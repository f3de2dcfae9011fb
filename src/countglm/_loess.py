"""Local quadratic regression on a k-d tree with blending, as R's ``loess`` computes it for one x.

Cleveland and Grosse (1991), Computational methods for local regression, Statistics and Computing
1, 47-62 (docs/math.md, 9.6).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._local_regression import hermite, local_quadratic
from .errors import InputError

Floats = NDArray[np.float64]

# The box around the points is wider than their range by this share on each side.
_MARGIN = 0.005
# A cell with at most this share of a neighbourhood's points is not cut.
_CELL = 0.2


def loess(x: Floats, y: Floats, at: Floats, span: float = 0.75) -> Floats:
    """Smooth ``y`` on ``x`` by local quadratics and return the curve at given points.

    Parameters
    ----------
    x, y : (n,) float64
        Points in any order, finite; neighbourhoods need three distinct ``x`` for a quadratic.
    at : (m,) float64
        Where the curve is wanted, within the range of ``x``.
    span : float
        Share of the points in each neighbourhood, above 0; above 1 the bandwidth is
        the largest distance times its square root.

    Returns
    -------
    (m,) float64
        Heights of the curve: those of R's ``predict(loess(y ~ x, span = span), at)``.

    Raises
    ------
    InputError
        If ``at`` leaves the range of ``x`` or a neighbourhood would hold no point.
    """
    x, y, at = (np.asarray(values, dtype=np.float64) for values in (x, y, at))
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    count = min(x.size, int(span * x.size + 1e-5))
    if count < 1:
        raise InputError(f"A span of {span} holds none of {x.size} points: choose a larger one.")
    if at.size and (at.min() < x[0] or at.max() > x[-1]):
        raise InputError(f"The curve ends at {x[0]} and {x[-1]}: ask for points between them.")
    vertices = _vertices(x, int(x.size * span * _CELL))
    fits = [_fit_at(vertex, x, y, count, max(1.0, span)) for vertex in vertices]
    values, slopes = np.array(fits).T
    return hermite(vertices, values, slopes, at)


def _vertices(x: Floats, most: int) -> Floats:
    """Return the box's ends and the cuts of all cells that hold more than ``most`` points."""
    reach = max(x[-1] - x[0], 1e-10 * max(abs(x[0]), abs(x[-1])) + 1e-30)
    ends = (float(x[0] - _MARGIN * reach), float(x[-1] + _MARGIN * reach))
    cuts = []
    cells = [(0, x.size, *ends)]
    while cells:
        start, stop, low, high = cells.pop()
        split = _split(x, start, stop)
        at = float(x[split])
        if stop - start > most and at not in (low, high):
            cuts.append(at)
            cells += [(start, split + 1, low, at), (split + 1, stop, at, high)]
    return np.array(sorted([*ends, *cuts]))


def _split(x: Floats, start: int, stop: int) -> int:
    """Return the last index of a cell's left half: the median, or before the gap next to it.

    Where ties surround the median, gaps are sought one place further to the right and to the left
    in turn; at the first place outside the cell the median stands.
    """
    median = (start + stop - 1) // 2
    away = 0
    while start <= median + away < stop - 1:
        if x[median + away] < x[median + away + 1]:
            return median + away
        away = 1 - away if away <= 0 else -away
    return median


def _fit_at(vertex: float, x: Floats, y: Floats, count: int, widen: float) -> tuple[float, float]:
    distance = np.abs(x - vertex)
    bandwidth = np.partition(distance, count - 1)[count - 1] * np.sqrt(widen)
    near = distance < bandwidth
    if not near.any():
        raise InputError(f"The {count} points of x next to {vertex:g} are tied: widen the span.")
    tricube = (1 - (distance[near] / bandwidth) ** 3) ** 3
    value, slope, _ = local_quadratic(x[near] - vertex, y[near], tricube)
    return value, slope
