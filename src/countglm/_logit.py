"""Binomial responses with logit link, by the kernels of counts (docs/math.md, section 17).

A success costs ``log(1 + exp(-eta))``, a failure ``log(1 + exp(eta))``: each is what a count of
zero costs under a negative binomial of dispersion 1 whose row is turned round for a success.
Solver, certificate and the theory of separation therefore hold as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._families import (
    binomial_half_deviance,
    binomial_information,
    binomial_saturated,
)
from ._fit_arrays import gene_trace
from ._logit_far import Walk, walk
from ._logit_remains import LogitRemains, Remaining, Turned
from ._response_block import (
    ResponseBlock,
    copy_certificate,
    errors_and_leverage,
    hessian_statistics,
    predictors,
)
from ._tiles import (
    Filled,
    Layout,
    Task,
    make_filled,
    make_learnt,
    narrowed,
    run_kernels,
    sample_order,
)
from ._visits import MANY
from .basis import Basis, make_basis
from .existence import Completion
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    from ._response_fit import ResponseProblem

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
# A bound of at most twice the decrement is proof that there is an optimum (17.8): without one the
# product of radius and decrement is at least 1, here it is at most 0.8, and rounding is small.
PROVEN = 2.0


class LogitFits:
    """Fits blocks of a problem."""

    def __init__(self, problem: ResponseProblem) -> None:
        self._problem = problem
        self._x = np.ascontiguousarray(problem.design, dtype=np.float64)
        self._order = sample_order(np.vstack([self._x, -self._x]))
        self._basis = make_basis(self._x)
        self._remains = LogitRemains(self._x, self._order)
        self._layout = self._remains.doubled(self._basis, np.ones(self._x.shape[0]))

    def fit(self, block: ResponseBlock) -> None:
        """Fit the genes of a block."""
        problem, y = self._problem, block.y
        won = block.weight * y
        lost = block.weight * (block.trials - y)
        heavy = (won > 0.0) | (lost > 0.0)
        tried = np.add.reduce(np.broadcast_to(block.trials, y.shape), axis=1)
        problem.base_mean[block.genes] = np.add.reduce(y, axis=1) / np.where(tried > 0, tried, 1.0)
        problem.stats[block.genes, columns.DISPERSION] = 1.0
        some = heavy.any(axis=1)
        problem.leave_out(block.genes[~some])
        rows = np.flatnonzero(some)
        if rows.size == 0:
            return
        weight = np.hstack([lost, won])
        filled = self._run(weight[rows], _of(block.offset, rows), self._layout)
        bound, decrement = filled.stats[:, columns.BOUND], filled.stats[:, columns.DECREMENT]
        proven = (filled.counters[:, columns.CONVERGED] == 1) & (bound <= PROVEN * decrement)
        done = np.flatnonzero(proven)
        self._write(block, rows[done], filled.take(done), self._basis, None)
        for row in np.flatnonzero(~proven).tolist():
            self._fit_remaining(block, int(rows[row]), weight[rows[row]], filled.coef[row])

    def _run(self, weight: Floats, offset: Floats, layout: Layout) -> Filled:
        """Run the kernels on genes with ``weight`` (g, 2n) of failures and successes."""
        options, n_genes = self._problem.options, weight.shape[0]
        trace = options.max_iter + 1 if options.trace else 0
        filled = make_filled(n_genes, self._x.shape[1], trace)
        order = slice(None) if self._order is None else self._order
        own = np.ascontiguousarray(weight[:, order])
        shift = np.ascontiguousarray(np.hstack([offset, -offset])[:, order])
        y = np.zeros_like(own)
        if y.shape[1] >= MANY:
            layout = narrowed(layout, y, own=n_genes > 1)
        # For this link Fisher's information is the observed one, which Newton's steps take.
        task = Task(screened=False, estimate=False, cap=1.0, tol=options.tol,
                    max_steps=float(options.max_iter))  # fmt: skip
        run_kernels(
            y, shift, own, np.ones(n_genes), np.zeros(n_genes), layout, task,
            make_learnt(1, self._x.shape[1]), filled,
        )  # fmt: skip
        return filled

    def _fit_remaining(self, block: ResponseBlock, row: int, weight: Floats, at: Floats) -> None:
        """Fit a gene whose optimum was not proven: in what remains of its problem."""
        n = self._x.shape[0]
        turned = self._remains.turned(weight[n:] > 0.0, weight[:n] > 0.0)
        remaining = self._remains.remaining(turned, at)
        completion = remaining.completion
        kept = np.where(np.tile(completion.separated, 2), 0.0, weight)
        rows = np.array([row])
        if remaining.layout is None:
            filled = make_filled(1, self._x.shape[1])
            filled.stats[:] = 0.0
            filled.counters[:, columns.CONVERGED] = 1
        else:
            offset = _of(block.offset, rows)
            filled = self._run(kept[None, :], offset, remaining.layout)
            if filled.counters[0, columns.CONVERGED] == 0:
                self._walk_on(filled, remaining, kept, offset[0])
        self._write(block, rows, filled, completion.basis, remaining)
        if not completion.exists:
            self._complete(int(block.genes[row]), completion, turned)

    def _walk_on(
        self, filled: Filled, remaining: Remaining, weight: Floats, offset: Floats
    ) -> None:
        """Go on from where the kernels' steps ran out, and certify where that leads."""
        options, n = self._problem.options, self._x.shape[0]
        rows, basis = remaining.rows, remaining.completion.basis
        lost, won = weight[:n], weight[n:]
        at = predictors(self._x, filled.coef, np.zeros(1))[0]
        start = np.add.reduce(rows * at[:, None], axis=0)
        end = walk(rows, won, lost, offset, start, options.tol, options.max_iter)
        filled.coef[0] = np.add.reduce(basis.to_coef * end.gamma, axis=1)
        total, stats = end.decrement + end.floor, filled.stats[0]
        information = binomial_information(predictors(rows, end.gamma[None], offset)[0], won + lost)
        stats[:] = hessian_statistics(basis, None, information)
        stats[columns.DECREMENT], stats[columns.BOUND] = total, end.bound
        stats[columns.SCORE] = end.score
        good = total <= options.tol or end.decrement <= 4.0 * end.floor
        filled.counters[0, columns.CONVERGED] = int(good)
        filled.counters[0, columns.STEPS] += len(end.lengths) - 1
        if options.trace:
            filled.trace = _joined(filled, end)

    def _write(
        self,
        block: ResponseBlock,
        rows: Index,
        filled: Filled,
        basis: Basis,
        remaining: Remaining | None,
    ) -> None:
        """Write what was found of some genes of a block."""
        if rows.size == 0:
            return
        problem, genes = self._problem, block.genes[rows]
        copy_certificate(problem, genes, filled)
        y, weight, trials = (_of(part, rows) for part in (block.y, block.weight, block.trials))
        eta = predictors(self._x, filled.coef, _of(block.offset, rows))
        weight = np.broadcast_to(weight, y.shape)
        if remaining is None:
            lines = np.ascontiguousarray(self._basis.columns[:, : eta.shape[1]].T)
        else:
            lines = remaining.rows
            weight = np.where(remaining.completion.separated, 0.0, weight)
        half = binomial_half_deviance(y, trials, eta)
        half_sum = np.add.reduce(np.where(weight > 0.0, weight * half, 0.0), axis=1)
        # A separated response is certain in the limit, and has the saturated probability: 1.
        saturated = np.add.reduce(weight * binomial_saturated(y, trials), axis=1)
        information = weight * binomial_information(eta, trials)
        errors, leverage = errors_and_leverage(lines, basis.to_coef, information)
        stats = problem.stats
        stats[genes, columns.DISPERSION] = 1.0
        stats[genes, columns.DEVIANCE] = 2.0 * half_sum
        stats[genes, columns.LOG_LIKELIHOOD] = saturated - half_sum
        stats[genes, columns.MAX_LEVERAGE] = leverage
        problem.coefficients[genes] = problem.finite_coefficients[genes] = filled.coef
        problem.standard_errors[genes] = errors
        converged = filled.counters[:, columns.CONVERGED] == 1
        problem.status[genes] = np.where(converged, Status.CONVERGED, Status.MAX_ITER)
        if problem.options.trace:
            least = np.where(weight > 0.0, y * _log(y, trials), 0.0)
            least += np.where(weight > 0.0, (trials - y) * _log(trials - y, trials), 0.0)
            shift = 2.0 * np.add.reduce(weight * least, axis=1)
            self._keep_trace(genes, filled, basis, shift)

    def _keep_trace(self, genes: Index, filled: Filled, basis: Basis, shift: Floats) -> None:
        for row, gene in enumerate(genes.tolist()):
            kept = filled.trace[row, : filled.counters[row, columns.STEPS] + 1].copy()
            # The kernels' deviance is that of zero counts, without what the responses add.
            kept[:, 3] += shift[row]
            if basis.to_coef.shape[1] and kept.shape[0]:
                self._problem.traces[gene] = gene_trace(kept, basis.to_coef)

    def _complete(self, gene: int, completion: Completion, turned: Turned) -> None:
        """Write the limits of a gene without a finite estimate."""
        problem = self._problem
        limits = completion.limits
        lost = np.flatnonzero(limits != 0.0)
        problem.coefficients[gene, lost] = limits[lost]
        problem.standard_errors[gene, lost] = np.nan
        finished = problem.counters[gene, columns.CONVERGED] == 1
        problem.status[gene] = Status.SINGULAR if completion.singular else Status.SEPARATED
        problem.stats[gene, columns.MIN_EIGENVALUE] = 0.0
        problem.stats[gene, columns.CONDITION] = np.inf
        if not finished:
            problem.stats[gene, columns.LOG_LIKELIHOOD] = np.nan
            problem.standard_errors[gene] = np.nan
        if completion.separated.any():
            problem.separated[gene] = completion.separated
            problem.ones[gene] = completion.separated & (turned.sign < 0.0)


def _joined(filled: Filled, end: Walk) -> Floats:
    """Return the trace of the kernels' steps and of those that went on."""
    steps, width = len(end.lengths) - 1, end.gamma.size
    kernels = filled.trace[:, : filled.counters[0, columns.STEPS] + 1 - steps]
    more = np.full((1, steps, filled.trace.shape[2]), np.nan)
    more[0, :, 0] = 1.0
    more[0, :, 1] = end.lengths[1:]
    more[0, :, 2] = end.decrements[1:]
    more[0, :, 3] = 2.0 * np.array(end.half[1:])
    more[0, :, 4 : 4 + width] = np.array(end.points[1:]).reshape(steps, width)
    return np.concatenate([kernels, more], axis=1)


def _of(values: Floats, rows: Index) -> Floats:
    """Return the rows of some genes, or the one that all share."""
    return values if values.shape[0] == 1 else values[rows]


def _log(part: Floats, whole: Floats) -> Floats:
    """Return the logarithm of a share; 0 where it is 0."""
    share = part / np.where(whole > 0.0, whole, 1.0)
    return np.log(np.where(share > 0.0, share, 1.0))
