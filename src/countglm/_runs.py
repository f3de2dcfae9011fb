"""Counts in runs of samples, each sorted by genes: what a file by samples becomes to be read by
genes, in one pass and in bounded memory.

A run holds the entries of some thousand neighbouring samples, gene after gene. The counts of a
gene are then a short stretch of every run, and the counts of some samples a whole run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries, compact, joined, stretches
from countglm._nonzeros import Nonzeros, as_nonzeros
from countglm._read_ahead import BlocksAhead

# Samples of a run, so that two bytes number them.
MOST_SAMPLES = 1 << 16
# Bytes of an entry while its run is made: as read, small, sorted by genes, and read ahead.
WORKING_BYTES = 40
# Entries of a run, at least and at most.
LEAST_ENTRIES, MOST_ENTRIES = 1 << 18, 1 << 23
PLACE = np.dtype(np.uint16)


class Shelf(Protocol):
    """Where arrays are put, to be read in parts; safe to read from many threads."""

    @property
    def waits(self) -> bool:
        """Whether reading waits for a disk, and should run ahead."""
        ...

    def put(self, array: NDArray[Any]) -> int:
        """Keep a flat array; return where it stands."""
        ...

    def get(self, at: int, dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
        """Return elements [start, stop) of the array that stands at ``at``."""
        ...

    def close(self) -> None:
        """Give back what it takes; nothing can be read any more."""
        ...


class MemoryShelf:
    """Arrays kept as they are."""

    waits = False

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []

    def put(self, array: NDArray[Any]) -> int:
        self._arrays.append(array)
        return len(self._arrays) - 1

    def get(self, at: int, dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
        return self._arrays[at][start:stop]

    def close(self) -> None:
        self._arrays.clear()


class Run(NamedTuple):
    """Samples [first, last): where their entries by genes begin, and where these are kept."""

    first: int
    last: int
    pointers: NDArray[Any]  # (n_genes + 1,)
    places_at: int
    values_at: int
    places: np.dtype[Any]
    values: np.dtype[Any]


class RunSource:
    """Counts that are kept in runs; where these are many, also in one run of all samples."""

    def __init__(
        self, shelf: Shelf, runs: list[Run], shape: tuple[int, int], whole: Run | None = None
    ) -> None:
        self.shelf = shelf
        self.runs = runs
        self.shape = shape
        self.whole = whole
        # A reader thread holds no reference to the source, or its file would never be given back.
        read = partial(_nonzeros_of_runs, shelf, runs if whole is None else [whole])
        self.nonzeros: Callable[[int, int], Nonzeros] = (
            BlocksAhead(read, shape[1]) if shelf.waits else read
        )

    def native(self, start: int, stop: int) -> NDArray[Any]:
        return self.nonzeros(start, stop).dense(self.shape[0])

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        return None

    def sizes(self) -> NDArray[np.int64]:
        total = np.zeros(self.shape[1], dtype=np.int64)
        for run in self.runs:
            total += np.diff(run.pointers)
        return total

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]]:
        for run in self.runs:
            part = part_of_run(self.shelf, run, 0, self.shape[1])
            by_sample = part.turned(run.last - run.first)
            for start, stop in stretches(by_sample.pointers, entries, MOST_SAMPLES):
                yield run.first + start, by_sample.part(start, stop)

    def close(self) -> None:
        """Give back the memory or the file."""
        self.shelf.close()


def _nonzeros_of_runs(shelf: Shelf, runs: list[Run], start: int, stop: int) -> Nonzeros:
    return as_nonzeros(joined_runs(shelf, runs, start, stop))


def joined_runs(shelf: Shelf, runs: list[Run], start: int, stop: int) -> Entries:
    """Return the entries of genes [start, stop) in all runs, samples numbered in the whole."""
    parts = [part_of_run(shelf, run, start, stop) for run in runs]
    return joined(
        [
            part._replace(places=part.places.astype(np.int32, copy=False) + np.int32(run.first))
            for part, run in zip(parts, runs, strict=True)
        ]
    )


def part_of_run(shelf: Shelf, run: Run, start: int, stop: int) -> Entries:
    """Return the entries of genes [start, stop) in a run, its samples numbered from its first."""
    pointers = run.pointers[start : stop + 1].astype(np.int64)
    low, high = int(pointers[0]), int(pointers[-1])
    return Entries(
        pointers - low,
        shelf.get(run.places_at, run.places, low, high),
        shelf.get(run.values_at, run.values, low, high),
    )


def entries_of_run(room: int) -> int:
    """Return how many entries a run may have, so that making it fits in ``room`` bytes."""
    return min(MOST_ENTRIES, max(LEAST_ENTRIES, room // WORKING_BYTES))


def make_runs(
    rows: Iterable[tuple[int, Entries]], shelf: Shelf, shape: tuple[int, int]
) -> RunSource:
    """Put entries by samples, given as (first sample, entries) in order, into runs."""
    runs = []
    for first, entries in rows:
        last = first + entries.pointers.size - 1
        small = Entries(entries.pointers, entries.places, compact(entries.values))
        by_gene = small.turned(shape[1])
        runs.append(
            Run(
                first, last, by_gene.pointers.astype(np.uint32),
                shelf.put(by_gene.places.astype(PLACE)), shelf.put(by_gene.values),
                PLACE, by_gene.values.dtype,
            )
        )  # fmt: skip
    return RunSource(shelf, runs, shape)
