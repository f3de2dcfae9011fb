"""Linear predictors, start values and regression weights of the coefficient step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt

Floats = NDArray[np.float64]

LN2 = float(np.log(2.0))
RIDGE = 1e-6
MIN_MU = 0.5
# A column is dependent if less than this part of its norm is left beside the columns before it.
RANK_TOLERANCE = 1e-7


def linear_predictor(beta: Floats, x: Floats) -> Floats:
    """Return ``x beta`` (g, n) for beta (g, p), summed in the order of the columns."""
    eta = beta[:, :1] * x[:, 0]
    for j in range(1, x.shape[1]):
        eta += beta[:, j : j + 1] * x[:, j]
    return eta


def ridge_vector(ridge: float | Floats, p: int) -> Floats:
    """Return the ridge (p,) on the natural logarithm from that on the log2 scale."""
    return np.broadcast_to(np.asarray(ridge, dtype=np.float64), (p,)) / LN2**2


def regression_start(y: Floats, scale: Floats, x: Floats) -> Floats:
    """Return the start values (g, p): least squares of log(y/scale + 0.1) if x has full rank.

    Otherwise the logarithm of the mean normalised count for a column of ones and 0 for the other
    columns; without such a column, 1 for every column.
    """
    q, r, independent = gram_schmidt(x, RANK_TOLERANCE, in_turn=True)
    p = x.shape[1]
    normalised = y / scale
    if not independent.all():
        ones = np.flatnonzero((x == 1.0).all(axis=0))
        if not ones.size:
            return np.ones((y.shape[0], p))
        beta = np.zeros((y.shape[0], p))
        beta[:, ones[0]] = np.log(np.add.reduce(normalised, axis=1) / y.shape[1])
        return beta
    return solve_shared(q, r, np.log(normalised + 0.1))


def solve_shared(q: Floats, r: Floats, target: Floats) -> Floats:
    """Least squares coefficients (g, p) of rows of ``target`` (g, n) on one design ``q r``."""
    p = r.shape[0]
    beta = np.empty((target.shape[0], p))
    for j in range(p):
        beta[:, j] = np.add.reduce(target * np.ascontiguousarray(q[:, j]), axis=1)
    for j in range(p - 1, -1, -1):
        for k in range(j + 1, p):
            beta[:, j] -= r[j, k] * beta[:, k]
        beta[:, j] /= r[j, j]
    return beta


def information(mu: Floats, alpha: Floats, weights: Floats | None) -> Floats:
    """Weights of the regression: ``weights * mu / (1 + alpha mu)``."""
    expected = mu / (1.0 + alpha * mu)
    return expected if weights is None else weights * expected
