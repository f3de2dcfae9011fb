"""Robust locally weighted regression of scattered points, as R's ``lowess`` computes it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

Floats = NDArray[np.float64]

# Distances beyond this share of the half-width get no weight, those within the other full weight.
_OUTER, _INNER = 0.999, 0.001
# A line is fitted only where the weighted points spread over this share of the range.
_LEAST_SPREAD = 0.001


def lowess(
    x: Floats,
    y: Floats,
    f: float = 2 / 3,
    iterations: int = 3,
    delta: float | None = None,
) -> Floats:
    """Smooth ``y`` on ``x`` by local lines with robustness weights.

    Parameters
    ----------
    x, y : (n,) float64
        Points in any order, finite, n >= 1.
    f : float
        Share of the points in each neighbourhood, above 0; 1 and more takes all points.
    iterations : int
        Robustness iterations, 0 for none.
    delta : float or None
        Points within ``delta`` of the last one fitted are interpolated, in units of ``x``; None
        is 1% of the range of ``x``, 0 fits every distinct point.

    Returns
    -------
    (n,) float64
        Fitted values at ``x`` sorted upward (ties in their given order).

    Raises
    ------
    InputError
        If the points are not two finite vectors of one length, or an option is out of range.

    Notes
    -----
    Cleveland, W. S. (1979), Journal of the American Statistical Association 74, 829-836, and
    (1981), The American Statistician 35, 54.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise InputError(
            f"x and y must be vectors of one length, at least 1, got {x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("x and y must be finite: leave out points that are NaN or infinite.")
    if not f > 0 or iterations < 0 or (delta is not None and not delta >= 0):
        raise InputError(
            f"f must be above 0, iterations and delta not below 0, got {f}, {iterations}, {delta}."
        )
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if x.size == 1:
        return y
    span = max(2, min(x.size, int(f * x.size + 1e-7)))
    lines = _LocalLines(x, _nodes(x, 0.01 * (x[-1] - x[0]) if delta is None else delta), span)
    robustness = np.ones(x.size)
    for repeat in range(iterations + 1):
        fitted = lines(y, robustness)
        if repeat == iterations:
            break
        residual = np.abs(y - fitted)
        middle = np.sort(residual)[[(x.size - 1) // 2, x.size // 2]]
        scale = 3 * (middle[0] + middle[1])
        if scale < 1e-7 * residual.mean():
            break
        robustness = _bisquare(residual, scale)
    return fitted


def _nodes(x: Floats, delta: float) -> NDArray[np.intp]:
    """Return the first index of each run of points that gets a fit of its own."""
    tied = np.searchsorted(x, x, side="right")
    beyond = np.searchsorted(x, x + delta, side="right")
    nodes = [0]
    # Ties with a fitted point share its value, so they are passed.
    while (following := int(tied[nodes[-1]])) < x.size:
        nodes.append(max(following, int(beyond[nodes[-1]]) - 1))
    return np.array(nodes)


def _window_starts(x: Floats, nodes: NDArray[np.intp], span: int) -> NDArray[np.intp]:
    """Return where the neighbourhood of ``span`` points of each node begins."""
    points = x.tolist()
    starts = []
    left = 0
    for node in nodes.tolist():
        at = points[node]
        while left + span < x.size and at - points[left] > points[left + span] - at:
            left += 1
        starts.append(left)
    return np.array(starts)


class _LocalLines:
    """Lines through the neighbourhoods of all nodes (k, w), interpolated between the nodes."""

    def __init__(self, x: Floats, nodes: NDArray[np.intp], span: int) -> None:
        start = _window_starts(x, nodes, span)
        at = x[nodes]
        half_width = np.maximum(at - x[start], x[start + span - 1] - at)
        # Points tied with the right end of the neighbourhood belong to it.
        stop = np.maximum(np.searchsorted(x, at + half_width, side="right"), start + span)
        places = start[:, None] + np.arange(np.max(stop - start))
        inside = places < stop[:, None]
        self._near = np.minimum(places, x.size - 1)
        self._nodes, self._at, self._x = nodes, at, x[self._near]
        distance = np.abs(self._x - at[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            tricube = (1 - (distance / half_width[:, None]) ** 3) ** 3
        weight = np.where(distance <= _INNER * half_width[:, None], 1.0, tricube)
        self._weight = np.where(inside & (distance <= _OUTER * half_width[:, None]), weight, 0.0)
        self._least_spread = np.where(half_width > 0, _LEAST_SPREAD * (x[-1] - x[0]), np.inf)
        self._before = np.searchsorted(nodes, np.arange(x.size), side="right") - 1
        self._after = np.minimum(self._before + 1, nodes.size - 1)
        gap = at[self._after] - at[self._before]
        # Points tied with a node, as are those of the last one, take its value.
        self._share = (x - at[self._before]) / np.where(gap > 0, gap, 1.0)

    def __call__(self, y: Floats, robustness: Floats) -> Floats:
        """Return the fitted values (n,) under weights of the points."""
        weight = self._weight * robustness[self._near]
        total = np.add.reduce(weight, axis=1)
        alone = total <= 0
        weight /= np.where(alone, 1.0, total)[:, None]
        centre = np.add.reduce(weight * self._x, axis=1)
        offset = self._x - centre[:, None]
        spread = np.add.reduce(weight * offset**2, axis=1)
        # A line is fitted where the points spread, their mean is taken where they do not.
        sloped = np.sqrt(spread) > self._least_spread
        slope = np.where(sloped, (self._at - centre) / np.where(sloped, spread, 1.0), 0.0)
        weight *= slope[:, None] * offset + 1
        values = np.add.reduce(weight * y[self._near], axis=1)
        values = np.where(alone, y[self._nodes], values)
        return np.asarray(
            self._share * values[self._after] + (1 - self._share) * values[self._before]
        )


def _bisquare(residual: Floats, scale: float) -> Floats:
    weight = np.where(
        residual <= _INNER * scale, 1.0, (1 - (residual / np.maximum(scale, 1e-300)) ** 2) ** 2
    )
    return np.where(residual <= _OUTER * scale, weight, 0.0)
