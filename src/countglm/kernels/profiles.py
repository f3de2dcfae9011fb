"""Searches of many dispersions, eight at a time: a lane whose gene is done takes the next.

Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, store

from .columns import DISPERSION, LEAD, MAXIMA, PASSES
from .deviance import half_deviance_sum, put_lift, saturated_log_likelihood
from .dispersion import log_adjustment, profile_slope
from .loading import load_gene
from .search import (
    BEST,
    CENTRE,
    COMPARE,
    COUNT,
    DONE,
    GENE,
    KEPT_SLOPE,
    KEPT_T,
    LOW,
    PHASE,
    POINTS,
    PRECISION,
    ROWS,
    SLOPES,
    TIMES,
    T,
    advance,
    alpha_at,
    begin,
    lead,
    lift,
    walk_on,
)
from .solver import HOPELESS, step_length, take_step
from .tile import LANES

# The coefficients are led at most this far along the profile, in units of the linear predictor.
LONGEST = 0.5
IDLE = -1.0
# Least distance of points that are kept, in units of t or 1.
APART = 1e-3


@kernel
def move_to(d, at, s, lane, t_from, reach):
    """Lead the coefficients of a lane along the profile to ``s[T]`` from the nearest place."""
    kept = abs(s[T] - s[KEPT_T]) < abs(s[T] - t_from)
    start = at.kept if kept else at.coef
    motion = at.kept_motion if kept else at.motion
    scale = s[T] - (s[KEPT_T] if kept else t_from)
    size = 0.0
    for k in range(at.rank):
        size += d[motion + k, lane] * d[motion + k, lane]
    size = math.sqrt(size) * abs(scale) * reach
    scale = scale * (LONGEST / size) if size > LONGEST else scale
    scale = scale if scale == scale and size == size else 0.0
    for k in range(at.rank):
        moved = scale * d[motion + k, lane] if scale != 0.0 else 0.0
        d[at.coef + k, lane] = d[start + k, lane] + moved
    d[at.alpha, lane] = alpha_at(s, s[T])


@kernel
def keep_place(d, at, s, lane, t, slope):
    """Remember coefficients and motion where the slope is the smallest so far."""
    size = abs(lift(s, t, slope))
    if not size < s[KEPT_SLOPE]:
        return
    s[KEPT_SLOPE] = size
    s[KEPT_T] = t
    for k in range(at.rank):
        d[at.kept + k, lane] = d[at.coef + k, lane]
        d[at.kept_motion + k, lane] = d[at.motion + k, lane]


@kernel
def answer(d, at, s, points, maxima, lane, reach):
    """Take the answer in a lane to its search, and the lane to the next question."""
    t = s[T]
    speed = d[at.alpha, lane] + s[LOW]
    slope = d[at.slope, lane] * speed
    # From here on the motion is one in t.
    for k in range(at.rank):
        d[at.motion + k, lane] *= speed
    value = d[at.value, lane]
    if s[PHASE] == COMPARE and s[PRECISION] > 0.0:
        gap = math.log(d[at.alpha, lane]) - s[CENTRE]
        value -= 0.5 * s[PRECISION] * gap * gap
    walking = s[PHASE] != COMPARE
    if not advance(s, points, maxima, slope, d[at.decrement, lane], value):
        return
    if walking:
        keep_place(d, at, s, lane, t, slope)
    if s[PHASE] != DONE:
        move_to(d, at, s, lane, t, reach)


@kernel
def enter(d, at, frame, s, points, maxima, lane, gene, block, prior_log, prior_precision, cap):
    """Put a gene into a lane and begin its search."""
    carry = block.carry
    rows, largest = load_gene(d, at, frame, lane, block, gene)
    begin(
        s, points, largest, cap, at.rank / at.samples, prior_log[gene], prior_precision,
        block.times[gene], block.slopes[gene],
    )  # fmt: skip
    s[GENE] = float(gene)
    s[ROWS] = float(rows)
    s[KEPT_T] = carry[gene, 2 * at.rank]
    for k in range(at.rank):
        d[at.kept + k, lane] = carry[gene, k]
        d[at.kept_motion + k, lane] = carry[gene, at.rank + k]
    walk_on(s, points, maxima)
    move_to(d, at, s, lane, math.inf, frame.reach)


@kernel
def keep_points(s, points, times_out, slopes_out):
    """Keep the points for a later search of the same gene, thinned where they are many or close.

    Those around a root, apart by the last digits, tell nothing of a root elsewhere: a cubic through
    them is made of rounding.
    """
    count, room = 0, times_out.size
    for i in range(int(s[POINTS])):
        t = points[TIMES, i]
        if count == 0 or t - points[TIMES, count - 1] > APART * (t if t < 1.0 else 1.0):
            for row in range(3):
                points[row, count] = points[row, i]
            count += 1
        elif i + 1 == int(s[POINTS]):
            # The end of the range stays.
            for row in range(3):
                points[row, count - 1] = points[row, i]
    times_out[:] = math.nan
    for k in range(min(count, room)):
        i = k if count <= room else (k * (count - 1)) // (room - 1)
        times_out[k] = points[TIMES, i]
        slopes_out[k] = points[SLOPES, i]


@kernel
def leave(d, at, s, points, lane, block, stats_out, counters_out):
    """Write what the search of a lane found."""
    carry = block.carry
    gene = int(s[GENE])
    stats_out[gene, DISPERSION] = alpha_at(s, s[BEST])
    stats_out[gene, LEAD] = lead(s)
    counters_out[gene, MAXIMA] = int(s[COUNT])
    keep_points(s, points, block.times[gene], block.slopes[gene])
    for k in range(at.rank):
        carry[gene, k] = d[at.kept + k, lane]
        carry[gene, at.rank + k] = d[at.kept_motion + k, lane]
    carry[gene, 2 * at.rank] = s[KEPT_T]


@kernel
def put_values(d, at, frame, scale, weight, rows, alpha):
    """Set the values of the profiles at the current points (eq. 5.1)."""
    put_lift(d, at, rows, alpha)
    value = saturated_log_likelihood(d, at, rows, alpha) - log_adjustment(d, at)
    value -= half_deviance_sum(d, at, frame, scale, weight, at.coef, alpha)
    store(d, at.value, value)


@kernel
def answer_all(d, at, searches, points, maxima, reach, counters_out):
    """Give every lane its answer; a lane that is done is marked by its phase."""
    for lane in range(LANES):
        s = searches[lane]
        if s[GENE] == IDLE or s[PHASE] == DONE:
            continue
        counters_out[int(s[GENE]), PASSES] += 1
        answer(d, at, s, points[lane], maxima[lane], lane, reach)


@kernel
def find_dispersions(
    d, at, frame, scale, shared_weight, genes, block, memory, cap, prior_log, prior_precision,
    fixed, stats_out, counters_out,
):  # fmt: skip
    """Search the dispersions of ``genes`` in their block."""
    stay_apart()
    searches, points, maxima = memory
    waiting, active = 0, 0
    for lane in range(LANES):
        searches[lane, GENE] = IDLE
        searches[lane, PHASE] = DONE
        searches[lane, ROWS] = 0.0
    while True:
        for lane in range(LANES):
            s = searches[lane]
            while s[PHASE] == DONE:
                if s[GENE] != IDLE:
                    leave(d, at, s, points[lane], lane, block, stats_out, counters_out)
                    s[GENE] = IDLE
                    active -= 1
                if waiting == genes.size:
                    break
                enter(
                    d, at, frame, s, points[lane], maxima[lane], lane, genes[waiting], block,
                    prior_log, prior_precision, cap,
                )  # fmt: skip
                waiting += 1
                active += 1
        if active == 0:
            return
        rows, comparing = int(searches[0, ROWS]), False
        for lane in range(LANES):
            rows = max(rows, int(searches[lane, ROWS]))
            comparing = comparing or searches[lane, PHASE] == COMPARE
        alpha = load(d, at.alpha)
        slope, decrement = profile_slope(d, at, frame, scale, shared_weight, rows, alpha, fixed)
        store(d, at.slope, slope)
        store(d, at.decrement, decrement)
        # Without a factor there is no step, only what is not a number.
        length = choose(decrement < HOPELESS, step_length(d, at, frame, shared_weight), 0.0)
        take_step(d, at, length)
        if comparing:
            put_values(d, at, frame, scale, shared_weight, rows, alpha)
        answer_all(d, at, searches, points, maxima, frame.reach, counters_out)
