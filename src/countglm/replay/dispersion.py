"""Gene-wise and posterior dispersions by DESeq2's starts, search and fallbacks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt
from countglm.errors import InputError

from ._adjustment import make_adjustment
from ._line_search import MAX_STEPS, MIN_DISPERSION, Objective, ascend, grid_search
from ._linear import in_rows
from ._regression import MIN_MU, linear_predictor, solve_shared
from .coefficients import fit_coefficients

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Samples of at most this weight do not count in the Cox-Reid term.
WEIGHT_THRESHOLD = 1e-2
_LEAST_WEIGHT = 1e-6
# A posterior search starts from the gene-wise estimate if above this share of the trend.
_NEAR_TREND = 0.1


class Genewise(NamedTuple):
    """Gene-wise dispersions (g,), their means (g, n) clamped, steps (g,) and whether they ended.

    ``converged`` is False where the search used all its steps or only one; such genes above 1e-7
    hold the result of a grid.
    """

    alpha: Floats
    mu: Floats
    iterations: NDArray[np.int64]
    converged: Mask


class Map(NamedTuple):
    """Posterior modes of the dispersion (g,) and steps (g,)."""

    alpha: Floats
    iterations: NDArray[np.int64]


def genewise_dispersion(
    y: Floats,
    scale: Floats,
    x: Floats,
    *,
    weights: Floats | None = None,
    min_mu: float = MIN_MU,
    mean_inverse_scale: float | None = None,
) -> Genewise:
    """Estimate the dispersion of each gene from its own counts by the rules 14.2.

    Parameters
    ----------
    y : (g, n)
        Counts of genes that are not all zero.
    scale : (1, n) or (g, n)
        Size factors or normalisation factors, positive.
    x : (n, p)
        Design matrix of full rank, n > p.
    weights : (g, n) or None
        Observation weights between 0 and 1, as :func:`usable_weights` returns them.
    min_mu : float
        Means are raised to this.
    mean_inverse_scale : float or None
        Mean over samples of 1/scale for the moment start; with normalisation factors the mean of
        1 over their mean of all genes. None takes the gene's own row of ``scale``.

    Returns
    -------
    Genewise

    Raises
    ------
    InputError
        If there are no residual degrees of freedom.

    Notes
    -----
    Love, Huber and Anders (2014), Genome Biology 15:550; adjusted profile likelihood after Cox and
    Reid (1987), JRSS B 49:1. A search that starts at 1e-8 ends there, whatever the counts.
    """
    n, p = x.shape
    if n <= p:
        raise InputError(
            f"Dispersions need more samples than coefficients, got {n} samples and {p} "
            "coefficients: take a smaller design, or give the dispersion."
        )
    y, scale = in_rows(y, y.shape), in_rows(scale, y.shape)
    weights = None if weights is None else in_rows(weights, y.shape)
    cap = float(max(10, n))
    start = _start(y, scale, x, weights, cap, mean_inverse_scale)
    if weights is None and np.unique(x, axis=0).shape[0] == p:
        mu = least_squares_fit(y / scale, x) * scale
    else:
        mu = fit_coefficients(y, scale, x, start, weights=weights).mu
    mu = np.maximum(mu, min_mu)
    floored = None if weights is None else np.maximum(weights, _LEAST_WEIGHT)
    objective = Objective(y, mu, floored, make_adjustment(x, weights, WEIGHT_THRESHOLD))
    search = ascend(objective, np.log(start))
    alpha = np.minimum(np.exp(search.log_alpha), cap)
    with np.errstate(invalid="ignore"):
        worse = search.last < search.initial + np.abs(search.initial) / 1e6
    alpha = np.where(worse, start, alpha)
    converged = (search.iterations < MAX_STEPS) & (search.iterations != 1)
    again = ~converged & (alpha > 10.0 * MIN_DISPERSION)
    if again.any():
        alpha[again] = np.exp(grid_search(objective.take(again), cap))
    alpha = np.clip(alpha, MIN_DISPERSION, cap)
    return Genewise(alpha, mu, search.iterations, converged)


def map_dispersion(
    y: Floats,
    mu: Floats,
    x: Floats,
    genewise: Floats,
    trend: Floats,
    prior_variance: float,
    *,
    weights: Floats | None = None,
    cap: float,
) -> Map:
    """Find the posterior mode of each dispersion under a log-normal prior by the rules 14.3.

    Parameters
    ----------
    y, mu : (g, n)
        Counts and the clamped means of :func:`genewise_dispersion`.
    x : (n, p)
        Design matrix.
    genewise, trend : (g,)
        Gene-wise dispersions and the prior's mode, positive.
    prior_variance : float
        Variance of the log dispersion around the log trend, positive.
    weights : (g, n) or None
        Observation weights between 0 and 1.
    cap : float
        Largest dispersion: the number of samples, at least 10.

    Returns
    -------
    Map

    Notes
    -----
    Love, Huber and Anders (2014), Genome Biology 15:550.
    """
    y, mu = in_rows(y, y.shape), in_rows(mu, y.shape)
    weights = None if weights is None else in_rows(weights, y.shape)
    start = np.where(genewise > _NEAR_TREND * trend, genewise, trend)
    adjustment = make_adjustment(x, weights, WEIGHT_THRESHOLD)
    objective = Objective(y, mu, weights, adjustment, np.log(trend), prior_variance)
    search = ascend(objective, np.log(start))
    alpha = np.exp(search.log_alpha)
    again = search.iterations == MAX_STEPS
    if again.any():
        alpha[again] = np.exp(grid_search(objective.take(again), cap))
    return Map(np.clip(alpha, MIN_DISPERSION, cap), search.iterations)


def least_squares_fit(target: Floats, x: Floats) -> Floats:
    """Fitted values (g, n) of the least squares regression of ``target`` on ``x``."""
    q, r, _ = gram_schmidt(x, in_turn=True)
    return linear_predictor(solve_shared(q, r, target), x)


def rough_dispersion(normalised: Floats, x: Floats) -> Floats:
    """Moment estimate (g,), at least 0, around a linear regression of normalised counts (14.2)."""
    n, p = x.shape
    fitted = np.maximum(least_squares_fit(normalised, x), 1.0)
    excess = ((normalised - fitted) ** 2 - fitted) / fitted**2
    rough: Floats = np.maximum(np.add.reduce(excess, axis=1) / (n - p), 0.0)
    return rough


def moment_dispersion(normalised: Floats, inverse_scale: Floats | float) -> Floats:
    """Moment estimate (g,) around the mean (14.2); NaN where that is 0.

    ``inverse_scale`` is the mean over samples of 1/scale.
    """
    n = normalised.shape[1]
    mean = np.add.reduce(normalised, axis=1) / n
    variance = np.add.reduce((normalised - mean[:, None]) ** 2, axis=1) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        moments: Floats = (variance - inverse_scale * mean) / mean**2
    return moments


def _start(
    y: Floats,
    scale: Floats,
    x: Floats,
    weights: Floats | None,
    cap: float,
    mean_inverse_scale: float | None,
) -> Floats:
    """Start dispersions (g,): the smaller of two moment estimates, within [1e-8, cap]."""
    normalised = y / scale
    rough = rough_dispersion(normalised, x)
    counted = normalised if weights is None else weights * normalised
    inverse: Floats | float = (
        np.add.reduce(1.0 / scale, axis=1) / y.shape[1]
        if mean_inverse_scale is None
        else mean_inverse_scale
    )
    moments = moment_dispersion(counted, inverse)
    start: Floats = np.clip(np.fmin(rough, moments), MIN_DISPERSION, cap)
    return start
