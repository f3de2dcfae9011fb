"""One observation: negative binomial with log link, Poisson as its limit at alpha = 0.

Count ``y`` with mean ``mu`` and variance ``mu + alpha mu²``.  Every function reaches alpha = 0
without a branch in the caller, and takes one number or eight at once.  ``share`` is
1 / (1 + alpha mu) (eq. 1.5), the part of the variance that is Poisson's: a division that the
others have in common.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

from countglm._jit import kernel
from countglm._jit.lanes import choose, magnitude

from .special import (
    LOG_2PI,
    SERIES,
    SHIFT,
    bernoulli_tail,
    log,
    log_excess,
    shifted_reciprocals,
    stirling_difference_small,
    stirling_remainder,
)

# Up to this dispersion the series in alpha converge to rounding.
SMALL = 0.1


@kernel
def poisson_share(mu, alpha):
    """Return 1 / (1 + alpha mu) (eq. 1.5)."""
    return 1.0 / (1.0 + alpha * mu)


@kernel
def residual(y, mu, share):
    """Return the derivative of the log-likelihood in eta, (y - mu) / (1 + alpha mu) (eq. 1.2)."""
    return (y - mu) * share


@kernel
def expected_information(mu, share):
    """Return the Fisher information in eta, mu / (1 + alpha mu) (eq. 1.3)."""
    return mu * share


@kernel
def observed_information(y, mu, alpha, share):
    """Return minus the second derivative in eta, mu (1 + alpha y) / (1 + alpha mu)² (eq. 1.4)."""
    return (mu * share) * ((1.0 + alpha * y) * share)


@kernel
def half_deviance(y, mu, alpha, share):
    """Return half the unit deviance without cancellation (eq. 2.5), mu > 0."""
    e = y - mu
    growth = 1.0 + alpha * y
    scaled = e * share
    # Relative excess of the odds y/(y + r) over mu/(mu + r), and of y + r over mu + r.
    q1 = e / (mu * growth)
    q2 = alpha * scaled
    u1 = y / (mu * growth * share)
    l1 = log(choose(u1 < 1e-300, 1e-300, u1))
    l2 = log(growth * share)
    second = log_excess(q2, l2)
    inverse = 1.0 / growth
    bracket = inverse * (share - (y / mu) * inverse * log_excess(q1, l1))
    # Products in an order that neither overflows nor underflows at means beyond 1e150.
    near = (e / mu) * (e * (bracket + (alpha * mu * share) * share * second))
    large = magnitude(q2) >= SERIES
    ratio = choose(large, l2 / choose(large, q2, 1.0), 1.0 - q2 * second)
    return choose(magnitude(q1) < 0.5, near, y * l1 - scaled * ratio)


@kernel
def excess_deviance(y, mu, share):
    """Return by how much half the deviance of a count exceeds that of a zero, less eq. 2.9.

    Linear in the count; mu > 0.
    """
    odds = mu * share
    return -y * log(choose(odds < 1e-300, 1e-300, odds))


@kernel
def count_deviance(y, alpha):
    """Return y log y - (y + 1/alpha) log(1 + alpha y) for y >= 1 (eq. 2.9), also at alpha = 0."""
    x = alpha * y
    growth = log(1.0 + x)
    return y * (log(y) - growth - 1.0 + x * log_excess(x, growth))


@kernel
def count_score(y, alpha):
    """Return [alpha y - log(1 + alpha y)] / alpha² (eq. 2.10), also at alpha = 0."""
    x = alpha * y
    return y * y * log_excess(x, log(1.0 + x))


@kernel
def log_normalizer_small(y, alpha):
    """Return the log pmf of a count y > 0 at mu = y (eq. 2.6), for alpha <= 0.1."""
    growth = 1.0 + alpha * y
    shape = stirling_difference_small(1.0 / growth, alpha)
    return shape - stirling_remainder(y) - 0.5 * (LOG_2PI + log(y * growth))


@kernel
def log_normalizer_large(y, alpha):
    """Return the log pmf of a count y > 0 at mu = y (eq. 2.6), for alpha > 0.1."""
    r = 1.0 / alpha
    shape = stirling_remainder(y + r) - stirling_remainder(r)
    return shape - stirling_remainder(y) - 0.5 * (LOG_2PI + log(y * (1.0 + alpha * y)))


@kernel
def count_slope_small(y, alpha):
    """Return r² [psi(y + r) - psi(r) - log(1 + y/r)], r = 1/alpha, >= 0 (eq. 2.8), alpha <= 0.1.

    The part of the derivative in alpha that depends on the count alone; y/2 at alpha = 0.
    """
    z = 1.0 / (1.0 + alpha * y)
    return 0.5 * y * z + bernoulli_tail(z * z, alpha * alpha)


@kernel
def count_slope_large(y, r, base):
    """Return what `count_slope_small` does for r < 10: the series after ten upward shifts.

    ``base`` is ``reciprocals(r)``.
    """
    up = r + SHIFT
    ratio, first, far = shifted_reciprocals(y + r)
    z = up * far
    i2 = 1.0 / (up * up)
    sums = base - ratio + log((y + up) * r * first / up)
    return (r * r) * (sums + 0.5 * y * far / up + i2 * bernoulli_tail(z * z, i2))


@kernel
def dispersion_score(y, mu, alpha, share):
    """Return the derivative of the log-likelihood in alpha (eq. 2.7), without the count's part."""
    scaled = (y - mu) * share
    return scaled * scaled * log_excess(alpha * scaled, log((1.0 + alpha * y) * share))
