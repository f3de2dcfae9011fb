"""Genes whose samples are all visited, one after another."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._parallel import run_blocks
from ._remains import Remains, whole_problem
from ._rows import Found, Rows, by_kind
from ._tiles import (
    Filled,
    Layout,
    Learnt,
    Task,
    layout_of,
    narrowed,
    run_kernels,
    sample_order,
)
from .basis import make_basis
from .existence import Completion, ExistenceTest
from .kernels import columns

if TYPE_CHECKING:
    from ._fitting import Problem

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# From so many samples on the memory of a thread is cut to the genes at hand.
MANY = 2**15
# Bytes of genes that wait for others whose estimate may not exist either.
ROOM = 2**25


class Visits:
    """Fits genes of a problem from the counts of all samples.

    Genes whose estimate may not exist wait for others of the same kind, as far as there is room.
    """

    def __init__(self, problem: Problem, like: Visits | None = None) -> None:
        self._problem = problem
        self._like = like
        self._waiting: list[Rows] = []

    @cached_property
    def _order(self) -> Index | None:
        return sample_order(self._problem.design) if self._like is None else self._like._order

    @cached_property
    def _layout(self) -> Layout:
        if self._like is not None:
            return self._like._layout
        basis = self._problem.basis or make_basis(self._problem.design)
        return layout_of(basis, self._order)

    @cached_property
    def _existence(self) -> ExistenceTest:
        if self._like is not None:
            return self._like._existence
        return self._problem.existence or ExistenceTest(self._problem.design)

    @property
    def rank(self) -> int:
        """Rank of the design."""
        return self._layout.at.rank

    def fit(self, genes: Index, values: Floats) -> None:
        """Fit genes with counts ``values`` (g, n)."""
        problem = self._problem
        start, stop = int(genes[0]), int(genes[-1]) + 1
        if problem.means and problem.finish:
            mean = np.add.reduce(values / problem.size_factors, axis=1) / values.shape[1]
            problem.base_mean[genes] = mean
        rows = Rows(
            genes, self._sorted(values), self._sorted(problem.offset.rows(start, stop)),
            self._sorted(problem.weights.rows(start, stop)),
        )  # fmt: skip
        filled, learnt = problem.make_filled(genes.size), problem.learnt_of(genes)
        self._run(rows, self._layout, problem.task(screened=True), learnt, filled)
        problem.keep_learnt(genes, learnt)
        codes = filled.counters[:, columns.CODE]
        done = Found(genes, filled, rows.samples).take(np.flatnonzero(codes == columns.EXISTS))
        problem.write(done, whole_problem(self._layout, done.genes.size))
        undecided = np.flatnonzero(codes == columns.UNDECIDED)
        if undecided.size:
            waiting = rows.take(undecided)
            if sum(one.y.nbytes for one in self._waiting) + waiting.y.nbytes <= ROOM:
                self._waiting.append(waiting)
            else:
                self._fit_undecided(waiting, 1)
        problem.close_unfitted(codes, genes)

    def finish(self, threads: int) -> None:
        """Fit the genes that waited, in the order of the genes, whichever block came first."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            waiting.sort(key=lambda rows: int(rows.genes[0]))
            self._fit_undecided(self._joined(waiting), threads)

    def _fit_undecided(self, rows: Rows, threads: int) -> None:
        """Fit genes in what remains of their problem, those of equal remains together."""
        problem = self._problem
        kinds, kind = self._by_completion(rows)
        order, bounds = by_kind(kind, len(kinds))
        rows, kind = rows.take(order), kind[order]
        separated = self._sorted(np.array([completion.separated for completion in kinds]))
        if separated.any():
            rows = rows._replace(weight=np.where(separated[kind], 0.0, rows.weight))
        layouts = [layout_of(completion.basis, self._order) for completion in kinds]
        filled, learnt, task = (
            problem.make_filled(kind.size), problem.nothing_learnt(kind.size),
            problem.task(screened=False),
        )  # fmt: skip

        def fit(start: int, stop: int) -> None:
            for k in range(start, stop):
                a, b = bounds[k], bounds[k + 1]
                some = rows.take(np.arange(a, b))
                self._run(some, layouts[k], task, learnt.rows(a, b), filled.part(a, b))

        run_blocks(fit, len(kinds), block_size=-(-len(kinds) // (8 * threads)), threads=threads)
        problem.write(Found(rows.genes, filled, rows.samples), Remains(kinds, layouts, kind))

    def _joined(self, parts: list[Rows]) -> Rows:
        """Return the genes of several blocks as one."""

        def together(arrays: list[Floats], ndim: int) -> Floats:
            return arrays[0] if ndim == 1 else np.concatenate(arrays)

        problem = self._problem
        return Rows(
            np.concatenate([part.genes for part in parts]),
            np.concatenate([part.y for part in parts]),
            together([part.offset for part in parts], problem.offset.values.ndim),
            together([part.weight for part in parts], problem.weights.values.ndim),
        )

    def _by_completion(self, rows: Rows) -> tuple[list[Completion], Index]:
        """Return what remains of the problems, and which of it each gene has."""
        y, weight = self._unsorted(rows.y), self._unsorted(rows.weight)
        weighted = (weight > 0.0)[0] if weight.shape[0] == 1 else weight > 0.0
        return self._existence.kinds((y > 0.0) & weighted, weighted)

    def _sorted(self, values: Any) -> Any:
        if self._order is not None:
            values = values[:, self._order]
        return np.ascontiguousarray(values)

    def _unsorted(self, values: Floats) -> Floats:
        if self._order is None:
            return values
        out = np.empty_like(values)
        out[:, self._order] = values
        return out

    def _run(self, rows: Rows, layout: Layout, task: Task, learnt: Learnt, filled: Filled) -> None:
        alpha, centre = self._problem.known(rows.genes)
        if rows.y.shape[1] >= MANY:
            own = rows.offset.shape[0] > 1 or rows.weight.shape[0] > 1
            layout = narrowed(layout, rows.y, own=own)
        run_kernels(rows.y, rows.offset, rows.weight, alpha, centre, layout, task, learnt, filled)
