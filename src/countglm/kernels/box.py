"""A convex quadratic in a box: the dual of a quadratic model with an absolute-value penalty.

Minimises ``v'Q v / 2 - v'c`` over ``|v_k| <= bound_k`` for a small positive semidefinite ``Q``.
Coordinate descent finds which entries are at their bound; a solve on the others then ends it
exactly.  ``Q = D H⁻¹ D'`` is singular where rows of ``D`` depend on each other: entries that a
pivoted factorisation leaves out stay as they are.
"""

from __future__ import annotations

import math

from countglm._jit import kernel

# Sweeps between two solves, and the most of them.
SWEEPS, MOST = 4, 400
# A pivot below this part of its diagonal is rounding.
PIVOT = 1e-10


@kernel
def residual_of(quad, target, v, m, r):
    """Set ``r = Q v - c``."""
    for k in range(m):
        total = -target[k]
        for j in range(m):
            total += quad[k, j] * v[j]
        r[k] = total


@kernel
def sweep(quad, v, bound, m, r):
    """Minimise over one entry after another; return the largest move in the norm of ``Q``."""
    largest = 0.0
    for k in range(m):
        if quad[k, k] <= 0.0:
            continue
        wanted = v[k] - r[k] / quad[k, k]
        wanted = min(max(wanted, -bound[k]), bound[k])
        move = wanted - v[k]
        if move != 0.0:
            v[k] = wanted
            for j in range(m):
                r[j] += move * quad[k, j]
            largest = max(largest, abs(move) * math.sqrt(quad[k, k]))
    return largest


@kernel
def factor_free(quad, free, n_free, low):
    """Factor ``Q`` on the free entries with pivoting, in place; return its rank.

    ``free`` is reordered so that the pivots come first; ``low`` holds the factor by position.
    """
    for a in range(n_free):
        for b in range(n_free):
            low[a, b] = quad[free[a], free[b]]
    rank = 0
    for a in range(n_free):
        best, at = 0.0, a
        for b in range(a, n_free):
            share = low[b, b] / quad[free[b], free[b]] if quad[free[b], free[b]] > 0.0 else 0.0
            if share > best:
                best, at = share, b
        if best <= PIVOT:
            break
        if at != a:
            free[a], free[at] = free[at], free[a]
            for b in range(n_free):
                low[a, b], low[at, b] = low[at, b], low[a, b]
            for b in range(n_free):
                low[b, a], low[b, at] = low[b, at], low[b, a]
        root = math.sqrt(low[a, a])
        low[a, a] = root
        for b in range(a + 1, n_free):
            low[b, a] /= root
        for b in range(a + 1, n_free):
            for c in range(a + 1, b + 1):
                low[b, c] -= low[b, a] * low[c, a]
                low[c, b] = low[b, c]
        rank += 1
    return rank


@kernel
def solve_free(low, free, rank, r, step):
    """Set ``step`` (by position) to minus the solution of the factored system for ``r``."""
    for a in range(rank):
        total = -r[free[a]]
        for b in range(a):
            total -= low[a, b] * step[b]
        step[a] = total / low[a, a]
    for up in range(rank):
        a = rank - 1 - up
        total = step[a]
        for b in range(a + 1, rank):
            total -= low[b, a] * step[b]
        step[a] = total / low[a, a]


@kernel
def solve_inside(quad, v, bound, m, r, low, free, step):
    """Solve on the entries inside their bounds, as far as these allow; return whether all went."""
    n_free = 0
    for k in range(m):
        if abs(v[k]) < bound[k] and quad[k, k] > 0.0:
            free[n_free] = k
            n_free += 1
    rank = factor_free(quad, free, n_free, low)
    solve_free(low, free, rank, r, step)
    length, first = 1.0, -1
    for a in range(rank):
        k = free[a]
        if step[a] > 0.0 and v[k] + step[a] > bound[k]:
            reach = (bound[k] - v[k]) / step[a]
        elif step[a] < 0.0 and v[k] + step[a] < -bound[k]:
            reach = (-bound[k] - v[k]) / step[a]
        else:
            continue
        if reach <= length:
            length, first = reach, a
    for a in range(rank):
        k = free[a]
        wanted = min(max(v[k] + length * step[a], -bound[k]), bound[k])
        if a == first:
            wanted = bound[k] if step[a] > 0.0 else -bound[k]
        move = wanted - v[k]
        v[k] = wanted
        for j in range(m):
            r[j] += move * quad[k, j]
    return first < 0


@kernel
def finish(quad, v, bound, m, r, low, free, step):
    """Solve on the entries inside their bounds; return whether that is the minimum of the box."""
    # Every round but the last puts one more entry at its bound.
    for _ in range(m + 1):
        if solve_inside(quad, v, bound, m, r, low, free, step):
            break
    for k in range(m):
        # At a bound the objective must fall outwards; inside it must be level.
        scale = math.sqrt(quad[k, k]) * NEAR
        if v[k] >= bound[k]:
            if r[k] > scale:
                return False
        elif v[k] <= -bound[k]:
            if r[k] < -scale:
                return False
        elif abs(r[k]) > scale:
            return False
    return True


# Of a residual, in standard errors of what it is a difference of.
NEAR = 1e-10


@kernel
def minimise_from(quad, bound, m, v, r, low, free, step):
    """Set ``v`` to the minimum, from where it is; return whether it was reached.

    ``v`` is in the box and ``r = Q v - c`` there.  Where a start is nearly the minimum, ``r`` is
    small and known to more digits than the difference of ``Q v`` and ``c`` would be.
    """
    for _ in range(MOST // SWEEPS):
        for _ in range(SWEEPS):
            moved = sweep(quad, v, bound, m, r)
        if moved == 0.0 or finish(quad, v, bound, m, r, low, free, step):
            return True
    return False


@kernel
def minimise_in_box(quad, target, bound, m, v, r, low, free, step):
    """Set ``v`` to the minimum, from where it is; return whether it was reached."""
    for k in range(m):
        v[k] = min(max(v[k], -bound[k]), bound[k])
    residual_of(quad, target, v, m, r)
    return minimise_from(quad, bound, m, v, r, low, free, step)
