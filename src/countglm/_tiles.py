"""Run the compiled kernels on some genes: lay out the design, lend memory, call."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ._cells import distinct_rows
from .basis import Basis
from .kernels import blocks, columns, search
from .kernels import layout as kernel_layout
from .kernels.layout import LANES, At, Frame, Sparse

Floats = NDArray[np.float64]


class Learnt(NamedTuple):
    """What a search of dispersions learnt of every gene, for another search of the same genes.

    Coefficients, how they move with the dispersion, where (g, at least 2 r + 1); the points that
    were asked, and the slopes there (g, k), NaN for none.
    """

    carry: Floats
    times: Floats
    slopes: Floats

    def rows(self, start: int, stop: int) -> Learnt:
        """Return the part of some genes."""
        return Learnt(self.carry[start:stop], self.times[start:stop], self.slopes[start:stop])

    def take(self, genes: NDArray[np.intp]) -> Learnt:
        """Return a copy of what is learnt of some genes."""
        return Learnt(self.carry[genes], self.times[genes], self.slopes[genes])


def make_learnt(n_genes: int, rank: int) -> Learnt:
    """Return what is known before any search: nothing."""
    return Learnt(
        np.zeros((n_genes, 2 * rank + 1)),
        np.full((n_genes, search.KEPT_POINTS), np.nan),
        np.full((n_genes, search.KEPT_POINTS), np.nan),
    )


class Layout(NamedTuple):
    """A basis as the kernels take it: samples in the order that puts equal rows together."""

    frame: Frame
    at: At


def sample_order(design: Floats) -> NDArray[np.intp] | None:
    """Return the order of samples that puts equal rows of the design together.

    None where no two rows are equal, or where they are together.
    """
    rows, first, group = distinct_rows(design)
    if rows.shape[0] == design.shape[0]:
        return None
    # Groups in the order of their first samples.
    order = np.argsort(first[group], kind="stable")
    return None if bool((np.diff(order) == 1).all()) else order


def make_layout(basis: Basis, order: NDArray[np.intp] | None) -> Layout:
    """Return the layout of a basis for samples in ``order``."""
    columns, raw = basis.columns, basis.raw
    if order is not None:
        columns, raw = columns[:, order], raw[:, order]
    frame = kernel_layout.make_frame(columns, raw, basis.to_coef, basis.skeel)
    at = kernel_layout.place(raw.shape[1], frame.rows.shape[0], frame.rows.shape[1], raw.shape[0])
    return Layout(frame, at)


# Of genes that are given sample by sample.
_NO_NONZEROS = Sparse(
    np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0),
    np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0),
)  # fmt: skip

_layouts: WeakKeyDictionary[Basis, Layout] = WeakKeyDictionary()


def layout_of(basis: Basis, order: NDArray[np.intp] | None) -> Layout:
    """Return the layout of a basis, made once; the order is that of its design."""
    made = _layouts.get(basis)
    if made is None:
        made = _layouts[basis] = make_layout(basis, order)
    return made


@dataclass(eq=False)
class Filled:
    """What the kernels found of some genes, one row each; NaN where a gene was not fitted."""

    coef: Floats
    errors: Floats
    stats: Floats
    counters: NDArray[np.int32]
    trace: Floats

    def part(self, start: int, stop: int) -> Filled:
        """Return the rows of some genes."""
        rows = slice(start, stop)
        return Filled(
            self.coef[rows], self.errors[rows], self.stats[rows], self.counters[rows],
            self.trace[rows],
        )  # fmt: skip

    def take(self, genes: NDArray[np.intp]) -> Filled:
        """Return a copy of the rows of some genes."""
        return Filled(
            self.coef[genes], self.errors[genes], self.stats[genes], self.counters[genes],
            self.trace[genes],
        )  # fmt: skip

    def put(self, genes: NDArray[np.intp], other: Filled) -> None:
        """Set the rows of some genes to those of ``other``."""
        self.coef[genes], self.errors[genes] = other.coef, other.errors
        self.stats[genes], self.counters[genes] = other.stats, other.counters
        self.trace[genes] = other.trace


def make_filled(n_genes: int, p: int, trace_rows: int = 0) -> Filled:
    """Return arrays to be filled, for ``p`` coefficients."""
    return Filled(
        np.zeros((n_genes, p)),
        np.zeros((n_genes, p)),
        np.full((n_genes, columns.N_STATS), np.nan),
        np.zeros((n_genes, columns.N_COUNTERS), dtype=np.int32),
        np.full((n_genes, trace_rows, p + 4), np.nan),
    )


def listed_counts(pointers: NDArray[np.int64], values: Floats) -> int:
    """Return the room that lists of the counts of genes need, given by their nonzeros.

    Where there are more of these than the largest is, every distinct count stands once; counts
    that are no whole numbers stand each for itself.
    """
    sizes = np.diff(pointers)
    filled = np.flatnonzero(sizes)
    if not filled.size:
        return 1
    starts = pointers[filled]
    largest = np.maximum.reduceat(values, starts)
    whole = ~np.logical_or.reduceat(values != np.floor(values), starts)
    return _listed(sizes[filled], largest, whole)


def _listed(sizes: NDArray[np.intp], largest: Floats, whole: NDArray[np.bool_]) -> int:
    return int(np.where(whole, np.minimum(largest + 1.0, sizes), sizes).max()) + 1


def narrowed(layout: Layout, y: Floats, *, own: bool) -> Layout:
    """Return a layout with no more room than genes ``y`` (g, n) need.

    Of a million samples a row for each costs 64 MB a thread.
    """
    sizes = np.count_nonzero(y, axis=1)
    whole = np.array([bool((row == np.floor(row)).all()) for row in y])
    table = min(_listed(sizes, y.max(axis=1), whole), y.shape[1])
    at = layout.at
    return Layout(
        layout.frame, kernel_layout.place(at.n, at.segments, at.rank, at.p, table=table, own=own)
    )


class _Memory(NamedTuple):
    work: Floats
    scale: Floats
    order: NDArray[np.int64]
    search: tuple[Floats, Floats, Floats]


# The workspaces of all threads, to tell what they hold.
_lent: list[weakref.ref[Floats]] = []
_lent_lock = threading.Lock()


def lent_memory() -> int:
    """Return the bytes of the workspaces that threads keep for their next genes."""
    with _lent_lock:
        works = [one() for one in _lent]
    return sum(work.nbytes for work in works if work is not None)


class _Lent(threading.local):
    """One workspace a thread, made anew when a larger one is needed."""

    def __init__(self) -> None:
        self._memory: _Memory | None = None

    def __call__(self, at: At, n_genes: int) -> _Memory:
        memory = self._memory
        if (
            memory is None
            or memory.work.shape[0] < at.end
            or memory.scale.size < at.n
            or memory.order.size < n_genes
        ):
            memory = _Memory(
                kernel_layout.make_work(at),
                np.zeros(at.n),
                np.zeros(n_genes, dtype=np.int64),
                (
                    np.zeros((LANES, search.N_STATE)),
                    np.zeros((LANES, 3, search.MAX_POINTS)),
                    np.zeros((LANES, search.MAX_MAXIMA)),
                ),
            )
            self._memory = memory
            with _lent_lock:
                _lent[:] = [one for one in _lent if one() is not None]
                _lent.append(weakref.ref(memory.work))
        return memory


_lend = _Lent()


class Task(NamedTuple):
    """What is asked of the kernels."""

    screened: bool
    estimate: bool
    cap: float
    precision: float = 0.0
    again: bool = False
    fixed: bool = False
    finish: bool = True
    fisher: bool = False
    tol: float = 1e-8
    max_steps: float = 100.0


def run_kernels(
    y: Floats,
    offset: Floats,
    weight: Floats,
    alpha: Floats,
    log_centre: Floats,
    layout: Layout,
    task: Task,
    learnt: Learnt,
    filled: Filled,
    sparse: Sparse = _NO_NONZEROS,
) -> None:
    """Run the kernels on genes ``y`` (g, n), whose samples are in the order of the layout.

    ``offset`` and ``weight`` have one row, or one a gene; ``learnt`` is read and written.  Of
    genes that are given by their nonzeros the samples are the nodes of a rule.
    """
    offset, weight = _writable(offset), _writable(weight)
    memory = _lend(layout.at, alpha.size)
    # Compiled kernels know no warnings, and plain ones shall know none.
    with np.errstate(all="ignore"):
        blocks.fit_block(
            y, offset, weight, sparse, alpha, layout.frame, layout.at,
            task.screened, task.estimate, task.again, task.fixed, task.finish, task.cap,
            log_centre, task.precision, 1.0 if task.fisher else 0.0, task.tol, task.max_steps,
            memory.work, memory.scale, memory.order, memory.search,
            learnt.carry, learnt.times, learnt.slopes,
            filled.coef, filled.errors, filled.stats, filled.counters, filled.trace,
        )  # fmt: skip


def _writable(values: Floats) -> Floats:
    """Return an array that may be written: the kernels are compiled for no other."""
    return values if values.flags.writeable else values.copy()
