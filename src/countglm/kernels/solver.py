"""Coefficients of one gene at a given dispersion: Fisher scoring and Newton in one loop.

The two differ in one argument, the weights of the quadratic model.  Equation numbers refer to
``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart

from .certificate import add_absolute_terms, largest_where, rounding_radius
from .gene import (
    combine,
    deviance_change,
    evaluate,
    expected_weights,
    gram,
    half_deviance_sum,
    observed_weights,
    project,
    start_response,
)
from .smallmat import back_solve, factor, half_solve, invert_factor, norm, smallest_pivot

# Fisher steps hand over to Newton below this decrement, in standard errors ...
HANDOVER = 0.1
# ... or after two steps that do not shrink the decrement by this factor.
SLOW = 0.25
# The first length tried moves no linear predictor by more than this: a Fisher step can point far
# out where alpha is large and the likelihood flat.
LONGEST = 10.0
# A factor with a smaller diagonal may be rounding, and promises nothing about its step.
HEALTHY = 1e-5
# Below this decrement the rounding term is worth its cost.
NEAR = 1e-4
FISHER, NEWTON = 0.0, 1.0


@kernel
def factor_with_ridge(ws):
    """Factor ``ws.hessian``, adding the smallest ridge that makes it positive; -1 if none does."""
    ridge = 0.0
    while not factor(ws.hessian, ridge, ws.chol, ws.scale):
        ridge = 100.0 * ridge if ridge > 0.0 else 1e-13
        if ridge > 1e3:
            return -1.0
    return ridge


@kernel
def set_start(y, w, offset, alpha, basis, coef, ws):
    """Set ``coef`` to the weighted least-squares fit of log(y + 1/4) - offset (eq. 3.2)."""
    stay_apart()
    start_response(y, w, offset, alpha, ws)
    gram(basis, ws.info, ws.hessian)
    project(basis, ws.resid, ws.score)
    if factor_with_ridge(ws) < 0.0:
        coef[:] = 0.0
        return
    half_solve(ws.chol, ws.scale, ws.score, ws.vector)
    back_solve(ws.chol, ws.scale, ws.vector, coef)


@kernel
def quadratic_model(y, w, alpha, basis, kind, ws):
    """Set Hessian, score and factor at the current mu; return (decrement, ridge), eq. 3.3."""
    stay_apart()
    if kind == FISHER:
        expected_weights(w, alpha, ws.mu, ws.info)
    else:
        observed_weights(y, w, alpha, ws.mu, ws.info)
    gram(basis, ws.info, ws.hessian)
    project(basis, ws.resid, ws.score)
    ridge = factor_with_ridge(ws)
    if ridge < 0.0:
        return math.inf, ridge
    half_solve(ws.chol, ws.scale, ws.score, ws.vector)
    return norm(ws.vector), ridge


@kernel
def step_length(y, w, alpha, decrement, guaranteed, ws):
    """Return the first of t, t/2, t/4, ... that lowers the deviance enough (eq. 3.4).

    ``t`` is 1, or less so that no eta moves by more than ``LONGEST``.  An exact Newton step
    (``guaranteed``) needs no test when it moves no eta by more than 1, and is never cut below
    log(1 + S)/S: self-concordance promises the descent there.
    """
    stay_apart()
    largest = largest_where(ws.step_eta, w)
    if guaranteed and largest <= 1.0:
        return 1.0
    safe = math.log1p(largest) / largest if guaranteed else 0.0
    length = LONGEST / largest if largest > LONGEST else 1.0
    for _ in range(60):
        if length <= safe:
            return safe
        change = deviance_change(y, w, alpha, ws, length)
        if change <= -1e-4 * length * decrement * decrement:
            return length
        length *= 0.5
    return length


@kernel
def rounding_floor(offset, basis, coef, skeel, ws):
    """Return the rounding term of the decrement at the current observed Hessian (eq. 4.3)."""
    stay_apart()
    invert_factor(ws.chol, ws.scale, ws.inverse)
    # step_eta and eta are free here: eta is set again by the next evaluation.
    ws.eta[:] = 0.0
    add_absolute_terms(basis, coef, ws.eta)
    return rounding_radius(basis, coef, offset, ws.eta, skeel, ws)


@kernel
def record(trace, row, kind, length, decrement, y, w, alpha, coef, ws):
    """Keep one iterate: kind of step, its length, decrement, deviance, coefficients."""
    stay_apart()
    if row >= trace.shape[0]:
        return
    trace[row, 0] = kind
    trace[row, 1] = length
    trace[row, 2] = decrement
    trace[row, 3] = 2.0 * half_deviance_sum(y, w, alpha, ws.mu)
    for j in range(coef.size):
        trace[row, 4 + j] = coef[j]


@kernel
def solve(y, w, offset, alpha, basis, coef, ws, kind, tol, max_steps, skeel, trace):
    """Minimise the deviance from ``coef``; return (steps taken, converged).

    Counts and switches are floats: Numba compiles a function anew for every literal integer or
    boolean that it is called with.

    1. quadratic model at the current point: score, information, factor, decrement;
    2. Fisher scoring hands over to Newton near the optimum, or where it does not contract;
    3. stop at a decrement within ``tol`` or the rounding floor, after one more full step;
    4. step, halved by the deviance.
    """
    stay_apart()
    evaluate(y, w, offset, alpha, basis, coef, ws)
    steps = 0.0
    slow = 0.0
    previous = math.inf
    polished = False
    length = 0.0
    while True:
        decrement, ridge = quadratic_model(y, w, alpha, basis, kind, ws)
        if ridge < 0.0:
            return steps, False
        if kind == FISHER:
            slow = slow + 1.0 if decrement > SLOW * previous else 0.0
            previous = decrement
            if decrement < HANDOVER or slow >= 2.0:
                kind = NEWTON
                continue
        if trace.shape[0] > 0:
            record(trace, int(steps), kind, length, decrement, y, w, alpha, coef, ws)
        near = False
        if kind == NEWTON and ridge == 0.0 and decrement < NEAR:
            near = decrement <= tol
            if not near:
                floor = rounding_floor(offset, basis, coef, skeel, ws)
                near = decrement <= 4.0 * floor
        if (near and polished) or steps >= max_steps:
            return steps, near
        polished = near
        half_solve(ws.chol, ws.scale, ws.score, ws.vector)
        back_solve(ws.chol, ws.scale, ws.vector, ws.step)
        combine(basis, ws.step, ws.step_eta)
        sure = kind == NEWTON and ridge == 0.0 and smallest_pivot(ws.chol) > HEALTHY
        length = step_length(y, w, alpha, decrement, sure, ws)
        for j in range(coef.size):
            coef[j] += length * ws.step[j]
        evaluate(y, w, offset, alpha, basis, coef, ws)
        steps += 1.0
