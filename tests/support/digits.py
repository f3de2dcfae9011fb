"""Errors of float64 results against many digits, in units of the float64 epsilon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from mpmath import mp, mpf

EPS = 2.0**-52


def exactly(function: Callable[..., mpf], *arguments: Iterable[float], digits: int = 60) -> list:
    """Return a function of mpmath numbers at the exact values of float arguments."""
    columns = [np.asarray(a, dtype=float).tolist() for a in arguments]
    with mp.workdps(digits):
        return [function(*map(mpf, row)) for row in zip(*columns, strict=True)]


def relative_errors(got: Sequence[float], exact: Sequence[mpf], least: float = 0.0) -> np.ndarray:
    """Return the errors relative to the exact values or, where these are smaller, to ``least``."""
    errors = []
    with mp.workdps(60):
        for value, truth in zip(np.asarray(got).tolist(), exact, strict=True):
            size = max(abs(truth), mpf(least))
            missed = abs(mpf(value) - truth)
            errors.append(float(missed / size) / EPS if size else float(missed != 0))
    # A NaN is as far away as can be.
    return np.where(np.isnan(errors), np.inf, errors)


def largest_error(got: Sequence[float], exact: Sequence[mpf], least: float = 0.0) -> float:
    """Return the largest of `relative_errors`."""
    return float(np.max(relative_errors(got, exact, least)))


def digamma_slope(y: mpf, alpha: mpf) -> mpf:
    """Return r² [psi(y + r) - psi(r) - log(1 + y/r)], r = 1/alpha."""
    r = 1 / alpha
    return r**2 * (mp.digamma(y + r) - mp.digamma(r) - mp.log1p(y / r))


def stirling(z: mpf) -> mpf:
    """Return Stirling's remainder of log Gamma from its definition."""
    return mp.loggamma(z) - ((z - 0.5) * mp.log(z) - z + mp.log(2 * mp.pi) / 2)


def half_deviance(y: mpf, mu: mpf, alpha: mpf) -> mpf:
    """Return half the unit deviance from its definition."""
    first = y * mp.log(y / mu) if y else mpf(0)
    if alpha == 0:
        return first - (y - mu)
    return first - (y + 1 / alpha) * mp.log((1 + alpha * y) / (1 + alpha * mu))
