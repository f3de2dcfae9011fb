"""Sparse counts by samples, also where they are stored by genes; and genes in even helpings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries, compact, stretches
from countglm._sources import Source, rows_of, sizes_of

# Entries of genes read at once, and of samples that are gathered in one pass over all genes.
READ_ENTRIES = 1 << 19
GATHERED_ENTRIES = 1 << 23


def gene_stretches(source: Source, entries: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield neighbouring genes [start, stop) with ``entries`` stored entries, or one gene."""
    entries = READ_ENTRIES if entries is None else entries
    n_samples, n_genes = source.shape
    sizes = sizes_of(source)
    if sizes is not None:
        yield from stretches(np.concatenate([[0], np.cumsum(sizes)]), entries, n_genes)
        return
    step = max(1, entries // n_samples)
    for start in range(0, n_genes, step):
        yield start, min(start + step, n_genes)


def sample_rows(source: Source, entries: int) -> Iterator[tuple[int, Entries]]:
    """Yield (first sample, samples by their nonzeros) in order, about ``entries`` at once.

    A sample's genes ascend.  What is stored by genes is gathered in as few passes as a bounded
    memory allows.
    """
    rows = rows_of(source, entries)
    yield from rows_in_passes(source, entries, GATHERED_ENTRIES) if rows is None else rows


def rows_in_passes(source: Source, entries: int, gathered: int) -> Iterator[tuple[int, Entries]]:
    """Yield samples of a source that is read by genes, ``gathered`` entries in a pass."""
    sizes = np.zeros(source.shape[0], dtype=np.int64)
    for start, stop in gene_stretches(source):
        np.add.at(sizes, source.nonzeros(start, stop).samples, 1)
    pointers = np.concatenate([[0], np.cumsum(sizes)])
    for first, last in stretches(pointers, gathered, source.shape[0]):
        rows = _gathered(source, first, last)
        for start, stop in stretches(rows.pointers, entries, last - first):
            yield first + start, rows.part(start, stop)


def _gathered(source: Source, first: int, last: int) -> Entries:
    """Samples [first, last) by their nonzeros, from one pass over all genes."""
    parts: list[Entries] = []
    for start, stop in gene_stretches(source):
        found = source.nonzeros(start, stop)
        part = Entries(found.pointers, found.samples, found.values)
        if last - first < source.shape[0]:
            part = _within(part, first, last)
        places = part.places - np.int32(first)
        parts.append(Entries(part.pointers, places, compact(part.values)))
    return chained(parts).turned(last - first)


def _within(lines: Entries, first: int, last: int) -> Entries:
    """The entries at places [first, last), which stand together in each line."""
    slices = []
    for a, b in pairwise(lines.pointers.tolist()):
        low, high = np.searchsorted(lines.places[a:b], (first, last)).tolist()
        slices.append(slice(a + low, a + high))
    return Entries(
        np.concatenate([[0], np.cumsum([each.stop - each.start for each in slices])]),
        np.concatenate([lines.places[each] for each in slices]),
        np.concatenate([lines.values[each] for each in slices]),
    )


def chained(parts: list[Entries]) -> Entries:
    """Return the lines of all parts, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.diff(part.pointers) for part in parts])
    return Entries(
        np.concatenate([[0], np.cumsum(sizes)]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def dense_rows(
    rows: Entries, genes: NDArray[np.bool_] | None, most: int
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.float64]]]:
    """Yield (first line, places (k, m), values (k, m)) of lines filled up with zeros at place 0.

    ``genes`` (n_places,) restricts the places; an array has ``most`` entries, or one line.
    """
    if genes is not None:
        rows = rows.where(genes[rows.places])
    sizes = np.diff(rows.pointers)
    width = max(1, int(sizes.max(initial=0)))
    step = max(1, most // width)
    for start in range(0, sizes.size, step):
        part = rows.part(start, min(start + step, sizes.size))
        filled = np.arange(width) < sizes[start : start + step, None]
        places = np.zeros(filled.shape, dtype=np.intp)
        values = np.zeros(filled.shape)
        places[filled], values[filled] = part.places, part.values
        yield start, places, values
