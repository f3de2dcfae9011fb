"""Counts of groups of samples: read once for all groups, then given out group by group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._nonzeros import Nonzeros, nonzeros_of
from .counts import CountMatrix

if TYPE_CHECKING:
    from ._grouping import SampleGroup

Index = NDArray[np.intp]
_DTYPES = (np.uint8, np.uint16, np.uint32)
# Bytes that a nonzero takes while it waits for its group: gene, sample, and a value of one byte.
WAITING_BYTES = 7


class SplitCounts:
    """The nonzeros of samples by the group that they belong to, after one reading.

    Parameters
    ----------
    counts : CountMatrix
    codes : (n_samples,)
        Group of every sample.
    wanted : (n_groups,) bool
        Groups to be kept.
    """

    def __init__(self, counts: CountMatrix, codes: Index, wanted: NDArray[np.bool_]) -> None:
        place = _places_in_groups(codes, wanted.size)
        self._blocks = [
            _Block(counts.nonzeros(start, stop), codes, wanted, place)
            for start, stop in counts.stretches()
        ]
        self._kept: tuple[int, Nonzeros] | None = None

    def of(self, code: int) -> Nonzeros:
        """Nonzeros of all genes in the samples of a group, which are numbered within it."""
        parts = [block.of(code) for block in self._blocks]
        sizes = np.concatenate(
            [np.bincount(genes, minlength=block.n_genes)
             for block, (genes, _, _) in zip(self._blocks, parts, strict=True)]
        )  # fmt: skip
        return Nonzeros(
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([samples for _, samples, _ in parts]),
            np.concatenate([values for _, _, values in parts]),
        )

    def of_group(self, group: SampleGroup) -> Nonzeros:
        """The same of a group with the control beside it, numbered by their order in the whole."""
        if group.control_code is None or group.control_rows is None:
            return self.of(group.code)
        kept = self._kept
        if kept is None or kept[0] != group.control_code:
            # Many groups share it: its parts are put together once.
            kept = self._kept = (group.control_code, self.of(group.control_code))
        both = group.rows
        base = _renumbered(kept[1], np.searchsorted(both, group.control_rows))
        other = _renumbered(self.of(group.code), np.searchsorted(both, group.own))
        return _inserted(base, other, both.size)


class _Block:
    """Nonzeros of some genes, sorted by group, then gene, then sample."""

    def __init__(
        self, found: Nonzeros, codes: Index, wanted: NDArray[np.bool_], place: Index
    ) -> None:
        self.n_genes = found.n_genes
        numbers = np.arange(self.n_genes, dtype=np.min_scalar_type(self.n_genes))
        genes = np.repeat(numbers, np.diff(found.pointers))
        code = codes[found.samples]
        # Sorting numbers of 16 bits takes a pass over them.
        small = code.astype(np.uint16) if wanted.size < 1 << 16 else code
        order = np.argsort(small, kind="stable")
        if not wanted.all():
            order = order[wanted[code[order]]]
        sizes = np.bincount(code[order], minlength=wanted.size)
        self._ends = np.concatenate([[0], np.cumsum(sizes)])
        self._genes = genes[order]
        self._samples = place[found.samples[order]].astype(np.int32)
        self._values = smallest(found.values[order])

    def of(self, code: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        inside = slice(int(self._ends[code]), int(self._ends[code + 1]))
        return self._genes[inside], self._samples[inside], self._values[inside]


class GroupSource:
    """Counts of some samples of others: in memory until released, then picked at every reading.

    Attributes
    ----------
    shape : (n_samples, n_genes) of the group
    """

    def __init__(self, whole: CountMatrix, rows: Index, held: Nonzeros | None) -> None:
        self._whole, self._rows, self._held = whole, rows, held
        self.shape = (rows.size, whole.n_genes)

    def release(self) -> None:
        """Keep nothing: what is asked for later is read from the whole."""
        self._held = None

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        """Genes [start, stop) by their entries other than zero."""
        if self._held is None:
            return picked(self._whole.nonzeros(start, stop), self._rows)
        pointers = self._held.pointers[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        values = self._held.values[inside].astype(np.float64)
        return Nonzeros(pointers - pointers[0], self._held.samples[inside], values)

    def native(self, start: int, stop: int) -> NDArray[Any]:
        return self.nonzeros(start, stop).dense(self.shape[0])

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        return None


class SparseGroup(GroupSource):
    """The same of counts that are mostly zeros."""

    def sizes(self) -> NDArray[np.int64]:
        """Nonzeros of every gene (n_genes,)."""
        if self._held is not None:
            return np.diff(self._held.pointers)
        parts = [self.nonzeros(start, stop) for start, stop in self._whole.stretches()]
        return np.concatenate([np.diff(part.pointers) for part in parts])

    def rows(self, entries: int) -> None:
        """Samples are gathered from genes."""


class DenseGroup(GroupSource):
    """The same of counts that take no more room with their zeros than without."""

    def __init__(self, whole: CountMatrix, rows: Index, held: Nonzeros) -> None:
        super().__init__(whole, rows, None)
        genes = np.repeat(np.arange(whole.n_genes), np.diff(held.pointers))
        self._array: NDArray[Any] | None = np.zeros(
            (whole.n_genes, rows.size), dtype=held.values.dtype
        )
        self._array[genes, held.samples] = held.values

    def release(self) -> None:
        self._array = None

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        array = self._array
        return super().nonzeros(start, stop) if array is None else nonzeros_of(array[start:stop])

    def native(self, start: int, stop: int) -> NDArray[Any]:
        array = self._array
        return super().native(start, stop) if array is None else array[start:stop]

    def sample(self, i: int) -> NDArray[Any] | None:
        return None if self._array is None else self._array[:, i]


def group_matrix(
    whole: CountMatrix, rows: Index, held: Nonzeros | None
) -> tuple[CountMatrix, GroupSource]:
    """Return the counts of some samples (their places, ascending), and what they are read from.

    ``held`` are their nonzeros, for which `GroupSource.release` finds an end; without them every
    reading is one of the whole.
    """
    source: GroupSource
    if held is None:
        source = (SparseGroup if whole.is_sparse else GroupSource)(whole, rows, None)
    elif rows.size * whole.n_genes * held.values.itemsize <= WAITING_BYTES * held.values.size:
        source = DenseGroup(whole, rows, held)
    else:
        source = SparseGroup(whole, rows, held)
    names = None if whole.sample_names is None else whole.sample_names[rows]
    return CountMatrix(source, names, whole.gene_names, None, whole.var), source


def in_batches(
    groups: list[SampleGroup], bytes_of_sample: float, room: float
) -> Iterator[tuple[list[SampleGroup], bool]]:
    """Yield groups that are held at once while one reading serves them, and whether they are.

    A group that alone takes more than ``room`` is not held.
    """
    batch: list[SampleGroup] = []
    taken, controls = 0.0, set[int | None]()
    for group in groups:
        shared = 0 if group.control_code in controls else group.rows.size - group.own.size
        size = bytes_of_sample * (group.own.size + shared)
        # While a group is fitted its nonzeros are put together besides.
        if batch and taken + size + bytes_of_sample * group.rows.size > room:
            yield batch, True
            batch, taken, controls = [], 0.0, set()
            size = bytes_of_sample * group.rows.size
        if 2 * bytes_of_sample * group.rows.size > room:
            yield [group], False
            continue
        batch.append(group)
        taken += size
        controls.add(group.control_code)
    if batch:
        yield batch, True


def picked(found: Nonzeros, rows: Index) -> Nonzeros:
    """Return the nonzeros in some samples (their places, ascending), numbered anew."""
    place = np.searchsorted(rows, found.samples)
    inside = rows[np.minimum(place, rows.size - 1)] == found.samples
    before = np.concatenate([[0], np.cumsum(inside)])
    return Nonzeros(before[found.pointers], place[inside].astype(np.int32), found.values[inside])


def smallest(values: NDArray[np.float64]) -> NDArray[Any]:
    """Return counts in the smallest type that holds them all."""
    largest = values.max(initial=0.0)
    for dtype in _DTYPES:
        if largest <= np.iinfo(dtype).max:
            whole = values.astype(dtype)
            return whole if np.array_equal(whole, values) else values
    return values


def _places_in_groups(codes: Index, n_groups: int) -> Index:
    """Return the number (n_samples,) of every sample within its group."""
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=n_groups))])[:-1]
    place = np.empty(codes.size, dtype=np.intp)
    place[order] = np.arange(codes.size) - starts[codes[order]]
    return place


def _renumbered(found: Nonzeros, numbers: Index) -> Nonzeros:
    return found._replace(samples=numbers.astype(np.int32)[found.samples])


def _inserted(base: Nonzeros, other: Nonzeros, n: int) -> Nonzeros:
    """Return the nonzeros of both, which are of different samples of the ``n``."""
    places = np.searchsorted(_keys(base, n), _keys(other, n))
    values = base.values.astype(np.result_type(base.values, other.values))
    return Nonzeros(
        base.pointers + other.pointers,
        np.insert(base.samples, places, other.samples),
        np.insert(values, places, other.values),
    )


def _keys(found: Nonzeros, n: int) -> NDArray[np.int64]:
    """A number for every entry that orders by gene, then by sample."""
    genes = np.repeat(np.arange(found.n_genes, dtype=np.int64), np.diff(found.pointers))
    return genes * n + found.samples
