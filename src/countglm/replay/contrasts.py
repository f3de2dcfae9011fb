"""Contrasts of coefficients with errors at clamped means, and those without any count."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._linear import in_rows, influence, tiles
from ._regression import MIN_MU, RIDGE, information, linear_predictor, ridge_vector

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def contrast_values(
    beta: Floats,
    scale: Floats,
    x: Floats,
    alpha: Floats,
    vector: Floats,
    *,
    weights: Floats | None = None,
    ridge: float | Floats = RIDGE,
    min_mu: float = MIN_MU,
) -> tuple[Floats, Floats]:
    """Estimate ``vector @ beta`` and its standard error by the rules 14.4.

    Parameters
    ----------
    beta : (g, p)
        Coefficients, natural logarithm.
    scale : (1, n) or (g, n)
        Size factors or normalisation factors, positive.
    x : (n, p)
        Design matrix.
    alpha : (g,)
        Dispersions, positive.
    vector : (p,)
        The contrast.
    weights : (g, n) or None
        Observation weights of the same genes.
    ridge : float or (p,)
        Ridge penalty on log2 coefficients, as in the fit.
    min_mu : float
        Means are raised to this for the error.

    Returns
    -------
    estimate, error : (g,) float64
        Natural logarithm.
    """
    n, p = x.shape
    vector = np.asarray(vector, dtype=np.float64)
    root_ridge = np.sqrt(ridge_vector(ridge, p))
    estimate = linear_predictor(beta, vector[None, :])[:, 0]
    error = np.empty(beta.shape[0])
    scale = in_rows(scale, (beta.shape[0], n))
    with np.errstate(all="ignore"):
        for tile in tiles(beta.shape[0], p * (n + p)):
            part = None if weights is None else in_rows(weights[tile], scale[tile].shape)
            mu = np.maximum(scale[tile] * np.exp(linear_predictor(beta[tile], x)), min_mu)
            root_weight = np.sqrt(information(mu, alpha[tile, None], part))
            _, root = influence(x, root_weight, root_ridge)
            combined = vector[0] * root[0]
            for j in range(1, p):
                combined += vector[j] * root[j]
            error[tile] = np.sqrt(np.add.reduce(combined * combined, axis=1))
    return estimate, error


def zero_contrast(y: Floats, x: Floats, vector: Floats) -> Mask:
    """Where all samples that a contrast compares have no count (docs/math.md, 14.4).

    Parameters
    ----------
    y : (g, n)
        Counts.
    x : (n, p)
        Design matrix.
    vector : (p,)
        The contrast. One that has not both signs compares nothing: False everywhere.

    Returns
    -------
    (g,) bool
        There the estimate is set to 0 and the p-value to 1.
    """
    vector = np.asarray(vector, dtype=np.float64)
    if (vector >= 0.0).all() or (vector <= 0.0).all():
        return np.zeros(y.shape[0], dtype=np.bool_)
    compared = np.add.reduce(x[:, vector != 0.0], axis=1) != 0.0
    zero: Mask = (y[:, compared] == 0.0).all(axis=1)
    return zero
