"""Covariance of the coefficients: inverse of X' W X per gene, without forming X' W X.

The R factor of sqrt(W) X is built by modified Gram-Schmidt, element-wise over a tile of genes:
its error grows with the condition number, not with its square as for the normal equations, and
no BLAS takes part, so the bits do not depend on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt
from countglm.status import Status

if TYPE_CHECKING:
    from countglm.counts import CountMatrix
    from countglm.results import GLMFit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_TILE_ENTRIES = 1 << 20


def fisher_weight(mu: Floats, alpha: Floats) -> Floats:
    """Return mu / (1 + alpha mu), the expected information in eta."""
    return mu / (1.0 + alpha * mu)


def observed_weight(mu: Floats, alpha: Floats, y: Floats) -> Floats:
    """Return mu (1 + alpha y) / (1 + alpha mu)^2, the observed information in eta."""
    return mu * (1.0 + alpha * y) / (1.0 + alpha * mu) ** 2


def active_columns(x: Floats, informative: Flags) -> Flags:
    """Per gene, the columns of ``x`` (n, p) that its informative samples (g, n) determine."""
    active = np.ones((informative.shape[0], x.shape[1]), dtype=np.bool_)
    partial = np.flatnonzero(~informative.all(axis=1))
    if partial.size:
        patterns, inverse = np.unique(informative[partial], axis=0, return_inverse=True)
        flags = np.array([gram_schmidt(x[pattern])[2] for pattern in patterns])
        active[partial] = flags[np.ravel(inverse)]
    return active


def inverse_information(x: Floats, weight: Floats, active: Flags) -> Floats:
    """Return a generalised inverse of X' W X per gene.

    Parameters
    ----------
    x : (n, p)
        Design matrix.
    weight : (g, n)
        Non-negative information in eta of every sample.
    active : (g, p)
        Columns to use; the rows and columns of the others are zero in the result.

    Returns
    -------
    (g, p, p)
        Entries of coefficients that are estimable equal those of every generalised inverse.
    """
    r = _triangle(x, weight, active)
    inverse = _invert_upper(r) * active[:, :, None] * active[:, None, :]
    covariance = np.zeros_like(r)
    for j in range(active.shape[1]):
        covariance += inverse[:, :, j, None] * inverse[:, None, :, j]
    return covariance


def half_log_determinant(x: Floats, weight: Floats, active: Flags) -> Floats:
    """Return half the log determinant (g,) of X' W X over the active columns.

    Parameters are those of `inverse_information`.
    """
    r = _triangle(x, weight, active)
    diagonal = np.diagonal(r, axis1=1, axis2=2)
    return np.asarray(np.add.reduce(np.log(diagonal), axis=1))


def _triangle(x: Floats, weight: Floats, active: Flags) -> Floats:
    """Return the R factor (g, p, p) of sqrt(W) X; the identity where a column is not active."""
    n_genes, p = active.shape
    a = np.sqrt(weight)[:, None, :] * x.T[None, :, :] * active[:, :, None]
    r = np.zeros((n_genes, p, p))
    for j in range(p):
        length = np.sqrt(np.sum(a[:, j] ** 2, axis=1))
        r[:, j, j] = np.where(active[:, j], length, 1.0)
        a[:, j] /= r[:, j, j, None]
        for k in range(j + 1, p):
            r[:, j, k] = np.sum(a[:, j] * a[:, k], axis=1)
            a[:, k] -= r[:, j, k, None] * a[:, j]
    return r


def _invert_upper(r: Floats) -> Floats:
    n_genes, p, _ = r.shape
    inverse = np.zeros((n_genes, p, p))
    for j in range(p):
        inverse[:, j, j] = 1.0 / r[:, j, j]
        for i in range(j - 1, -1, -1):
            total = np.zeros(n_genes)
            for k in range(i + 1, j + 1):
                total += r[:, i, k] * inverse[:, k, j]
            inverse[:, i, j] = -total / r[:, i, i]
    return inverse


def covariance_of(fit: GLMFit, index: NDArray[np.intp], counts: CountMatrix | None) -> Floats:
    """Covariance (g, p, p) of genes ``index``: observed where counts are given, else expected."""
    x = np.ascontiguousarray(fit.design.matrix, dtype=np.float64)
    n, p = x.shape
    result = np.empty((index.size, p, p))
    tile = max(1, _TILE_ENTRIES // (n * p))
    for start in range(0, index.size, tile):
        genes = index[start : start + tile]
        mu = np.ascontiguousarray(fit.mu(genes).T)
        alpha = fit.dispersion[genes, None]
        if counts is None:
            weight = fisher_weight(mu, alpha)
        else:
            weight = observed_weight(mu, alpha, counts_of(counts, genes))
        if fit.weights is not None:
            weight *= fit.weights if fit.weights.ndim == 1 else fit.weights[:, genes].T
        # Genes without a fit have NaN means: they inform about nothing.
        weight = np.where(np.isfinite(weight), weight, 0.0)
        active = active_columns(x, weight > 0)
        tile_result = inverse_information(x, weight, active)
        unknown = ~np.isfinite(fit.standard_errors[genes])
        tile_result[unknown[:, :, None] | unknown[:, None, :]] = np.nan
        result[start : start + tile] = tile_result
    return result


def fitted_means(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    """Fitted means (n_samples, g) of genes ``index``: 0 where separated, NaN without a fit."""
    eta = np.log(fit.size_factors)[:, None] + np.zeros((1, index.size))
    if fit.offset is not None:
        eta += fit.offset[:, None] if fit.offset.ndim == 1 else fit.offset[:, index]
    # One column after another: the order of addition is fixed, unlike in a BLAS product.
    for j in range(fit.design.matrix.shape[1]):
        eta += fit.design.matrix[:, j, None] * fit.finite_coefficients[None, index, j]
    mu: Floats = np.exp(eta)
    pattern = fit.separation_pattern[index]
    zero = np.flatnonzero(pattern >= 0)
    mu[:, zero] = np.where(fit.separated_samples[pattern[zero]].T, 0.0, mu[:, zero])
    mu[:, np.isin(fit.status[index], (Status.ALL_ZERO, Status.INVALID))] = np.nan
    return mu


def counts_of(counts: CountMatrix, genes: NDArray[np.intp]) -> Floats:
    """Counts (g, n) of any genes, read in runs of neighbours."""
    if genes.size == 0:
        return np.empty((0, counts.n_samples))
    runs = np.split(genes, np.flatnonzero(np.diff(genes) != 1) + 1)
    return np.concatenate([counts.block(int(run[0]), int(run[-1]) + 1) for run in runs])
