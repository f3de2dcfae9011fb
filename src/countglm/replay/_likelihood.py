"""Negative binomial log-probabilities of arrays, accurate to rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_HALF_LOG_2PI = 0.91893853320467274178
# Coefficients of z⁻¹, z⁻³, ... in the Stirling remainder (docs/math.md, 2.3).
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
_SERIES_FROM = 10.0


def _series(z: Floats) -> Floats:
    inverse = 1.0 / z
    square = inverse * inverse
    value = np.full_like(z, _STIRLING[-1])
    for coefficient in _STIRLING[-2::-1]:
        value *= square
        value += coefficient
    value *= inverse
    return value


def log_gamma(z: Floats) -> Floats:
    """Return log Gamma(z) for z > 0, formed as ``(z - 1/2) log z - z`` plus small terms.

    From z = 10 on this is the grouping of Stirling's formula, so that the rounding of large
    values, which the dispersion's search feels near 1e-8, is that of the usual routine too.
    """
    from scipy.special import gammaln

    value = _HALF_LOG_2PI + (z - 0.5) * np.log(z) - z + _series(np.maximum(z, _SERIES_FROM))
    small = z < _SERIES_FROM
    if small.any():
        value[small] = gammaln(z[small])
    return value


def _remainder(z: Floats) -> Floats:
    """Stirling remainder of log Gamma at z > 0 (docs/math.md, 2.3)."""
    from scipy.special import gammaln

    value = _series(np.maximum(z, _SERIES_FROM))
    small = z < _SERIES_FROM
    if small.any():
        s = z[small]
        value[small] = gammaln(s) - ((s - 0.5) * np.log(s) - s + _HALF_LOG_2PI)
    return value


def saturated(y: Floats, alpha: Floats) -> Floats:
    """Return log f(y; mu = y, alpha), docs/math.md 2.6, for y (g, n) and alpha (g, 1) > 0."""
    r = 1.0 / alpha
    some = np.maximum(y, 1.0)
    value = _remainder(some + r) - _remainder(r) - _remainder(some)
    value -= 0.5 * (np.log(2.0 * np.pi * some) + np.log1p(alpha * some))
    return np.where(y > 0.0, value, 0.0)


def half_deviance(y: Floats, mu: Floats, alpha: Floats) -> Floats:
    """Return log f(y; y, alpha) - log f(y; mu, alpha) for alpha (g, 1) > 0 (docs/math.md, 2.5)."""
    odds = 1.0 + alpha * mu
    relative = alpha * (y - mu) / odds
    far = np.abs(relative) > 0.5
    # log1p loses digits near -1, the logarithm of the quotient near 1.
    change = np.where(
        far,
        np.log1p(alpha * y) - np.log(odds),
        np.log1p(np.where(far, 0.0, relative)),
    )
    some = y > 0.0
    own = np.where(some, y * np.log(np.where(some, y, 1.0) / np.where(some, mu, 1.0)), 0.0)
    value: Floats = own - (y + 1.0 / alpha) * change
    return value


def log_likelihood(y: Floats, mu: Floats, alpha: Floats, weights: Floats | None) -> Floats:
    """Return the (weighted) sum over samples (g,) of log f(y; mu, alpha)."""
    terms = saturated(y, alpha[:, None]) - half_deviance(y, mu, alpha[:, None])
    if weights is not None:
        terms *= weights
    total: Floats = np.add.reduce(terms, axis=1)
    return total
