"""Local quadratic regression of one variable with nearest-neighbour bandwidths.

The method of Loader (1999), Local Regression and Likelihood, chapters 2, 3 and 12: the regression
is solved at few vertices, chosen by bisection where the bandwidth is small beside the cell, and
the curve between two vertices is the cubic with their values and slopes (docs/math.md, 8.4-8.6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A cell wider than this share of the smaller bandwidth of its ends is cut in half.
_CUT = 0.8
_MAX_DEPTH = 40


@dataclass(frozen=True, eq=False)
class LocalCurve:
    """A smooth curve through vertices.

    Attributes
    ----------
    vertices, values, slopes : (k,) float64
        Abscissae in increasing order, heights and derivatives there.
    curvature : float
        Second derivative beyond the first and last vertex.
    """

    vertices: Floats
    values: Floats
    slopes: Floats
    curvature: float

    def __call__(self, x: Floats) -> Floats:
        """Return the heights of the curve at ``x`` (any shape; NaN where ``x`` is NaN)."""
        x = np.asarray(x, dtype=np.float64)
        inside = np.clip(x, self.vertices[0], self.vertices[-1])
        outside = x - inside
        slope = np.where(outside > 0, self.slopes[-1], self.slopes[0])
        height = hermite(self.vertices, self.values, self.slopes, inside)
        return np.asarray(height + slope * outside + 0.5 * self.curvature * outside**2)


def hermite(vertices: Floats, values: Floats, slopes: Floats, x: Floats) -> Floats:
    """Return the piecewise cubic with given values and slopes, at ``x`` between the vertices."""
    if vertices.size == 1:
        return np.where(np.isnan(x), np.nan, values[0])
    cell = np.clip(np.searchsorted(vertices, x, side="right") - 1, 0, vertices.size - 2)
    width = vertices[cell + 1] - vertices[cell]
    t = (x - vertices[cell]) / width
    s = 1 - t
    ends = s * s * (1 + 2 * t) * values[cell] + t * t * (1 + 2 * s) * values[cell + 1]
    return np.asarray(ends + t * s * width * (s * slopes[cell] - t * slopes[cell + 1]))


def local_quadratic(offset: Floats, y: Floats, weights: Floats) -> tuple[float, float, float]:
    """Return value, slope and second derivative at 0 of a weighted quadratic fit (8.5).

    Parameters
    ----------
    offset : (n,) float64
        Abscissae, increasing, measured from the point of interest.
    y, weights : (n,) float64
        Ordinates; weights, not negative and not all 0.

    Notes
    -----
    The basis 1, p1, p2 is orthogonal under the weights, so nothing is lost to collinearity. Two
    distinct abscissae of positive weight give a line, one gives the mean.
    """
    felt = weights > 0
    offset, y, weights = offset[felt], y[felt], weights[felt]
    distinct = 1 + np.count_nonzero(np.diff(offset) > 0)
    total = weights.sum()
    mean = (weights * y).sum() / total
    if distinct == 1:
        return float(mean), 0.0, 0.0
    centre = (weights * offset).sum() / total
    p1 = offset - centre
    square = (weights * p1**2).sum()
    residual = y - mean
    line = (weights * p1 * residual).sum() / square
    if distinct == 2:
        return float(mean - line * centre), float(line), 0.0
    skew = (weights * p1**3).sum() / square
    level = square / total
    p2 = p1**2 - skew * p1 - level
    bend = (weights * p2 * (residual - line * p1)).sum() / (weights * p2**2).sum()
    value = mean - line * centre + bend * (centre**2 + skew * centre - level)
    return float(value), float(line - bend * (2 * centre + skew)), float(2 * bend)


def local_curve(x: Floats, y: Floats, weights: Floats, span: float) -> LocalCurve:
    """Fit a local quadratic curve.

    Parameters
    ----------
    x, y : (n,) float64
        Points, finite, ``x`` increasing (ties allowed), n >= 1. Callers who need the same bits for
        every order of the points sort by ``x`` and then by ``y``.
    weights : (n,) float64
        Prior weights, positive.
    span : float
        Share of the points in each neighbourhood, in (0, 1].

    Returns
    -------
    LocalCurve
    """
    count = max(1, int(span * x.size + 1e-12))

    def fit(vertex: float) -> tuple[float, float, float]:
        distance = np.abs(x - vertex)
        bandwidth = float(np.partition(distance, count - 1)[count - 1])
        share = np.divide(distance, bandwidth, out=np.sign(distance), where=bandwidth > 0)
        kernel = np.maximum(1 - np.minimum(share, 1.0) ** 3, 0.0) ** 3
        if not kernel.any():
            # The vertex lies amid two heaps of ties, both at the bandwidth.
            kernel = (distance <= bandwidth).astype(np.float64)
        value, slope, _ = local_quadratic(x - vertex, y, weights * kernel)
        return value, slope, bandwidth

    nodes = {float(end): fit(float(end)) for end in (x[0], x[-1])}
    cells = [(float(x[0]), float(x[-1]), 0)] if x[-1] > x[0] else []
    while cells:
        left, right, depth = cells.pop()
        bandwidth = min(nodes[left][2], nodes[right][2])
        if right - left > _CUT * bandwidth and depth < _MAX_DEPTH and bandwidth > 0:
            middle = (left + right) / 2
            nodes[middle] = fit(middle)
            cells += [(left, middle, depth + 1), (middle, right, depth + 1)]
    vertices = np.array(sorted(nodes))
    values, slopes, _ = np.array([nodes[float(vertex)] for vertex in vertices]).T
    return LocalCurve(vertices, values, slopes, local_quadratic(x - x[0], y, weights)[2])
