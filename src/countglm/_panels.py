"""Counts read as wide panels of genes: from HDF5, zarr and Dask, and from rows in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._nonzeros import Nonzeros, nonzeros_of

if TYPE_CHECKING:
    import scipy.sparse

# Entries of a panel read at once from a file or a Dask graph: 32 MB of float64.
_PANEL_ENTRIES = 4_194_304
_PANELS_KEPT = 2
# Panels of a matrix that is stored by rows: small, but wide beside the cost of asking every row.
_ROW_PANEL_ENTRIES, _ROW_PANEL_GENES, _ROW_PANELS_KEPT = 131_072, 256, 2


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

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        return nonzeros_of(self.native(start, stop))

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
