"""Genes fitted from their nonzero counts and a rule for the zeros (docs/math.md, 3.7)."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._nonzeros import Nonzeros, chained
from ._parallel import run_blocks
from ._remains import GroupRemains, whole_problem
from ._rows import Found, by_kind
from ._tiles import Filled, Layout, Learnt, Task, listed_counts, run_kernels
from ._zero_rule import ZeroRule
from .basis import Basis, make_basis
from .existence import ExistenceTest
from .kernels import columns, layout

if TYPE_CHECKING:
    from ._fitting import Problem

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# Genes share their room for nonzeros with those that have at least this part of their number.
ALIKE = 0.75
LEAST_ALIKE = 16
# Nonzeros of genes that wait for others: some 16 MB.
ROOM = 2**20


class Sorted(NamedTuple):
    """Genes by their nonzeros."""

    genes: Index
    nonzeros: Nonzeros

    def take(self, rows: Index) -> Sorted:
        """Return some of the genes."""
        return Sorted(self.genes[rows], self.nonzeros.take(rows))


class ByRule:
    """Fits genes of a problem by a rule; those whose estimate may not exist wait for the end."""

    def __init__(self, problem: Problem, rule: ZeroRule) -> None:
        self._problem = problem
        self.rule = rule
        self._waiting: list[Sorted] = []
        self._lock = threading.Lock()

    @cached_property
    def _basis(self) -> Basis:
        return make_basis(self.rule.rows)

    @property
    def rank(self) -> int:
        """Rank of the design."""
        return int(self._basis.columns.shape[0])

    def fit(self, genes: Index, nonzeros: Nonzeros) -> None:
        """Fit genes with these nonzeros."""
        problem, rule = self._problem, self.rule
        if problem.means and problem.finish:
            values = nonzeros.values / problem.size_factors[nonzeros.samples]
            total = np.bincount(nonzeros.genes, weights=values, minlength=genes.size)
            problem.base_mean[genes] = total / rule.n_samples
        filled, task = problem.make_filled(genes.size), problem.task(screened=True)
        given, learnt = Sorted(genes, nonzeros), problem.learnt_of(genes)
        whole = self._run_alike(given, self._basis, self.rule.masses, task, learnt, filled)
        problem.keep_learnt(genes, learnt)
        codes = filled.counters[:, columns.CODE]
        found = Found(genes, filled, np.array([rule.sizes.sum()]))
        done = found.take(np.flatnonzero(codes == columns.EXISTS))
        problem.write(done, whole_problem(whole, done.genes.size))
        undecided = np.flatnonzero(codes == columns.UNDECIDED)
        if undecided.size:
            self._wait(given.take(undecided))
        problem.close_unfitted(codes, genes)

    def finish(self, threads: int) -> None:
        """Fit the genes that waited, in the order of the genes, whichever block came first."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            waiting.sort(key=lambda part: int(part.genes[0]))
            genes = np.concatenate([part.genes for part in waiting])
            self._fit_undecided(
                Sorted(genes, chained([part.nonzeros for part in waiting])), threads
            )

    def _wait(self, part: Sorted) -> None:
        """Let genes wait for others that lose the same groups, as far as there is room."""
        with self._lock:
            held = sum(one.nonzeros.values.size for one in self._waiting)
            room = held + part.nonzeros.values.size <= ROOM
            if room:
                self._waiting.append(part)
        if not room:
            self._fit_undecided(part, 1)

    def _fit_undecided(self, given: Sorted, threads: int) -> None:
        """Fit genes in what remains of their problem, those of equal remains together."""
        problem, rule = self._problem, self.rule
        weighted = rule.sizes > 0
        kinds, kind = ExistenceTest(rule.rows).kinds(self._positive(given), weighted)
        order, bounds = by_kind(kind, len(kinds))
        given, kind = given.take(order), kind[order]
        filled, learnt = problem.make_filled(kind.size), problem.nothing_learnt(kind.size)
        task = problem.task(screened=False)
        layouts: list[Layout | None] = [None] * len(kinds)

        def fit(start: int, stop: int) -> None:
            for k in range(start, stop):
                a, b = bounds[k], bounds[k + 1]
                some = given.take(np.arange(a, b))
                lost = np.repeat(kinds[k].separated, np.diff(rule.bounds))
                masses = np.where(lost, 0.0, rule.masses)
                layouts[k] = self._run_alike(
                    some, kinds[k].basis, masses, task, learnt.rows(a, b), filled.part(a, b)
                )

        run_blocks(fit, len(kinds), block_size=-(-len(kinds) // (8 * threads)), threads=threads)
        left = np.array([rule.sizes[~one.separated].sum() for one in kinds])
        made = [one for one in layouts if one is not None]
        remains = GroupRemains(kinds, made, kind, rule.group, rule.weight > 0.0)
        problem.write(Found(given.genes, filled, left[kind]), remains)

    def _positive(self, given: Sorted) -> NDArray[np.bool_]:
        """Return in which groups (g, G) genes have a positive count of positive weight."""
        rule, samples = self.rule, given.nonzeros.samples
        positive = np.zeros((given.genes.size, rule.rows.shape[0]), dtype=np.bool_)
        heavy = rule.weight[samples] > 0.0
        positive[given.nonzeros.genes[heavy], rule.group[samples[heavy]]] = True
        return positive

    def _run_alike(
        self, given: Sorted, basis: Basis, masses: Floats, task: Task, learnt: Learnt,
        filled: Filled,
    ) -> Layout:  # fmt: skip
        """Run the kernels on genes with about as many nonzeros at a time; return the last layout.

        What a gene's nonzeros share their room with changes no bit of it.
        """
        sizes = np.diff(given.nonzeros.pointers)
        order = np.argsort(-sizes, kind="stable")
        start = 0
        while True:
            stop = start + LEAST_ALIKE
            alike = sizes[order[start:]] >= ALIKE * sizes[order[start]]
            stop = max(stop, start + int(np.count_nonzero(alike)))
            rows = order[start:stop]
            some, part = given.take(rows), learnt.take(rows) if task.estimate else learnt
            own = filled.take(rows)
            made = self._run(some, basis, masses, task, part, own)
            filled.put(rows, own)
            if task.estimate:
                for mine, theirs in zip(learnt, part, strict=True):
                    mine[rows] = theirs
            start = stop
            if start >= order.size:
                return made

    def _run(
        self, some: Sorted, basis: Basis, masses: Floats, task: Task, learnt: Learnt,
        filled: Filled,
    ) -> Layout:  # fmt: skip
        rule = self.rule
        made = self._layout(some, basis)
        alpha, centre = self._problem.known(some.genes)
        sparse = layout.Sparse(
            some.nonzeros.pointers, some.nonzeros.samples, some.nonzeros.values, rule.group,
            rule.scale, rule.weight,
        )  # fmt: skip
        run_kernels(
            np.zeros((1, 0)), rule.nodes[None, :], masses[None, :], alpha, centre, made, task,
            learnt, filled, sparse,
        )  # fmt: skip
        return made

    def _layout(self, some: Sorted, basis: Basis) -> Layout:
        """Return the layout with room for the nonzeros of any of the genes."""
        rule, (pointers, samples, values) = self.rule, some.nonzeros
        n_genes, n_groups = some.genes.size, rule.rows.shape[0]
        key = some.nonzeros.genes * n_groups + rule.group[samples]
        counts = np.bincount(key, minlength=n_genes * n_groups).reshape(n_genes, n_groups)
        excess = np.concatenate([[0], np.cumsum(counts.max(axis=0))]).astype(np.int64)
        frame = layout.frame_of(
            rule.bounds, basis.columns, basis.raw, basis.to_coef, basis.skeel, excess,
            rule.extent, rule.error,
        )  # fmt: skip
        room = layout.Nonzero(rule.n_samples, int(excess[-1]), listed_counts(pointers, values))
        rank, p = basis.columns.shape[0], basis.raw.shape[0]
        return Layout(frame, layout.place(rule.nodes.size, n_groups, rank, p, room))
