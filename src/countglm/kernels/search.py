"""Maximum of a function of alpha on [0, cap] from its slope: a search that asks one question at
a time.

``begin`` and ``advance`` return the next alpha; the caller answers with the slope there, or in
the phase ``COMPARE`` with the value.  One place then evaluates the profile, which keeps the
compiled code small, and the search can be tested on any function.
"""

from __future__ import annotations

import math

from countglm._jit import kernel

WALK, REFINE, COMPARE, DONE = 0.0, 1.0, 2.0, 3.0
# Fields of the state.
(
    PHASE, INDEX, CELLS, T_MAX, LOW, CAP, WALK_T, WALK_F, T0, F0, T1, F1, T, LAST, KEPT, WIDTH,
    TURN, COUNT, TOP, SECOND, BEST, N_STATE,
) = range(22)  # fmt: skip

# Width of a search cell in t = log(1 + alpha/low); maxima closer than this are seen as one.
CELL = 0.75
# ``low`` times the largest count: below it the profile is nearly linear in alpha.
LINEAR = 0.01
ROOT_TOL = 1e-10
MAX_TURNS = 80.0


@kernel
def begin(s, largest_count, cap):
    """Start a search on [0, cap]; return the first alpha, 0."""
    low = LINEAR / (largest_count if largest_count > 1.0 else 1.0)
    s[:] = 0.0
    s[LOW] = low
    s[CAP] = cap
    s[T_MAX] = math.log1p(cap / low)
    cells = math.ceil(s[T_MAX] / CELL)
    s[CELLS] = cells if cells > 4.0 else 4.0
    s[TOP] = -math.inf
    s[SECOND] = -math.inf
    return 0.0


@kernel
def keep_maximum(s, maxima, alpha):
    """Note a local maximum, as long as there is room."""
    count = int(s[COUNT])
    if count < maxima.size:
        maxima[count] = alpha
        s[COUNT] = count + 1.0


@kernel
def next_cell(s, maxima):
    """Return the right end of the next cell; past the last one, the first maximum to compare."""
    s[INDEX] += 1.0
    if s[INDEX] <= s[CELLS]:
        s[PHASE] = WALK
        if s[INDEX] == s[CELLS]:
            return s[CAP]
        return s[LOW] * math.expm1(s[T_MAX] * s[INDEX] / s[CELLS])
    if s[WALK_F] > 0.0:
        keep_maximum(s, maxima, s[CAP])
    if s[COUNT] == 0.0:
        # No slope could be computed anywhere.
        keep_maximum(s, maxima, 0.0)
    s[BEST] = maxima[0]
    s[INDEX] = 0.0
    s[PHASE] = COMPARE if s[COUNT] > 1.0 else DONE
    return maxima[0]


@kernel
def propose(s, maxima):
    """Return the next point of the bracket (secant, now and then the middle), or move on."""
    t = 0.5 * (s[T0] + s[T1])
    fourth = s[TURN] % 4.0 == 3.0
    finite = s[F0] < math.inf and s[F1] > -math.inf
    if finite and (not fourth or s[T1] - s[T0] < 0.25 * s[WIDTH]):
        secant = s[T0] + (s[T1] - s[T0]) * (s[F0] / (s[F0] - s[F1]))
        if s[T0] < secant < s[T1]:
            t = secant
    if fourth:
        s[WIDTH] = s[T1] - s[T0]
    settled = (
        abs(t - s[LAST]) <= ROOT_TOL * (t if t < 1.0 else 1.0) or s[T1] - s[T0] <= 1e-15 * s[T1]
    )
    s[T] = t
    if settled or s[TURN] >= MAX_TURNS:
        keep_maximum(s, maxima, s[LOW] * math.expm1(t))
        return next_cell(s, maxima)
    s[TURN] += 1.0
    s[LAST] = t
    return s[LOW] * math.expm1(t)


@kernel
def narrow(s, f):
    """Shrink the bracket by the slope ``f`` at its current point (Anderson and Bjorck 1973)."""
    if f > 0.0:
        if s[KEPT] > 0.0:
            s[F1] *= 1.0 - f / s[F0] if f < 0.5 * s[F0] else 0.5
        s[T0], s[F0], s[KEPT] = s[T], f, 1.0
    else:
        if s[KEPT] < 0.0:
            s[F0] *= 1.0 - f / s[F1] if f > 0.5 * s[F1] else 0.5
        s[T1], s[F1], s[KEPT] = s[T], f, -1.0


@kernel
def take_walk(s, maxima, t, f):
    """Take the slope at the end of a cell: refine a fall through 0, else walk on."""
    t0, f0 = s[WALK_T], s[WALK_F]
    s[WALK_T], s[WALK_F] = t, f
    if s[INDEX] == 0.0:
        if not f > 0.0:
            keep_maximum(s, maxima, 0.0)
    elif f0 > 0.0 and not f > 0.0:
        s[PHASE] = REFINE
        s[T0], s[F0], s[T1], s[F1] = t0, f0, t, f
        s[LAST], s[KEPT], s[TURN], s[WIDTH] = t0, 0.0, 0.0, t - t0
        return propose(s, maxima)
    return next_cell(s, maxima)


@kernel
def take_value(s, maxima, alpha, value):
    """Take the value at one of several maxima, and keep the best and the runner-up."""
    if value > s[TOP]:
        s[SECOND] = s[TOP]
        s[TOP] = value
        s[BEST] = alpha
    else:
        s[SECOND] = value if value > s[SECOND] else s[SECOND]
    s[INDEX] += 1.0
    if s[INDEX] >= s[COUNT]:
        s[PHASE] = DONE
        return s[BEST]
    return maxima[int(s[INDEX])]


@kernel
def advance(s, maxima, alpha, answer):
    """Take the slope (the value, in phase ``COMPARE``) at ``alpha``; return the next alpha."""
    if s[PHASE] == COMPARE:
        return take_value(s, maxima, alpha, answer)
    # The slope in t, which is finite and smooth over the whole range.
    f = answer * (alpha + s[LOW])
    if s[PHASE] == WALK:
        if math.isnan(f):
            return next_cell(s, maxima)
        return take_walk(s, maxima, math.log1p(alpha / s[LOW]), f)
    narrow(s, f)
    return propose(s, maxima)


@kernel
def lead(s):
    """Return how much the best maximum exceeds the next; infinite for a single one."""
    return s[TOP] - s[SECOND] if s[COUNT] > 1.0 else math.inf
