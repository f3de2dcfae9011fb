"""Samples of counts that are stored by genes, by way of a scratch file: two passes, however little
memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._by_samples import gene_stretches
from countglm._entries import Entries, compact, stretches
from countglm._scratch import FileShelf
from countglm._sources import Source

_POINTERS, _PLACES = np.dtype(np.uint32), np.dtype(np.int32)


class _Turned(NamedTuple):
    """Some genes by samples: where the file has their pointers, genes and counts."""

    pointers_at: int
    genes_at: int
    values_at: int
    values: np.dtype[np.generic]


def rows_by_scratch(
    source: Source, entries: int, gathered: int, folder: Path, n_stored: int
) -> Iterator[tuple[int, Entries]]:
    """Yield (first sample, samples by their nonzeros), ``entries`` at once.

    Genes are turned to samples and written, ``gathered`` of their ``n_stored`` entries at once;
    then as many are read back, of all genes in some samples.
    """
    n_samples = source.shape[0]
    pieces = -(-n_stored // gathered)
    of_entry = _PLACES.itemsize + np.dtype(np.uint32).itemsize
    shelf = FileShelf(folder, n_stored * of_entry + pieces * n_samples * _POINTERS.itemsize)
    try:
        sizes = np.zeros(n_samples, dtype=np.int64)
        parts = []
        for start, stop in gene_stretches(source, gathered):
            found = source.nonzeros(start, stop)
            part = Entries(found.pointers, found.samples, compact(found.values)).turned(n_samples)
            sizes += np.diff(part.pointers)
            parts.append(
                _Turned(
                    shelf.put(part.pointers.astype(_POINTERS)),
                    shelf.put(part.places.astype(_PLACES) + np.int32(start)),
                    shelf.put(part.values), part.values.dtype,
                )
            )  # fmt: skip
        pointers = np.concatenate([[0], np.cumsum(sizes)])
        for first, last in stretches(pointers, gathered, n_samples):
            rows = _read_back(shelf, parts, first, last, source.shape[1])
            for start, stop in stretches(rows.pointers, entries, last - first):
                yield first + start, rows.part(start, stop)
    finally:
        shelf.close()


def _read_back(
    shelf: FileShelf, parts: list[_Turned], first: int, last: int, n_genes: int
) -> Entries:
    """Samples [first, last) of all genes."""
    from scipy.sparse import coo_array

    lines: list[NDArray[np.intp]] = []
    genes, values = [], []
    number = np.arange(last - first, dtype=np.int32)
    for part in parts:
        pointers = shelf.get(part.pointers_at, _POINTERS, first, last + 1)
        low, high = int(pointers[0]), int(pointers[-1])
        lines.append(np.repeat(number, np.diff(pointers)))
        genes.append(shelf.get(part.genes_at, _PLACES, low, high))
        values.append(shelf.get(part.values_at, part.values, low, high))
    places = (np.concatenate(lines), np.concatenate(genes))
    shape = (last - first, n_genes)
    # Genes come in order, and stay so within each sample.
    rows = coo_array((np.concatenate(values), places), shape=shape).tocsr()
    return Entries(rows.indptr, rows.indices, rows.data)
