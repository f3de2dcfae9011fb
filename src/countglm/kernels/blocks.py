"""Loops over the genes of one block: the compiled, cached entries that Python calls.

Blocks are gene-major float64 arrays padded over samples (``gene.LANES``).  ``offset`` and
``weight`` have one row for all genes or one row a gene.
"""

from __future__ import annotations

import math

from countglm._jit import entry, kernel, lane_dot, stay_apart

from .certificate import (
    MAX_CONDITION,
    add_absolute_terms,
    decrement_of,
    distance_bound,
    largest_where,
    leverages,
    rounding_radius,
    scaled_score,
)
from .dispersion import maximise_profile
from .gene import (
    evaluate,
    expected_weights,
    gram,
    half_deviance_sum,
    lay_out,
    observed_weights,
    project,
    saturated_log_likelihood,
)
from .smallmat import condition_bound, factor, invert_factor, smallest_pivot
from .solver import set_start, solve

# Columns of the statistics that ``fit_block`` returns for every gene.
(
    DISPERSION,
    DEVIANCE,
    LOG_LIKELIHOOD,
    DECREMENT,
    BOUND,
    SCORE,
    MIN_EIGENVALUE,
    CONDITION,
    MAX_LEVERAGE,
    LEAD,
    N_STATS,
) = range(11)
# Columns of the counters.
STEPS, CONVERGED, MAXIMA, CODE, N_COUNTERS = range(5)
# What ``screen`` finds, in the column CODE.
EXISTS, UNDECIDED, ALL_ZERO, NO_WEIGHT = range(4)


@kernel
def certify(y, w, offset, alpha, basis, raw, coef, raw_coef, skeel, tol, ws, stats_out):
    """Certify the reported coefficients (eqs. 4.1 to 4.5); return True if they are converged."""
    stay_apart()
    evaluate(y, w, offset, alpha, raw, raw_coef, ws)
    half = half_deviance_sum(y, w, alpha, ws.mu)
    stats_out[DEVIANCE] = 2.0 * half
    stats_out[LOG_LIKELIHOOD] = saturated_log_likelihood(y, w, alpha) - half
    observed_weights(y, w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.hessian)
    project(basis, ws.resid, ws.score)
    stats_out[SCORE] = scaled_score(ws.score, ws.hessian, lane_dot(w, y))
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        stats_out[DECREMENT] = math.inf
        stats_out[BOUND] = math.inf
        return False
    invert_factor(ws.chol, ws.scale, ws.inverse)
    decrement = decrement_of(ws)
    ws.eta[:] = 0.0
    add_absolute_terms(basis, coef, ws.eta)
    add_absolute_terms(raw, raw_coef, ws.eta)
    floor = rounding_radius(basis, coef, offset, ws.eta, skeel, ws)
    leverages(basis, ws.inverse, ws.scratch, ws.step_eta)
    radius = math.sqrt(largest_where(ws.step_eta, w))
    stats_out[DECREMENT] = decrement + floor
    for i in range(w.size):
        ws.scratch[i] = ws.info[i] * ws.step_eta[i]
    stats_out[MAX_LEVERAGE] = largest_where(ws.scratch, w)
    if condition_bound(ws.inverse, ws.scale) < MAX_CONDITION:
        stats_out[BOUND] = distance_bound(decrement + floor, radius)
    else:
        stats_out[BOUND] = math.inf
    return decrement + floor <= tol or decrement <= 4.0 * floor


@kernel
def standard_errors(w, alpha, basis, to_coef, ws, out):
    """Set the standard errors from the Fisher information at the current mu (eq. 4.6)."""
    expected_weights(w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.hessian)
    if not factor(ws.hessian, 0.0, ws.chol, ws.scale):
        out[:] = math.nan
        return
    invert_factor(ws.chol, ws.scale, ws.inverse)
    for j in range(out.size):
        s = 0.0
        for m in range(basis.shape[0]):
            t = 0.0
            for k in range(m + 1):
                t += ws.inverse[m, k] * to_coef[j, k]
            s += t * t
        out[j] = math.sqrt(s)


@kernel
def screen(y, w, basis, ws):
    """Return a code: do the samples with positive counts alone determine the coefficients?"""
    positive = 0
    weighted = 0
    for i in range(w.size):
        here = w[i] > 0.0 and y[i] > 0.0
        ws.info[i] = 1.0 if here else 0.0
        positive += 1 if here else 0
        weighted += 1 if w[i] > 0.0 else 0
    if weighted == 0:
        return NO_WEIGHT
    if positive == 0:
        return ALL_ZERO
    gram(basis, ws.info, ws.hessian)
    regular = factor(ws.hessian, 0.0, ws.chol, ws.scale) and smallest_pivot(ws.chol) > 1e-4
    for j in range(basis.shape[0]):
        # A column that is rounding on these samples would be scaled up to look like one.
        regular = regular and ws.hessian[j, j] > 1e-6
    return EXISTS if regular else UNDECIDED


@entry
def fit_block(
    y,
    offset,
    weight,
    alpha,
    basis,
    raw,
    to_coef,
    skeel,
    screened,
    estimate,
    cap,
    prior_log,
    prior_precision,
    kind,
    tol,
    max_steps,
    scratch,
    coef_out,
    se_out,
    stats_out,
    counters_out,
    hessian_out,
    trace_out,
):
    """Fit every gene of a block: dispersion if asked, coefficients, certificate, errors.

    Where ``screened``, genes whose estimate is not known to exist are left out, with their code.

    ``hessian_out`` gets the observed Hessian in the given coding (lower triangles); the columns
    of its spectrum in ``stats_out`` are left to the caller.
    """
    p = basis.shape[0]
    ws = lay_out(scratch)
    coef = ws.coef
    for g in range(y.shape[0]):
        yg = y[g]
        o = offset[g if offset.shape[0] > 1 else 0]
        w = weight[g if weight.shape[0] > 1 else 0]
        stats = stats_out[g]
        counters = counters_out[g]
        code = screen(yg, w, basis, ws) if screened else EXISTS
        counters[CODE] = code
        if code != EXISTS:
            continue
        a = alpha[g]
        if estimate:
            set_start(yg, w, o, 0.1, basis, coef, ws)
            a, maxima, lead = maximise_profile(
                yg, w, o, basis, coef, ws, skeel, cap, prior_log[g], prior_precision
            )
            counters[MAXIMA] = maxima
            stats[LEAD] = lead
        stats[DISPERSION] = a
        # A cold start: the same bits as a fit with this dispersion given.
        set_start(yg, w, o, a, basis, coef, ws)
        steps, _ = solve(yg, w, o, a, basis, coef, ws, kind, tol, max_steps, skeel, trace_out[g])
        counters[STEPS] = steps
        for j in range(raw.shape[0]):
            s = 0.0
            for k in range(p):
                s += to_coef[j, k] * coef[k]
            coef_out[g, j] = s
        ok = certify(yg, w, o, a, basis, raw, coef, coef_out[g], skeel, tol, ws, stats)
        counters[CONVERGED] = 1 if ok else 0
        gram(raw, ws.info, hessian_out[g])
        standard_errors(w, a, basis, to_coef, ws, se_out[g])
