"""Polyhedral cones {u : rows @ u <= 0}: their edges, and what lies on one side of them.

The edges are found by cutting one row after another off a simplex cone.  Every sign this rests on
must be clear of rounding; where one is in doubt, or edges are too many, a linear program decides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .basis import ZERO, invert_upper, products

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Signs = NDArray[np.int8]
Codes = NDArray[np.int64]
# Rows and edges have a largest entry of 1: a product below the first is 0, above the second not.
CLEARLY_ZERO, CLEARLY_NOT = 1e-11, 1e-7
MOST_EDGES, MOST_ROWS = 128, 62
_PRECISE: dict[str, Any] = {
    "method": "highs-ds",
    "options": {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
}


class Edges(NamedTuple):
    """Edges of a cone as columns (k, e), and the signs (m, e) of the rows on them, 0 or -1."""

    directions: Floats
    signs: Signs


def scaled(rows: Floats) -> Floats:
    """Return ``rows`` with a largest entry of 1: a linear program has absolute tolerances."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    return np.asarray(rows / np.where(largest > 0.0, largest, 1.0)[:, None])


def separable(slopes: Floats) -> Mask:
    """Return which rows can be made negative while no row is positive (docs/math.md, 6.2).

    The columns of ``slopes`` (m, k) are independent.
    """
    moving: Mask = np.any(slopes != 0.0, axis=1)
    if not moving.any():
        return moving
    rows = scaled(slopes[moving])
    edges = cone_edges(rows)
    below = _largest_separation(rows) if edges is None else (edges.signs < 0).any(axis=1)
    answer = np.zeros_like(moving)
    answer[moving] = below
    return answer


def sides(along: Floats, rows: Floats) -> Floats:
    """Return where linear functions ``along`` (c, k) go on the cone of ``rows`` (m, k).

    +inf (-inf) where a function is never negative (positive) there, NaN where it takes both signs
    or is 0 (docs/math.md, 6.3).
    """
    cone, along = scaled(rows), scaled(along)
    edges = cone_edges(cone)
    if edges is None:
        inside = _Inside(cone)
        ends = [[inside.reached(each, sign) for sign in (1.0, -1.0)] for each in along]
        high, low = np.array(ends).reshape(-1, 2).T
    else:
        values = products(along, edges.directions)
        high, low = values.max(axis=1, initial=0.0), values.min(axis=1, initial=0.0)
    up, down = high > ZERO, low < -ZERO
    return np.where(up & ~down, np.inf, np.where(down & ~up, -np.inf, np.nan))


def cone_edges(rows: Floats) -> Edges | None:
    """Return the edges of {u : rows @ u <= 0}, none where it is {0}; None where in doubt.

    ``rows`` (m, k) span all k dimensions.  The double description method (Motzkin, Raiffa,
    Thompson and Thrall 1953), cutting off first what most edges violate.
    """
    if rows.shape[1] == 1:
        return _half_line(rows)
    if rows.shape[1] > MOST_ROWS:
        return None  # more rows in the first cone than an edge has bits
    start = _simplex_cone(rows)
    if start is None:
        return None
    system, edges = start
    # Bit i of an edge tells whether it lies on row i of the system: here on all but one.
    on = (1 << len(system)) - 1 - (1 << np.arange(len(system)))
    while edges.shape[1] <= MOST_EDGES and len(system) <= MOST_ROWS:
        signs = _signs(rows, edges)
        if signs is None:
            return None
        known = ((on >> np.arange(len(system))[:, None]) & 1) - 1
        if not np.array_equal(signs[system], known):
            return None
        violations = np.count_nonzero(signs > 0, axis=1)
        worst = int(violations.argmax())
        if violations[worst] == 0:
            return Edges(edges, signs)
        values = np.add.reduce(rows[worst][:, None] * edges, axis=0)
        edges, on = _cut(edges, on, values, signs[worst], 1 << len(system))
        system.append(worst)
    return None


def _half_line(rows: Floats) -> Edges:
    """Return the same of one dimension: one edge unless the rows have both signs."""
    signs = np.sign(rows).astype(np.int8)
    edge = -signs[:1]
    if (signs == -edge).all():
        return Edges(edge.astype(np.float64), -np.abs(signs))
    return Edges(np.zeros((1, 0)), signs[:, :0])


def _simplex_cone(rows: Floats) -> tuple[list[int], Floats] | None:
    """Return as many rows (k) as there are columns, and the edges of their cone alone.

    Each row is the one farthest from the span of those before; edge j lies on all but the j-th.
    """
    k = rows.shape[1]
    rest, units, along = rows.copy(), np.empty((k, k)), np.empty((k, len(rows)))
    system: list[int] = []
    for j in range(k):
        lengths = np.add.reduce(rest * rest, axis=1)
        farthest = int(lengths.argmax())
        if lengths[farthest] <= CLEARLY_NOT**2:
            return None
        system.append(farthest)
        units[j] = rest[farthest] / np.sqrt(lengths[farthest])
        along[j] = np.add.reduce(rest * units[j], axis=1)
        rest -= along[j][:, None] * units[j]
    # rows[system] = transposed(upper) @ units
    upper = np.triu(along[:, system])
    return system, _unit(-products(np.ascontiguousarray(units.T), invert_upper(upper).T))


