"""One contrast of a fit, gene by gene: estimate, standard error, limit, and constrained refits.

Genes whose coefficients are partly infinite are treated in the coordinates of the problem that
remains for them, where a contrast of infinite coefficients may well be finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import TILE_ENTRIES, contrast_variance, fisher_weight, fitted_means
from ._refit import Constraint, Refitter, reached
from .basis import Basis, make_basis
from .existence import Completion, completion_of
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
TILE = 2**22


def positive_weights(fit: GLMFit, gene: int) -> NDArray[np.bool_]:
    """Return which samples (n,) have a positive weight in ``gene``."""
    if fit.weights is None:
        return np.ones(fit.n_samples, dtype=np.bool_)
    return np.asarray((fit.weights if fit.weights.ndim == 1 else fit.weights[:, gene]) > 0.0)


def incomplete_groups(fit: GLMFit) -> Iterator[tuple[Index, Completion]]:
    """Yield the separated and singular genes, grouped by the problem that remains for them."""
    special = np.flatnonzero(np.isin(fit.status, (Status.SEPARATED, Status.SINGULAR)))
    groups: dict[tuple[int, bytes], list[int]] = {}
    for gene in special.tolist():
        key = (int(fit.separation_pattern[gene]), positive_weights(fit, gene).tobytes())
        groups.setdefault(key, []).append(gene)
    for (pattern, mask), genes in groups.items():
        weighted = np.frombuffer(mask, dtype=np.bool_)
        separated = (
            fit.separated_samples[pattern] if pattern >= 0 else np.zeros(fit.n_samples, np.bool_)
        )
        yield np.array(genes), completion_of(fit.design.matrix, separated, weighted)


def contrast_values(fit: GLMFit, vector: Floats) -> tuple[Floats, Floats]:
    """Return estimates and standard errors (n_genes,) of ``vector @ beta``, natural logarithm.

    Infinite with NaN error where the contrast has no finite value, NaN where not identified.
    """
    unfinished = np.isnan(fit.log_likelihood)
    columns = np.flatnonzero(vector)
    if columns.size == 1:
        # Of one coefficient the fit has all there is, limits too.
        column, factor = columns[0], vector[columns[0]]
        errors = abs(factor) * fit.standard_errors[:, column]
        return factor * fit.coefficients[:, column], np.where(unfinished, np.nan, errors)
    estimate = np.add.reduce(fit.finite_coefficients * vector, axis=1)
    error = np.full(fit.n_genes, np.nan)
    regular = np.isin(fit.status, (Status.CONVERGED, Status.BOUNDARY_DISPERSION, Status.MAX_ITER))
    genes = np.flatnonzero(regular)
    error[genes] = _errors(fit, genes, make_basis(fit.design.matrix), vector, None)
    for genes, completion in incomplete_groups(fit):
        limit = completion.limit(vector)
        if limit == 0.0:
            error[genes] = _errors(fit, genes, completion.basis, vector, completion)
        else:
            estimate[genes] = limit
    error[unfinished] = np.nan
    return estimate, error


def _errors(
    fit: GLMFit, genes: Index, basis: Basis, vector: Floats, completion: Completion | None
) -> Floats:
    """Return standard errors from the Fisher information in the coordinates of ``basis``."""
    n = fit.n_samples
    x = np.ascontiguousarray(basis.columns[:, :n].T)
    along = np.add.reduce(basis.to_coef * vector[:, None], axis=0)
    out = np.empty(genes.size)
    step = max(1, TILE_ENTRIES // n)
    for start in range(0, genes.size, step):
        tile = genes[start : start + step]
        mu = np.ascontiguousarray(fitted_means(fit, tile).T)
        weight = fisher_weight(mu, fit.dispersion[tile, None])
        if fit.weights is not None:
            weight *= fit.weights if fit.weights.ndim == 1 else fit.weights[:, tile].T
        if completion is not None:
            weight[:, completion.separated] = 0.0
        out[start : start + step] = np.sqrt(contrast_variance(x, weight, along))
    return out


def constrained_log_likelihood(
    fit: GLMFit,
    counts: CountMatrix,
    genes: Index,
    vector: Floats,
    value: float,
    threads: int | None = None,
) -> Floats:
    """Return the supremum of the log-likelihood under ``vector @ beta == value`` (natural log).

    At the dispersions of the fit; NaN where it was not reached.
    """
    constraint = Constraint(fit.design.matrix, vector)
    refit = Refitter(fit, constraint.design, threads)
    problem = refit(counts.take_genes(genes), genes, value * constraint.along)
    return np.where(reached(problem), problem.stats[:, columns.LOG_LIKELIHOOD], np.nan)
