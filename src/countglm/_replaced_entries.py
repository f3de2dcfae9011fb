"""Counts some of which are replaced by others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries
from countglm._nonzeros import Nonzeros
from countglm._sources import Source, sizes_of

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class ReplacedEntries:
    """A source in which the counts of some genes in some samples are others; it stays as it is.

    Parameters
    ----------
    source : Source
    genes, samples : (m,) int
        Where; no place twice.
    values : (m,) float64
        What stands there instead.
    """

    def __init__(self, source: Source, genes: Index, samples: Index, values: Floats) -> None:
        self._source = source
        self.original: Source = getattr(source, "original", source)
        order = np.lexsort((samples, genes))
        self._genes, self._samples = genes[order], samples[order]
        self._values = np.asarray(values, dtype=np.float64)[order]

    @property
    def shape(self) -> tuple[int, int]:
        return self._source.shape

    def _within(self, start: int, stop: int) -> slice:
        first, last = np.searchsorted(self._genes, (start, stop)).tolist()
        return slice(first, last)

    def native(self, start: int, stop: int) -> NDArray[Any]:
        block = np.array(self._source.native(start, stop), dtype=np.float64)
        inside = self._within(start, stop)
        block[self._genes[inside] - start, self._samples[inside]] = self._values[inside]
        return block

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        found = self._source.nonzeros(start, stop)
        inside = self._within(start, stop)
        if inside.start == inside.stop:
            return found
        n = self.shape[0]
        rows = np.repeat(np.arange(found.n_genes), np.diff(found.pointers))
        place = rows * n + found.samples
        new = (self._genes[inside] - start) * n + self._samples[inside]
        at = np.searchsorted(place, new)
        known = at < place.size
        known[known] = place[at[known]] == new[known]
        kept = np.ones(place.size, dtype=np.bool_)
        kept[at[known]] = False
        filled = self._values[inside] != 0.0
        place = np.concatenate([place[kept], new[filled]])
        values = np.concatenate([found.values[kept], self._values[inside][filled]])
        order = np.argsort(place, kind="stable")
        place = place[order]
        sizes = np.bincount(place // n, minlength=found.n_genes)
        return Nonzeros(
            np.concatenate([[0], np.cumsum(sizes)]), (place % n).astype(np.int32), values[order]
        )

    def sample(self, i: int) -> NDArray[Any] | None:
        row = self._source.sample(i)
        if row is not None:
            row = np.array(row, dtype=np.float64)
            here = self._samples == i
            row[self._genes[here]] = self._values[here]
        return row

    def stored(self) -> NDArray[Any] | None:
        return None

    def sizes(self) -> NDArray[np.int64] | None:
        return sizes_of(self._source)

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]] | None:
        return None