def _signs(rows: Floats, edges: Floats) -> Signs | None:
    """Return the signs of ``rows @ edges``, None where one is neither clearly 0 nor clearly not."""
    value = np.zeros((rows.shape[0], edges.shape[1]))
    for column, edge in zip(rows.T, edges, strict=True):
        value += column[:, None] * edge
    distance = np.abs(value)
    other = distance > CLEARLY_ZERO
    if np.any(other & (distance < CLEARLY_NOT)):
        return None
    return np.where(other, np.sign(value), 0.0).astype(np.int8)


def _unit(edges: Floats) -> Floats:
    return np.asarray(edges / np.max(np.abs(edges), axis=0))


def _cut(edges: Floats, on: Codes, values: Floats, signs: Signs, bit: int) -> tuple[Floats, Codes]:
    """Return the edges left of a cone cut by a row, and on which rows they lie: ``bit`` is its.

    The row takes ``values`` of sign ``signs`` on the edges.  Between two neighbours on either side
    there is a new edge; they are neighbours if no third lies on all the rows they share.
    """
    out, inside = np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)
    shared = (on[out][:, None] & on[inside]).ravel()
    pairs = np.flatnonzero(np.count_nonzero((shared[:, None] & ~on) == 0, axis=1) == 2)
    a, b = out[pairs // max(1, inside.size)], inside[pairs % max(1, inside.size)]
    between = values[a] * edges[:, b] - values[b] * edges[:, a]
    kept = np.flatnonzero(signs <= 0)
    return (
        np.hstack([edges[:, kept], _unit(between)]),
        np.r_[np.where(signs[kept] == 0, on[kept] | bit, on[kept]), shared[pairs] | bit],
    )


class _Inside:
    """Directions of a cone that are known: many a function takes either sign on them.

    From a direction that is clear of all rows one may go along a function and against it, so that
    only functions of one sign are left to linear programs.
    """

    def __init__(self, rows: Floats) -> None:
        self._rows = rows
        k = rows.shape[1]
        found = _solve(
            np.r_[np.zeros(k), -1.0],
            np.hstack([rows, np.ones((len(rows), 1))]),
            [(-1.0, 1.0)] * k + [(0.0, 1.0)],
        )
        self._middle = found[:k]
        self._distance = -np.add.reduce(rows * self._middle, axis=1)
        self._clear = bool(self._distance.min() > CLEARLY_NOT)

    def reached(self, along: Floats, sign: float) -> float:
        """Return a value of ``along`` on the cone, |u| <= 1: of ``sign`` if it takes any."""
        if self._clear:
            step = sign * along
            toward = np.add.reduce(self._rows * step, axis=1)
            hit = toward > 0.0
            # Half of the way to the first row that is in the way.
            longest = np.min(self._distance[hit] / toward[hit], initial=1.0)
            direction = self._middle + 0.5 * longest * step
            value = float(np.add.reduce(along * direction) / max(1.0, np.abs(direction).max()))
            if sign * value > CLEARLY_NOT:
                return value
        return _extreme(along, self._rows, sign)


def _largest_separation(rows: Floats) -> Mask:
    """Maximise sum(t) subject to rows @ u + t <= 0, 0 <= t <= 1: t is 1 on separable rows."""
    from scipy import sparse

    distinct, where = np.unique(rows, axis=0, return_inverse=True)
    m, k = distinct.shape
    found = _solve(
        np.r_[np.zeros(k), -np.ones(m)],
        # Of thousands of samples the identity alone would take gigabytes.
        sparse.hstack([sparse.csr_array(distinct), sparse.eye_array(m)], format="csr"),
        [(None, None)] * k + [(0.0, 1.0)] * m,
    )
    return np.asarray(found[k:] > 0.5)[where.reshape(-1)]


def _extreme(along: Floats, rows: Floats, sign: float) -> float:
    """Return the largest (sign 1) or smallest (-1) ``along @ u``, rows @ u <= 0, |u| <= 1."""
    found = _solve(-sign * along, rows, [(-1.0, 1.0)] * along.size)
    return float(np.add.reduce(along * found))


def _solve(cost: Floats, rows: Any, bounds: list[Any]) -> Floats:
    """Return the minimum of ``cost @ z`` subject to ``rows @ z <= 0`` within bounds."""
    from scipy.optimize import linprog

    answer = linprog(cost, A_ub=rows, b_ub=np.zeros(rows.shape[0]), bounds=bounds, **_PRECISE)
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return np.asarray(answer.x)
