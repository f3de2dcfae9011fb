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
    nodes = _nodes(x, 0.01 * (x[-1] - x[0]) if delta is None else delta)
    left = _window_starts(x, nodes, span)
    robustness = np.ones(x.size)
    for repeat in range(iterations + 1):
        fitted = _smooth(x, y, nodes, left, span, robustness)
        if repeat == iterations:
            break
        residual = np.abs(y - fitted)
        middle = np.sort(residual)[[(x.size - 1) // 2, x.size // 2]]
        scale = 3 * (middle[0] + middle[1])
        if scale < 1e-7 * residual.mean():
            break
        robustness = _bisquare(residual, scale)
    return fitted


def _nodes(x: Floats, delta: float) -> list[int]:
    """Return the first index of each run of points that gets a fit of its own."""
    nodes = [0]
    last = 0
    while last < x.size - 1:
        # Ties with the fitted point share its value, so they are passed first.
        last = int(np.searchsorted(x, x[nodes[-1]], side="right")) - 1
        beyond = int(np.searchsorted(x, x[nodes[-1]] + delta, side="right"))
        if last == x.size - 1:
            break
        nodes.append(max(last + 1, beyond - 1))
        last = nodes[-1]
    return nodes


def _window_starts(x: Floats, nodes: list[int], span: int) -> list[int]:
    """Return where the neighbourhood of ``span`` points of each node begins."""
    starts = []
    left = 0
    for node in nodes:
        while left + span < x.size and x[node] - x[left] > x[left + span] - x[node]:
            left += 1
        starts.append(left)
    return starts


def _smooth(
    x: Floats, y: Floats, nodes: list[int], left: list[int], span: int, robustness: Floats
) -> Floats:
    """Fit at the nodes, interpolate between them and repeat the value at ties."""
    at_nodes = np.array(
        [
            _local_value(x, y, node, start, span, robustness)
            for node, start in zip(nodes, left, strict=True)
        ]
    )
    fitted = np.empty(x.size)
    for k, node in enumerate(nodes):
        tied = int(np.searchsorted(x, x[node], side="right"))
        fitted[node:tied] = at_nodes[k]
        if k + 1 < len(nodes) and nodes[k + 1] > tied:
            between = slice(tied, nodes[k + 1])
            share = (x[between] - x[node]) / (x[nodes[k + 1]] - x[node])
            fitted[between] = share * at_nodes[k + 1] + (1 - share) * at_nodes[k]
    return fitted


def _local_value(
    x: Floats, y: Floats, node: int, start: int, span: int, robustness: Floats
) -> float:
    """Return the local line (or mean, where the points hardly spread) at one point."""
    half_width = max(x[node] - x[start], x[start + span - 1] - x[node])
    # Points tied with the right end of the neighbourhood belong to it.
    stop = int(np.searchsorted(x, x[node] + half_width, side="right"))
    near = slice(start, max(stop, start + span))
    distance = np.abs(x[near] - x[node])
    with np.errstate(divide="ignore", invalid="ignore"):
        tricube = (1 - (distance / half_width) ** 3) ** 3
    weight = np.where(distance <= _INNER * half_width, 1.0, tricube)
    weight = np.where(distance <= _OUTER * half_width, weight, 0.0) * robustness[near]
    total = weight.sum()
    if total <= 0:
        return float(y[node])
    weight /= total
    centre = (weight * x[near]).sum()
    offset = x[near] - centre
    spread = (weight * offset**2).sum()
    if half_width > 0 and np.sqrt(spread) > _LEAST_SPREAD * (x[-1] - x[0]):
        weight *= (x[node] - centre) / spread * offset + 1
    return float((weight * y[near]).sum())


def _bisquare(residual: Floats, scale: float) -> Floats:
    weight = np.where(
        residual <= _INNER * scale, 1.0, (1 - (residual / np.maximum(scale, 1e-300)) ** 2) ** 2
    )
    return np.where(residual <= _OUTER * scale, weight, 0.0)
