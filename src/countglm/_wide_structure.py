"""What a sparse matrix of differences connects: single columns, small groups, large ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels.components import EXACT, SINGLE, SPLIT, Bench, Pieces, Room

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
# Up to so many rows the dual of a component is solved as a whole.
MOST_ROWS = 15


@dataclass(frozen=True, eq=False)
class Structure:
    """Differences in the order of their components.

    Attributes
    ----------
    pieces : Pieces
    columns : (p,) int64
        The original column at every place.
    rows : (m,) int64
        The original row at every place.
    cost : (m,)
        Costs at the places.
    """

    pieces: Pieces
    columns: Places
    rows: Places
    cost: Floats

    @property
    def n_components(self) -> int:
        """Components, single columns included."""
        return self.pieces.kind.size

    @property
    def tells_equals(self) -> bool:
        """Whether every row says that two columns are equal or that one is 0."""
        return bool(self.pieces.plain.all())

    def room(self) -> Room:
        """Return room for the nearest points."""
        p, m = self.columns.size, self.rows.size
        low = np.zeros(int(self.pieces.profile[-1]))
        return Room(
            np.zeros(m), low, np.zeros(self.n_components),
            np.zeros(p, dtype=np.int64), np.zeros(p, dtype=np.bool_), np.zeros(p), np.zeros(p),
        )  # fmt: skip

    def bench(self) -> Bench:
        """Return room for one small component at a time."""
        small = self.pieces.kind == EXACT
        q = int(np.diff(self.pieces.rows)[small].max(initial=1))
        k = int(np.diff(self.pieces.columns)[small].max(initial=1))
        z = np.zeros
        return Bench(z((q, q)), z(q), z(q), z(q), z(q), z((q, q)), z(q, np.int64), z(q), z((q, k)))


def structure_of(matrix: Any, cost: Floats) -> Structure:
    """Return the structure of differences (m, p), a scipy matrix without empty rows."""
    from scipy import sparse
    from scipy.sparse import csgraph

    d = matrix.tocsr(copy=True).astype(np.float64)
    d.sum_duplicates()
    d.eliminate_zeros()
    p = d.shape[1]
    # The columns of a row are linked one to the next.
    inside = np.ones(max(d.nnz - 1, 0), dtype=np.bool_)
    inside[d.indptr[1:-1] - 1] = False
    one, two = d.indices[:-1][inside], d.indices[1:][inside]
    links: Any = sparse.coo_matrix((np.ones(one.size), (one, two)), shape=(p, p))
    links = (links + links.T).tocsr()
    count, found = csgraph.connected_components(links, directed=False)
    # Components in order of their first column; within one, the order that keeps profiles short.
    first = np.full(count, p)
    label = np.asarray(found, dtype=np.int64)
    np.minimum.at(first, label, np.arange(p))
    label = np.argsort(np.argsort(first))[label].astype(np.int64)
    near = csgraph.reverse_cuthill_mckee(links, symmetric_mode=True).astype(np.int64)
    columns = near[np.argsort(label[near], kind="stable")]
    row_label = label[d.indices[d.indptr[:-1]]] if d.shape[0] else np.zeros(0, dtype=np.int64)
    rows = np.argsort(row_label, kind="stable").astype(np.int64)
    ordered = d[rows][:, columns].tocsr()
    ordered.sort_indices()
    column_bounds = np.searchsorted(label[columns], np.arange(count + 1)).astype(np.int64)
    row_bounds = np.searchsorted(row_label[rows], np.arange(count + 1)).astype(np.int64)
    pieces = Pieces(
        _kinds(np.diff(column_bounds), np.diff(row_bounds)), column_bounds, row_bounds,
        ordered.indptr.astype(np.int64), ordered.indices.astype(np.int64),
        ordered.data.astype(np.float64), _plain(ordered), _profile(ordered, p),
    )  # fmt: skip
    return Structure(pieces, columns, rows, np.ascontiguousarray(cost[rows]))


def _kinds(columns: Places, rows: Places) -> Places:
    kind = np.where(rows <= MOST_ROWS, EXACT, SPLIT)
    return np.where(columns == 1, SINGLE, kind).astype(np.int64)


def _plain(rows: Any) -> NDArray[np.bool_]:
    entries = np.diff(rows.indptr)
    total = np.asarray(rows.sum(axis=1)).ravel()
    return np.asarray((entries == 1) | ((entries == 2) & (total == 0.0)), dtype=np.bool_)


def _profile(rows: Any, p: int) -> Places:
    """Starts (p + 1,) of the rows of the profile of ``D'D + diag``."""
    head = np.arange(p)
    for k in range(rows.shape[0]):
        places = rows.indices[rows.indptr[k] : rows.indptr[k + 1]]
        head[places] = np.minimum(head[places], places.min())
    return np.concatenate([[0], np.cumsum(np.arange(p) - head + 1)]).astype(np.int64)
