"""What proves one gene's fit: Newton decrement, rounding term, distance bound, conditioning.

Equation numbers refer to ``docs/math.md``; the theorem is generalised self-concordance with
constant 1, which the Poisson and the negative binomial with log link both satisfy.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, lane_dot, stay_apart

from .gene import combine
from .smallmat import norm

# Twice the unit round-off: the polynomial exp and log are good to about one of these.
EPS = 2.220446049250313e-16
# A scaled Hessian worse than this may be indefinite in exact arithmetic: no bound is claimed.
MAX_CONDITION = 1e12


@kernel
def rounding_radius(columns, coef, offset, spread, skeel, ws):
    """Return the decrement that rounding alone can cause, in standard errors (eq. 4.3).

    Expects eta, mu, resid, observed weights (``ws.info``) and T = L⁻¹ diag(s) of the observed
    Hessian (``ws.inverse``) at ``coef``.  ``spread`` (n,) bounds the sum of the absolute terms of
    the linear predictor, ``skeel`` the amplification of rounding by the change of basis.
    """
    stay_apart()
    n = offset.size
    p = coef.size
    eta_units = float(p + 2)
    # Sums run as 32 chains of additions.
    resid_units = n / 64.0 + 8.0 + eta_units * skeel
    noise = ws.scratch
    for i in range(n):
        eta_noise = 2.0 * abs(offset[i]) + eta_units * spread[i] + 3.0
        noise[i] = EPS * (ws.info[i] * eta_noise + resid_units * abs(ws.resid[i]))
    for j in range(p):
        row = columns[j]
        for i in range(n):
            ws.step_eta[i] = abs(row[i])
        ws.vector[j] = lane_dot(ws.step_eta, noise)
    total = 0.0
    for j in range(p):
        s = 0.0
        for k in range(j + 1):
            s += abs(ws.inverse[j, k]) * ws.vector[k]
        total += s * s
    return math.sqrt(total)


@kernel
def add_absolute_terms(columns, coef, out):
    """Add to ``out`` the sum over k of ``abs(coef[k] * columns[k])``."""
    for k in range(coef.size):
        c = abs(coef[k])
        row = columns[k]
        for i in range(out.size):
            out[i] += c * abs(row[i])


@kernel
def leverages(columns, inverse, scratch, out):
    """Set ``out[i]`` to x_i' a⁻¹ x_i from T = ``inverse`` with T' T = a⁻¹ (eq. 4.2)."""
    stay_apart()
    out[:] = 0.0
    for j in range(inverse.shape[0]):
        combine(columns[: j + 1], inverse[j, : j + 1], scratch)
        for i in range(out.size):
            out[i] += scratch[i] * scratch[i]


@kernel
def largest_where(values, w):
    """Return the largest absolute value among samples of positive weight."""
    largest = 0.0
    for i in range(w.size):
        value = abs(values[i]) if w[i] > 0.0 else 0.0
        largest = value if value > largest else largest
    return largest


@kernel
def distance_bound(decrement, radius):
    """Return the bound on the distance to the optimum, in standard errors (eq. 4.4).

    ``-log(1 - R lambda) / R``; infinite where R lambda >= 1 proves nothing.
    """
    v = radius * decrement
    if not v < 1.0:
        return math.inf
    if v < 1e-8:
        # -log(1 - v) <= v (1 + v) for v <= 1/2, without 0/0 at v = 0.
        return decrement * (1.0 + v)
    return -math.log1p(-v) / radius


@kernel
def scaled_score(score, hessian, events):
    """Return max_j |U_j| / sqrt(H_jj max(1, sum w y)) (eq. 4.5)."""
    worst = 0.0
    for j in range(score.size):
        d = math.sqrt(hessian[j, j] * (events if events > 1.0 else 1.0))
        value = abs(score[j]) / d if d > 0.0 else math.inf
        worst = value if value > worst else worst
    return worst


@kernel
def decrement_of(ws):
    """Return sqrt(U' H⁻¹ U) from the score and T in the workspace (eq. 4.1)."""
    p = ws.score.size
    for j in range(p):
        s = 0.0
        for k in range(j + 1):
            s += ws.inverse[j, k] * ws.score[k]
        ws.vector[j] = s
    return norm(ws.vector)
