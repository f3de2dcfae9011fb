"""The nearest point under a penalty on differences, component by component (math.md, 18.2).

Minimises ``sum tau (b - z)² / 2 + sum bound |D b|`` for a sparse ``D`` whose columns are put in
order of the components that its rows connect: single columns by a formula, small components
through the dual in a box, larger ones by splitting.  With infinite bounds it projects on
``D b = 0``.
"""

from __future__ import annotations

import math

from countglm._jit import entry, kernel

from .box import minimise_in_box
from .components import EXACT, SINGLE, primal_of, snap
from .splitting import by_splitting


@kernel
def single(pieces, c, tau, z, bound, v, b):
    """Shrink one column: all its rows are multiples of it."""
    j = pieces.columns[c]
    total = 0.0
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        total += bound[k] * abs(pieces.values[pieces.bounds[k]])
    pull = tau[j] * z[j]
    share = 0.0
    if total == math.inf:
        # Without limit the rows share what holds the column at 0 by their squares.
        squares = 0.0
        for k in range(pieces.rows[c], pieces.rows[c + 1]):
            squares += pieces.values[pieces.bounds[k]] ** 2
        b[j] = 0.0
        for k in range(pieces.rows[c], pieces.rows[c + 1]):
            v[k] = pull * pieces.values[pieces.bounds[k]] / squares
        return
    if total > 0.0:
        share = min(max(pull / total, -1.0), 1.0)
    b[j] = 0.0 if abs(pull) <= total else z[j] - share * total / tau[j]
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        v[k] = share * bound[k] if pieces.values[pieces.bounds[k]] > 0.0 else -share * bound[k]


@kernel
def small(pieces, c, tau, z, bound, v, b, bench):
    """Solve the dual of a small component; return whether that ended."""
    begin, first = pieces.rows[c], pieces.columns[c]
    m, q = pieces.rows[c + 1] - begin, pieces.columns[c + 1] - first
    for k in range(m):
        for j in range(q):
            bench.dense[k, j] = 0.0
        for e in range(pieces.bounds[begin + k], pieces.bounds[begin + k + 1]):
            bench.dense[k, pieces.places[e] - first] += pieces.values[e]
        bench.limit[k], bench.v[k] = bound[begin + k], v[begin + k]
    for k in range(m):
        total = 0.0
        for j in range(q):
            total += bench.dense[k, j] * z[first + j]
        bench.target[k] = total
        for other in range(k + 1):
            total = 0.0
            for j in range(q):
                total += bench.dense[k, j] * bench.dense[other, j] / tau[first + j]
            bench.quad[k, other] = total
            bench.quad[other, k] = total
    solved = minimise_in_box(
        bench.quad, bench.target, bench.limit, m, bench.v, bench.rest, bench.low, bench.free,
        bench.step,
    )  # fmt: skip
    for k in range(m):
        v[begin + k] = bench.v[k]
    primal_of(pieces, c, tau, z, v, b)
    return solved


@entry
def nearest(pieces, tau, z, bound, tol, force_split, v, b, room, bench, start, stop):
    """Solve components ``start ... stop - 1`` to gap ``tol``; return how many did not end."""
    unfinished = 0
    for c in range(start, stop):
        if pieces.kind[c] == SINGLE:
            single(pieces, c, tau, z, bound, v, b)
        elif pieces.kind[c] == EXACT and not force_split:
            if not small(pieces, c, tau, z, bound, v, b, bench):
                unfinished += 1
            snap(pieces, c, tau, z, bound, v, b, False, room)
        elif not by_splitting(pieces, c, tau, z, bound, tol, v, b, room):
            unfinished += 1
    return unfinished
