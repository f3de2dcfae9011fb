"""One observation: negative binomial with log link, Poisson as its limit at alpha = 0.

Count ``y`` with mean ``mu`` and variance ``mu + alpha mu²``.  Every function reaches alpha = 0
without a branch in the caller.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart

from .special import (
    entropy_excess,
    expm1,
    log1p,
    log1p_excess,
    log1p_ratio,
    quotient_excess,
    stirling_difference,
    stirling_remainder,
)

LOG_2PI = 1.8378770664093453


@kernel
def residual(y, mu, alpha):
    """Return the derivative of the log-likelihood in eta, (y - mu) / (1 + alpha mu) (eq. 1.2)."""
    return (y - mu) / (1.0 + alpha * mu)


@kernel
def expected_information(mu, alpha):
    """Return the Fisher information in eta, mu / (1 + alpha mu) (eq. 1.3)."""
    return mu / (1.0 + alpha * mu)


@kernel
def observed_information(y, mu, alpha):
    """Return minus the second derivative in eta, mu (1 + alpha y) / (1 + alpha mu)² (eq. 1.4)."""
    v = 1.0 + alpha * mu
    return (mu / v) * ((1.0 + alpha * y) / v)


@kernel
def half_deviance_change(y, mu, alpha, step):
    """Return the change of half the deviance when eta moves by ``step`` from log(mu) (eq. 1.5).

    The difference is formed before anything cancels, so that its error is relative to the
    step and not to the count: this is what controls the step length.
    """
    v = 1.0 + alpha * mu
    # Where alpha mu > 1 the linear part of log(1 + alpha mu e^step) is taken out first.
    large = alpha * mu > 1.0
    r = 1.0 / (alpha if alpha > 0.0 else 1.0)
    e = expm1(-step if large else step) / v
    ratio = log1p_ratio(e if large else alpha * mu * e)
    curved = (1.0 + alpha * y) * e * ratio * (r if large else mu)
    return curved + (r if large else -y) * step


@kernel
def half_deviance(y, mu, alpha):
    """Return half the unit deviance without cancellation (eq. 2.5); mu = 0 needs y = 0."""
    stay_apart()
    if y == 0.0:
        return mu * log1p_ratio(alpha * mu) if mu > 0.0 else 0.0
    e = y - mu
    q2 = alpha * e / (1.0 + alpha * mu)
    if abs(e) < 0.5 * mu:
        q1 = e / mu
        if alpha * mu <= 1.0:
            return e * (q1 * entropy_excess(q1) - q2 * entropy_excess(q2))
        # With r = 1/alpha: r (e/(y+r)) (e/mu) (r/(mu+r)) - y L(q1') + r L(q2).
        scaled = e / (1.0 + alpha * mu)
        q1 = q1 / (1.0 + alpha * y)
        return (
            scaled * q1
            - y * q1 * q1 * log1p_excess(q1)
            + alpha * scaled * scaled * log1p_excess(q2)
        )
    q1 = e / (mu * (1.0 + alpha * y))
    if abs(q1) < 0.5:
        first = math.log1p(q1)
    else:
        first = math.log((y / mu) * ((1.0 + alpha * mu) / (1.0 + alpha * y)))
    if q2 > -0.5:
        return y * first - (e / (1.0 + alpha * mu)) * log1p_ratio(q2)
    return y * first - math.log((1.0 + alpha * y) / (1.0 + alpha * mu)) / alpha


@kernel
def log_normalizer(y, alpha):
    """Return the saturated log-likelihood of one count, the log pmf at mu = y (eq. 2.6)."""
    if y == 0.0:
        return 0.0
    return (
        -0.5 * (LOG_2PI + math.log(y) + math.log1p(alpha * y))
        + stirling_difference(y, alpha)
        - stirling_remainder(y)
    )


@kernel
def _bernoulli_tail(z2, i2):
    """Return sum_k B_2k/2k (1 - z2^k) i2^(k-1), k = 1..7, the tail of eq. 2.8."""
    p = z2
    total = (1.0 - p) / 12.0
    power = i2
    p *= z2
    total -= power * (1.0 - p) / 120.0
    power *= i2
    p *= z2
    total += power * (1.0 - p) / 252.0
    power *= i2
    p *= z2
    total -= power * (1.0 - p) / 240.0
    power *= i2
    p *= z2
    total += power * (1.0 - p) / 132.0
    power *= i2
    p *= z2
    total -= power * (1.0 - p) * (691.0 / 32760.0)
    power *= i2
    p *= z2
    return total + power * (1.0 - p) / 12.0


@kernel
def count_slope_small(y, alpha):
    """Return ``count_slope`` for alpha <= 0.1, by the asymptotic series in alpha (eq. 2.8)."""
    z = 1.0 / (1.0 + alpha * y)
    return 0.5 * y * z + _bernoulli_tail(z * z, alpha * alpha)


@kernel
def count_slope_large(y, alpha):
    """Return ``count_slope`` for alpha > 0.1: the series after ten upward shifts (eq. 2.8)."""
    r = 1.0 / alpha
    total = 0.0
    for j in range(10):
        shifted = r + j
        total += y / (shifted * (y + shifted))
    shifted = r + 10.0
    z = shifted / (y + shifted)
    i2 = 1.0 / (shifted * shifted)
    total += log1p(y / shifted) - log1p(y / r)
    total += 0.5 * y / (shifted * (y + shifted)) + i2 * _bernoulli_tail(z * z, i2)
    return r * r * total


@kernel
def count_slope(y, alpha):
    """Return r² [psi(y + r) - psi(r) - log(1 + y/r)], r = 1/alpha, >= 0 (eq. 2.8).

    The part of the derivative in alpha that depends on the count alone; y/2 at alpha = 0.
    """
    return count_slope_small(y, alpha) if alpha <= 0.1 else count_slope_large(y, alpha)


@kernel
def dispersion_score(y, mu, alpha, slope):
    """Return the derivative of the log-likelihood in alpha (eq. 2.7), ``slope = count_slope``."""
    v = 1.0 + alpha * mu
    scaled = (y - mu) / v
    return scaled * scaled * quotient_excess(alpha * scaled, (1.0 + alpha * y) / v) - slope
