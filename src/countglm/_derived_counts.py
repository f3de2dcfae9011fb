"""Counts made of other counts: some genes of them, or all with some rows replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries, in_order
from countglm._nonzeros import Nonzeros, chained, nonzeros_of
from countglm._sources import Source, rows_of, sizes_of

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class GeneSubset:
    """Some genes of a source, in the order asked for."""

    def __init__(self, source: Source, genes: Index) -> None:
        self._source = source
        self._genes = genes

    @property
    def shape(self) -> tuple[int, int]:
        return self._source.shape[0], self._genes.size

    def native(self, start: int, stop: int) -> NDArray[Any]:
        genes = self._genes[start:stop]
        if not genes.size:
            return np.empty((0, self.shape[0]))
        # Runs of neighbours are read at once.
        runs = np.split(genes, np.flatnonzero(np.diff(genes) != 1) + 1)
        parts = [self._source.native(int(run[0]), int(run[-1]) + 1) for run in runs]
        return np.concatenate(parts)

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        genes = self._genes[start:stop]
        runs = np.split(genes, np.flatnonzero(np.diff(genes) != 1) + 1) if genes.size else []
        return chained([self._source.nonzeros(int(run[0]), int(run[-1]) + 1) for run in runs])

    def sample(self, i: int) -> NDArray[Any] | None:
        row = self._source.sample(i)
        return None if row is None else row[self._genes]

    def stored(self) -> NDArray[Any] | None:
        return None

    def sizes(self) -> NDArray[np.int64] | None:
        sizes = sizes_of(self._source)
        return None if sizes is None else sizes[self._genes]

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]] | None:
        rows = rows_of(self._source, entries)
        return None if rows is None else ((first, self._chosen(part)) for first, part in rows)

    def _chosen(self, rows: Entries) -> Entries:
        """The entries of samples in these genes, renumbered."""
        number = np.full(self._source.shape[1], -1)
        number[self._genes] = np.arange(self._genes.size)
        numbers = number[rows.places]
        kept = rows._replace(places=numbers).where(numbers >= 0)
        return in_order(kept, self._genes.size)


class ReplacedRows:
    """A source in which the counts of some genes are others; the source stays as it is."""

    def __init__(self, source: Source, genes: Index, rows: Floats) -> None:
        self._source = source
        self.original: Source = source.original if isinstance(source, ReplacedRows) else source
        order = np.argsort(genes, kind="stable")
        self._genes, self._rows = genes[order], rows[order]

    @property
    def shape(self) -> tuple[int, int]:
        return self._source.shape

    def native(self, start: int, stop: int) -> NDArray[Any]:
        block = np.array(self._source.native(start, stop), dtype=np.float64)
        first, last = np.searchsorted(self._genes, (start, stop))
        block[self._genes[first:last] - start] = self._rows[first:last]
        return block

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        found = self._source.nonzeros(start, stop)
        first, last = np.searchsorted(self._genes, (start, stop))
        if first == last:
            return found
        order = np.arange(stop - start)
        order[self._genes[first:last] - start] = np.arange(last - first) + (stop - start)
        return chained([found, nonzeros_of(self._rows[first:last])]).take(order)

    def sample(self, i: int) -> NDArray[Any] | None:
        row = self._source.sample(i)
        if row is not None:
            row = np.array(row, dtype=np.float64)
            row[self._genes] = self._rows[:, i]
        return row

    def stored(self) -> NDArray[Any] | None:
        return None

    def sizes(self) -> NDArray[np.int64] | None:
        return sizes_of(self._source)

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]] | None:
        return None
