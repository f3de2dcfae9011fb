"""Storages of a count matrix behind one seam: gene-major blocks of the storage's own dtype."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from countglm._entries import Entries, sum_dtype
from countglm._nonzeros import Nonzeros, as_nonzeros, nonzeros_of
from countglm._panels import RowSource
from countglm.errors import InputError

if TYPE_CHECKING:
    import scipy.sparse


class Source(Protocol):
    """Counts (samples x genes) that hand out blocks of genes; safe to read from many threads."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_samples, n_genes)."""
        ...

    def native(self, start: int, stop: int) -> NDArray[Any]:
        """Genes [start, stop) as (stop - start, n_samples), perhaps a view, never to be changed."""
        ...

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        """Genes [start, stop) by their entries other than zero."""
        ...

    def sample(self, i: int) -> NDArray[Any] | None:
        """All counts of a sample (n_genes,), perhaps a view; None where blocks of genes must do."""
        ...

    def stored(self) -> NDArray[Any] | None:
        """Every value that can break a rule in one flat array, or None where blocks must do."""
        ...


@runtime_checkable
class SparseCounts(Protocol):
    """What a source of sparse counts knows besides."""

    def sizes(self) -> NDArray[np.int64] | None:
        """Stored entries of every gene (n_genes,), about as many as nonzeros; None if dense."""
        ...

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]] | None:
        """Yield (first sample, samples by their nonzeros) in order, ``entries`` or one sample at
        once; None where only passes over all genes can gather them."""
        ...


def sizes_of(source: Source) -> NDArray[np.int64] | None:
    """Return the stored entries of every gene, None for dense counts."""
    return source.sizes() if isinstance(source, SparseCounts) else None


def rows_of(source: Source, entries: int) -> Iterator[tuple[int, Entries]] | None:
    """Return what yields samples by their nonzeros, None where it cannot be had at once."""
    return source.rows(entries) if isinstance(source, SparseCounts) else None


class DenseSource:
    """A NumPy array (also a memory map, any dtype, byte order and strides), kept by reference."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, int]:
        return self._array.shape[0], self._array.shape[1]

    def native(self, start: int, stop: int) -> NDArray[Any]:
        block: NDArray[Any] = self._array[:, start:stop].T
        return block

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        return nonzeros_of(self.native(start, stop))

    def sample(self, i: int) -> NDArray[Any] | None:
        row: NDArray[Any] = self._array[i]
        return row

    def stored(self) -> NDArray[Any] | None:
        return None


class SparseSource:
    """A SciPy CSC matrix in canonical form."""

    def __init__(self, matrix: scipy.sparse.csc_array | scipy.sparse.csc_matrix) -> None:
        self._matrix = matrix

    @property
    def shape(self) -> tuple[int, int]:
        return self._matrix.shape[0], self._matrix.shape[1]

    def native(self, start: int, stop: int) -> NDArray[Any]:
        n = self.shape[0]
        pointers = self._matrix.indptr[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        places = np.repeat(np.arange(0, (stop - start) * n, n), np.diff(pointers))
        places += self._matrix.indices[inside]
        block = np.zeros((stop - start) * n, dtype=self._matrix.dtype)
        block[places] = self._matrix.data[inside]
        return block.reshape(stop - start, n)

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        pointers = self._matrix.indptr[start : stop + 1]
        inside = slice(int(pointers[0]), int(pointers[-1]))
        samples, values = self._matrix.indices[inside], self._matrix.data[inside]
        entries = Entries(pointers - pointers[0], samples, values).without_zeros()
        return as_nonzeros(entries)

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        data: NDArray[Any] = self._matrix.data
        return data

    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self._matrix.indptr).astype(np.int64)

    def rows(self, entries: int) -> Iterator[tuple[int, Entries]] | None:
        return None


def sparse_source(matrix: Any) -> SparseSource | RowSource:
    """Any SciPy sparse matrix or array in canonical form; the caller's object stays unchanged."""
    if matrix.format in ("csr", "csc"):
        matrix = checked_sparse(matrix)
    else:
        matrix = _summed(matrix.tocoo(copy=False))
    try:
        stored = matrix.nnz * (matrix.dtype.itemsize + np.dtype(np.int32).itemsize)
        # A copy by columns must be small beside the dense counts: an eighth of them as float64.
        large = stored > matrix.shape[0] * matrix.shape[1]
        if large and matrix.format == "csr" and matrix.has_canonical_format:
            return RowSource(matrix)
        columns = matrix.tocsc()
    except ValueError as error:
        raise _damaged(error) from error
    return SparseSource(columns if columns.has_canonical_format else _summed(columns))


def checked_sparse(matrix: Any) -> Any:
    """A second view of the same entries, verified: SciPy's check prunes what it looks at."""
    from scipy import sparse

    kind = sparse.csr_array if matrix.format == "csr" else sparse.csc_array
    parts = (matrix.data, matrix.indices, matrix.indptr)
    try:
        view = kind(parts, shape=matrix.shape, copy=False)
        view.check_format(full_check=True)
    except ValueError as error:
        raise _damaged(error) from error
    return view


def _damaged(error: ValueError) -> InputError:
    return InputError(
        f"The sparse count matrix is damaged ({error}); build it again from its entries."
    )


def _summed(matrix: Any) -> Any:
    """A sorted copy with entries of one place added up, in a dtype that holds their sum."""
    summed = matrix.copy()
    summed.sum_duplicates()
    if summed.nnz == matrix.nnz or matrix.dtype.kind not in "biuf":
        return summed
    summed = matrix.astype(sum_dtype(matrix.dtype))
    summed.sum_duplicates()
    return summed
