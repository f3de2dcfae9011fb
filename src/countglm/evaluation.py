"""How good is an estimate that somebody else made: its objective and distance to the optimum.

Objectives are compared at the same counts, design, size factors, offsets and weights.  Only
differences between two estimates of one gene mean anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._covariance import (
    active_columns,
    fisher_weight,
    half_log_determinant,
    inverse_information,
    observed_weight,
)
from .status import Status

if TYPE_CHECKING:
    from ._model import Model
    from .results import GLMFit

Floats = NDArray[np.float64]
_TILE_ENTRIES = 1 << 19


class Judgement(NamedTuple):
    """Coefficients of every gene (n_genes,) against the optimum at the same dispersions.

    Attributes
    ----------
    loss : (n_genes,)
        By how much their log-likelihood is lower than at the optimum; NaN without either.
    noise : (n_genes,)
        Rounding that ``loss`` may carry.
    decrement : (n_genes,)
        Newton decrement there: distance to the optimum in standard errors, as their own
        quadratic approximation has it.
    lowest_mean : (n_genes,)
        Smallest fitted mean.
    """

    loss: Floats
    noise: Floats
    decrement: Floats
    lowest_mean: Floats


def optimum_at(model: Model, alpha: Floats) -> GLMFit:
    """Return the fit of a model at dispersions (n_genes,); genes without one are fitted at 1."""
    problem = model.fit(model.problem(np.where(np.isnan(alpha), 1.0, alpha)))
    return model.assemble(problem, "nb", {})


def judge_coefficients(model: Model, fit: GLMFit, beta: Floats) -> Judgement:
    """Compare coefficients with the optimum at the dispersions of ``fit``.

    Parameters
    ----------
    model : Model
        Counts, design, scale and weights.
    fit : GLMFit
        The optimum of that model.
    beta : (n_genes, n_coef)
        The coefficients to judge, natural logarithm; NaN for genes without.

    Returns
    -------
    Judgement

    References
    ----------
    docs/math.md, 15.1 and 15.2.
    """
    out = np.full((4, model.n_genes), np.nan)
    x = model.design.matrix
    step = max(1, _TILE_ENTRIES // (model.n_samples * x.shape[1]))

    def task(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            last = min(first + step, stop)
            out[:, first:last] = _judge_tile(model, fit, beta[first:last], first, last)

    model.each_block(task)
    return Judgement(*out)


def _judge_tile(model: Model, fit: GLMFit, beta: Floats, start: int, stop: int) -> Floats:
    x, y = model.design.matrix, model.counts.block(start, stop)
    given = model.weight_rows(start, stop)
    w = np.ones((1, y.shape[1])) if given is None else given
    alpha = fit.dispersion[start:stop, None]
    eta = np.zeros_like(y) + model.offset.rows(start, stop)
    away = np.zeros_like(y)
    # One column after another: the order of addition is fixed, unlike in a BLAS product.
    for j in range(x.shape[1]):
        eta += beta[:, j, None] * x[:, j]
        away += (beta[:, j] - fit.finite_coefficients[start:stop, j])[:, None] * x[:, j]
    with np.errstate(all="ignore"):
        mu = np.exp(eta)
        optimum = np.ascontiguousarray(fit.mu(np.arange(start, stop)).T)
        terms = _extra_cost(y, optimum, away, mu, alpha)
        loss = np.add.reduce(w * terms, axis=1)
        noise = 1e-15 * np.add.reduce(w * (y * np.abs(away) + np.abs(terms)), axis=1)
        score = w * (y - mu) / (1.0 + alpha * mu)
        # Genes without counts have no optimum.
        known = np.isfinite(beta).all(axis=1) & np.isfinite(loss) & ~np.isnan(optimum[:, 0])
        informed = np.where(known[:, None], w * observed_weight(mu, alpha, y), 0.0)
        active = active_columns(x, informed > 0.0)
        inverse = inverse_information(x, informed, active)
        slopes = np.stack([np.add.reduce(score * x[:, j], axis=1) for j in range(x.shape[1])], 1)
        steps = np.add.reduce(inverse * slopes[:, None, :], axis=2)
        decrement = np.sqrt(np.add.reduce(steps * slopes, axis=1))
    found = np.array([loss, noise, decrement, np.where(w > 0.0, mu, np.inf).min(axis=1)])
    found[:, ~known] = np.nan
    return found


def _extra_cost(y: Floats, optimum: Floats, away: Floats, mu: Floats, alpha: Floats) -> Floats:
    """By how much the log-likelihood of every count falls from ``optimum`` to ``mu``.

    ``away`` is the logarithm of their ratio: what both have in common cancels before it is formed
    (docs/math.md, 15.2). Where the optimum is a mean of 0 the count is 0, and all is extra.
    """
    live = optimum > 0.0
    before, beyond = np.where(live, optimum, 0.0), np.where(live, away, 0.0)
    change = np.where(live, before * np.expm1(beyond), mu)
    ratio = np.log1p(alpha * change / (1.0 + alpha * before))
    return np.where(alpha > 0.0, (y + 1.0 / alpha) * ratio, change) - y * beyond


def adjusted_profile(model: Model, alpha: Floats) -> Floats:
    """Cox-Reid adjusted profile log-likelihood of every gene at a dispersion.

    Parameters
    ----------
    model : Model
    alpha : (n_genes,)
        Dispersions; NaN for genes without.

    Returns
    -------
    (n_genes,) float64
        Up to a constant of the gene; NaN where ``alpha`` is, and for genes without counts.

    References
    ----------
    docs/math.md, 5.1 and 15.3.  Cox and Reid (1987), J. R. Stat. Soc. B 49:1.
    """
    fit = optimum_at(model, alpha)
    value = fit.log_likelihood.copy()
    x = model.design.matrix
    step = max(1, _TILE_ENTRIES // (model.n_samples * x.shape[1]))

    def task(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            genes = np.arange(first, min(first + step, stop))
            mu = np.ascontiguousarray(fit.mu(genes).T)
            weight = fisher_weight(mu, fit.dispersion[genes, None])
            given = model.weight_rows(int(genes[0]), int(genes[-1]) + 1)
            weight = np.where(np.isfinite(weight), weight, 0.0)
            weight = weight if given is None else weight * given
            value[genes] -= half_log_determinant(x, weight, active_columns(x, weight > 0.0))

    model.each_block(task)
    value[np.isnan(alpha) | np.isin(fit.status, (Status.ALL_ZERO, Status.INVALID))] = np.nan
    return value
