"""A fit cut into parts: some genes each, that run anywhere and give the same bits everywhere.

`Shared` holds what all parts of a fit have in common, `Part` what the genes of one have of their
own. `run_part` is a plain function of picklable things, so a part may run on a thread, on another
machine, or not at all where its arrays have been kept.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample
from ._digest import digest_of
from ._file_counts import FileCounts, Place
from ._fitting import Prior, Problem
from ._nonzeros import Nonzeros
from ._parallel import MIN_BLOCK, TILE, as_done, run_blocks
from ._part_arrays import arrays_of
from ._resources import block_within, entries_within
from ._tiles import Learnt

if TYPE_CHECKING:
    from .counts import CountMatrix, GeneBlocks

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
# Entries of a part: about a second of work. And parts of a fit, so that many share the work.
PART_ENTRIES, MOST_PARTS = 2**24, 128


@dataclass(frozen=True, eq=False)
class Shared:
    """What all parts of one fit have in common; ``digest`` tells it from any other."""

    design: Floats
    size_factors: Floats
    offset: Floats | None  # (n,), None where every gene has its own
    weights: Floats | None
    options: Options
    precision: float | None  # of the prior
    finish: bool
    means: bool

    @cached_property
    def digest(self) -> str:
        from ._provenance import what_computes

        # Another processor gives the same to 1e-12; `Checkpoint` tells of it.
        computes = [item for item in sorted(what_computes().items()) if item[0] != "processor"]
        return digest_of(
            "fit", computes, self.design, self.size_factors, self.offset, self.weights,
            self.options, self.precision, self.finish, self.means,
        )  # fmt: skip

    def problem(self, rows: Arrays, counts: PartCounts) -> Problem:
        """Return the fit of one part, not yet run; what all parts need is prepared once."""
        learnt = None
        if _LEARNT in rows:
            learnt = Learnt(*(rows[name].copy() for name in Learnt._fields))
        prior = None if self.precision is None else Prior(rows["log_centre"], self.precision)
        # A fit asks counts for no names.
        blocks = cast("GeneBlocks", counts)
        return Problem(
            blocks, self.design, self.size_factors, _per_sample(self.offset, rows, "offset"),
            _per_sample(self.weights, rows, "weights"), rows.get("dispersion"), self.options,
            prior, self.finish, learnt, means=self.means, like=self._of_no_genes,
        )  # fmt: skip

    @cached_property
    def _of_no_genes(self) -> Problem:
        none = np.zeros((0, self.design.shape[0]))
        nothing = Nonzeros(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
        rows = {"offset": none, "weights": none}
        return Problem(
            cast("GeneBlocks", SentCounts(nothing, self.design.shape[0])), self.design,
            self.size_factors, _per_sample(self.offset, rows, "offset"),
            _per_sample(self.weights, rows, "weights"), None, self.options,
        )  # fmt: skip

    def __getstate__(self) -> dict[str, Any]:
        # What is prepared is made again where it arrives.
        names = {each.name for each in fields(self)} | {"digest"}
        return {name: value for name, value in vars(self).items() if name in names}


_LEARNT = Learnt._fields[0]


def _per_sample(shared: Floats | None, rows: Arrays, name: str) -> PerSample:
    return PerSample(rows[name].T if shared is None else shared)


def shared_of(problem: Problem) -> Shared:
    """Return what the parts of a problem have in common."""
    offset, weights = problem.offset.values, problem.weights.values
    return Shared(
        problem.design, problem.size_factors, offset if offset.ndim == 1 else None,
        weights if weights.ndim == 1 else None, problem.options,
        None if problem.prior is None else problem.prior.precision, problem.finish, problem.means,
    )  # fmt: skip


class PartCounts(Protocol):
    """Counts of the genes of a part, which are numbered from 0."""

    n_samples: int
    n_genes: int

    def block(self, start: int, stop: int) -> Floats: ...

    def nonzeros(self, start: int, stop: int) -> Nonzeros: ...

    def sizes(self) -> NDArray[np.int64] | None:
        """Return how many counts of each gene are other than zero, None where it is not known."""
        ...


class GeneRange:
    """Genes [start, stop) of counts that are at hand; nothing is read before it is asked for."""

    def __init__(self, counts: CountMatrix, start: int, stop: int) -> None:
        self._counts = counts
        self._start = start
        self.n_samples, self.n_genes = counts.n_samples, stop - start

    def block(self, start: int, stop: int) -> Floats:
        return self._counts.block(self._start + start, self._start + stop)

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        return self._counts.nonzeros(self._start + start, self._start + stop)

    def sizes(self) -> NDArray[np.int64] | None:
        counts = self._counts
        if not counts.is_sparse:
            return None
        return counts.nonzero_sizes()[self._start : self._start + self.n_genes]

    def in_file(self) -> FileCounts | None:
        """The same counts, to be read elsewhere from a file that stores them by genes."""
        named = self._counts.in_file
        if named is None:
            return None
        place = Place(named["path"], named["element"], named["stamp"])
        return FileCounts(place, self._start, self._start + self.n_genes, self.n_samples)

    def sent(self) -> SentCounts:
        """The same counts, read, to be sent elsewhere."""
        return SentCounts(self.nonzeros(0, self.n_genes), self.n_samples)


@dataclass(frozen=True, eq=False)
class SentCounts:
    """Counts that travel: their entries other than zero."""

    entries: Nonzeros
    n_samples: int

    @property
    def n_genes(self) -> int:
        return self.entries.n_genes

    def block(self, start: int, stop: int) -> Floats:
        return self.nonzeros(start, stop).dense(self.n_samples)

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        pointers = self.entries.pointers[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        entries = self.entries
        return Nonzeros(pointers - pointers[0], entries.samples[inside], entries.values[inside])

    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.entries.pointers)


@dataclass(frozen=True, eq=False)
class Part:
    """Genes [start, stop) of a fit.

    ``rows`` are arrays of its genes by name, ``counts`` may be read where the caller is, and two
    parts with the same ``counts_key`` have the same counts, in whatever fit they are.
    """

    index: int
    start: int
    stop: int
    rows: Arrays
    counts: GeneRange
    counts_key: str
    shared_digest: str = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """Text that tells everything that the result of the part depends on."""
        named = [item for name in sorted(self.rows) for item in (name, self.rows[name])]
        return digest_of(self.shared_digest, self.counts_key, *named)


def run_part(
    shared: Shared, rows: Arrays, counts: PartCounts, threads: int, room: int | None = None
) -> Arrays:
    """Fit the genes of a part and return their arrays by name.

    ``room`` are the bytes that the block of one thread may take.
    """
    problem = shared.problem(rows, counts)
    problem.dense_entries = entries_within(room)
    n_genes = counts.n_genes
    sizes = counts.sizes() if problem.has_rule else None
    block = block_within(room, counts.n_samples, sizes)
    if threads > 1:
        block = min(block, -(-n_genes // (4 * threads * TILE)) * TILE)
    problem.run(partial(run_blocks, n_items=n_genes, block_size=block, threads=threads), threads)
    return arrays_of(problem)


def parts_of(problem: Problem, counts: CountMatrix, shared: Shared, genes: int) -> Iterator[Part]:
    """Yield the parts of a fit, ``genes`` at once; counts are not read."""
    hashes = counts.gene_hashes()
    for index, start in enumerate(range(0, counts.n_genes, genes)):
        stop = min(start + genes, counts.n_genes)
        key = digest_of(counts.n_samples, hashes[start:stop])
        yield Part(
            index, start, stop, _rows_of(problem, start, stop), GeneRange(counts, start, stop), key,
            shared.digest,
        )  # fmt: skip


def _rows_of(problem: Problem, start: int, stop: int) -> Arrays:
    """Return what some genes of a problem have of their own, but their counts."""
    rows: Arrays = {}
    if problem.dispersion is not None:
        rows["dispersion"] = problem.dispersion[start:stop]
    if problem.prior is not None:
        rows["log_centre"] = problem.prior.log_centre[start:stop]
    if problem.learnt is not None and problem.again:
        rows |= problem.learnt.rows(start, stop)._asdict()
    for name, values in (("offset", problem.offset), ("weights", problem.weights)):
        if values.values.ndim == 2:
            rows[name] = values.rows(start, stop)
    return rows


def genes_of_part(n_samples: int, n_genes: int) -> int:
    """Return how many genes a part has where nobody says it, by the shape of the data alone."""
    genes = min(PART_ENTRIES // n_samples, -(-n_genes // MOST_PARTS))
    return max(MIN_BLOCK, -(-genes // TILE) * TILE)


# Parts with their arrays, as they are finished.
Finished = Generator[tuple[Part, Arrays], None, None]


class Executor(Protocol):
    """Runs parts, here or elsewhere."""

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        """Return how many genes a part should have."""
        ...

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        """Yield every part with its arrays, in any order; few are read ahead of the work."""
        ...


class LocalExecutor:
    """Runs as many parts at once as there are threads, each on one."""

    def __init__(self, threads: int, room: int | None = None) -> None:
        self.threads = threads
        self._room = room

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        return genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        def task(part: Part) -> Arrays:
            return run_part(shared, part.rows, part.counts, 1, self._room)

        return as_done(task, parts, self.threads)
