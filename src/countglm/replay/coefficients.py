"""Coefficients by iterated weighted least squares with DESeq2's clamp and stopping rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt
from countglm.errors import InputError

from . import _optim
from ._likelihood import half_deviance, log_likelihood, saturated
from ._linear import influence, least_squares, tiles

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

LN2 = float(np.log(2.0))
RIDGE = 1e-6
MIN_MU = 0.5
# Coefficients beyond this (natural logarithm) end the iteration.
LARGE_BETA = 30.0
# A column is dependent if less than this part of its norm is left beside the columns before it.
RANK_TOLERANCE = 1e-7


class CoefficientFit(NamedTuple):
    """What the coefficient step gives for a block of genes (docs/math.md, 14.1).

    Attributes
    ----------
    beta, standard_errors : (g, p) float64
        Natural logarithm; errors from the weights at the clamped means.
    leverage : (g, n) float64
        Diagonal of the hat matrix, between 0 and 1; of the iteration where ``by_optim``.
    mu : (g, n) float64
        ``scale * exp(x beta)``, not clamped.
    log_likelihood : (g,) float64
        At ``mu``; at the clamped means where ``by_optim``.
    converged : (g,) bool
        False where the iteration reached its limit or left the range of coefficients.
    iterations : (g,) int64
        Passes made; the limit where the coefficients left their range.
    by_optim : (g,) bool
        Where the coefficients are those of the quasi-Newton search that follows a failure.
    """

    beta: Floats
    standard_errors: Floats
    leverage: Floats
    mu: Floats
    log_likelihood: Floats
    converged: Mask
    iterations: NDArray[np.int64]
    by_optim: Mask


class _Problem(NamedTuple):
    """Genes that are still iterated: rows of one shape (g, n), ``alpha`` and ``top`` (g, 1)."""

    y: Floats
    scale: Floats
    alpha: Floats
    weights: Floats | None
    top: Floats

    def take(self, rows: Mask) -> _Problem:
        weights = None if self.weights is None else self.weights[rows]
        return _Problem(
            self.y[rows], self.scale[rows], self.alpha[rows], weights, self.top[rows]
        )

    def weight(self, mu: Floats) -> Floats:
        information = mu / (1.0 + self.alpha * mu)
        return information if self.weights is None else self.weights * information

    def deviance(self, mu: Floats) -> Floats:
        """-2 log-likelihood (g,)."""
        terms = half_deviance(self.y, mu, self.alpha) - self.top
        if self.weights is not None:
            terms *= self.weights
        total: Floats = 2.0 * np.add.reduce(terms, axis=1)
        return total


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
    q, r, independent = gram_schmidt(x, RANK_TOLERANCE)
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


def fit_coefficients(
    y: Floats,
    scale: Floats,
    x: Floats,
    alpha: Floats,
    *,
    weights: Floats | None = None,
    ridge: float | Floats = RIDGE,
    tol: float = 1e-8,
    max_iter: int = 100,
    min_mu: float = MIN_MU,
    use_optim: bool = True,
    loglik_alpha: Floats | None = None,
) -> CoefficientFit:
    """Fit coefficients at given dispersions by the rules of docs/math.md, 14.1.

    Parameters
    ----------
    y : (g, n)
        Counts of genes that are not all zero.
    scale : (1, n) or (g, n)
        Size factors or normalisation factors, positive.
    x : (n, p)
        Design matrix.
    alpha : (g,)
        Dispersions, positive.
    weights : (g, n) or None
        Observation weights between 0 and 1, as :func:`usable_weights` returns them.
    ridge : float or (p,)
        Ridge penalty on log2 coefficients (inverse prior variance), at least 0.
    tol, max_iter
        The iteration stops when the deviance changes by less than ``tol`` of itself.
    min_mu : float
        Means are raised to this in every pass.
    use_optim : bool
        Whether failed genes are searched again by L-BFGS-B.
    loglik_alpha : (g,) or None
        Dispersions for the log-likelihood, ``alpha`` if None.

    Returns
    -------
    CoefficientFit

    Notes
    -----
    Love, Huber and Anders (2014), Genome Biology 15:550. The result is not the maximum of the
    likelihood where a fitted mean is below ``min_mu``, and elsewhere close to it by ``tol``.
    """
    scale = np.broadcast_to(scale, y.shape)
    lam = ridge_vector(ridge, x.shape[1])
    reported = alpha if loglik_alpha is None else loglik_alpha
    if x.shape[1] == 1 and (x == 1.0).all() and (lam <= RIDGE / LN2**2).all():
        return _intercept_only(y, scale, alpha, weights, reported)
    top = saturated(y, alpha[:, None])
    problem = _Problem(y, scale, alpha[:, None], weights, top)
    beta, iterations = _iterate(problem, x, np.sqrt(lam), tol, max_iter, min_mu)
    leverage, variance = _errors(problem, x, np.sqrt(lam), beta, min_mu)
    mu = scale * np.exp(linear_predictor(beta, x))
    value = log_likelihood(y, mu, reported, weights)
    errors = np.sqrt(variance)
    converged = iterations < max_iter
    failed = ~converged | ~np.isfinite(beta).all(axis=1) | ~(variance > 0.0).all(axis=1)
    fit = CoefficientFit(
        beta, errors, leverage, mu, value, converged, iterations, np.zeros_like(converged)
    )
    if use_optim and failed.any():
        _search(fit, np.flatnonzero(failed), problem, x, lam, min_mu, reported)
    return fit


def _intercept_only(
    y: Floats, scale: Floats, alpha: Floats, weights: Floats | None, reported: Floats
) -> CoefficientFit:
    """Mean of normalised counts in place of an iteration, errors at unclamped means."""
    genes, n = y.shape
    normalised = y / scale
    if weights is None:
        mean = np.add.reduce(normalised, axis=1) / n
    else:
        mean = np.add.reduce(weights * normalised, axis=1) / np.add.reduce(weights, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.log(mean)[:, None]
        mu = scale * np.exp(beta)
        information = mu / (1.0 + alpha[:, None] * mu)
        if weights is not None:
            information = weights * information
        total = np.add.reduce(information, axis=1)[:, None]
        errors = np.sqrt(1.0 / total)
        leverage = information / total
    value = log_likelihood(y, mu, reported, weights)
    done = np.ones(genes, dtype=np.bool_)
    passes = np.ones(genes, dtype=np.int64)
    return CoefficientFit(beta, errors, leverage, mu, value, done, passes, ~done)


def _iterate(
    problem: _Problem, x: Floats, root_ridge: Floats, tol: float, max_iter: int, min_mu: float
) -> tuple[Floats, NDArray[np.int64]]:
    """Iterate until the deviance stands still; returns coefficients (g, p) and passes (g,)."""
    beta = regression_start(problem.y, problem.scale, x)
    iterations = np.full(beta.shape[0], max_iter, dtype=np.int64)
    active = np.arange(beta.shape[0])
    deviance = np.zeros(beta.shape[0])
    with np.errstate(all="ignore"):
        mu = np.maximum(problem.scale * np.exp(linear_predictor(beta, x)), min_mu)
        for t in range(max_iter):
            z = np.log(mu / problem.scale) + (problem.y - mu) / mu
            step = least_squares(x, np.sqrt(problem.weight(mu)), root_ridge, z)
            beta[active] = step
            mu = np.maximum(problem.scale * np.exp(linear_predictor(step, x)), min_mu)
            new = problem.deviance(mu)
            change = np.abs(new - deviance) / (np.abs(new) + 0.1)
            left = (np.abs(step) > LARGE_BETA).any(axis=1) | np.isnan(change)
            done = ~left & (change < tol) & (t > 0)
            iterations[active[done]] = t + 1
            keep = ~(left | done)
            deviance = new[keep]
            if not keep.all():
                active, mu, problem = active[keep], mu[keep], problem.take(keep)
            if not active.size:
                break
    return beta, iterations


def _errors(
    problem: _Problem, x: Floats, root_ridge: Floats, beta: Floats, min_mu: float
) -> tuple[Floats, Floats]:
    """Leverages (g, n) and variances (g, p) at the clamped means of ``beta``."""
    leverage = np.empty_like(problem.y)
    variance = np.empty_like(beta)
    n, p = x.shape
    with np.errstate(all="ignore"):
        mu = np.maximum(problem.scale * np.exp(linear_predictor(beta, x)), min_mu)
        root_weight = np.sqrt(problem.weight(mu))
        for tile in tiles(beta.shape[0], p * (n + p)):
            leverage[tile], root = influence(x, root_weight[tile], root_ridge)
            variance[tile] = np.add.reduce(root * root, axis=-1).T
    return leverage, variance


def _search(
    fit: CoefficientFit,
    failed: Index,
    problem: _Problem,
    x: Floats,
    lam: Floats,
    min_mu: float,
    reported: Floats,
) -> None:
    """Replace failed genes, in place, by the optimum that the quasi-Newton search finds."""
    rows = np.zeros(fit.by_optim.shape, dtype=np.bool_)
    rows[failed] = True
    chosen = problem.take(rows)
    starts = regression_start(chosen.y, chosen.scale, x)
    stable = np.isfinite(fit.beta[failed]).all(axis=1)
    stable &= (np.abs(fit.beta[failed]) < LARGE_BETA * LN2).all(axis=1)
    for k, gene in enumerate(failed):
        # The two starts are on different scales: a slip of the original, of no harm to the optimum.
        start = fit.beta[gene] / LN2 if stable[k] else starts[k]
        weights = None if chosen.weights is None else chosen.weights[k]
        model = _optim.Model(chosen.y[k], chosen.scale[k], x, float(chosen.alpha[k, 0]), weights)
        found, success = _optim.maximise(model, lam * LN2**2, start)
        fit.beta[gene] = found * LN2
        fit.converged[gene] = success
        fit.by_optim[gene] = True
    mu = chosen.scale * np.exp(linear_predictor(fit.beta[failed], x))
    clamped = np.maximum(mu, min_mu)
    _, variance = _errors(chosen, x, np.sqrt(lam), fit.beta[failed], min_mu)
    fit.standard_errors[failed] = np.sqrt(variance)
    fit.mu[failed] = mu
    fit.log_likelihood[failed] = log_likelihood(
        chosen.y, clamped, reported[failed], chosen.weights
    )
