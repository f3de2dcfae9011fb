"""Entries of sparse counts along one axis: put in order, turned to the other axis, made small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

_UNSIGNED = (np.uint8, np.uint16, np.uint32)


class Entries(NamedTuple):
    """Entries of lines (samples or genes), line after line: those of ``k`` are
    ``[pointers[k], pointers[k + 1])``, their places along the line ascending."""

    pointers: NDArray[Any]  # (lines + 1,)
    places: NDArray[Any]  # (nnz,)
    values: NDArray[Any]  # (nnz,)

    @property
    def lines(self) -> NDArray[np.intp]:
        """The line of every entry."""
        return np.repeat(np.arange(self.pointers.size - 1), np.diff(self.pointers))

    def part(self, start: int, stop: int) -> Entries:
        """Lines [start, stop), as views."""
        pointers = self.pointers[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        return Entries(pointers - pointers[0], self.places[inside], self.values[inside])

    def where(self, kept: NDArray[np.bool_]) -> Entries:
        """The entries for which ``kept`` (nnz,) holds, of the same lines."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Entries(before[self.pointers], self.places[kept], self.values[kept])

    def without_zeros(self) -> Entries:
        """The entries whose value is not 0."""
        present = self.values != 0
        return self if present.all() else self.where(present)

    def turned(self, n_places: int) -> Entries:
        """The same entries by their places: (n_places) lines, lines as places."""
        from scipy.sparse import csr_array

        shape = (self.pointers.size - 1, n_places)
        columns = csr_array((self.values, self.places, self.pointers), shape=shape).tocsc()
        return Entries(columns.indptr, columns.indices, columns.data)


def entries_of(lines: NDArray[Any]) -> Entries:
    """Return the entries other than zero of dense lines (k, n)."""
    lines = np.ascontiguousarray(lines)
    n_lines, width = lines.shape
    present = lines != 0
    sizes = np.count_nonzero(present, axis=1)
    pointers = np.concatenate([[0], np.cumsum(sizes)])
    places = np.flatnonzero(present)
    values = lines.reshape(-1)[places]
    places -= np.repeat(np.arange(n_lines) * width, sizes)
    return Entries(pointers, places.astype(np.int32), values)


def in_order(entries: Entries, n_places: int) -> Entries:
    """Return entries without zeros, ascending along each line, those of one place added up.

    Raises
    ------
    InputError
        A place beyond ``n_places``.
    """
    places = entries.places
    if places.size and not 0 <= int(places.min()) <= int(places.max()) < n_places:
        raise InputError(
            f"The sparse count matrix is damaged (an index lies outside 0 to {n_places - 1}); "
            "build it again from its entries."
        )
    if not _ascending(entries):
        entries = _summed(entries, n_places)
    return entries.without_zeros()


def _ascending(entries: Entries) -> bool:
    rises = entries.places[1:] > entries.places[:-1]
    borders = entries.pointers[1:-1]
    inner = borders[(borders > 0) & (borders < entries.places.size)]
    rises[inner - 1] = True
    return bool(rises.all())


def _summed(entries: Entries, n_places: int) -> Entries:
    from scipy.sparse import csr_array

    shape = (entries.pointers.size - 1, n_places)
    values = entries.values.astype(sum_dtype(entries.values.dtype))
    matrix = csr_array((values, entries.places.copy(), entries.pointers.copy()), shape=shape)
    matrix.sum_duplicates()
    return Entries(matrix.indptr, matrix.indices, matrix.data)


def sum_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype that holds the sum of a few values of ``dtype``."""
    small = dtype.kind in "biu" and dtype.itemsize < np.dtype(np.int64).itemsize
    return np.dtype(np.int64 if small else np.float64)


def compact(values: NDArray[Any]) -> NDArray[Any]:
    """Return counts in the smallest unsigned type that holds them all, or as float64."""
    if values.dtype == np.bool_:
        return values.view(np.uint8)
    largest = values.max().item() if values.size else 0
    for dtype in _UNSIGNED:
        if largest > np.iinfo(dtype).max:
            continue
        whole = values.astype(dtype)
        return whole if values.dtype.kind != "f" or (whole == values).all() else _floats(values)
    return _floats(values)


def _floats(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def joined(parts: Sequence[Entries]) -> Entries:
    """Return the entries of parts of the same lines, one part after the other along each line."""
    if len(parts) == 1:
        return parts[0]
    bounds = np.stack([part.pointers for part in parts], axis=1)
    pointers = np.asarray(np.add.reduce(bounds, axis=1), dtype=np.int64)
    cuts = bounds.tolist()
    pieces = [
        (k, slice(low, high))
        for before, after in pairwise(cuts)
        for k, (low, high) in enumerate(zip(before, after, strict=True))
        if high > low
    ]
    places = [part.places for part in parts]
    values = [part.values for part in parts]
    if not pieces:
        return Entries(pointers, places[0][:0], values[0][:0])
    return Entries(
        pointers,
        np.concatenate([places[k][piece] for k, piece in pieces]),
        np.concatenate([values[k][piece] for k, piece in pieces]),
    )


def stretches(pointers: NDArray[Any], entries: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield up to ``most`` neighbouring lines that hold ``entries`` entries, at least one line."""
    n, start = pointers.size - 1, 0
    while start < n:
        target = int(pointers[start]) + entries
        stop = int(np.searchsorted(pointers, target, side="right")) - 1
        stop = min(n, start + most, max(stop, start + 1))
        yield start, stop
        start = stop
