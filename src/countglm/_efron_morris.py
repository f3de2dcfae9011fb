"""Scale of the Cauchy prior from estimates and standard errors (docs/math.md, 12.7 and 12.8)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ._exact_sum import exact_sum
from .errors import InputError

Floats = NDArray[np.float64]
LOWEST, HIGHEST = 1e-6, 400.0
# Absolute tolerance of R's uniroot, which the replayed scale carries.
R_TOL = float(np.finfo(np.float64).eps) ** 0.25
GRID = 240


def excess(variance: float, square: Floats, error: Floats) -> float:
    """Return the weighted mean of b² - s², weights 1/(A + s²)², minus A (12.7): order-free sums."""
    total = variance + error
    weight = 0.5 / (total * total)
    return exact_sum((square - error) * weight) / exact_sum(weight) - variance


def marginal(variance: float, square: Floats, error: Floats) -> float:
    """Return twice the marginal log-likelihood of b ~ N(0, A + s²), without constants."""
    total = variance + error
    return -exact_sum(np.log(total) + square / total)


def prior_scale(estimate: Floats, standard_error: Floats, *, replay: bool = False) -> float:
    """Return the scale of the Cauchy prior (docs/math.md, 12.7).

    Parameters
    ----------
    estimate, standard_error : (g,) float64
        Maximum likelihood estimates of the contrast and their standard errors, natural
        logarithm; genes without a finite pair are left out.
    replay : bool
        Stop as R's ``uniroot`` does, at 1.2e-4 of the variance, instead of solving the equation.

    Raises
    ------
    InputError
        No gene has a finite estimate and standard error.
    """
    usable = np.isfinite(estimate) & np.isfinite(standard_error) & (standard_error > 0.0)
    if not usable.any():
        raise InputError(
            "No gene has a finite estimate and standard error of this contrast, so the prior has "
            "no scale; give prior_scale (natural logarithm, such as 1)."
        )
    square, error = estimate[usable] ** 2, standard_error[usable] ** 2

    def slope(variance: float) -> float:
        return excess(variance, square, error)

    if replay:
        variance = LOWEST if slope(LOWEST) < 0.0 else zero_in(slope, LOWEST, HIGHEST, R_TOL)
    else:
        variance = _largest(slope, lambda a: marginal(a, square, error))
    return min(math.sqrt(variance), 1.0)


def _largest(slope: Callable[[float], float], height: Callable[[float], float]) -> float:
    """Return the variance in [LOWEST, HIGHEST] of the largest marginal likelihood."""
    grid = np.geomspace(LOWEST, HIGHEST, GRID).tolist()
    slopes = [slope(point) for point in grid]
    peaks = [LOWEST] if slopes[0] <= 0.0 else []
    peaks += [
        _bisected(slope, grid[k], grid[k + 1])
        for k in range(GRID - 1)
        if slopes[k] > 0.0 and slopes[k + 1] <= 0.0
    ]
    if slopes[-1] > 0.0:
        peaks.append(HIGHEST)
    return max(peaks, key=lambda point: (height(point), -point))


def _bisected(slope: Callable[[float], float], low: float, high: float) -> float:
    """Return the fall through 0 between ``low`` and ``high`` to the last bits."""
    from scipy.optimize import brentq

    # brentq narrows with the signs of an exactly rounded function: the answer is good to rounding.
    return float(brentq(slope, low, high, xtol=1e-300, rtol=4.0 * np.finfo(np.float64).eps))


def zero_in(f: Callable[[float], float], low: float, high: float, tol: float) -> float:
    """Return a zero between ``low`` and ``high`` as Brent's method (1973, ch. 4) leaves it.

    Inverse quadratic or linear interpolation, bisection where these do not help; stops when the
    bracket is within ``tol``. R's ``uniroot`` follows the same steps, so a loose ``tol`` stops at
    the same point.
    """
    a, b = low, high
    fa, fb = f(a), f(b)
    if fa * fb > 0.0:
        return a if abs(fa) < abs(fb) else b
    c, fc = a, fa
    eps = float(np.finfo(np.float64).eps)
    for _ in range(1000):
        previous = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        least = 2.0 * eps * abs(b) + 0.5 * tol
        step = 0.5 * (c - b)
        if abs(step) <= least or fb == 0.0:
            return b
        if abs(previous) >= least and abs(fa) > abs(fb):
            step = _interpolated(a, b, c, fa, fb, fc, previous, least, step)
        if abs(step) < least:
            step = least if step > 0.0 else -least
        a, fa = b, fb
        b += step
        fb = f(b)
        if (fb > 0.0) == (fc > 0.0):
            c, fc = a, fa
    return b


def _interpolated(
    a: float,
    b: float,
    c: float,
    fa: float,
    fb: float,
    fc: float,
    previous: float,
    least: float,
    half: float,
) -> float:
    """Return the interpolated step where it is short enough, else ``half`` the bracket."""
    gap = c - b
    if a == c:
        ratio = fb / fa
        p, q = gap * ratio, 1.0 - ratio
    else:
        u, v, w = fa / fc, fb / fc, fb / fa
        p = w * (gap * u * (u - v) - (b - a) * (v - 1.0))
        q = (u - 1.0) * (v - 1.0) * (w - 1.0)
    if p > 0.0:
        q = -q
    else:
        p = -p
    short = p < 0.75 * gap * q - 0.5 * abs(least * q) and p < abs(0.5 * previous * q)
    return p / q if short else half
