"""Maximum of a function of alpha on [0, cap] from its slope: a search that asks one question at
a time.

`begin`, then `walk_on` and `advance` set the next t = log(1 + alpha/low); the caller answers with
the slope there, in t and without the prior, or in the phase ``COMPARE`` with the value.  All points
asked are kept in order: they tell where the slope may fall through zero, and where exactly it does.
Several maxima are rare and real; the cells make this a search, not a proof.  Equation numbers refer
to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart

from .interpolation import dips, falling_root, local_slope
from .special import exp, log

WALK, REFINE, COMPARE, DONE = 0.0, 1.0, 2.0, 3.0
# Fields of the state of one search.
(
    PHASE, INDEX, CELLS, T_MAX, LOW, CAP, CENTRE, PRECISION, POINTS, T, LAST, LEFT, TURN, COUNT,
    TOP, SECOND, BEST, TRIES, KEPT_T, KEPT_SLOPE, GENE, ROWS, SHARE, FIRST, WIDTH, N_STATE,
) = range(26)  # fmt: skip
# Rows of the points of one search: t, slope, slope with the prior's part.
TIMES, SLOPES, LIFTED = range(3)

# Dispersion at which the coefficients start.
START_DISPERSION = 0.1
# Width of a search cell in t; a cell in which the slope seems to dip is halved down to the least.
CELL = 2.5
LEAST_CELL = 0.3
# Points of one search, those kept for a second search of the same gene, and local maxima.
MAX_POINTS = 48
KEPT_POINTS = 24
MAX_MAXIMA = 8
# ``low`` times the largest count: below it the profile is nearly linear in alpha.
LINEAR = 0.01
# Error of t that is aimed at, in units of t or 1.
ROOT_TOL = 1e-10
# Error of a last slope that is aimed at, in units of its fall over a unit of t; and what is
# reached always.
SHARP = 1e-10
EXACT = 1e-14
NOTHING = 1e-13
# Decrement at which a slope is taken as that of the profile, as a part of the slope.
WALKED, REFINED = 0.2, 0.05
MAX_TURNS = 40.0
MAX_TRIES = 60.0


@kernel
def lift(s, t, slope):
    """Return the slope with that of the prior added (eq. 5.4)."""
    if s[PRECISION] == 0.0:
        return slope
    if t <= 0.0:
        return math.inf
    alpha = s[LOW] * (exp(t) - 1.0 if t > 1.0 else math.expm1(t))
    gap = log(alpha) - s[CENTRE]
    return slope - s[PRECISION] * gap * ((alpha + s[LOW]) / alpha)


@kernel
def alpha_at(s, t):
    """Return the dispersion at ``t``; the end of the interval exactly."""
    return s[CAP] if t >= s[T_MAX] else s[LOW] * math.expm1(t)


@kernel
def insert(s, points, t, slope):
    """Keep a point in the order of t; return its place, -1 where there is no more room.

    A point asked again takes the place of the first.
    """
    count = int(s[POINTS])
    i = count
    while i > 0 and points[TIMES, i - 1] > t * (1.0 + 1e-15):
        i -= 1
    again = i > 0 and points[TIMES, i - 1] >= t * (1.0 - 1e-15)
    if again:
        i -= 1
    elif count >= points.shape[1]:
        return -1
    else:
        for k in range(count, i, -1):
            for row in range(3):
                points[row, k] = points[row, k - 1]
        s[POINTS] = count + 1.0
    points[TIMES, i] = t
    # At 0 a slope that is 0 but for rounding would hide the maximum there.
    points[SLOPES, i] = 0.0 if t == 0.0 and abs(slope) < NOTHING else slope
    points[LIFTED, i] = lift(s, t, points[SLOPES, i])
    return i


@kernel
def begin(s, points, largest_count, cap, share, centre, precision, times, slopes):
    """Start a search on [0, cap], with the points known of an earlier one."""
    s[:] = 0.0
    s[LOW] = LINEAR / (largest_count if largest_count > 1.0 else 1.0)
    s[CAP] = cap
    s[SHARE] = share
    s[CENTRE] = centre
    s[PRECISION] = precision
    s[T_MAX] = math.log1p(cap / s[LOW])
    cells = math.ceil(s[T_MAX] / CELL)
    s[CELLS] = cells if cells > 4.0 else 4.0
    # The walk begins where the coefficients do, goes up to the end and then down to 0.
    s[FIRST] = round(s[CELLS] * math.log1p(START_DISPERSION / s[LOW]) / s[T_MAX])
    s[TOP] = -math.inf
    s[SECOND] = -math.inf
    s[KEPT_SLOPE] = math.inf
    for k in range(times.size):
        if math.isnan(times[k]):
            break
        s[INDEX] = s[CELLS] + 1.0
        i = insert(s, points, times[k], slopes[k])
        # Of a slope that the prior all but cancels too little is known: not even the sign.
        if abs(points[LIFTED, i]) < WALKED * abs(slopes[k]):
            points[LIFTED, i] = math.nan


@kernel
def keep_maximum(s, maxima, t):
    """Note a local maximum, as long as there is room."""
    count = int(s[COUNT])
    if count < maxima.size:
        maxima[count] = t
        s[COUNT] = count + 1.0


@kernel
def suspect(s, points):
    """Return the first cell in which the slope may cross zero unseen, -1 for none."""
    count = int(s[POINTS])
    times, lifted = points[TIMES], points[LIFTED]
    if count >= points.shape[1] - 16:
        return -1
    for i in range(count - 1):
        if times[i + 1] - times[i] > LEAST_CELL and dips(times, lifted, count, i):
            return i
    return -1


@kernel
def next_fall(s, points, maxima):
    """Go on to the next fall of the slope through zero, or to the comparison of what was found."""
    count = int(s[POINTS])
    lifted = points[LIFTED]
    i = int(s[LEFT])
    while i + 1 < count:
        if lifted[i] > 0.0 and not lifted[i + 1] > 0.0:
            s[PHASE] = REFINE
            s[LEFT] = i
            s[TURN] = 0.0
            s[WIDTH] = points[TIMES, i + 1] - points[TIMES, i]
            s[LAST] = points[TIMES, i]
            s[T] = falling_root(points[TIMES], lifted, count, i)
            return
        i += 1
    if count > 0 and lifted[count - 1] > 0.0:
        keep_maximum(s, maxima, s[T_MAX])
    if s[COUNT] == 0.0:
        # No slope could be computed anywhere.
        keep_maximum(s, maxima, 0.0)
    s[BEST] = maxima[0]
    s[T] = maxima[0]
    s[INDEX] = 0.0
    s[PHASE] = COMPARE if s[COUNT] > 1.0 else DONE


@kernel
def walk_on(s, points, maxima):
    """Go to the next end of a cell, to the middle of one that is in doubt, or to the first fall."""
    if s[INDEX] <= s[CELLS] and int(s[POINTS]) < points.shape[1]:
        up = s[FIRST] + s[INDEX]
        s[T] = s[T_MAX] * ((up if up <= s[CELLS] else s[CELLS] - s[INDEX]) / s[CELLS])
        return
    # Where there is no answer nothing is kept, and the same would be asked for ever.
    patient = s[INDEX] <= s[CELLS] + points.shape[1]
    for k in range(int(s[POINTS])):
        if math.isnan(points[LIFTED, k]) and patient:
            # Asked again, once: what is known of it serves where there is no answer.
            points[LIFTED, k] = lift(s, points[TIMES, k], points[SLOPES, k])
            s[T] = points[TIMES, k]
            return
    i = suspect(s, points) if patient else -1
    if i >= 0:
        s[T] = 0.5 * (points[TIMES, i] + points[TIMES, i + 1])
        return
    if s[POINTS] > 0.0 and not points[LIFTED, 0] > 0.0:
        keep_maximum(s, maxima, points[TIMES, 0])
    s[LEFT] = 0.0
    next_fall(s, points, maxima)


@kernel
def settle(s, points, maxima, i, decrement):
    """Take the point that was just kept at ``i`` inside the current fall; propose the next."""
    count = int(s[POINTS])
    lifted = points[LIFTED]
    left = min(max(i if lifted[i] > 0.0 else i - 1, 0), count - 2)
    s[LEFT] = left
    a, b = points[TIMES, left], points[TIMES, left + 1]
    s[TURN] += 1.0
    t = falling_root(points[TIMES], lifted, count, left)
    # Interpolation from one side, or through points that tell too little, is helped on.
    if s[TURN] % 4.0 == 0.0 or s[TURN] > 16.0:
        slow = b - a > 0.5 * s[WIDTH]
        t = 0.5 * (a + b) if slow else t
        s[WIDTH] = b - a
    moved, before = abs(t - s[T]), abs(s[T] - s[LAST])
    unit = t if t < 1.0 else 1.0
    steep = local_slope(points[TIMES], lifted, count, i)
    error = decrement * (decrement + s[SHARE])
    sharp = error <= EXACT or error <= SHARP * steep * unit
    # The moves shrink faster and faster: the last two tell what the next would be at most.
    most = ROOT_TOL * unit
    steady = moved <= 1e-4 * unit and before <= 0.1 * unit
    near = moved <= most or (steady and 10.0 * moved * moved <= most * before)
    found = (near and sharp) or b - a <= 1e-15 * b
    if found or s[TURN] >= MAX_TURNS or count >= points.shape[1]:
        if not found:
            # The better end, not a point between them that nobody has looked at.
            t = a if abs(lifted[left]) < abs(lifted[left + 1]) else b
        keep_maximum(s, maxima, t)
        s[LEFT] = left + 1.0
        next_fall(s, points, maxima)
        return
    s[LAST] = s[T]
    s[T] = t


@kernel
def take_value(s, maxima, value):
    """Take the value at one of several maxima, and keep the best and the runner-up."""
    if value > s[TOP]:
        s[SECOND] = s[TOP]
        s[TOP] = value
        s[BEST] = maxima[int(s[INDEX])]
    else:
        s[SECOND] = value if value > s[SECOND] else s[SECOND]
    s[INDEX] += 1.0
    if s[INDEX] >= s[COUNT]:
        s[PHASE] = DONE
        s[T] = s[BEST]
    else:
        s[T] = maxima[int(s[INDEX])]


@kernel
def accurate(s, slope, decrement):
    """Return whether a slope was taken close enough to the best coefficients (eq. 5.4)."""
    if s[TRIES] >= MAX_TRIES:
        return True
    if s[PHASE] == COMPARE:
        return decrement <= 1e-9
    part = REFINED if s[PHASE] == REFINE else WALKED
    # The adjustment moves with the coefficients, by about their number over that of the samples.
    error = decrement * (decrement + s[SHARE])
    return error <= EXACT or error <= part * abs(lift(s, s[T], slope))


@kernel
def advance(s, points, maxima, slope, decrement, value):
    """Take the answer at ``s[T]``; return whether the search moves on from there."""
    stay_apart()
    if not (math.isnan(slope) or accurate(s, slope, decrement)):
        s[TRIES] += 1.0
        return False
    s[TRIES] = 0.0
    if s[PHASE] == COMPARE:
        take_value(s, maxima, value)
        return True
    i = -1 if math.isnan(slope) else insert(s, points, s[T], slope)
    if s[PHASE] == REFINE:
        if i < 0:
            keep_maximum(s, maxima, s[T])
            s[LEFT] += 1.0
            next_fall(s, points, maxima)
        else:
            settle(s, points, maxima, i, decrement)
        return True
    s[INDEX] += 1.0
    walk_on(s, points, maxima)
    return True


@kernel
def lead(s):
    """Return how much the best maximum exceeds the next; infinite for a single one."""
    return s[TOP] - s[SECOND] if s[COUNT] > 1.0 else math.inf
