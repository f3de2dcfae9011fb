"""Penalised fits of all genes: null fits, largest penalty, path, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import as_real_array, lies_within
from ._parallel import is_whole
from ._penalized_data import Data, EachBlock
from ._penalized_source import Source
from ._penalty_strength import largest_penalties, null_space
from .basis import make_basis, products
from .errors import InputError
from .kernels.duality import DEVIANCE, GAP, N_FACTS, SOLVED
from .kernels.families import GAUSSIAN
from .kernels.penalized import Work, deviances_at, fit_paths, scores_at
from .penalties import Differences
from .status import Status

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """A penalised model in orthonormal coordinates, whatever the coding of the design.

    Attributes
    ----------
    x : (n, q) float64
        Basis of the design; coefficients are ``to_coef @ gamma``.
    rows : (m, q) float64
        Differences in these coordinates.
    ridge : (q, q) float64
        The quadratic penalty in these coordinates; ``precision`` (p, p) is that of coefficients.
    null : (q, k) float64
        Directions that no difference sees.
    """

    data: Data
    differences: Differences
    x: Floats
    to_coef: Floats
    rows: Floats
    ridge: Floats
    precision: Floats
    null: Floats
    tol: float

    def work(self) -> Work:
        """Return room for one gene."""
        n, p = self.x.shape
        m = self.rows.shape[0]
        z = np.zeros
        return Work(
            z(n), z(n), z(n), z(p), z((p, p)), z((p, p)), z(p), z((m, p)), z((m, m)), z(m), z(m),
            z(m), z((m, m)), z(m, dtype=np.int64), z(m),
        )  # fmt: skip

    def null_fits(self, source: Source) -> tuple[Problem, Floats, NDArray[np.int8]]:
        """Return coordinates (n_genes, q) of the fits without any difference, and their status.

        And before them this problem, with a Gaussian's responses in the unit of what these fits
        leave of them.
        """
        genes = np.arange(self.data.responses.n_genes)
        fit = source.fused_fit(genes, products(self.x, self.null))
        usable = fit.converged
        found = np.where(usable[:, None], fit.coefficients, 0.0)
        status = np.where(usable, Status.CONVERGED, fit.status)
        problem = self
        if self.data.code == GAUSSIAN:
            problem = self.with_data(replace(self.data, unit=_units(fit.dispersion)))
        within = products(products(self.null.T.copy(), self.ridge), self.null)
        if within.any():
            # A prior that is not on differences alone moves these fits too.
            rows = np.zeros((0, self.null.shape[1]))
            part = replace(
                problem, x=np.ascontiguousarray(products(self.x, self.null)), rows=rows,
                ridge=np.ascontiguousarray(within), to_coef=np.eye(self.null.shape[1]),
                differences=replace(self.differences, rows=rows, cost=np.zeros(0)),
            )  # fmt: skip
            paths = part.paths(np.ones((genes.size, 1)), found, source.each_block)
            found = paths.coefficients[:, 0]
            unfinished = usable & (paths.facts[:, 0, SOLVED] != 1.0)
            status = np.where(unfinished, Status.MAX_ITER, status)
        return problem, products(found, self.null.T.copy()), np.asarray(status)

    def largest(self, start: Floats, each_block: EachBlock) -> Floats:
        """Return the least penalty (n_genes,) that leaves no difference, from the null fits."""
        score, unit = np.zeros((start.shape[0], self.x.shape[1])), self.data.units

        def task(first: int, last: int) -> None:
            y, offset, weight, size = self.data.of(first, last)
            begin = np.ascontiguousarray(start[first:last] / unit[first:last, None])
            scores_at(
                self.data.code, y, self.x, offset, weight, size, self.ridge, begin, self.work(),
                score[first:last],
            )  # fmt: skip

        each_block(task)
        return largest_penalties(self.differences, self.rows, score) * unit

    def paths(self, lambdas: Floats, start: Floats, each_block: EachBlock) -> Paths:
        """Fit every gene (n_genes,) at its penalties (n_genes, L), from largest to smallest."""
        n_genes, steps = lambdas.shape
        m, unit = self.rows.shape[0], self.data.units
        found = Paths(
            np.zeros((n_genes, steps, self.to_coef.shape[0])), np.zeros((n_genes, steps, N_FACTS)),
            np.ones((n_genes, steps, m), dtype=np.bool_),
        )  # fmt: skip

        def task(first: int, last: int) -> None:
            y, offset, weight, size = self.data.of(first, last)
            gamma = np.zeros((last - first, steps, self.x.shape[1]))
            dual = np.zeros((last - first, steps, m))
            here = unit[first:last, None]
            fit_paths(
                self.data.code, y, self.x, offset, weight, size, self.ridge, self.rows,
                self.differences.cost, np.ascontiguousarray(lambdas[first:last] / here), self.tol,
                np.ascontiguousarray(start[first:last] / here), self.work(), gamma, dual,
                found.held[first:last], found.facts[first:last],
            )  # fmt: skip
            found.coefficients[first:last] = _mapped(gamma, self.to_coef) * here[:, :, None]
            for fact in (GAP, DEVIANCE):
                found.facts[first:last, :, fact] *= here * here

        each_block(task)
        return found

    def deviances(self, coefficients: Floats, each_block: EachBlock) -> Floats:
        """Return the deviances (n_genes, L) of coefficients (n_genes, L, p) of the design."""
        deviance = np.zeros(coefficients.shape[:2])
        x, unit = np.ascontiguousarray(self.data.design), self.data.units

        def task(first: int, last: int) -> None:
            y, offset, weight, size = self.data.of(first, last)
            beta = np.ascontiguousarray(coefficients[first:last] / unit[first:last, None, None])
            deviances_at(
                self.data.code, y, x, offset, weight, size, beta, self.work(),
                deviance[first:last],
            )  # fmt: skip

        each_block(task)
        return np.asarray(deviance * (unit * unit)[:, None])

    def quadratic(self, coefficients: Floats) -> Floats:
        """Return the quadratic penalty (n_genes, L) of coefficients (n_genes, L, p)."""
        total = np.zeros(coefficients.shape[:2])
        for j, row in enumerate(self.precision):
            total += coefficients[:, :, j] * np.add.reduce(coefficients * row, axis=2)
        return 0.5 * total

    def with_data(self, data: Data) -> Problem:
        """The same model of other responses or weights."""
        return replace(self, data=data)


@dataclass(frozen=True, eq=False)
class Paths:
    """Coefficients (n_genes, L, p) and facts (n_genes, L, N_FACTS) of penalised fits.

    ``held`` (n_genes, L, m) marks the differences that are 0.
    """

    coefficients: Floats
    facts: Floats
    held: NDArray[np.bool_]


def _units(variance: Floats) -> Floats:
    """Return standard deviations (n_genes,) as powers of 2, by which nothing is rounded."""
    known = (variance > 0.0) & (variance < np.inf)
    return np.asarray(np.exp2(np.round(0.5 * np.log2(np.where(known, variance, 1.0)))))


def _mapped(gamma: Floats, to_coef: Floats) -> Floats:
    """Coefficients (g, L, p) of coordinates (g, L, q), without BLAS."""
    flat = gamma.reshape(-1, gamma.shape[2])
    out = np.zeros((flat.shape[0], to_coef.shape[0]))
    for k in range(flat.shape[1]):
        out += flat[:, k, None] * to_coef[None, :, k]
    return out.reshape(*gamma.shape[:2], -1)


def make_problem(data: Data, differences: Differences, ridge: Floats, tol: float) -> Problem:
    """Return the problem; ``ridge`` (p, p) is the matrix of the quadratic penalty."""
    basis = make_basis(data.design)
    x = np.ascontiguousarray(basis.columns.T)
    to_coef = np.ascontiguousarray(basis.to_coef)
    rows = np.ascontiguousarray(products(differences.rows, to_coef))
    within = products(products(to_coef.T.copy(), ridge), to_coef)
    return Problem(
        data, differences, x, to_coef, rows, np.ascontiguousarray(within), ridge,
        null_space(rows), tol,
    )  # fmt: skip


def quadratic_penalty(ridge: Any, differences: Differences) -> Floats:
    """Return the matrix (p, p) of the quadratic penalty that a user's ``ridge`` asks for."""
    values = as_real_array(ridge, "ridge")
    p = differences.rows.shape[1]
    if values.shape not in ((), (p,)) or not ((values >= 0.0) & (values < np.inf)).all():
        raise InputError(
            f"ridge must be one number or {p} numbers, one a coefficient, all finite and none "
            "negative."
        )
    if values.ndim == 1:
        return np.diag(values)
    weighted = differences.rows * (float(values) * differences.cost)[:, None]
    return np.asarray(products(differences.rows.T.copy(), weighted))


