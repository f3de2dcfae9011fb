"""Genes of a fit, fitted again at the dispersions they have: a smaller design, a contrast fixed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._arguments import PerSample, resolve_options
from ._covariance import trials_of
from ._families import binomial_slope, of_counts
from ._fit_arrays import FitArrays
from ._fitting import Problem
from ._gram_schmidt import gram_schmidt
from ._grouped_fit import zeros_of
from ._parallel import resolve_block_size, resolve_threads, run_blocks
from ._response_fit import ResponseProblem
from .basis import Basis, make_basis
from .existence import ExistenceTest
from .kernels import columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._session import Session
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
_MAX_ITER = 200


class Refitter:
    """Fits genes of a fit with another design, at their dispersions, offsets and weights.

    Here on ``threads``, or where a ``session`` says.
    """

    def __init__(
        self,
        fit: GLMFit,
        design: Floats,
        threads: int | None = None,
        session: Session | None = None,
    ) -> None:
        self._fit = fit
        self._session = session
        self._design = design
        self._threads = resolve_threads(threads)
        self._options = resolve_options(
            "newton", fit.tol, _MAX_ITER, None, False, fit.n_samples, zeros_of(fit)
        )

    @cached_property
    def _block_size(self) -> int:
        """Genes of a block: no more than the fit's own, which a limit of memory has made small."""
        usual = resolve_block_size(None, self._fit.n_samples)
        return min(usual, int(self._fit.provenance.get("options", {}).get("block_size", usual)))

    @cached_property
    def _basis(self) -> Basis:
        return make_basis(self._design)

    @cached_property
    def _existence(self) -> ExistenceTest:
        return ExistenceTest(self._design)

    def __call__(
        self, counts: CountMatrix, genes: Index, shift: Floats | None = None
    ) -> Problem | ResponseProblem:
        """Fit ``genes``, whose counts alone are ``counts``.

        ``shift`` (n,) or (g, n) is added to the linear predictors.
        """
        fit = self._fit
        weights = np.ones(fit.n_samples) if fit.weights is None else _of(fit.weights, genes)
        if not of_counts(fit):
            return self._responses(counts, genes, PerSample(self._offset(genes, shift)), weights)
        problem = Problem(
            counts, self._design, fit.size_factors, PerSample(self._offset(genes, shift)),
            PerSample(weights), fit.dispersion[genes].copy(), self._options,
        )  # fmt: skip
        if not problem.has_rule:
            # What all samples take part in is prepared once for all calls.
            problem.basis, problem.existence = self._basis, self._existence
        if self._session is not None:
            self._session.fit(problem, counts, "another design", self._threads)
            return problem

        problem.dense_entries = min(problem.dense_entries, self._block_size * fit.n_samples)
        problem.run(self._each_block(genes.size), self._threads)
        return problem

    def _each_block(self, n_genes: int) -> Callable[[Callable[[int, int], None]], None]:
        def each_block(task: Callable[[int, int], None]) -> None:
            run_blocks(task, n_genes, threads=self._threads, block_size=self._block_size)

        return each_block

    def _responses(
        self, counts: CountMatrix, genes: Index, offset: PerSample, weights: Floats
    ) -> ResponseProblem:
        """Fit genes whose responses are no counts."""
        fit = self._fit
        trials = np.ones(fit.n_samples) if fit.trials is None else _of(fit.trials, genes)
        problem = ResponseProblem(
            counts, self._design, offset, PerSample(weights), PerSample(trials), fit.family,
            self._options,
        )  # fmt: skip
        problem.run(self._each_block(genes.size))
        return problem

    def _offset(self, genes: Index, shift: Floats | None) -> Floats:
        """Return what is added to ``design @ beta``, (n,) or (n, g)."""
        fit = self._fit
        total = np.log(fit.size_factors)
        if fit.offset is not None:
            given = _of(fit.offset, genes)
            total = given + (total if given.ndim == 1 else total[:, None])
        if shift is None:
            return total
        if shift.ndim == 1:
            return total + (shift if total.ndim == 1 else shift[:, None])
        return (total if total.ndim == 2 else total[:, None]) + shift.T

    def slopes(self, problem: Problem | ResponseProblem, genes: Index, along: Floats) -> Floats:
        """Return the derivative (g,) of each log-likelihood along a direction (n,) of eta.

        At the optimum of ``problem``; samples whose mean is 0 in the limit do not count.  NaN
        where a mean is beyond all numbers.
        """
        fit, y = self._fit, problem.counts.block(0, genes.size)
        offset = problem.offset.values
        eta = np.zeros_like(y) + (offset.T if offset.ndim == 2 else offset)
        # One column after another: the order of addition is fixed, unlike in a BLAS product.
        for j in range(self._design.shape[1]):
            eta += problem.finite_coefficients[:, j, None] * self._design[:, j]
        with np.errstate(over="ignore", invalid="ignore"):
            if of_counts(fit):
                mu = np.exp(eta)
                residual = (y - mu) / (1.0 + fit.dispersion[genes, None] * mu)
            else:
                residual = binomial_slope(y, trials_of(fit, genes).T, eta)
        if fit.weights is not None:
            residual *= np.transpose(_of(fit.weights, genes))
        for row, separated in enumerate(problem.separated):
            if separated is not None:
                residual[row, separated] = 0.0
        return np.asarray(np.add.reduce(residual * along, axis=1))


def reached(problem: FitArrays) -> NDArray[np.bool_]:
    """Return which genes (g,) came to their optimum."""
    return np.asarray(problem.counters[:, columns.CONVERGED] == 1)


def _of(values: Floats, genes: Index) -> Floats:
    """Return the part of per-sample values (n,) or (n, n_genes) that belongs to ``genes``."""
    return values if values.ndim == 1 else values[:, genes]


class Constraint:
    """The coefficients with ``vector @ beta == value``: an offset and one design column less.

    Attributes
    ----------
    design : (n, p - 1)
        Columns spanning the linear predictors of the coefficients with ``vector @ beta == 0``.
    along : (n,)
        Linear predictor of a vector of coefficients with ``vector @ beta == 1``, the one
        orthogonal to ``design``: it is the same in every coding.
    """

    def __init__(self, matrix: Floats, vector: Floats) -> None:
        pivot = int(np.argmax(np.abs(vector)))
        free = np.delete(np.eye(vector.size), pivot, axis=1)
        free[pivot] = -np.delete(vector, pivot) / vector[pivot]
        self.design: Floats = np.add.reduce(matrix[:, :, None] * free[None, :, :], axis=1)
        columns = np.column_stack([self.design, matrix[:, pivot] / vector[pivot]])
        q, r, _ = gram_schmidt(columns)
        self.along: Floats = q[:, -1] * r[-1, -1]
