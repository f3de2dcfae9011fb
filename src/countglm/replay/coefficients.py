"""Coefficients by iterated weighted least squares with DESeq2's clamp and stopping rule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm.design import is_mean_only

from . import _optim
from ._likelihood import half_deviance, log_likelihood, saturated
from ._linear import in_rows, influence, least_squares, tiles
from ._regression import (
    LN2,
    MIN_MU,
    RIDGE,
    information,
    linear_predictor,
    regression_start,
    ridge_vector,
)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Coefficients beyond this (natural logarithm) end the iteration.
LARGE_BETA = 30.0


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
        return _Problem(self.y[rows], self.scale[rows], self.alpha[rows], weights, self.top[rows])

    def weight(self, mu: Floats) -> Floats:
        return information(mu, self.alpha, self.weights)

    def deviance(self, mu: Floats) -> Floats:
        """-2 log-likelihood (g,)."""
        terms = half_deviance(self.y, mu, self.alpha) - self.top
        if self.weights is not None:
            terms *= self.weights
        total: Floats = 2.0 * np.add.reduce(terms, axis=1)
        return total


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
    y, scale = in_rows(y, y.shape), in_rows(scale, y.shape)
    weights = None if weights is None else in_rows(weights, y.shape)
    lam = ridge_vector(ridge, x.shape[1])
    reported = alpha if loglik_alpha is None else loglik_alpha
    if is_mean_only(x) and (lam <= RIDGE / LN2**2).all():
        return _intercept_only(y, scale, alpha, weights, reported)
    top = saturated(y, alpha[:, None])
    problem = _Problem(y, scale, alpha[:, None], weights, top)
    beta, clamped, iterations = _iterate(problem, x, np.sqrt(lam), tol, max_iter, min_mu)
    leverage, variance = _errors(problem, x, np.sqrt(lam), clamped)
    # Coefficients that ran away may give means beyond all numbers; those genes are searched again.
    with np.errstate(all="ignore"):
        mu = scale * np.exp(linear_predictor(beta, x))
        value = log_likelihood(y, mu, reported, weights)
    errors = np.sqrt(variance)
    converged = iterations < max_iter
    failed = ~converged | ~np.isfinite(beta).all(axis=1) | ~(variance > 0.0).all(axis=1)
    fit = CoefficientFit(
        beta, errors, leverage, mu, value, converged, iterations, np.zeros_like(converged)
    )
    if use_optim and failed.any():
        _search(fit, failed, problem, x, lam, min_mu, reported)
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
        working = information(mu, alpha[:, None], weights)
        total = np.add.reduce(working, axis=1)[:, None]
        errors = np.sqrt(1.0 / total)
        leverage = working / total
    value = log_likelihood(y, mu, reported, weights)
    done = np.ones(genes, dtype=np.bool_)
    passes = np.ones(genes, dtype=np.int64)
    return CoefficientFit(beta, errors, leverage, mu, value, done, passes, ~done)


def _iterate(
    problem: _Problem, x: Floats, root_ridge: Floats, tol: float, max_iter: int, min_mu: float
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Iterate until the deviance stands still.

    Returns coefficients (g, p), the clamped means (g, n) and the passes made (g,). Where the
    coefficients left their range the means are those of the pass before.
    """
    beta = regression_start(problem.y, problem.scale, x)
    iterations = np.full(beta.shape[0], max_iter, dtype=np.int64)
    active = np.arange(beta.shape[0])
    deviance = np.zeros(beta.shape[0])
    with np.errstate(all="ignore"):
        mu = np.maximum(problem.scale * np.exp(linear_predictor(beta, x)), min_mu)
        last = mu.copy()
        for t in range(max_iter):
            z = np.log(mu / problem.scale) + (problem.y - mu) / mu
            step = least_squares(x, np.sqrt(problem.weight(mu)), root_ridge, z)
            beta[active] = step
            mu = np.maximum(problem.scale * np.exp(linear_predictor(step, x)), min_mu)
            new = problem.deviance(mu)
            change = np.abs(new - deviance) / (np.abs(new) + 0.1)
            out = np.logical_or.reduce(np.abs(step) > LARGE_BETA, axis=1)
            last[active[~out]] = mu[~out]
            left = out | np.isnan(change)
            done = ~left & (change < tol) & (t > 0)
            iterations[active[done]] = t + 1
            keep = ~(left | done)
            deviance = new[keep]
            if not keep.all():
                active, mu, problem = active[keep], mu[keep], problem.take(keep)
            if not active.size:
                break
    return beta, last, iterations


def _errors(
    problem: _Problem, x: Floats, root_ridge: Floats, clamped: Floats
) -> tuple[Floats, Floats]:
    """Leverages (g, n) and variances (g, p) of the coefficients at the means ``clamped``."""
    n, p = x.shape
    leverage, variance = np.empty_like(clamped), np.empty((clamped.shape[0], p))
    with np.errstate(all="ignore"):
        root_weight = np.sqrt(problem.weight(clamped))
        for tile in tiles(clamped.shape[0], p * (n + p)):
            leverage[tile], root = influence(x, root_weight[tile], root_ridge)
            variance[tile] = np.add.reduce(root * root, axis=-1).T
    return leverage, variance


def _search(
    fit: CoefficientFit,
    failed: Mask,
    problem: _Problem,
    x: Floats,
    lam: Floats,
    min_mu: float,
    reported: Floats,
) -> None:
    """Replace failed genes, in place, by the optimum that the quasi-Newton search finds."""
    chosen = problem.take(failed)
    starts = regression_start(chosen.y, chosen.scale, x)
    stable: Mask = np.logical_and.reduce(np.abs(fit.beta[failed]) < LARGE_BETA * LN2, axis=1)
    for k, gene in enumerate(np.flatnonzero(failed)):
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
    _, variance = _errors(chosen, x, np.sqrt(lam), clamped)
    fit.standard_errors[failed] = np.sqrt(variance)
    fit.mu[failed] = mu
    fit.log_likelihood[failed] = log_likelihood(chosen.y, clamped, reported[failed], chosen.weights)
