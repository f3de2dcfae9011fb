"""Covariance of the coefficients: inverse of X' W X per gene, without forming X' W X.

The R factor of sqrt(W) X is built by modified Gram-Schmidt, element-wise over a tile of genes,
which run along the last axis: that is the long one where samples or cells are few. Its error grows
with the condition number, not with its square as for the normal equations, and no BLAS takes part,
so the bits do not depend on threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._cells import add_rows, cells_of, scaled_columns
from countglm._families import BINOMIAL, binomial_information, of_counts, shares
from countglm._gram_schmidt import gram_schmidt
from countglm.status import Status

if TYPE_CHECKING:
    from countglm.counts import CountMatrix
    from countglm.results import GLMFit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Entries of a tile: 512 kB an array, in the processor's cache.
TILE_ENTRIES = 1 << 16


def fisher_weight(mu: Floats, alpha: Floats) -> Floats:
    """Return mu / (1 + alpha mu), the expected information in eta."""
    return mu / (1.0 + alpha * mu)


def observed_weight(mu: Floats, alpha: Floats, y: Floats) -> Floats:
    """Return mu (1 + alpha y) / (1 + alpha mu)^2, the observed information in eta."""
    return mu * (1.0 + alpha * y) / (1.0 + alpha * mu) ** 2


def active_columns(x: Floats, informative: Flags) -> Flags:
    """Per gene, the columns of ``x`` (n, p) that its informative samples (g, n) determine."""
    active = np.ones((informative.shape[0], x.shape[1]), dtype=np.bool_)
    known: dict[bytes, Flags] = {}
    for gene in np.flatnonzero(~informative.all(axis=1)):
        samples = informative[gene]
        pattern = samples.tobytes()
        if pattern not in known:
            known[pattern] = gram_schmidt(x[samples])[2]
        active[gene] = known[pattern]
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
    inverse = _invert_upper(_triangle(x, weight, active))
    inverse *= active.T[:, None] * active.T[None, :]
    covariance = np.zeros_like(inverse)
    for j in range(active.shape[1]):
        covariance += inverse[:, None, j] * inverse[None, :, j]
    return np.ascontiguousarray(np.moveaxis(covariance, 2, 0))


def inverse_factor(x: Floats, weight: Floats) -> Floats:
    """Return (p, p, g) upper triangular ``R⁻¹`` with ``X' W X = R' R``; inf or NaN if singular.

    Parameters are those of `contrast_variance`, without its direction.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ones = np.ones((weight.shape[0], x.shape[1]), dtype=np.bool_)
        return _invert_upper(_triangle(x, weight, ones))


def contrast_variance(x: Floats, weight: Floats, along: Floats) -> Floats:
    """Return ``along' (X' W X)⁻¹ along`` (g,), as the squared length of ``R⁻ᵀ along``.

    Parameters
    ----------
    x : (n, p)
        Of full rank on the samples of positive weight.
    weight : (g, n)
        Non-negative information in eta of every sample.
    along : (p,)
    """
    p = x.shape[1]
    r = _triangle(x, weight, np.ones((weight.shape[0], p), dtype=np.bool_))
    rest = np.empty((p, weight.shape[0]))
    for j in range(p):
        rest[j] = along[j]
        for k in range(j):
            rest[j] -= r[k, j] * rest[k]
        rest[j] /= r[j, j]
    return add_rows(rest * rest)


def half_log_determinant(x: Floats, weight: Floats, active: Flags) -> Floats:
    """Return half the log determinant (g,) of X' W X over the active columns.

    Parameters are those of `inverse_information`.
    """
    r = _triangle(x, weight, active)
    diagonal = np.moveaxis(np.diagonal(r), 1, 0)
    return add_rows(np.log(diagonal, order="C"))


def _triangle(x: Floats, weight: Floats, active: Flags) -> Floats:
    """Return the R factor (p, p, g) of sqrt(W) X; the identity where a column is not active.

    Samples with equal rows of X count as one with the sum of their weights: X' W X is the same.
    """
    cells = cells_of(x)
    if not cells.each_alone:
        x, weight = cells.rows, cells.sums(weight)
    n_genes, p = active.shape
    a = scaled_columns(x, weight, active)
    r = np.zeros((p, p, n_genes))
    for j in range(p):
        length = np.sqrt(add_rows(a[j] ** 2))
        r[j, j] = np.where(active[:, j], length, 1.0)
        a[j] /= r[j, j]
        for k in range(j + 1, p):
            r[j, k] = add_rows(a[j] * a[k])
            a[k] -= r[j, k] * a[j]
    return r


