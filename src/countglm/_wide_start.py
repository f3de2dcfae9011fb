"""Where a wide fit begins: one weighted least-squares fit in which no difference is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._wide_certificate import System
from ._wide_clusters import Labels, clusters_of, collapsed
from ._wide_matrix import SparseDesign
from ._wide_problem import Rows, WideProblem
from ._wide_structure import Structure, structure_of
from .kernels.families import COUNTS, GAUSSIAN

if TYPE_CHECKING:
    from ._wide_solve import Solver

Floats = NDArray[np.float64]
# Solutions of what the last has left: rounding, and no stopping rule, bounds what a perfect fit of
# a Gaussian leaves; that is below this part of the largest response.
ROUNDS, PERFECT = 3, 1e-13


def null_clusters(structure: Structure) -> Labels:
    """Return the cluster (p,) of every column in the model without differences; -1 for none.

    Of differences that do more than make columns equal or 0 only columns that none touches remain.
    """
    if structure.tells_equals:
        return clusters_of(structure, np.zeros(structure.columns.size))
    free = np.ones(structure.columns.size, dtype=np.bool_)
    free[structure.pieces.places] = False
    return np.where(free, np.cumsum(free) - 1, -1)


def null_ridge(clusters: Labels, ridge: Floats) -> Floats:
    """Return the ridges of clusters of columns."""
    found = np.zeros(int(clusters.max(initial=-1)) + 1)
    kept = clusters >= 0
    np.add.at(found, clusters[kept], ridge[kept])
    return found


def null_start(solver: Solver) -> Floats:
    """Return coefficients (p,) without differences that are near the best of these.

    The least-squares fit to responses on the scale of the predictor, each with the weight that it
    has there; 0 where that is better.
    """
    problem, clusters = solver.problem, null_clusters(solver.structure)
    p, rows = problem.x.shape[1], problem.rows
    if clusters.max(initial=-1) < 0:
        return np.zeros(p)
    matrix = collapsed(solver.matrix, clusters)
    found = _least_squares(matrix, _working(rows), null_ridge(clusters, problem.ridge), solver)
    beta = np.where(clusters >= 0, found[clusters], 0.0)
    here = problem.objective(rows.offset + problem.x.times(beta), beta, math.inf)
    return beta if here < problem.objective(rows.offset, np.zeros(p), math.inf) else np.zeros(p)


def top_of(rows: Rows) -> float:
    """Return the power of 2 below the largest response of a Gaussian, 1 for other families."""
    kept = rows.weight > 0.0
    largest = float(np.abs(rows.y - rows.offset)[kept].max())
    known = rows.code == GAUSSIAN and largest > 0.0
    return math.exp2(math.floor(math.log2(largest))) if known else 1.0


def unit_of(problem: WideProblem, beta: Floats) -> float:
    """Return the power of 2 in which a Gaussian's responses are measured, 1 for other families.

    That of the standard deviation around coefficients; 1, for responses whose largest is about
    that, where nothing is left beyond rounding.
    """
    rows = problem.rows
    if rows.code != GAUSSIAN:
        return 1.0
    left = rows.y - rows.offset - problem.x.times(beta)
    size = math.sqrt(math.fsum(rows.weight * left * left) / int((rows.weight > 0.0).sum()))
    whole = math.sqrt(float(rows.weight.max()))
    return math.exp2(round(math.log2(size if size > PERFECT * whole else whole)))


def _working(rows: Rows) -> Rows:
    """Return a Gaussian's rows that stand for those of a family near its means."""
    y, size, weight = rows.y, rows.size, rows.weight
    if rows.code == GAUSSIAN:
        return Rows(GAUSSIAN, y - rows.offset, size, weight, np.zeros(y.size))
    if rows.code == COUNTS:
        depth = np.exp(rows.offset)
        mean = math.fsum(weight * y) / max(math.fsum(weight * depth), 1e-300) or 1.0
        mu = np.maximum(0.5 * (y + mean * depth), 1e-300)
        eta, slope, curve = np.log(mu), (y - mu) / mu, mu / (1.0 + size * mu)
    else:
        chance = (y + 0.5) / (size + 1.0)
        curve = size * chance * (1.0 - chance)
        eta = np.log(chance / (1.0 - chance))
        slope = (y - size * chance) / np.where(curve > 0.0, curve, 1.0)
    return Rows(GAUSSIAN, eta + slope - rows.offset, size, weight * curve, np.zeros(y.size))


def _least_squares(matrix: Any, rows: Rows, ridge: Floats, solver: Solver) -> Floats:
    """Return the coefficients of columns (n, k), with a ridge, by conjugate gradients."""
    from scipy import sparse

    k = matrix.shape[1]
    structure = structure_of(sparse.csr_matrix((0, k)), np.zeros(0))
    order = structure.columns
    x = SparseDesign.of(matrix[:, order], solver.threads)
    problem = WideProblem(rows, x, ridge[order], structure)
    found = np.zeros(k)
    for _ in range(ROUNDS):
        at = problem.local(x.times(found))
        found = found - System(problem, at, np.zeros(0)).solve(problem.gradient(at, found))
    own = np.empty(k)
    own[order] = found
    return own
