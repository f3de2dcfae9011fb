"""A matrix in an h5ad file or zarr store, read line by line: samples of CSR and dense ones, genes
of CSC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._by_samples import rows_in_passes
from countglm._entries import Entries, entries_of, in_order, stretches
from countglm._nonzeros import Nonzeros, as_nonzeros
from countglm._read_ahead import BlocksAhead, ahead
from countglm._runs import MOST_SAMPLES
from countglm._turned_rows import rows_by_scratch
from countglm.errors import InputError

# Passes over all genes that are made to gather samples, before a scratch file serves.
_MOST_PASSES = 4
# Bytes of an index as SciPy keeps it in memory.
_INDEX = 4
_FORMS = {"csr_matrix": "csr", "csc_matrix": "csc", "csr": "csr", "csc": "csc"}


class StoredMatrix:
    """Counts (n_samples, n_genes) in a file that stays open; nothing is read but where each line
    of a sparse one begins.

    Attributes
    ----------
    shape : (n_samples, n_genes)
    form : ``"csr"``, ``"csc"`` or ``"dense"``
    """

    form: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    # Where each line of a sparse matrix begins.
    pointers: NDArray[Any] | None = None
    # Whether every line is known to be in order, without zeros; and whether one was not.
    in_order = False
    _changed = False
    _values: Any
    _places: Any

    def __init__(self, element: Any) -> None:
        if hasattr(element, "keys"):
            self._open_sparse(element)
        else:
            self.form, self._values = "dense", element
            self.shape = _two(element.shape)
        self.dtype = np.dtype(self._values.dtype)

    @classmethod
    def of_rows(cls, matrix: Any) -> StoredMatrix:
        """A SciPy CSR matrix in memory, seen in the same way."""
        stored = cls.__new__(cls)
        stored.form, stored.shape, stored.dtype = "csr", _two(matrix.shape), matrix.data.dtype
        stored._values, stored._places = matrix.data, matrix.indices
        stored.pointers = matrix.indptr
        return stored

    def _open_sparse(self, group: Any) -> None:
        attributes = dict(group.attrs)
        kind = attributes.get("encoding-type", attributes.get("h5sparse_format"))
        self.form = _FORMS.get(_text(kind), "")
        if not self.form:
            raise InputError(
                f"The counts are stored as {_text(kind) or 'a group of unknown kind'!r}; give a "
                "dense, CSR or CSC matrix."
            )
        self.shape = _two(attributes.get("shape", attributes.get("h5sparse_shape")))
        self._values, self._places = group["data"], group["indices"]
        pointers = np.asarray(group["indptr"][:]).astype(np.int64, copy=False)
        stored = min(self._values.shape[0], self._places.shape[0])
        if (
            pointers.size != self.n_lines + 1
            or pointers[0] != 0
            or pointers[-1] > stored
            or (pointers[1:] < pointers[:-1]).any()
        ):
            raise InputError(
                "The sparse count matrix is damaged (its pointers do not fit its entries); build "
                "it again from its entries."
            )
        self.pointers = pointers

    @property
    def n_lines(self) -> int:
        return self.shape[1] if self.form == "csc" else self.shape[0]

    @property
    def n_places(self) -> int:
        return self.shape[0] if self.form == "csc" else self.shape[1]

    @property
    def n_stored(self) -> int:
        """Entries in the file, of a dense matrix all."""
        return self.shape[0] * self.shape[1] if self.pointers is None else int(self.pointers[-1])

    @property
    def n_bytes(self) -> int:
        """Bytes of the matrix in memory."""
        of_index = 0 if self.pointers is None else _INDEX
        return self.n_stored * (int(self.dtype.itemsize) + of_index)

    def in_memory(self) -> Any:
        """The whole matrix: an array or a SciPy sparse array."""
        if self.pointers is None:
            return np.asarray(self._values[:])
        from scipy.sparse import csc_array, csr_array

        end = self.n_stored
        small = end < 2**31 and max(self.shape) < 2**31
        places, pointers = np.asarray(self._places[:end]), self.pointers
        if small:
            places, pointers = places.astype(np.int32), pointers.astype(np.int32)
        kind = csc_array if self.form == "csc" else csr_array
        return kind((np.asarray(self._values[:end]), places, pointers), shape=self.shape)

    def lines(self, start: int, stop: int) -> Entries:
        """Lines [start, stop) without zeros, in order; values as they are stored."""
        if self.pointers is None:
            return entries_of(np.asarray(self._values[start:stop]))
        pointers = self.pointers[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        entries = Entries(
            pointers - pointers[0], np.asarray(self._places[inside]),
            np.asarray(self._values[inside]),
        )  # fmt: skip
        if self.in_order:
            return entries
        ordered = in_order(entries, self.n_places)
        self._changed |= ordered is not entries
        return ordered

    def looked_through(self) -> None:
        """Note that all lines have been read: where all were in order, none is asked again."""
        self.in_order = not self._changed

    def parts(self, entries: int) -> Iterator[tuple[int, Entries]]:
        """Yield (first line, lines) of about ``entries`` entries, read ahead by one."""
        return ahead((a, self.lines(a, b)) for a, b in self._bounds(entries))

    def _bounds(self, entries: int) -> Iterator[tuple[int, int]]:
        if self.pointers is not None:
            yield from stretches(self.pointers, entries, MOST_SAMPLES)
            return
        step = min(MOST_SAMPLES, max(1, entries // max(1, self.shape[1])))
        for start in range(0, self.n_lines, step):
            yield start, min(start + step, self.n_lines)


class ColumnSource:
    """Counts that a file stores by genes, read from there block by block.

    ``gathered`` entries are held at once where they are read by samples, and others put into a
    scratch file in ``folder``; ``identity`` names the matrix to who else sees the file, and tells
    it from a changed one.
    """

    def __init__(
        self,
        stored: StoredMatrix,
        gathered: int,
        folder: Path,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.identity = identity
        self._folder = folder
        self._stored = stored
        self._gathered = gathered
        self.shape = stored.shape
        self.nonzeros = BlocksAhead(self._nonzeros, stored.n_lines)

    def _nonzeros(self, start: int, stop: int) -> Nonzeros:
        return as_nonzeros(self._stored.lines(start, stop))

    def native(self, start: int, stop: int) -> NDArray[Any]:
        return self.nonzeros(start, stop).dense(self.shape[0])

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        return None

    def sizes(self) -> NDArray[np.int64]:
        pointers = self._stored.pointers
        assert pointers is not None
        return np.diff(pointers)

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]]:
        n_stored, gathered = self._stored.n_stored, self._gathered
        if n_stored <= _MOST_PASSES * gathered:
            return rows_in_passes(self, entries, gathered)
        # Beside what is turned, the next genes are read ahead.
        return rows_by_scratch(self, entries, -(-gathered // 3), self._folder, n_stored)


def _two(shape: Any) -> tuple[int, int]:
    sizes = tuple(int(size) for size in (() if shape is None else shape))
    if len(sizes) != 2:
        raise InputError(
            f"The counts have shape {sizes}; give a table of samples x genes, with two dimensions."
        )
    return sizes[0], sizes[1]


def _text(kind: Any) -> str:
    if isinstance(kind, bytes):
        return kind.decode()
    return "" if kind is None else str(kind)
