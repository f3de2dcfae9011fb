"""Fit the genes of one block: sort out those without a finite estimate, run the kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample
from ._by_rule import ByRule
from ._fit_arrays import FitArrays, gene_trace
from ._remains import Remains
from ._rows import Found
from ._tiles import Filled, Learnt, Task, make_filled, make_learnt
from ._visits import Visits
from ._zero_rule import ZeroRule, zero_rule
from .basis import Basis
from .existence import ExistenceTest
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from .counts import GeneBlocks

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Entries of genes that are made dense together: 64 MB.
DENSE_ENTRIES = 2**23


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
    existence: ExistenceTest | None = None
    # A problem of the same design, offset and weights, which has prepared what it takes long to.
    like: Problem | None = None
    dense_entries: int = DENSE_ENTRIES

    def __post_init__(self) -> None:
        super().__init__(self.counts.n_genes, self.design.shape[1])
        self._again = self.learnt is not None
        shared = self.offset.values.ndim == self.weights.values.ndim == 1
        rule: ZeroRule | None = None
        if self.like is not None:
            rule = None if self.like._by_rule is None else self.like._by_rule.rule
        elif shared and self.options.zeros == "auto":
            rule = zero_rule(self.design, self.offset.values, self.weights.values)
        self._visits: Visits = Visits(self, None if self.like is None else self.like._visits)
        self._by_rule: ByRule | None = None if rule is None else ByRule(self, rule)

    @property
    def has_rule(self) -> bool:
        """Whether a rule stands for the zeros of genes that have enough of them."""
        return self._by_rule is not None

    @property
    def again(self) -> bool:
        """Whether the search begins with what another has learnt of the same genes."""
        return self._again

    def run(self, each_block: Callable[[Callable[[int, int], None]], None], threads: int) -> None:
        """Fit every gene: ``each_block`` calls a task for the ranges of genes."""
        if self.learnt is None and not self.finish:
            rank = (self._by_rule or self._visits).rank
            self.learnt = make_learnt(self.counts.n_genes, rank)
        each_block(self._fit_range)
        self._visits.finish(threads)
        if self._by_rule is not None:
            self._by_rule.finish(threads)

    def _fit_range(self, start: int, stop: int) -> None:
        """Fit genes ``start`` to ``stop``: the task of one block."""
        if self._by_rule is None:
            self._visits.fit(np.arange(start, stop), self.counts.block(start, stop))
            return
        nonzeros = self.counts.nonzeros(start, stop)
        served = self._by_rule.rule.serves(nonzeros.pointers, nonzeros.values)
        few, many = np.flatnonzero(served), np.flatnonzero(~served)
        self.by_rule[start:stop] = served
        if few.size:
            # Most blocks are served whole, and need no copy.
            own = nonzeros.take(few) if many.size else nonzeros
            self._by_rule.fit(start + few, own)
        step = max(1, self.dense_entries // self.counts.n_samples)
        for first in range(0, many.size, step):
            some = many[first : first + step]
            self._visits.fit(start + some, nonzeros.take(some).dense(self.counts.n_samples))

    def make_filled(self, n_genes: int) -> Filled:
        """Return arrays to be filled for some genes."""
        rows = self.options.max_iter + 1 if self.options.trace else 0
        return make_filled(n_genes, self.design.shape[1], rows)

    def nothing_learnt(self, n_genes: int) -> Learnt:
        """Return what is known of genes before any search."""
        return make_learnt(n_genes if self.dispersion is None else 1, self.design.shape[1])

    def learnt_of(self, genes: Index) -> Learnt:
        """Return what is learnt of genes: of neighbours in place, of others a copy."""
        if self.learnt is None:
            return self.nothing_learnt(genes.size)
        start, stop = int(genes[0]), int(genes[-1]) + 1
        neighbours = stop - start == genes.size
        return self.learnt.rows(start, stop) if neighbours else self.learnt.take(genes)

    def keep_learnt(self, genes: Index, learnt: Learnt) -> None:
        """Keep what was learnt of genes, where it is a copy."""
        if self.learnt is not None and not np.may_share_memory(learnt.carry, self.learnt.carry):
            for mine, rows in zip(self.learnt, learnt, strict=True):
                mine[genes] = rows

    def task(self, screened: bool) -> Task:
        """Return what is asked of the kernels."""
        options = self.options
        return Task(
            screened=screened, estimate=self.dispersion is None, again=screened and self._again,
            finish=self.finish, cap=options.cap,
            precision=0.0 if self.prior is None else self.prior.precision,
            fisher=options.fisher, tol=options.tol, max_steps=float(options.max_iter),
        )  # fmt: skip

    def known(self, genes: Index) -> tuple[Floats, Floats]:
        """Return the given dispersions of genes, and the logs of the prior's centres; or zeros."""
        nothing = np.zeros(genes.size)
        alpha = nothing if self.dispersion is None else self.dispersion[genes]
        return alpha, nothing if self.prior is None else self.prior.log_centre[genes]

    def write(self, found: Found, remains: Remains) -> None:
        """Write what was found of some genes, whose problems were those that remain."""
        genes, filled = found.genes, found.filled
        self.stats[genes] = filled.stats
        self.counters[genes] = filled.counters
        if self.finish:
            self.coefficients[genes] = self.finite_coefficients[genes] = filled.coef
            self.standard_errors[genes] = filled.errors
            self.status[genes] = self._statuses(genes)
        if self.dispersion is None and self.prior is None:
            saturated = found.samples <= remains.ranks
            self._leave_undetermined(genes[np.broadcast_to(saturated, genes.shape)])
        if self.finish:
            self._complete(genes, remains)
        if self.options.trace and self.finish:
            for row, gene in enumerate(genes.tolist()):
                frame = remains.layouts[remains.kind[row]].frame
                kept = filled.trace[row, : filled.counters[row, columns.STEPS] + 1]
                self.traces[gene] = gene_trace(kept, frame.to_coef)

    def _leave_undetermined(self, genes: Index) -> None:
        """Take back the dispersion of genes whose samples are fitted exactly whatever it is."""
        if genes.size == 0:
            return
        lost = np.array([columns.DISPERSION, columns.LOG_LIKELIHOOD, columns.LEAD])
        self.stats[np.ix_(genes, lost)] = np.nan
        self.counters[genes, columns.MAXIMA] = 0
        self.standard_errors[genes] = np.nan
        sound = np.isin(self.status[genes], (Status.CONVERGED, Status.BOUNDARY_DISPERSION))
        self.status[genes[sound]] = Status.SINGULAR

    def _statuses(self, genes: Index) -> NDArray[np.int8]:
        converged = self.counters[genes, columns.CONVERGED] == 1
        fine = np.full(genes.size, Status.CONVERGED, dtype=np.int8)
        if self.dispersion is None:
            fine[self.at_edge(genes)] = Status.BOUNDARY_DISPERSION
        return np.where(converged, fine, np.int8(Status.MAX_ITER))

    def at_edge(self, genes: Index | slice = slice(None)) -> Mask:
        """Return which dispersions lie at an end of their range."""
        alpha = self.alpha[genes]
        return np.asarray((alpha <= 0.0) | (alpha >= self.options.cap))

    def _complete(self, genes: Index, remains: Remains) -> None:
        """Write the limits of what has no finite value."""
        if not remains.kinds:
            return
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
        lose = remains.lost
        for gene, kind in zip(lost.tolist(), remains.kind[rows].tolist(), strict=True):
            self.separated[gene] = lose[kind]

    def close_unfitted(self, codes: NDArray[np.int32], genes: Index) -> None:
        """Write what is to be said of genes that have no counts, or no weights."""
        zero = genes[codes == columns.ALL_ZERO]
        self.status[zero] = Status.ALL_ZERO
        self.stats[zero, columns.DEVIANCE] = 0.0
        self.stats[zero, columns.LOG_LIKELIHOOD] = 0.0
        empty = genes[codes == columns.NO_WEIGHT]
        self.status[empty] = Status.INVALID
        if self.dispersion is not None:
            unfitted = np.r_[zero, empty]
            self.stats[unfitted, columns.DISPERSION] = self.dispersion[unfitted]
