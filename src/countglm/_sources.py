"""Storages of a count matrix behind one seam: gene-major blocks of the storage's own dtype."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

if TYPE_CHECKING:
    import scipy.sparse

# Entries of a panel read at once from a file or a Dask graph: 32 MB of float64.
_PANEL_ENTRIES = 4_194_304
_PANELS_KEPT = 2
# Panels of a matrix that is stored by rows: small, but wide beside the cost of asking every row.
_ROW_PANEL_ENTRIES, _ROW_PANEL_GENES, _ROW_PANELS_KEPT = 131_072, 256, 2


class Source(Protocol):
    """Counts (samples x genes) that hand out blocks of genes; safe to read from many threads."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_samples, n_genes)."""
        ...

    def native(self, start: int, stop: int) -> NDArray[Any]:
        """Genes [start, stop) as (stop - start, n_samples), perhaps a view, never to be changed."""
        ...

    def sample(self, i: int) -> NDArray[Any] | None:
        """All counts of a sample (n_genes,), perhaps a view; None where blocks of genes must do."""
        ...

    def stored(self) -> NDArray[Any] | None:
        """Every value that can break a rule in one flat array, or None where blocks must do."""
        ...


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

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        data: NDArray[Any] = self._matrix.data
        return data


class _Panels:
    """Counts read as wide panels of genes, of which the latest are kept; blocks are cut from them.

    ``read(start, stop)`` gives (n_samples, stop - start) for two neighbouring ``edges``.
    """

    def __init__(
        self,
        read: Callable[[int, int], Any],
        shape: tuple[int, int],
        edges: NDArray[np.int64],
        kept: int,
    ) -> None:
        self._read = read
        self._shape = shape
        self._edges = edges
        self._kept = kept
        self._panels: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def native(self, start: int, stop: int) -> NDArray[Any]:
        first = int(np.searchsorted(self._edges, start, side="right")) - 1
        pieces: list[NDArray[Any]] = []
        for k in range(first, self._edges.size - 1):
            left = int(self._edges[k])
            if left >= stop and pieces:
                break
            pieces.append(self._panel(k)[max(start - left, 0) : stop - left])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def sample(self, i: int) -> NDArray[Any] | None:
        return None

    def stored(self) -> NDArray[Any] | None:
        return None

    def _panel(self, k: int) -> NDArray[Any]:
        with self._lock:
            if k not in self._panels:
                raw = self._read(int(self._edges[k]), int(self._edges[k + 1]))
                dense = raw.toarray() if hasattr(raw, "toarray") else np.asarray(raw)
                self._panels[k] = np.ascontiguousarray(dense.T)
                while len(self._panels) > self._kept:
                    self._panels.popitem(last=False)
            self._panels.move_to_end(k)
            return self._panels[k]


class PanelSource(_Panels):
    """Counts read on demand (HDF5, zarr, Dask).

    A block of 64 genes would touch every chunk of a row-chunked file anew, so blocks are cut
    from panels that hold as many genes as fit in a fixed budget, along the storage's own chunks.
    """

    def __init__(
        self,
        read: Callable[[int, int], Any],
        shape: tuple[int, int],
        chunk_edges: Sequence[int] = (),
    ) -> None:
        super().__init__(read, shape, _panel_edges(shape, chunk_edges), _PANELS_KEPT)


class RowSource(_Panels):
    """A SciPy CSR matrix in canonical form, read without a copy of it by columns.

    It is told once where every row crosses the borders of the panels.
    """

    def __init__(self, matrix: scipy.sparse.csr_array) -> None:
        n_samples, n_genes = matrix.shape
        width = max(_ROW_PANEL_GENES, _ROW_PANEL_ENTRIES // n_samples)
        edges = np.append(np.arange(0, n_genes, width), n_genes)
        super().__init__(self._panel_of_rows, (n_samples, n_genes), edges, _ROW_PANELS_KEPT)
        self._matrix = matrix
        borders = edges.astype(matrix.indices.dtype)
        rows = pairwise(matrix.indptr.tolist())
        self._cuts = np.array([a + np.searchsorted(matrix.indices[a:b], borders) for a, b in rows])

    def _panel_of_rows(self, start: int, stop: int) -> Any:
        from scipy.sparse import csr_array

        k = int(np.searchsorted(self._edges, start))
        begins, ends = self._cuts[:, k], self._cuts[:, k + 1]
        pieces = [slice(a, b) for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
        data = np.concatenate([self._matrix.data[piece] for piece in pieces])
        genes = np.concatenate([self._matrix.indices[piece] for piece in pieces])
        genes -= genes.dtype.type(start)
        pointers = np.append(0, np.cumsum(ends - begins)).astype(genes.dtype)
        return csr_array((data, genes, pointers), shape=(self.shape[0], stop - start))

    def sample(self, i: int) -> NDArray[Any] | None:
        inside = slice(*self._matrix.indptr[i : i + 2].tolist())
        row = np.zeros(self.shape[1], dtype=self._matrix.dtype)
        row[self._matrix.indices[inside]] = self._matrix.data[inside]
        return row

    def stored(self) -> NDArray[Any] | None:
        data: NDArray[Any] = self._matrix.data
        return data


def sparse_source(matrix: Any) -> SparseSource | RowSource:
    """Any SciPy sparse matrix or array in canonical form; the caller's object stays unchanged."""
    try:
        if matrix.format in ("csr", "csc"):
            matrix = _checked(matrix)
        else:
            matrix = _summed(matrix.tocoo(copy=False))
        stored = matrix.nnz * (matrix.dtype.itemsize + np.dtype(np.int32).itemsize)
        # A copy by columns must be small beside the dense counts: an eighth of them as float64.
        large = stored > matrix.shape[0] * matrix.shape[1]
        if large and matrix.format == "csr" and matrix.has_canonical_format:
            return RowSource(matrix)
        columns = matrix.tocsc()
    except ValueError as error:
        raise InputError(
            f"The sparse count matrix is damaged ({error}); build it again from its entries."
        ) from error
    return SparseSource(columns if columns.has_canonical_format else _summed(columns))


def _checked(matrix: Any) -> Any:
    """A second view of the same entries, verified: SciPy's check prunes what it looks at."""
    from scipy import sparse

    kind = sparse.csr_array if matrix.format == "csr" else sparse.csc_array
    parts = (matrix.data, matrix.indices, matrix.indptr)
    view = kind(parts, shape=matrix.shape, copy=False)
    view.check_format(full_check=True)
    return view


def _summed(matrix: Any) -> Any:
    """A sorted copy with entries of one place added up, in a dtype that holds their sum."""
    summed = matrix.copy()
    summed.sum_duplicates()
    if summed.nnz == matrix.nnz or matrix.dtype.kind not in "biuf":
        return summed
    small = matrix.dtype.kind in "biu" and matrix.dtype.itemsize < np.dtype(np.int64).itemsize
    summed = matrix.astype(np.int64 if small else np.float64)
    summed.sum_duplicates()
    return summed


def _panel_edges(shape: tuple[int, int], chunk_edges: Sequence[int]) -> NDArray[np.int64]:
    """Borders of the panels: multiples of whole chunks where these fit in the budget."""
    width = max(1, _PANEL_ENTRIES // max(1, shape[0]))
    edges = [0]
    for edge in sorted({*chunk_edges, shape[1]} - {0}):
        if edges[-1] and edge - edges[-2] <= width:
            edges[-1] = edge
            continue
        while edge - edges[-1] > width:
            edges.append(edges[-1] + width)
        if edge > edges[-1]:
            edges.append(edge)
    return np.array(edges, dtype=np.int64)
