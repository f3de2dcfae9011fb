"""One contrast of a fit, gene by gene: estimate, standard error, limit, and constrained refits.

Genes whose coefficients are partly infinite are treated in the coordinates of the problem that
remains for them, where a contrast of infinite coefficients may well be finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import resolve_offset, resolve_options, resolve_weights
from ._covariance import counts_of, fisher_weight, inverse_information
from ._fitting import Problem
from ._parallel import resolve_block_size, resolve_threads, run_blocks
from .basis import Basis, make_basis
from .existence import Completion, completion_of
from .kernels import blocks
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
    estimate = np.add.reduce(fit.finite_coefficients * vector, axis=1)
    error = np.full(fit.n_genes, np.nan)
    regular = np.isin(fit.status, (Status.CONVERGED, Status.BOUNDARY_DISPERSION, Status.MAX_ITER))
    column = np.flatnonzero(vector)
    if column.size == 1:
        error[regular] = np.abs(vector[column[0]]) * fit.standard_errors[regular, column[0]]
    else:
        genes = np.flatnonzero(regular)
        error[genes] = _errors(fit, genes, make_basis(fit.design.matrix), vector, None)
    for genes, completion in incomplete_groups(fit):
        limit = completion.limit(vector)
        if limit == 0.0:
            error[genes] = _errors(fit, genes, completion.basis, vector, completion)
        else:
            estimate[genes] = limit
    error[np.isnan(fit.log_likelihood)] = np.nan
    return estimate, error


def _errors(
    fit: GLMFit, genes: Index, basis: Basis, vector: Floats, completion: Completion | None
) -> Floats:
    """Return standard errors from the Fisher information in the coordinates of ``basis``."""
    n = fit.n_samples
    x = np.ascontiguousarray(basis.columns[:, :n].T)
    along = np.add.reduce(basis.to_coef * vector[:, None], axis=0)
    out = np.empty(genes.size)
    step = max(1, TILE // (n * max(1, x.shape[1])))
    for start in range(0, genes.size, step):
        tile = genes[start : start + step]
        weight = fisher_weight(np.ascontiguousarray(fit.mu(tile).T), fit.dispersion[tile, None])
        if fit.weights is not None:
            weight *= fit.weights if fit.weights.ndim == 1 else fit.weights[:, tile].T
        if completion is not None:
            weight[:, completion.separated] = 0.0
        active = np.ones((tile.size, x.shape[1]), dtype=np.bool_)
        inverse = inverse_information(x, weight, active)
        half = np.add.reduce(inverse * along[None, None, :], axis=2)
        out[start : start + step] = np.sqrt(np.add.reduce(half * along[None, :], axis=1))
    return out


class _GeneSubset:
    """Some genes of a count matrix, read as blocks."""

    sample_names: Any = None

    def __init__(self, counts: CountMatrix, genes: Index) -> None:
        self._counts = counts
        self._genes = genes
        self.gene_names = counts.gene_names[genes]
        self.n_genes = genes.size
        self.n_samples = counts.n_samples

    def block(self, start: int, stop: int) -> Floats:
        return counts_of(self._counts, self._genes[start:stop])


def constrained_log_likelihood(
    fit: GLMFit,
    counts: CountMatrix,
    genes: Index,
    vector: Floats,
    value: float,
    threads: int | None = None,
) -> Floats:
    """Return the supremum of the log-likelihood under ``vector @ beta == value`` (natural log).

    At the dispersions of the fit; NaN where it was not reached.  The constraint is one offset and
    one design column less.
    """
    matrix, n = fit.design.matrix, fit.n_samples
    scale = float(np.add.reduce(vector * vector))
    toward = value / scale * np.add.reduce(matrix * vector, axis=1)
    pivot = int(np.argmax(np.abs(vector)))
    free = np.delete(np.eye(vector.size), pivot, axis=1)
    others = np.delete(vector, pivot)
    # Columns of ``free`` span the coefficients with vector @ beta == 0.
    free[pivot] = -others / vector[pivot]
    design = np.add.reduce(matrix[:, :, None] * free[None, :, :], axis=1)
    offset = (
        toward
        if fit.offset is None
        else (
            fit.offset + toward if fit.offset.ndim == 1 else fit.offset[:, genes] + toward[:, None]
        )
    )
    weights = fit.weights
    if weights is not None and weights.ndim == 2:
        weights = weights[:, genes]
    subset = _GeneSubset(counts, genes)
    total = resolve_offset(offset, fit.size_factors, subset)
    weight = resolve_weights(weights, subset)
    options = resolve_options("newton", fit.tol, 200, None, False, fit.n_samples)
    alpha = fit.dispersion[genes].copy()
    problem = Problem(subset, design, fit.size_factors, total, weight, alpha, options)
    run_blocks(
        problem.fit_range, genes.size,
        block_size=resolve_block_size(None, n), threads=resolve_threads(threads),
    )  # fmt: skip
    reached = problem.counters[:, blocks.CONVERGED] == 1
    return np.where(reached, problem.stats[:, blocks.LOG_LIKELIHOOD], np.nan)