def _invert_upper(r: Floats) -> Floats:
    p, _, n_genes = r.shape
    inverse = np.zeros((p, p, n_genes))
    for j in range(p):
        inverse[j, j] = 1.0 / r[j, j]
        for i in range(j - 1, -1, -1):
            total = np.zeros(n_genes)
            for k in range(i + 1, j + 1):
                total += r[i, k] * inverse[k, j]
            inverse[i, j] = -total / r[i, i]
    return inverse


def expected_information(fit: GLMFit, genes: NDArray[np.intp]) -> Floats:
    """Return the expected information in eta (g, n) of every sample; NaN without a fit."""
    if not of_counts(fit):
        return _weighted(fit, genes, _response_information(fit, genes))
    mu = np.ascontiguousarray(fitted_means(fit, genes).T)
    return _weighted(fit, genes, fisher_weight(mu, fit.dispersion[genes, None]))


def observed_information(fit: GLMFit, genes: NDArray[np.intp], counts: CountMatrix) -> Floats:
    """Return the observed information in eta (g, n) of every sample; NaN without a fit."""
    if not of_counts(fit):
        # Both links are canonical: the two informations are one.
        return expected_information(fit, genes)
    mu = np.ascontiguousarray(fitted_means(fit, genes).T)
    y = counts_of(counts, genes)
    return _weighted(fit, genes, observed_weight(mu, fit.dispersion[genes, None], y))


def _response_information(fit: GLMFit, genes: NDArray[np.intp]) -> Floats:
    """Return the information in eta (g, n) of a binomial or Gaussian, without weights."""
    if fit.family == BINOMIAL:
        eta = np.ascontiguousarray(linear_predictors(fit, genes).T)
        information = binomial_information(eta, trials_of(fit, genes).T)
    else:
        # Without residuals there is no measure of information.
        variance = np.where(fit.dispersion > 0.0, fit.dispersion, np.nan)[genes, None]
        information = np.repeat(1.0 / variance, fit.n_samples, axis=1)
    information[np.isin(fit.status[genes], (Status.ALL_ZERO, Status.INVALID))] = np.nan
    separated, _ = _separated(fit, genes)
    return np.where(separated, 0.0, information)


def _weighted(fit: GLMFit, genes: NDArray[np.intp], information: Floats) -> Floats:
    if fit.weights is not None:
        information *= fit.weights if fit.weights.ndim == 1 else fit.weights[:, genes].T
    return information


def trials_of(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    """Trials (n_samples, 1) or (n_samples, g) of genes ``index`` of a binomial."""
    if fit.trials is None:
        return np.ones((fit.n_samples, 1))
    return fit.trials[:, None] if fit.trials.ndim == 1 else fit.trials[:, index]


def _separated(fit: GLMFit, index: NDArray[np.intp]) -> tuple[Flags, Flags]:
    """Return which samples (g, n) are separated, and which of them have probability 1."""
    masks = np.zeros((2, index.size, fit.n_samples), dtype=np.bool_)
    pattern = fit.separation_pattern[index]
    lost = np.flatnonzero(pattern >= 0)
    masks[0, lost] = fit.separated_samples[pattern[lost]]
    if fit.separated_ones is not None:
        masks[1, lost] = fit.separated_ones[pattern[lost]]
    return masks[0], masks[1]


def _response_means(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    """Fitted means (n_samples, g) of a binomial or Gaussian; NaN without a fit."""
    mean = linear_predictors(fit, index)
    if fit.family == BINOMIAL:
        share = shares(mean)[0]
        separated, ones = _separated(fit, index)
        share = np.where(separated.T, np.where(ones.T, 1.0, 0.0), share)
        mean = trials_of(fit, index) * share
    mean[:, np.isin(fit.status[index], (Status.ALL_ZERO, Status.INVALID))] = np.nan
    return mean


def linear_predictors(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    """Linear predictors (n_samples, g) of genes ``index`` at their finite coefficients."""
    x = fit.design.matrix
    # Along the longer axis entries are neighbours: broadcasting is slow along short ones.
    eta = np.empty((x.shape[0], index.size), order="F" if x.shape[0] > index.size else "C")
    eta[...] = np.log(fit.size_factors)[:, None]
    if fit.offset is not None:
        eta += fit.offset[:, None] if fit.offset.ndim == 1 else fit.offset[:, index]
    # One column after another: the order of addition is fixed, unlike in a BLAS product.
    part = np.empty_like(eta)
    for j in range(x.shape[1]):
        eta += np.multiply(x[:, j, None], fit.finite_coefficients[None, index, j], out=part)
    return eta


def fitted_means(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    """Fitted means (n_samples, g) of genes ``index``: 0 where separated, NaN without a fit."""
    if not of_counts(fit):
        return _response_means(fit, index)
    eta = linear_predictors(fit, index)
    # Samples without a mean are set below; their finite part may be beyond the range of numbers.
    with np.errstate(over="ignore"):
        mu: Floats = np.exp(eta, out=eta)
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