def resolve_grid(lambdas: Any, ratio: Any, n_genes: int, largest: Callable[[], Floats]) -> Floats:
    """Return penalties (n_genes, L), from large to small.

    ``largest`` finds those that leave no difference, which only a number of penalties asks for.
    """
    if not lies_within(ratio, 1e-12, 1.0):
        raise InputError(f"lambda_ratio={ratio!r} must lie in (0, 1].")
    if isinstance(lambdas, int | np.integer) and is_whole(lambdas, 1):
        # Where the effects are equal as they stand every penalty tells the same, and none tells
        # anything where there is no fit.
        least = largest()
        top = np.where(least > 0.0, least, 1.0)
        return np.asarray(top[:, None] * np.geomspace(1.0, ratio, int(lambdas)))
    values = as_real_array(lambdas, "lambdas")
    if values.ndim == 1 and values.size:
        values = np.tile(values, (n_genes, 1))
    sound = values.ndim == 2 and values.shape[0] == n_genes and values.shape[1] > 0
    if not sound or not ((values > 0.0) & (values < np.inf)).all() or (np.diff(values) > 0).any():
        raise InputError(
            "lambdas must be a whole number of penalties, or penalties (L,) or (n_genes, L) that "
            "are positive, finite and do not grow."
        )
    return np.ascontiguousarray(values)
