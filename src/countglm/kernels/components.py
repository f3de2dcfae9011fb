"""Components that a sparse matrix of differences connects, and what is asked of each.

The columns are in order of the components, whose rows and columns are ranges (math.md, 18.2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._jit import kernel

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

SINGLE, EXACT, SPLIT = 0, 1, 2
# A difference below this part of its terms is rounding; a dual below this part of its bound holds.
EQUAL, INSIDE = 1e-12, 1e-9
ROUNDING = 1e-13


class Pieces(NamedTuple):
    """Components of ``D``: their columns, rows and profiles are ranges."""

    kind: Places  # (c,)
    columns: Places  # (c + 1,) bounds, columns in this order
    rows: Places  # (c + 1,) bounds of rows
    bounds: Places  # (m + 1,) of the entries of a row
    places: Places  # (nnz,) columns in the new order
    values: Floats  # (nnz,)
    plain: NDArray[np.bool_]  # (m,) whether a row says that two are equal or one is 0
    profile: Places  # (p + 1,) starts of the rows of the profile


class Room(NamedTuple):
    """Room that the components do not share."""

    split: Floats  # (m,) ADMM: D b as a variable of its own
    low: Floats  # (profile,)
    weight: Floats  # (c,) ADMM: weight of the constraint, kept from call to call
    root: Places  # (p,) groups of equal columns
    held: NDArray[np.bool_]  # (p,) whether the group is 0
    total: Floats  # (p,)
    mass: Floats  # (p,)


class Bench(NamedTuple):
    """Room of one thread for a small component with at most q rows."""

    quad: Floats  # (q, q)
    target: Floats  # (q,)
    limit: Floats  # (q,)
    v: Floats  # (q,)
    rest: Floats  # (q,)
    low: Floats  # (q, q)
    free: Places  # (q,)
    step: Floats  # (q,)
    dense: Floats  # (q, columns)


@kernel
def row_product(pieces, k, b):
    """Return row k of D times b, and the size of its terms."""
    total, size = 0.0, 0.0
    for e in range(pieces.bounds[k], pieces.bounds[k + 1]):
        term = pieces.values[e] * b[pieces.places[e]]
        total += term
        size += abs(term)
    return total, size


@kernel
def primal_of(pieces, c, tau, z, v, b):
    """Set ``b = z - D'v / tau``, the best point for a dual one."""
    for j in range(pieces.columns[c], pieces.columns[c + 1]):
        b[j] = 0.0
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        for e in range(pieces.bounds[k], pieces.bounds[k + 1]):
            b[pieces.places[e]] -= pieces.values[e] * v[k]
    for j in range(pieces.columns[c], pieces.columns[c + 1]):
        b[j] = z[j] + b[j] / tau[j]


@kernel
def gap_of(pieces, c, tau, z, bound, v, b, scratch):
    """Return the duality gap of the component at ``b`` and ``v`` (eq. 18.3)."""
    primal_of(pieces, c, tau, z, v, scratch)
    gap = 0.0
    for j in range(pieces.columns[c], pieces.columns[c + 1]):
        gap += 0.5 * tau[j] * (b[j] - scratch[j]) ** 2
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        there, size = row_product(pieces, k, b)
        if there != 0.0:
            # Without limit any larger bound has the same solution.
            limit = bound[k] if bound[k] < math.inf else abs(v[k])
            cost = there * ((limit if there > 0.0 else -limit) - v[k])
            # What holds other differences than those of two columns, holds them to rounding.
            noise = 0.0 if pieces.plain[k] else ROUNDING * abs(v[k]) * size
            gap += max(cost - noise, 0.0)
    return gap


@kernel
def find_root(root, j):
    """Return the group of a column, and shorten the way to it."""
    while root[j] != j:
        root[j] = root[root[j]]
        j = root[j]
    return j


@kernel
def snap(pieces, c, tau, z, bound, v, b, by_split, room):
    """Make columns equal, or 0, that the rows hold so but for rounding: by their weighted mean.

    With the split of the other method, groups are those that it holds, and their values the best
    for these groups and the multipliers of the rows between them.
    """
    first, last = pieces.columns[c], pieces.columns[c + 1]
    for j in range(first, last):
        room.root[j], room.held[j] = j, False
        room.total[j], room.mass[j] = 0.0, 0.0
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        if not pieces.plain[k]:
            continue
        begin, end = pieces.bounds[k], pieces.bounds[k + 1]
        if by_split:
            holds = room.split[k] == 0.0
        else:
            there, size = row_product(pieces, k, b)
            holds = abs(v[k]) < bound[k] * (1.0 - INSIDE) or abs(there) <= EQUAL * size
        if not holds:
            continue
        one = find_root(room.root, pieces.places[begin])
        if end - begin == 1:
            room.held[one] = True
            continue
        other = find_root(room.root, pieces.places[begin + 1])
        low, high = min(one, other), max(one, other)
        room.root[high] = low
        room.held[low] = room.held[low] or room.held[high]
    if by_split:
        primal_of(pieces, c, tau, z, v, b)
    for j in range(first, last):
        group = find_root(room.root, j)
        room.total[group] += tau[j] * b[j]
        room.mass[group] += tau[j]
    for j in range(first, last):
        group = find_root(room.root, j)
        if room.held[group]:
            b[j] = 0.0
        elif room.mass[group] != tau[j]:
            b[j] = room.total[group] / room.mass[group]
