"""Solve one wide problem at a list of penalties, from large to small."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._wide_clusters import Labels, clusters_of, collapsed, runaway, touched
from ._wide_fista import Found, Settings, State, minimise
from ._wide_matrix import SparseDesign
from ._wide_problem import Nearest, Rows, WideProblem
from ._wide_strength import largest_penalty
from ._wide_structure import Structure, structure_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solver:
    """A problem with what all its fits share; columns stand in the structure's order."""

    matrix: Any
    problem: WideProblem
    settings: Settings
    prox: str
    threads: int

    @staticmethod
    def of(
        matrix: Any, rows: Rows, ridge: Floats, differences: Any, settings: Settings, prox: str,
        threads: int,
    ) -> Solver:  # fmt: skip
        """Return the solver of a design (n, p) with differences that have a matrix and costs."""
        structure = structure_of(differences.matrix, differences.cost)
        ordered = matrix[:, structure.columns].tocsr()
        x = SparseDesign.of(ordered, threads)
        problem = WideProblem(rows, x, ridge[structure.columns], structure)
        return Solver(ordered, problem, settings, prox, threads)

    @property
    def structure(self) -> Structure:
        """What the differences connect."""
        return self.problem.structure

    def weighted(self, weight: Floats, settings: Settings) -> Solver:
        """Return the same with other weights."""
        return Solver(self.matrix, self.problem.weighted(weight), settings, self.prox, self.threads)

    def nearest(self) -> Nearest:
        """Return the step of the penalty with fresh room."""
        return Nearest(self.structure, self.threads, self.prox)

    def start(self) -> State:
        """Return the state of a run from 0."""
        p = self.problem.x.shape[1]
        return State(
            np.zeros(p), self.problem.rows.offset.copy(), np.zeros(self.structure.rows.size)
        )

    def null_fit(self, state: State) -> Found:
        """Return the fit in which no difference is left."""
        return minimise(self.problem, math.inf, self.nearest(), self.settings, state)

    def largest(self, null: Found) -> float:
        """Return the least penalty that leaves no difference."""
        return largest_penalty(self.structure, null.v)

    def path(self, lambdas: Floats, state: State) -> list[Found]:
        """Return the fits at penalties from large to small, each from the last."""
        nearest, found = self.nearest(), []
        for lam in lambdas.tolist():
            bound = lam * self.structure.cost
            state.v = np.clip(state.v, -bound, bound)
            found.append(minimise(self.problem, lam, nearest, self.settings, state))
        return found

    def unbounded(self) -> NDArray[np.intp]:
        """Return columns (of the design) that run to infinity and that no penalty holds back."""
        null = clusters_of(self.structure, np.zeros(self.structure.columns.size))
        if not self.structure.tells_equals:
            pieces = self.structure.pieces
            free = np.ones(null.size, dtype=np.bool_)
            free[pieces.places] = False
            null = np.where(free, np.cumsum(free) - 1, -1)
        ridge = np.zeros(int(null.max(initial=-1)) + 1)
        kept = null >= 0
        np.add.at(ridge, null[kept], self.problem.ridge[kept])
        runs = runaway(collapsed(self.matrix, null), self.problem.rows, ridge)
        # Columns that are held at 0 have the number -1: that of none, put at the end.
        return np.sort(self.structure.columns[np.append(runs, 0)[null] != 0])


@dataclass(frozen=True, eq=False)
class Refitted:
    """The fit of a model with clusters of columns made one, not penalised but for the ridge.

    Attributes
    ----------
    coefficients : (p,)
        In the structure's order; infinite where the model has no finite best.
    deviance : float
    n_coefficients : int
    converged : bool
    """

    coefficients: Floats
    deviance: float
    n_coefficients: int
    converged: bool


def refit(solver: Solver, clusters: Labels, beta: Floats) -> Refitted:
    """Fit the model of clusters of columns, beginning at ``beta``."""
    problem, count = solver.problem, int(clusters.max(initial=-1)) + 1
    kept = clusters >= 0
    ridge, start = np.zeros(count), np.zeros(count)
    np.add.at(ridge, clusters[kept], problem.ridge[kept])
    start[clusters[kept]] = beta[kept]
    matrix, rows, limit = _without_runaways(collapsed(solver.matrix, clusters), problem.rows, ridge)
    value = np.where(limit == 0, 0.0, np.where(limit > 0, math.inf, -math.inf))
    deviance, converged = 0.0, True
    free = np.flatnonzero(limit == 0)
    if free.size:
        inner = Solver.of(
            matrix[:, free], rows, ridge[free], Unpenalised(free.size), solver.settings, "auto",
            solver.threads,
        )  # fmt: skip
        state = inner.start()
        state.beta = start[free][inner.structure.columns]
        found = minimise(inner.problem, 1.0, inner.nearest(), inner.settings, state)
        value[free[inner.structure.columns]] = found.beta
        deviance = 2.0 * inner.problem.rows.deviance(inner.problem.x, found.eta)
        converged = found.relative_gap <= solver.settings.tol
    else:
        deviance = 2.0 * rows.deviance(SparseDesign.of(matrix, 1), rows.offset)
    coefficients = np.zeros(clusters.size)
    coefficients[kept] = value[clusters[kept]]
    return Refitted(coefficients, deviance, count, converged)


class Unpenalised:
    """Differences of p columns of which there are none."""

    def __init__(self, p: int) -> None:
        from scipy import sparse

        self.matrix, self.cost = sparse.csr_matrix((0, p)), np.zeros(0)


def _without_runaways(matrix: Any, rows: Rows, ridge: Floats) -> tuple[Any, Rows, NDArray[np.int8]]:
    """Leave out columns that run to infinity with their rows, which are then fitted perfectly."""
    limit = np.zeros(matrix.shape[1], dtype=np.int8)
    while True:
        found = runaway(matrix, rows, np.where(limit != 0, 1.0, ridge))
        if not found.any():
            return matrix, rows, limit
        limit += found
        gone = touched(matrix, found != 0)
        rows = replace(rows, weight=np.where(gone, 0.0, rows.weight))
