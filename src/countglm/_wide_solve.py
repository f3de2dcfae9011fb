"""Solve one wide problem at a list of penalties, from large to small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._wide_certificate import certify
from ._wide_clusters import Labels, collapsed, runaway, touched
from ._wide_fista import Found, Settings, State, minimise
from ._wide_matrix import SparseDesign
from ._wide_problem import Nearest, Rows, WideProblem
from ._wide_separation import ROUNDING, direction
from ._wide_start import null_clusters, null_ridge, null_start, top_of, unit_of
from ._wide_strength import largest_penalty
from ._wide_structure import Structure, structure_of

Floats = NDArray[np.float64]
# The fit without differences is closer to its best than the others.
CLOSER, LEAST_TOL = 1e-4, 1e-14
ROUND_UP = (0.0, 1e-9, 1e-6, 1e-4, 1e-2)


@dataclass(frozen=True, eq=False)
class Solver:
    """A problem with what all its fits share; columns stand in the structure's order."""

    matrix: Any
    problem: WideProblem
    settings: Settings
    prox: str
    threads: int
    # In which coefficients, and penalties, are measured here; of a Gaussian alone not 1.
    unit: float = 1.0

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
        return replace(self, problem=self.problem.weighted(weight), settings=settings)

    def nearest(self) -> Nearest:
        """Return the step of the penalty with fresh room."""
        return Nearest(self.structure, self.threads, self.prox)

    def start(self, beta: Floats) -> State:
        """Return the state of a run from coefficients."""
        eta = self.problem.rows.offset + self.problem.x.times(beta)
        return State(beta, eta, np.zeros(self.structure.rows.size))

    def begun(self) -> tuple[Solver, State]:
        """Return this, a Gaussian in a unit of its own, and the state from which it begins."""
        ready = self.measured(top_of(self.problem.rows))
        beta = null_start(ready)
        unit = unit_of(ready.problem, beta)
        ready = ready.measured(unit)
        return ready, ready.start(beta / unit)

    def measured(self, unit: float) -> Solver:
        """Return the same with responses in a unit, which is 1 but for a Gaussian."""
        rows = self.problem.rows
        if unit == 1.0:
            return self
        rows = replace(rows, y=rows.y / unit, offset=rows.offset / unit)
        return replace(self, problem=replace(self.problem, rows=rows), unit=self.unit * unit)

    def null_fit(self, state: State) -> tuple[float, Found | None]:
        """Return the least penalty that leaves no difference, and the fit there, if certified.

        The penalty is rounded up by what the fit without differences leaves open of it.
        """
        # It is known to about the root of the gap.
        close = replace(self.settings, tol=max(CLOSER * self.settings.tol, LEAST_TOL))
        found = minimise(self.problem, math.inf, self.nearest(), close, state)
        largest, state.v = largest_penalty(self.structure, found.v)
        for part in ROUND_UP if largest > 0.0 else ():
            lam = largest * (1.0 + part)
            bound = lam * self.structure.cost
            v = np.clip(state.v, -bound, bound)
            certificate = certify(self.problem, found.beta, found.eta, v, lam)
            there = replace(found, v=v, certificate=certificate)
            if there.relative_gap <= self.settings.tol:
                return lam * self.unit, there
        return largest * self.unit, None

    def path(self, lambdas: Floats, state: State, known: Sequence[Found] = ()) -> list[Found]:
        """Return the fits at penalties from large to small, each from the last.

        ``known`` are those at the first penalties.
        """
        nearest, found = self.nearest(), list(known)
        for lam in lambdas[len(found) :].tolist():
            here = lam / self.unit
            bound = here * self.structure.cost
            state.v = np.clip(state.v, -bound, bound)
            found.append(minimise(self.problem, here, nearest, self.settings, state))
        return found

    def limit(self, beta: Floats) -> tuple[Found, Floats]:
        """Return the fit at no penalty, and which coefficients run to an infinity, with its sign.

        Rows that these fit perfectly are left out of the fit.
        """
        state = self.start(beta)
        found = minimise(self.problem, 1.0, self.nearest(), self.settings, state)
        gap, problem = found.certificate.gap, self.problem
        away = direction(self.matrix, problem.rows, problem.ridge, found.eta, gap)
        if not away.any():
            return found, away
        moved = problem.x.times(away)
        still = np.abs(moved) <= ROUNDING * np.abs(moved).max()
        rest = problem.weighted(np.where(still, problem.rows.weight, 0.0))
        found = minimise(rest, 1.0, self.nearest(), self.settings, state)
        return found, np.sign(away)

    def unbounded(self) -> NDArray[np.intp]:
        """Return columns (of the design) that run to infinity and that no penalty holds back."""
        null = null_clusters(self.structure)
        ridge = null_ridge(null, self.problem.ridge)
        runs = runaway(collapsed(self.matrix, null), self.problem.rows, ridge)
        return self._columns(null, runs)

    def together(self, found: Found, lam: float) -> NDArray[np.intp]:
        """Return columns that run to infinity with others, as a fit at one penalty tells."""
        null = null_clusters(self.structure) if lam > 0.0 else np.arange(found.beta.size)
        ridge = null_ridge(null, self.problem.ridge)
        matrix, gap = collapsed(self.matrix, null), found.certificate.gap
        return self._columns(null, direction(matrix, self.problem.rows, ridge, found.eta, gap))

    def _columns(self, clusters: Labels, chosen: NDArray[Any]) -> NDArray[np.intp]:
        # Columns that are held at 0 have the number -1: that of none, put at the end.
        return np.sort(self.structure.columns[np.append(chosen, 0)[clusters] != 0])


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
    ridge, start = null_ridge(clusters, problem.ridge), np.zeros(count)
    start[clusters[kept]] = beta[kept] / solver.unit
    matrix, rows, limit = _without_runaways(collapsed(solver.matrix, clusters), problem.rows, ridge)
    value = np.where(limit == 0, 0.0, np.where(limit > 0, math.inf, -math.inf))
    deviance, converged = 0.0, True
    free = np.flatnonzero(limit == 0)
    if free.size:
        inner = Solver.of(
            matrix[:, free], rows, ridge[free], Unpenalised(free.size), solver.settings, "auto",
            solver.threads,
        )  # fmt: skip
        found, away = inner.limit(start[free][inner.structure.columns])
        value[free[inner.structure.columns]] = np.where(
            away == 0.0, found.beta, np.copysign(math.inf, away)
        )
        deviance = 2.0 * found.objective - 2.0 * inner.problem.penalty(found.beta, 0.0)
        converged = found.relative_gap <= solver.settings.tol
    else:
        deviance = 2.0 * rows.deviance(SparseDesign.of(matrix, 1), rows.offset)
    coefficients = np.zeros(clusters.size)
    coefficients[kept] = value[clusters[kept]] * solver.unit
    return Refitted(coefficients, deviance * solver.unit**2, count, converged)


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
