"""Penalised fits by somebody else: the same problem given to CVXPY and an interior-point solver."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

# Tighter than the solver's own 1e-8, which leaves coefficients at its root.
TIGHT = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13, "max_iter": 500}


def smooth_loss(family: str, y: np.ndarray, eta: Any, weight: np.ndarray, size: np.ndarray) -> Any:
    """Minus the log-likelihood as CVXPY's atoms, without its constants."""
    import cvxpy as cp

    if family == "poisson":
        # Predictors beside the log of the mean: the cone's entries are near 1.
        level = np.log(np.average(y, weights=weight))
        loss = np.exp(level) * cp.exp(eta - level) - cp.multiply(y, eta)
    elif family == "nb":
        loss = cp.multiply(y + 1.0 / size, cp.logistic(eta + np.log(size))) - cp.multiply(y, eta)
    elif family == "binomial":
        loss = cp.multiply(size, cp.logistic(eta)) - cp.multiply(y, eta)
    else:
        loss = 0.5 * cp.square(eta - y)
    return cp.sum(cp.multiply(weight / np.sum(weight * np.maximum(y, 1.0)), loss))


def minimise(
    family: str,
    y: np.ndarray,
    x: np.ndarray,
    rows: np.ndarray,
    bound: np.ndarray,
    *,
    offset: np.ndarray,
    weight: np.ndarray,
    size: np.ndarray,
    ridge: np.ndarray,
) -> np.ndarray:
    """Return the coefficients (p,) that minimise the likelihood's loss and ``bound |rows beta|``.

    ``size`` (n,) is the dispersion or the number of trials; ``bound`` (m,) is lambda times cost.
    """
    import cvxpy as cp

    beta = cp.Variable(x.shape[1])
    scale = np.sum(weight * np.maximum(y, 1.0))
    smooth = smooth_loss(family, y, x @ beta + offset, weight, size)
    held = cp.sum(cp.multiply(bound / scale, cp.abs(rows @ beta)))
    drawn = 0.5 * cp.sum(cp.multiply(np.diag(ridge) / scale, cp.square(beta)))
    problem = cp.Problem(cp.Minimize(smooth + held + drawn))
    with warnings.catch_warnings():
        # It says "may be inaccurate" of what stops short of 1e-13.
        warnings.simplefilter("ignore")
        problem.solve(solver="CLARABEL", **TIGHT)
    return np.asarray(beta.value)
