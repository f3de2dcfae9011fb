"""One observation of a family that an integer code names: for kernels that serve all of them.

``size`` is the dispersion of a negative binomial (log link; Poisson at 0), or the number of trials
of a binomial (logit); a Gaussian (identity, unit variance) has none.  All minimise ``f``, minus the
log-likelihood as a function of the linear predictor.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

from countglm._jit import kernel

from .family import half_deviance, observed_information, poisson_share, residual
from .special import exp, log, log1p

COUNTS, BINOMIAL, GAUSSIAN = 0, 1, 2


@kernel
def slope_and_curvature(code, y, eta, size):
    """Return ``f'`` and ``f''`` at a linear predictor (eqs. 1.2, 1.4; 17.2, 17.3)."""
    if code == COUNTS:
        mu = exp(eta)
        share = poisson_share(mu, size)
        return -residual(y, mu, share), observed_information(y, mu, size, share)
    if code == BINOMIAL:
        odds = exp(-abs(eta))
        major = 1.0 / (1.0 + odds)
        minor = odds * major
        share = major if eta >= 0.0 else minor
        rest = minor if eta >= 0.0 else major
        # Failures by the chance of success less successes by that of failure: no cancellation.
        return (size - y) * share - y * rest, size * major * minor
    return eta - y, 1.0


@kernel
def half_unit_deviance(code, y, eta, size):
    """Return ``f`` less its least value for this observation (eqs. 2.5; 17.4), >= 0."""
    if code == COUNTS:
        mu = exp(eta)
        return half_deviance(y, mu, size, poisson_share(mu, size))
    if code == BINOMIAL:
        # log(1 + e^eta) and log(1 + e^-eta)
        tail = log1p(exp(-abs(eta)))
        success = tail + max(-eta, 0.0)
        failure = tail + max(eta, 0.0)
        least = 0.0
        if y > 0.0:
            least += y * log(y / size)
        if y < size:
            least += (size - y) * log((size - y) / size)
        return max(y * success + (size - y) * failure + least, 0.0)
    return 0.5 * (y - eta) * (y - eta)


@kernel
def predictor_of_slope(code, y, slope, size):
    """Return (whether there is one, the linear predictor at which ``f'`` is ``slope``)."""
    if code == COUNTS:
        above, below = y + slope, 1.0 - size * slope
        if above > 0.0 and below > 0.0:
            return True, log(above) - log(below)
        return False, 0.0
    if code == BINOMIAL:
        won, lost = y + slope, size - y - slope
        if won > 0.0 and lost > 0.0:
            return True, log(won) - log(lost)
        return False, 0.0
    return True, y + slope


@kernel
def gap_bound(code, curvature, move):
    """Return a bound of ``f(a) - f(b) - f'(b) (a - b)``, given ``f''(b)`` and ``a - b``.

    Every family here has ``|f'''| <= f''``, so ``f''(b) (exp(m) - 1 - m)`` with ``m = |a - b|``
    bounds it, and no digits are lost where the two meet (eq. 16.6).
    """
    if code == GAUSSIAN:
        return 0.5 * move * move
    m = abs(move)
    if m < 1e-2:
        rest = 0.5 + m * (1.0 / 6.0 + m * (1.0 / 24.0 + m * (1.0 / 120.0 + m * (1.0 / 715.0))))
        return curvature * m * m * rest
    return curvature * (exp(m) - 1.0 - m)
