"""A large component by the alternating direction method of multipliers (math.md, 18.2).

``D b`` is a variable of its own, tied to ``b`` by a weight that is doubled or halved where the two
residuals are out of balance.  What it converges to is ended exactly: the groups that it holds get
the best values for the multipliers between them, and the duality gap of that point decides.
"""

from __future__ import annotations

from countglm._jit import kernel

from .components import gap_of, row_product, snap
from .skyline import at, factor_profile, solve_profile

# Over-relaxation; passes between two looks at the residuals and at most; when these are out of
# balance, by how much the weight then changes, and how far from the stiffest column it may go.
RELAXED, LOOK, MOST, BALANCE, FACTOR = 1.6, 5, 2000, 10.0, 2.0
WIDEST, NARROW = 1e3, 30.0


@kernel
def put_profile(pieces, c, tau, weight, room):
    """Factor ``diag(tau) + weight D'D`` of a component."""
    first, last = pieces.columns[c], pieces.columns[c + 1]
    for e in range(pieces.profile[first], pieces.profile[last]):
        room.low[e] = 0.0
    for j in range(first, last):
        room.low[at(pieces.profile, j, j)] = tau[j]
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        for e in range(pieces.bounds[k], pieces.bounds[k + 1]):
            for o in range(pieces.bounds[k], pieces.bounds[k + 1]):
                if pieces.places[o] <= pieces.places[e]:
                    place = at(pieces.profile, pieces.places[e], pieces.places[o])
                    room.low[place] += weight * pieces.values[e] * pieces.values[o]
    factor_profile(pieces.profile, room.low, first, last)


@kernel
def split_pass(pieces, c, tau, z, bound, v, b, weight, room):
    """Make one pass: ``v`` is the scaled multiplier times the weight; return both residuals."""
    first, last = pieces.columns[c], pieces.columns[c + 1]
    for j in range(first, last):
        b[j] = tau[j] * z[j]
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        pull = weight * room.split[k] - v[k]
        for e in range(pieces.bounds[k], pieces.bounds[k + 1]):
            b[pieces.places[e]] += pieces.values[e] * pull
    solve_profile(pieces.profile, room.low, first, last, b)
    apart, moved = 0.0, 0.0
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        there, _ = row_product(pieces, k, b)
        before = room.split[k]
        aim = RELAXED * there + (1.0 - RELAXED) * before + v[k] / weight
        size = abs(aim) - bound[k] / weight
        after = 0.0
        if size > 0.0:
            after = size if aim > 0.0 else -size
        v[k] = weight * (aim - after)
        if after != 0.0:
            v[k] = bound[k] if aim > 0.0 else -bound[k]
        room.split[k] = after
        apart += (there - after) ** 2
        moved += (weight * (after - before)) ** 2
    return apart, moved


@kernel
def by_splitting(pieces, c, tau, z, bound, tol, v, b, room):
    """Solve a large component from ``v`` and the split as they are; return whether that ended."""
    scale = 0.0
    for j in range(pieces.columns[c], pieces.columns[c + 1]):
        scale = max(scale, tau[j])
    widest = WIDEST
    for k in range(pieces.rows[c], pieces.rows[c + 1]):
        if not pieces.plain[k]:
            # Nothing is made equal afterwards: a large weight would leave its rounding.
            widest = NARROW
    weight = min(max(room.weight[c], scale / widest), scale * widest)
    put_profile(pieces, c, tau, weight, room)
    for _ in range(MOST // LOOK):
        apart, moved = 0.0, 0.0
        for _ in range(LOOK):
            apart, moved = split_pass(pieces, c, tau, z, bound, v, b, weight, room)
        snap(pieces, c, tau, z, bound, v, b, True, room)
        room.weight[c] = weight
        if gap_of(pieces, c, tau, z, bound, v, b, room.total) <= tol:
            return True
        # Both in units of a force: the constraint's by the stiffness of the columns.
        apart *= scale * scale
        if apart > BALANCE**2 * moved and weight * FACTOR <= scale * widest:
            weight *= FACTOR
        elif moved > BALANCE**2 * apart and weight / FACTOR >= scale / widest:
            weight /= FACTOR
        if weight != room.weight[c]:
            put_profile(pieces, c, tau, weight, room)
    return False
