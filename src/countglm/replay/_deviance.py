"""Deviance of arrays to rounding, so that deviances of two designs may be subtracted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Coefficients of t², t⁴, ... in the bracket of docs/math.md, 2.1.
_SERIES = tuple(1.0 / k for k in range(3, 19, 2))
_SERIES_BELOW = 0.1
_NEAR = 0.5


def _excess_ratio(x: Floats) -> Floats:
    """Return (x - log(1 + x))/x² for x > -1 (docs/math.md, 2.1), 1/2 at 0."""
    small = np.abs(x) < _SERIES_BELOW
    t = np.where(small, x / (2.0 + x), 0.0)
    square = t * t
    bracket = np.full_like(x, _SERIES[-1])
    for coefficient in _SERIES[-2::-1]:
        bracket = bracket * square + coefficient
    # With x = 2 t/(1 - t) the powers of x cancel before anything is divided by a small number.
    half = 0.5 * (1.0 - t)
    series = half - half * half * 2.0 * t * bracket
    wide = np.where(small, 1.0, x)
    return np.where(small, series, (wide - np.log1p(wide)) / (wide * wide))


def half_deviance(y: Floats, mu: Floats, alpha: Floats) -> Floats:
    """Return half the unit deviance (g, n) for mu > 0 and alpha (g, 1) > 0 (docs/math.md, 2.5)."""
    some = np.where(y > 0.0, y, 1.0)
    e, at, own = some - mu, 1.0 + alpha * mu, 1.0 + alpha * some
    q1, q2, scaled = e / (mu * own), alpha * e / at, e / at
    near = np.abs(e) < _NEAR * mu
    r1, r2 = np.where(near, q1, 0.0), np.where(near, q2, 0.0)
    close = e * e / (mu * own * at) - some * r1 * r1 * _excess_ratio(r1)
    close += alpha * scaled * scaled * _excess_ratio(r2)
    first = np.where(
        np.abs(q1) < _NEAR, np.log1p(np.maximum(q1, -_NEAR)), np.log(some / mu * (at / own))
    )
    second = np.where(q2 > -_NEAR, np.log1p(np.maximum(q2, -_NEAR)), np.log(own / at)) / alpha
    value = np.where(near, close, some * first - second)
    return np.where(y > 0.0, value, np.log1p(alpha * mu) / alpha)


def deviance(y: Floats, mu: Floats, alpha: Floats, weights: Floats | None) -> Floats:
    """Return the deviance (g,): twice the saturated minus the fitted log-likelihood.

    Parameters
    ----------
    y, mu : (g, n)
        Counts and positive means.
    alpha : (g,)
        Dispersions, positive.
    weights : (g, n) or None
        Observation weights, at least 0.
    """
    with np.errstate(all="ignore"):
        terms = half_deviance(y, mu, alpha[:, None])
    if weights is not None:
        terms = np.where(weights > 0.0, weights * terms, 0.0)
    return np.asarray(2.0 * np.add.reduce(np.ascontiguousarray(terms), axis=1))
