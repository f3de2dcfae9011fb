"""Generalised-lasso fits of one gene along a path of penalties, each with its duality gap.

Minimises ``sum_i w_i f_i(eta_i) + lambda sum_k c_k |D beta|_k + beta'M beta / 2`` by proximal
Newton steps: the quadratic model at the current point with the penalty has the dual problem of
`box`.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._jit import entry, kernel

from .box import minimise_from
from .duality import SOLVED, STEPS, certify, mark_held
from .families import GAUSSIAN, half_unit_deviance, slope_and_curvature
from .triangular import backward, factor, forward

Floats = NDArray[np.float64]

# Most steps of a fit, and of them after the first that is small.
MAX_STEPS, MORE_STEPS = 60, 4
# Below this decrement a step that shrinks it by less than half meets the rounding.
ROUNDING = 1e-5
# In the column of what is solved: the Hessian has no inverse.
SINGULAR = -1.0


class Work(NamedTuple):
    """Room for one gene: n samples, p coefficients, m penalised differences."""

    eta: Floats  # (n,)
    slope: Floats  # (n,)
    curve: Floats  # (n,)
    score: Floats  # (p,)
    hessian: Floats  # (p, p)
    chol: Floats  # (p, p)
    step: Floats  # (p,)
    half: Floats  # (m, p): rows of D by the inverse of the factor
    quad: Floats  # (m, m)
    before: Floats  # (m,): the dual point before the step
    bound: Floats  # (m,)
    rest: Floats  # (m,)
    low: Floats  # (m, m)
    free: NDArray[np.int64]  # (m,)
    move: Floats  # (m,)


@kernel
def predictors(x, offset, beta, eta):
    """Set the linear predictors."""
    for i in range(x.shape[0]):
        total = offset[i]
        for j in range(x.shape[1]):
            total += x[i, j] * beta[j]
        eta[i] = total


@kernel
def expand(code, y, x, offset, weight, size, ridge, beta, work):
    """Set score and Hessian of the smooth part at ``beta``."""
    n, p = x.shape
    predictors(x, offset, beta, work.eta)
    for j in range(p):
        total = 0.0
        for k in range(p):
            total += ridge[j, k] * beta[k]
            work.hessian[j, k] = ridge[j, k]
        work.score[j] = total
    for i in range(n):
        slope, curve = slope_and_curvature(code, y[i], work.eta[i], size[i])
        work.slope[i], work.curve[i] = slope, curve
        slope *= weight[i]
        curve *= weight[i]
        for j in range(p):
            work.score[j] += slope * x[i, j]
            bent = curve * x[i, j]
            for k in range(j + 1):
                work.hessian[j, k] += bent * x[i, k]


@kernel
def whiten(d, work, p, m):
    """Set the rows of D in coordinates where the Hessian is 1, and their products."""
    for k in range(m):
        for j in range(p):
            work.half[k, j] = d[k, j]
        forward(work.chol, p, work.half[k])
    for k in range(m):
        for other in range(k + 1):
            total = 0.0
            for j in range(p):
                total += work.half[k, j] * work.half[other, j]
            work.quad[k, other] = total
            work.quad[other, k] = total


@kernel
def model_step(d, beta, v, work, p, m):
    """Set the step to the minimum of the penalised quadratic model; return its length.

    In white coordinates it is ``z - half' (v - v0)``, with ``z`` the Newton step against the dual
    point ``v0`` at hand: both are small near the optimum, however flat it is.
    """
    for j in range(p):
        work.step[j] = -work.score[j]
    for k in range(m):
        v[k] = min(max(v[k], -work.bound[k]), work.bound[k])
        work.before[k] = v[k]
        for j in range(p):
            work.step[j] -= d[k, j] * v[k]
    forward(work.chol, p, work.step)
    for k in range(m):
        total = 0.0
        for j in range(p):
            total += work.half[k, j] * work.step[j] + d[k, j] * beta[j]
        work.rest[k] = -total
    minimise_from(work.quad, work.bound, m, v, work.rest, work.low, work.free, work.move)
    squared = 0.0
    for j in range(p):
        total = work.step[j]
        for k in range(m):
            total -= work.half[k, j] * (v[k] - work.before[k])
        work.step[j] = total
        squared += total * total
    backward(work.chol, p, work.step)
    return math.sqrt(squared)


@kernel
def safe_length(code, x, work):
    """Return the part of the step that is sure to lower the objective (eq. 3.4)."""
    if code == GAUSSIAN:
        return 1.0
    largest = 0.0
    for i in range(x.shape[0]):
        total = 0.0
        for j in range(x.shape[1]):
            total += x[i, j] * work.step[j]
        largest = max(largest, abs(total))
    return 1.0 if largest <= 1.0 else math.log1p(largest) / largest


@kernel
def fit_at(code, y, x, offset, weight, size, ridge, d, tol, beta, v, work, facts):
    """Fit at one penalty from ``beta`` and ``v``, which it replaces; fill ``facts``."""
    p, m = x.shape[1], d.shape[0]
    steps, last, before, near, solved = 0, MAX_STEPS, math.inf, False, False
    singular = False
    while True:
        expand(code, y, x, offset, weight, size, ridge, beta, work)
        solved = False
        if not factor(work.hessian, work.chol, p):
            singular = True
            break
        if near or steps >= last:
            solved = certify(code, y, x, weight, size, ridge, d, beta, v, work, facts) and near
            if solved or steps >= last:
                break
            # The steps are small, but from a dual point far away: they know few digits of it.
            last = min(last, steps + MORE_STEPS)
        whiten(d, work, p, m)
        decrement = model_step(d, beta, v, work, p, m)
        length = safe_length(code, x, work)
        for j in range(p):
            beta[j] += length * work.step[j]
        steps += 1
        # A full step from here leaves an error of its square, or meets the rounding.
        near = length == 1.0 and (decrement <= tol or 0.5 * before < decrement <= ROUNDING)
        before = decrement
    facts[STEPS] = steps
    facts[SOLVED] = 1.0 if solved else (SINGULAR if singular else 0.0)


@entry
def fit_paths(
    code, y, x, offset, weight, size, ridge, d, cost, lambdas, tol, start, work, beta_out, v_out,
    held_out, facts_out,
):  # fmt: skip
    """Fit every gene (g, n) along its penalties (g, L), from its start (g, p).

    ``offset``, ``weight`` and ``size`` have one row for all genes or one row a gene.
    """
    for g in range(y.shape[0]):
        o = offset[min(g, offset.shape[0] - 1)]
        w = weight[min(g, weight.shape[0] - 1)]
        s = size[min(g, size.shape[0] - 1)]
        for t in range(lambdas.shape[1]):
            beta, v = beta_out[g, t], v_out[g, t]
            for j in range(x.shape[1]):
                beta[j] = start[g, j] if t == 0 else beta_out[g, t - 1, j]
            for k in range(d.shape[0]):
                work.bound[k] = lambdas[g, t] * cost[k]
                v[k] = 0.0 if t == 0 else v_out[g, t - 1, k]
            fit_at(code, y[g], x, o, w, s, ridge, d, tol, beta, v, work, facts_out[g, t])
            mark_held(d, beta, work, held_out[g, t])
            # Without a fit at a large penalty, as without any count, smaller ones have none.
            if facts_out[g, t, SOLVED] != 1.0:
                break


@entry
def scores_at(code, y, x, offset, weight, size, ridge, beta, work, score_out):
    """Set the gradients (g, p) of the smooth part at coefficients (g, p)."""
    for g in range(y.shape[0]):
        o = offset[min(g, offset.shape[0] - 1)]
        w = weight[min(g, weight.shape[0] - 1)]
        s = size[min(g, size.shape[0] - 1)]
        expand(code, y[g], x, o, w, s, ridge, beta[g], work)
        for j in range(x.shape[1]):
            score_out[g, j] = work.score[j]


@entry
def deviances_at(code, y, x, offset, weight, size, beta, work, deviance_out):
    """Set the deviances (g, L) at coefficients (g, L, p)."""
    for g in range(y.shape[0]):
        o = offset[min(g, offset.shape[0] - 1)]
        w = weight[min(g, weight.shape[0] - 1)]
        s = size[min(g, size.shape[0] - 1)]
        for t in range(beta.shape[1]):
            predictors(x, o, beta[g, t], work.eta)
            total = 0.0
            for i in range(x.shape[0]):
                if w[i] > 0.0:
                    total += w[i] * half_unit_deviance(code, y[g, i], work.eta[i], s[i])
            deviance_out[g, t] = 2.0 * total
