"""Dispersion of one gene: the true maximum of the Cox-Reid adjusted profile likelihood.

The coefficients are re-maximised at every alpha.  Derivatives are taken in alpha itself, which
is smooth through the boundary alpha = 0.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, lane_sum, stay_apart

from .certificate import leverages
from .family import count_slope_large, count_slope_small, dispersion_score
from .gene import (
    combine,
    expected_weights,
    gram,
    half_deviance_sum,
    project,
    saturated_log_likelihood,
)
from .search import BEST, COMPARE, COUNT, DONE, PHASE, advance, begin, lead
from .smallmat import back_solve, factor, half_solve, invert_factor, log_determinant
from .solver import NEWTON, solve

# Decrement at which the coefficients of the profile are taken as re-maximised; one more full
# step follows, and Newton squares it.
PROFILE_TOL = 1e-6
PROFILE_STEPS = 60.0


@kernel
def coefficient_motion(alpha, basis, ws):
    """Set ``ws.step_eta`` to the derivative of eta in alpha along the profile (eq. 5.2)."""
    for i in range(ws.mu.size):
        ws.scratch[i] = -ws.resid[i] * (ws.mu[i] / (1.0 + alpha * ws.mu[i]))
    project(basis, ws.scratch, ws.score)
    half_solve(ws.chol, ws.scale, ws.score, ws.vector)
    back_solve(ws.chol, ws.scale, ws.vector, ws.step)
    combine(basis, ws.step, ws.step_eta)


@kernel
def slope_sum(y, w, alpha, ws):
    """Return d/d alpha of likelihood and Cox-Reid term (eq. 5.3); ``ws.eta`` holds x' B⁻¹ x."""
    counts, out, mu = ws.scratch, ws.scratch2, ws.mu
    if alpha <= 0.1:
        for i in range(y.size):
            counts[i] = count_slope_small(y[i], alpha)
    else:
        for i in range(y.size):
            counts[i] = count_slope_large(y[i], alpha)
    for i in range(y.size):
        counts[i] = dispersion_score(y[i], mu[i], alpha, counts[i])
    for i in range(y.size):
        v = 1.0 + alpha * mu[i]
        out[i] = (mu[i] / v) * (ws.step_eta[i] / v - mu[i] / v) * ws.eta[i]
    for i in range(y.size):
        out[i] = w[i] * (counts[i] - 0.5 * out[i])
    return lane_sum(out)


@kernel
def profile(y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision, want_value):
    """Return the adjusted profile log-likelihood (eq. 5.1) or its slope in alpha (eq. 5.3).

    The coefficients are re-maximised from ``coef``, where they are left.
    """
    stay_apart()
    solve(
        y, w, offset, alpha, basis, coef, ws, NEWTON, PROFILE_TOL, PROFILE_STEPS, skeel, ws.no_trace
    )
    coefficient_motion(alpha, basis, ws)
    expected_weights(w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.hessian)
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        return math.nan
    if want_value:
        value = saturated_log_likelihood(y, w, alpha) - half_deviance_sum(y, w, alpha, ws.mu)
        value -= 0.5 * log_determinant(ws.chol, ws.scale)
        if prior_precision > 0.0:
            gap = math.log(alpha) - prior_log
            value -= 0.5 * prior_precision * gap * gap
        return value
    invert_factor(ws.chol, ws.scale, ws.inverse)
    leverages(basis, ws.inverse, ws.scratch, ws.eta)
    slope = slope_sum(y, w, alpha, ws)
    if prior_precision > 0.0:
        if alpha == 0.0:
            return math.inf
        slope -= prior_precision * (math.log(alpha) - prior_log) / alpha
    return slope


@kernel
def maximise_profile(y, w, offset, basis, coef, ws, skeel, cap, prior_log, prior_precision):
    """Return (alpha, number of local maxima, lead over the runner-up) on [0, cap].

    ``search`` walks cells of equal width in log(1 + alpha/low), refines every fall of the slope
    through 0, and compares the maxima found, ends included.  Several maxima are rare and real;
    the cells make this a search, not a proof.
    """
    largest = 0.0
    for i in range(y.size):
        if w[i] > 0.0:
            largest = y[i] if y[i] > largest else largest
    state = ws.search
    alpha = begin(state, largest, cap)
    while state[PHASE] != DONE:
        answer = profile(
            y, w, offset, alpha, basis, coef, ws, skeel, prior_log, prior_precision,
            state[PHASE] == COMPARE,
        )  # fmt: skip
        alpha = advance(state, ws.maxima, alpha, answer)
    return state[BEST], int(state[COUNT]), lead(state)
