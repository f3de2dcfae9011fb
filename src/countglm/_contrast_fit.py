"""One contrast of a fit, gene by gene: estimate, standard error, limit, and constrained refits.

Genes whose coefficients are partly infinite are treated in the coordinates of the problem that
remains for them, where a contrast of infinite coefficients may well be finite.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import contrast_variance
from ._points import Groups, Samples, points_of
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
Points = Samples | Groups


def incomplete_groups(fit: GLMFit, points: Points) -> Iterator[tuple[Index, Completion]]:
    """Yield the separated and singular genes, grouped by the problem that remains for them."""
    special = np.flatnonzero(np.isin(fit.status, (Status.SEPARATED, Status.SINGULAR)))
    own = any(part is not None and part.ndim == 2 for part in (fit.weights, fit.trials))
    groups: dict[tuple[int, bytes], list[int]] = {}
    for gene in special.tolist():
        mask = points.weighted(gene).tobytes() if own else b""
        groups.setdefault((int(fit.separation_pattern[gene]), mask), []).append(gene)
    for (pattern, _), genes in groups.items():
        separated, weighted = points.separated(pattern), points.weighted(genes[0])
        yield np.array(genes), completion_of(points.turned(pattern), separated, weighted)


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
    error, points = np.full(fit.n_genes, np.nan), points_of(fit)
    regular = np.isin(fit.status, (Status.CONVERGED, Status.BOUNDARY_DISPERSION, Status.MAX_ITER))
    genes = np.flatnonzero(regular)
    error[genes] = _errors(points, genes, make_basis(points.rows), vector, None)
    for genes, completion in incomplete_groups(fit, points):
        limit = completion.limit(vector)
        if limit == 0.0:
            error[genes] = _errors(points, genes, completion.basis, vector, completion)
        else:
            estimate[genes] = limit
    error[unfinished] = np.nan
    return estimate, error


def _errors(
    points: Points, genes: Index, basis: Basis, vector: Floats, completion: Completion | None
) -> Floats:
    """Return standard errors from the Fisher information in the coordinates of ``basis``."""
    x = np.ascontiguousarray(basis.columns[:, : points.rows.shape[0]].T)
    along = np.add.reduce(basis.to_coef * vector[:, None], axis=0)
    out = np.empty(genes.size)
    for start in range(0, genes.size, points.tile):
        tile = genes[start : start + points.tile]
        weight = points.information(tile)
        if completion is not None:
            weight[:, completion.separated] = 0.0
        out[start : start + points.tile] = np.sqrt(contrast_variance(x, weight, along))
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
