"""Fit the genes of one block: sort out those without a finite estimate, run the kernels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample
from ._fit_arrays import FitArrays, gene_trace
from ._parallel import run_blocks
from ._remains import Remains
from ._rows import Found, Rows
from ._tiles import (
    Filled,
    Layout,
    Learnt,
    Task,
    layout_of,
    make_filled,
    make_learnt,
    run_kernels,
    sample_order,
)
from .basis import Basis, make_basis
from .existence import Completion, ExistenceTest
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from .counts import GeneBlocks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


# Bytes of genes that wait for others whose estimate may not exist either.
ROOM = 2**25


class Prior(NamedTuple):
    """Normal prior of the log dispersion: centres (n_genes,) and one precision."""

    log_centre: Floats
    precision: float


@dataclass(eq=False)
class Problem(FitArrays):
    """What is fitted, and the arrays that blocks fill; every block writes rows of its own.

    Without ``finish`` only dispersions are searched; ``learnt`` carries what one search learnt to
    the next of the same genes.  Without ``means`` the base means are left out.
    """

    counts: GeneBlocks
    design: Floats
    size_factors: Floats
    offset: PerSample
    weights: PerSample
    dispersion: Floats | None
    options: Options
    prior: Prior | None = None
    finish: bool = True
    learnt: Learnt | None = None
    basis: Basis | None = None
    means: bool = True
    existence: ExistenceTest = field(init=False)

    def __post_init__(self) -> None:
        super().__init__(self.counts.n_genes, self.design.shape[1])
        self.existence = ExistenceTest(self.design)
        self._order = sample_order(self.design)
        self._again = self.learnt is not None
        self._waiting: list[Rows] = []
        self._layout = layout_of(self.basis or make_basis(self.design), self._order)
        if self.learnt is None and not self.finish:
            self.learnt = make_learnt(self.counts.n_genes, self._layout.at.rank)

    def run(self, each_block: Callable[[Callable[[int, int], None]], None], threads: int) -> None:
        """Fit every gene: ``each_block`` calls a task for the ranges of genes."""
        each_block(self._fit_range)
        waiting, self._waiting = self._waiting, []
        if waiting:
            # In the order of the genes, whichever block came first.
            waiting.sort(key=lambda rows: int(rows.genes[0]))
            self._fit_undecided(self._joined(waiting), threads)

    def _fit_range(self, start: int, stop: int) -> None:
        """Fit genes ``start`` to ``stop``: the task of one block.

        Genes whose estimate may not exist wait for others of the same kind, as far as there is
        room.
        """
        values = self.counts.block(start, stop)
        if self.means and self.finish:
            mean = np.add.reduce(values / self.size_factors, axis=1) / values.shape[1]
            self.base_mean[start:stop] = mean
        rows = Rows(
            np.arange(start, stop), self._sorted(values),
            self._sorted(self.offset.rows(start, stop)),
            self._sorted(self.weights.rows(start, stop)),
        )  # fmt: skip
        filled = self._filled(stop - start)
        learnt = (
            self._nothing_learnt(rows) if self.learnt is None else self.learnt.rows(start, stop)
        )
        self._run(rows, self._layout, self._task(screened=True), learnt, filled)
        codes = filled.counters[:, columns.CODE]
        self._write(Found(rows, filled).take(np.flatnonzero(codes == columns.EXISTS)))
        undecided = np.flatnonzero(codes == columns.UNDECIDED)
        if undecided.size:
            waiting = rows.take(undecided)
            if sum(one.y.nbytes for one in self._waiting) + waiting.y.nbytes <= ROOM:
                self._waiting.append(waiting)
            else:
                self._fit_undecided(waiting, 1)
        self._close_unfitted(codes, start)

    def _fit_undecided(self, rows: Rows, threads: int) -> None:
        """Fit genes in what remains of their problem, those of equal remains together."""
        members = self._by_completion(rows)
        rows = rows.take(np.concatenate([genes for _, genes in members]))
        kinds = [completion for completion, _ in members]
        sizes = [genes.size for _, genes in members]
        kind = np.repeat(np.arange(len(kinds)), sizes)
        separated = self._sorted(np.array([completion.separated for completion in kinds]))
        if separated.any():
            rows = rows._replace(weight=np.where(separated[kind], 0.0, rows.weight))
        bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        layouts = [layout_of(completion.basis, self._order) for completion in kinds]
        filled, learnt, task = (
            self._filled(kind.size), self._nothing_learnt(rows), self._task(screened=False),
        )  # fmt: skip

        def fit(start: int, stop: int) -> None:
            for k in range(start, stop):
                a, b = bounds[k], bounds[k + 1]
                some = rows.take(np.arange(a, b))
                self._run(some, layouts[k], task, learnt.rows(a, b), filled.part(a, b))

        run_blocks(fit, len(kinds), block_size=-(-len(kinds) // (8 * threads)), threads=threads)
        self._write(Found(rows, filled), Remains(kinds, layouts, kind))

    def _joined(self, parts: list[Rows]) -> Rows:
        """Return the genes of several blocks as one."""

        def together(arrays: list[Floats], values: PerSample) -> Floats:
            return arrays[0] if values.values.ndim == 1 else np.concatenate(arrays)

        return Rows(
            np.concatenate([part.genes for part in parts]),
            np.concatenate([part.y for part in parts]),
            together([part.offset for part in parts], self.offset),
            together([part.weight for part in parts], self.weights),
        )

    def _by_completion(self, rows: Rows) -> list[tuple[Completion, NDArray[np.intp]]]:
        """Return what remains of the problems, each with its genes (rows)."""
        y, weight = self._unsorted(rows.y), self._unsorted(rows.weight)
        weighted = (weight > 0.0)[0] if weight.shape[0] == 1 else weight > 0.0
        positive = (y > 0.0) & weighted
        # Each pattern is asked for once: many genes share it.
        patterns = positive if weighted.ndim == 1 else np.hstack([positive, weighted])
        _, first, pattern = np.unique(
            np.packbits(patterns, axis=1), axis=0, return_index=True, return_inverse=True
        )
        masks = weighted if weighted.ndim == 1 else weighted[first]
        found = self.existence.many(positive[first], masks)
        kinds = {id(completion): completion for completion in found}
        places = {key: place for place, key in enumerate(kinds)}
        kind = np.array([places[id(completion)] for completion in found])[pattern.reshape(-1)]
        order = np.argsort(kind, kind="stable")
        ends = np.cumsum(np.bincount(kind))[:-1]
        return list(zip(kinds.values(), np.split(order, ends), strict=True))

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

    def _filled(self, n_genes: int) -> Filled:
        rows = self.options.max_iter + 1 if self.options.trace else 0
        return make_filled(n_genes, self.design.shape[1], rows)

    def _nothing_learnt(self, rows: Rows) -> Learnt:
        return make_learnt(rows.genes.size if self.dispersion is None else 1, self.design.shape[1])

    def _task(self, screened: bool) -> Task:
        options = self.options
        return Task(
            screened=screened, estimate=self.dispersion is None, again=screened and self._again,
            finish=self.finish, cap=options.cap,
            precision=0.0 if self.prior is None else self.prior.precision,
            fisher=options.fisher, tol=options.tol, max_steps=float(options.max_iter),
        )  # fmt: skip

    def _run(self, rows: Rows, layout: Layout, task: Task, learnt: Learnt, filled: Filled) -> None:
        nothing = np.zeros(rows.genes.size)
        centre = nothing if self.prior is None else self.prior.log_centre[rows.genes]
        alpha = nothing if self.dispersion is None else self.dispersion[rows.genes]
        run_kernels(rows.y, rows.offset, rows.weight, alpha, centre, layout, task, learnt, filled)

    def _write(self, found: Found, remains: Remains | None = None) -> None:
        """Write what was found of some genes; ``remains`` tells of those in other bases."""
        genes, filled = found.rows.genes, found.filled
        self.stats[genes] = filled.stats
        self.counters[genes] = filled.counters
        if self.finish:
            self.coefficients[genes] = self.finite_coefficients[genes] = filled.coef
            self.standard_errors[genes] = filled.errors
            self.status[genes] = self._statuses(genes)
        if self.dispersion is None and self.prior is None:
            rank = self._layout.at.rank if remains is None else remains.ranks
            saturated = np.count_nonzero(found.rows.weight > 0.0, axis=1) <= rank
            self._leave_undetermined(genes[np.broadcast_to(saturated, genes.shape)])
        if self.finish and remains is not None:
            self._complete(genes, remains)
        if self.options.trace and self.finish:
            for row, gene in enumerate(genes.tolist()):
                layout = self._layout if remains is None else remains.layouts[remains.kind[row]]
                kept = filled.trace[row, : filled.counters[row, columns.STEPS] + 1]
                self.traces[gene] = gene_trace(kept, layout.frame.to_coef)

    def _leave_undetermined(self, genes: NDArray[np.intp]) -> None:
        """Take back the dispersion of genes whose samples are fitted exactly whatever it is."""
        if genes.size == 0:
            return
        lost = np.array([columns.DISPERSION, columns.LOG_LIKELIHOOD, columns.LEAD])
        self.stats[np.ix_(genes, lost)] = np.nan
        self.counters[genes, columns.MAXIMA] = 0
        self.standard_errors[genes] = np.nan
        sound = np.isin(self.status[genes], (Status.CONVERGED, Status.BOUNDARY_DISPERSION))
        self.status[genes[sound]] = Status.SINGULAR

    def _statuses(self, genes: NDArray[np.intp]) -> NDArray[np.int8]:
        converged = self.counters[genes, columns.CONVERGED] == 1
        fine = np.full(genes.size, Status.CONVERGED, dtype=np.int8)
        if self.dispersion is None:
            fine[self.at_edge(genes)] = Status.BOUNDARY_DISPERSION
        return np.where(converged, fine, np.int8(Status.MAX_ITER))

    def at_edge(self, genes: NDArray[np.intp] | slice = slice(None)) -> Mask:
        """Return which dispersions lie at an end of their range."""
        alpha = self.alpha[genes]
        return np.asarray((alpha <= 0.0) | (alpha >= self.options.cap))

    def _complete(self, genes: NDArray[np.intp], remains: Remains) -> None:
        """Write the limits of what has no finite value."""
        rows = np.flatnonzero(~np.array([one.exists for one in remains.kinds])[remains.kind])
        if rows.size == 0:
            return
        limits = remains.limits[remains.kind[rows]]
        lost = genes[rows]
        self.status[lost] = remains.ends[remains.kind[rows]]
        row, coefficient = np.nonzero(limits)
        self.coefficients[lost[row], coefficient] = limits[row, coefficient]
        self.standard_errors[lost[row], coefficient] = np.nan
        self.stats[lost, columns.MIN_EIGENVALUE] = 0.0
        self.stats[lost, columns.CONDITION] = np.inf
        # The status does not tell these from finished ones; what is not reached is NaN.
        unfinished = lost[self.counters[lost, columns.CONVERGED] == 0]
        self.stats[unfinished, columns.LOG_LIKELIHOOD] = np.nan
        self.standard_errors[unfinished] = np.nan
        lose = [one.separated if one.separated.any() else None for one in remains.kinds]
        for gene, kind in zip(lost.tolist(), remains.kind[rows].tolist(), strict=True):
            self.separated[gene] = lose[kind]

    def _close_unfitted(self, codes: NDArray[np.int32], start: int) -> None:
        zero = start + np.flatnonzero(codes == columns.ALL_ZERO)
        self.status[zero] = Status.ALL_ZERO
        self.stats[zero, columns.DEVIANCE] = 0.0
        self.stats[zero, columns.LOG_LIKELIHOOD] = 0.0
        empty = start + np.flatnonzero(codes == columns.NO_WEIGHT)
        self.status[empty] = Status.INVALID
        if self.dispersion is not None:
            unfitted = np.r_[zero, empty]
            self.stats[unfitted, columns.DISPERSION] = self.dispersion[unfitted]
