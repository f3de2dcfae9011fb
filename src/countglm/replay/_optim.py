"""The quasi-Newton search that follows a failed iteration, by R's settings of L-BFGS-B."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._likelihood import half_deviance, saturated
from ._regression import linear_predictor

Floats = NDArray[np.float64]

_HALF_LOG_2PI = 0.91893853320467274178
# Bounds of log2 coefficients; half the distance of the points of a numeric derivative.
_BOUND = 30.0
_HALF_DISTANCE = 1e-3
_NOT_FINITE = 1e300
# R's factr, in units of the machine epsilon.
_FACTR = 1e7


class Model(NamedTuple):
    """One gene: counts (n,), scale (n,), design (n, p), dispersion, weights (n,) or None."""

    y: Floats
    scale: Floats
    x: Floats
    alpha: float
    weights: Floats | None


def maximise(model: Model, ridge: Floats, start: Floats) -> tuple[Floats, bool]:
    """Minimise the negative log posterior of log2 coefficients from ``start``.

    The prior of coefficient j is normal with variance ``1 / ridge[j]`` on the log2 scale
    (``ridge`` (p,), at least 0; 0 is no prior). Means are not clamped.

    Returns
    -------
    coefficients : (p,) float64
        On the log2 scale, within 30 of 0.
    success : bool
        False where the search ended by its limit of iterations.
    """
    from scipy.optimize import minimize

    alpha = np.array([[model.alpha]])
    y = model.y[None, :]
    top = saturated(y, alpha)[0]
    weights = 1.0 if model.weights is None else model.weights
    bounded = np.clip(start, -_BOUND, _BOUND)
    proper = ridge > 0.0
    constant = float(np.sum(_HALF_LOG_2PI - 0.5 * np.log(ridge[proper])))

    def objective(points: Floats) -> Floats:
        mu = model.scale * np.exp2(linear_predictor(points, model.x))
        terms = weights * (half_deviance(y, mu, alpha) - top)
        penalty = np.add.reduce(0.5 * ridge * points * points, axis=1)
        value = np.add.reduce(terms, axis=1) + penalty + constant
        return np.where(np.isfinite(value), value, _NOT_FINITE)

    def with_slope(beta: Floats) -> tuple[float, Floats]:
        offsets = _HALF_DISTANCE * np.eye(beta.size)
        upper = np.minimum(beta + offsets, _BOUND)
        lower = np.maximum(beta - offsets, -_BOUND)
        values = objective(np.concatenate([beta[None, :], upper, lower]))
        p = beta.size
        width = np.diagonal(upper) - np.diagonal(lower)
        return float(values[0]), (values[1 : p + 1] - values[p + 1 :]) / width

    with np.errstate(all="ignore"):
        found = minimize(
            with_slope,
            bounded,
            method="L-BFGS-B",
            jac=True,
            bounds=[(-_BOUND, _BOUND)] * bounded.size,
            # R's lmm, pgtol and maxit; evaluations are not limited there.
            options={
                "maxcor": 5,
                "ftol": _FACTR * float(np.finfo(np.float64).eps),
                "gtol": 0.0,
                "maxiter": 100,
                "maxfun": 1_000_000,
            },
        )
    return np.asarray(found.x, dtype=np.float64), bool(found.status == 0)
