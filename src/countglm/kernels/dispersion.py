"""Dispersion of one gene: the true maximum of the Cox-Reid adjusted profile likelihood.

The coefficients are re-maximised at every alpha.  Derivatives are taken in alpha itself, which
is smooth through the boundary alpha = 0.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from .._jit import kernel, stay_apart
from .certificate import leverages
from .family import count_slope, dispersion_score
from .gene import (
    combine,
    expected_weights,
    gram,
    half_deviance_sum,
    project,
    saturated_log_likelihood,
)
from .smallmat import back_solve, factor, half_solve, invert_factor, log_determinant
from .solver import solve

# Decrement at which the coefficients of the profile are taken as re-maximised; one more full
# step follows, and Newton squares it.
PROFILE_TOL = 1e-6
PROFILE_STEPS = 60
# Width of a search cell in t = log(1 + alpha/low); maxima closer than this are seen as one.
CELL = 0.75
# ``low`` times the largest count: below it the profile is nearly linear in alpha.
LINEAR = 0.01
ROOT_TOL = 1e-8


@kernel
def profile_slope(y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision):
    """Return d/d alpha of the adjusted profile log-likelihood (eq. 5.3), coefficients refitted.

    Leaves the refitted ``coef`` and its derivative in alpha (``ws.step``, eq. 5.2).
    """
    stay_apart()
    solve(y, w, offset, alpha, basis, coef, ws, False, PROFILE_TOL, PROFILE_STEPS, skeel,
          ws.no_trace)
    for i in range(y.size):
        ws.scratch[i] = -ws.resid[i] * (ws.mu[i] / (1.0 + alpha * ws.mu[i]))
    project(basis, ws.scratch, ws.score)
    half_solve(ws.chol, ws.scale, ws.score, ws.vector)
    back_solve(ws.chol, ws.scale, ws.vector, ws.step)
    combine(basis, ws.step, ws.step_eta)
    expected_weights(w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.scratch, ws.hessian)
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        return math.nan
    invert_factor(ws.chol, ws.scale, ws.inverse)
    leverages(basis, ws.inverse, ws.scratch, ws.eta)
    slope = 0.0
    for i in range(y.size):
        if w[i] > 0.0:
            m = ws.mu[i]
            v = 1.0 + alpha * m
            weight = m / v
            change = weight * (ws.step_eta[i] / v - weight)
            fit = dispersion_score(y[i], m, alpha, count_slope(y[i], alpha))
            slope += w[i] * (fit - 0.5 * change * ws.eta[i])
    if prior_precision > 0.0:
        if alpha == 0.0:
            return math.inf
        slope -= prior_precision * (math.log(alpha) - prior_log) / alpha
    return slope


@kernel
def profile_value(y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision):
    """Return the adjusted profile log-likelihood at ``alpha`` (eq. 5.1), coefficients refitted."""
    stay_apart()
    solve(y, w, offset, alpha, basis, coef, ws, False, PROFILE_TOL, PROFILE_STEPS, skeel,
          ws.no_trace)
    value = saturated_log_likelihood(y, w, alpha) - half_deviance_sum(y, w, alpha, ws.mu)
    expected_weights(w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.scratch, ws.hessian)
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        return -math.inf
    value -= 0.5 * log_determinant(ws.chol, ws.scale)
    if prior_precision > 0.0:
        if alpha == 0.0:
            return -math.inf
        gap = math.log(alpha) - prior_log
        value -= 0.5 * prior_precision * gap * gap
    return value


@kernel
def refine(y, w, offset, basis, coef, ws, skeel, prior_log, prior_precision, low, t0, f0, t1, f1):
    """Return the alpha in a cell where the slope falls through 0 (Anderson-Bjorck, bisection).

    ``f`` is the slope in t = log(1 + alpha/low), positive at ``t0`` and not positive at ``t1``.
    """
    stay_apart()
    t, last = t1, t0
    kept = 0
    width = t1 - t0
    for k in range(80):
        t = 0.5 * (t0 + t1)
        if k % 4 != 3 or t1 - t0 < 0.25 * width:
            secant = t0 + (t1 - t0) * (f0 / (f0 - f1))
            if t0 < secant < t1:
                t = secant
        if k % 4 == 3:
            width = t1 - t0
        if abs(t - last) <= ROOT_TOL * min(1.0, t) or t1 - t0 <= 1e-15 * t1:
            break
        last = t
        alpha = low * math.expm1(t)
        slope = profile_slope(
            y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision
        )
        f = slope * (alpha + low)
        if f > 0.0:
            if kept > 0:
                f1 *= 1.0 - f / f0 if f < 0.5 * f0 else 0.5
            t0, f0, kept = t, f, 1
        else:
            if kept < 0:
                f0 *= 1.0 - f / f1 if f > 0.5 * f1 else 0.5
            t1, f1, kept = t, f, -1
        if f == 0.0:
            break
    return low * math.expm1(t)


@kernel
def best_of(y, w, offset, basis, coef, ws, skeel, prior_log, prior_precision, maxima, count):
    """Return (alpha, lead): the highest of several local maxima and its lead over the next."""
    best = maxima[0]
    if count == 1:
        return best, math.inf
    top = -math.inf
    second = -math.inf
    for k in range(count):
        value = profile_value(
            y, w, offset, maxima[k], basis, coef, ws, skeel, prior_log, prior_precision
        )
        if value > top:
            second = top
            top = value
            best = maxima[k]
        else:
            second = max(second, value)
    return best, top - second


@kernel
def maximise_profile(y, w, offset, basis, coef, ws, skeel, cap, prior_log, prior_precision):
    """Return (alpha, number of local maxima, lead over the runner-up) on [0, cap].

    Walks cells of equal width in t = log(1 + alpha/low) from 0 to ``cap``, refines every fall of
    the slope through 0, and compares the maxima found, ends included (METHODS: multiple maxima
    are rare and real; the cells make this a search, not a proof).
    """
    largest = 1.0
    for i in range(y.size):
        if w[i] > 0.0:
            largest = max(largest, y[i])
    low = LINEAR / largest
    t_max = math.log1p(cap / low)
    cells = max(4, int(math.ceil(t_max / CELL)))
    maxima = ws.maxima
    count = 0
    t0 = 0.0
    f0 = low * profile_slope(
        y, w, offset, 0.0, basis, coef, ws, skeel, prior_log, prior_precision
    )
    if not f0 > 0.0:
        count = 1
    for k in range(1, cells + 1):
        t1 = t_max * k / cells
        alpha = low * math.expm1(t1) if k < cells else cap
        slope = profile_slope(
            y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision
        )
        f1 = slope * (alpha + low)
        if math.isnan(f1):
            continue
        if f0 > 0.0 and not f1 > 0.0 and count < maxima.size:
            maxima[count] = refine(
                y, w, offset, basis, coef, ws, skeel, prior_log, prior_precision, low,
                t0, f0, t1, f1,
            )
            count += 1
        t0, f0 = t1, f1
    if f0 > 0.0 and count < maxima.size:
        maxima[count] = cap
        count += 1
    best, lead = best_of(
        y, w, offset, basis, coef, ws, skeel, prior_log, prior_precision, maxima, count
    )
    return best, count, lead
