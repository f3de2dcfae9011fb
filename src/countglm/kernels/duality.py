"""What proves a penalised fit: duality gap, conditions of the optimum, differences that are 0.

``work`` is that of `penalized`, with predictors, slopes and the factored Hessian at the fit.
Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel

from .families import gap_bound, half_unit_deviance, predictor_of_slope, slope_and_curvature
from .triangular import backward, forward

# The duality gap of a fit that is done, as a part of its objective (or of 1, if that is more).
LIMIT = 1e-8
# A difference below this part of its standard error is none.
NONE = 1e-7
# Columns of what is said of a fit.
GAP, KKT, DEVIANCE, STEPS, SOLVED, N_FACTS = 0, 1, 2, 3, 4, 5


@kernel
def duality_gap(code, y, x, weight, size, ridge, d, beta, v, work):
    """Return a bound of the duality gap (eq. 16.5) and the KKT residual in standard errors.

    The slopes at ``beta`` are moved along ``W X`` so that they balance ``D'v``; what the move
    costs is the gap of the smooth part.
    """
    n, p = x.shape
    m = d.shape[0]
    for j in range(p):
        total = work.score[j]
        for k in range(m):
            total += d[k, j] * v[k]
        work.step[j] = total
    forward(work.chol, p, work.step)
    residual = 0.0
    for j in range(p):
        residual += work.step[j] * work.step[j]
    backward(work.chol, p, work.step)
    gap = 0.0
    for i in range(n):
        move = 0.0
        for j in range(p):
            move += x[i, j] * work.step[j]
        if weight[i] <= 0.0:
            continue
        known, eta = predictor_of_slope(code, y[i], work.slope[i] - work.curve[i] * move, size[i])
        if not known:
            return math.inf, math.sqrt(residual)
        # The difference of predictors is -move to first order: so computed where it is small.
        apart = work.eta[i] - eta
        if abs(move) < 1e-5:
            apart = move * (1.0 + abs(move))
        _, curve = slope_and_curvature(code, y[i], eta, size[i])
        gap += weight[i] * gap_bound(code, curve, apart)
    for j in range(p):
        for k in range(p):
            gap += 0.5 * work.step[j] * ridge[j, k] * work.step[k]
    for k in range(m):
        total = 0.0
        for j in range(p):
            total += d[k, j] * beta[j]
        # Never negative but for rounding: |v| is at most the bound.
        gap += max(work.bound[k] * abs(total) - v[k] * total, 0.0)
    return gap, math.sqrt(residual)


@kernel
def certify(code, y, x, weight, size, ridge, d, beta, v, work, facts):
    """Fill ``facts`` but for the steps; return whether the gap is that of a fit that is done."""
    total = 0.0
    for i in range(x.shape[0]):
        if weight[i] > 0.0:
            total += weight[i] * half_unit_deviance(code, y[i], work.eta[i], size[i])
    facts[DEVIANCE] = 2.0 * total
    facts[GAP], facts[KKT] = duality_gap(code, y, x, weight, size, ridge, d, beta, v, work)
    for k in range(d.shape[0]):
        held = 0.0
        for j in range(x.shape[1]):
            held += d[k, j] * beta[j]
        total += work.bound[k] * abs(held)
    return facts[GAP] <= LIMIT * max(1.0, total)


@kernel
def mark_held(d, beta, work, held):
    """Set which differences are 0: of a size that is rounding, beside their standard errors."""
    for k in range(d.shape[0]):
        total, variance = 0.0, 0.0
        for j in range(beta.size):
            total += d[k, j] * beta[j]
            variance += work.half[k, j] * work.half[k, j]
        held[k] = abs(total) <= NONE * math.sqrt(variance)
