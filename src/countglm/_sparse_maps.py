"""Linear maps with few entries: composed, and applied with sums that carry their rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# A sum this far below the terms that cancel in it is their rounding.
_ROUNDING = 2.0**-49
# Rows of a product that are made at a time, so that its terms take bounded memory.
_ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class SparseMap:
    """A matrix by its entries other than 0: by rows, columns ascending, each place once.

    ``rows``, ``cols``, ``values`` are (n_entries,); ``shape`` is that of the matrix.
    """

    rows: Index
    cols: Index
    values: Floats
    shape: tuple[int, int]

    @property
    def starts(self) -> Index:
        """Where every row starts among the entries, (n_rows + 1,)."""
        return np.searchsorted(self.rows, np.arange(self.shape[0] + 1))

    def transposed(self) -> SparseMap:
        """The matrix with rows and columns exchanged."""
        order = np.lexsort((self.rows, self.cols))
        shape = (self.shape[1], self.shape[0])
        return SparseMap(self.cols[order], self.rows[order], self.values[order], shape)

    def times(self, other: SparseMap) -> SparseMap:
        """The product with another matrix; what is rounding of terms that cancel is left out."""
        pieces = []
        for first in range(0, max(self.shape[0], 1), _ROWS_AT_ONCE):
            some = slice(*np.searchsorted(self.rows, [first, first + _ROWS_AT_ONCE]).tolist())
            pieces.append(_product_of_rows(self, some, other))
        return stacked(pieces)

    def apply(self, values: Floats) -> Floats:
        """Return the map (..., n_rows) of vectors (..., n_cols).

        A sum carries its rounding along (Neumaier 1974), so that a result has the error of one
        rounding where the products are exact, as they are with entries 1 and -1.
        """
        flat = np.ascontiguousarray(values.reshape(-1, self.shape[1]).T)
        total = np.zeros((self.shape[0], flat.shape[1]))
        lost = np.zeros_like(total)
        # The first entries of all rows, then the second ones: no row twice in one sweep.
        place = np.arange(self.rows.size) - self.starts[self.rows]
        order = np.argsort(place, kind="stable")
        for entries in np.split(order, np.cumsum(np.bincount(place))[:-1]):
            row = self.rows[entries]
            term = self.values[entries, None] * flat[self.cols[entries]]
            before = total[row]
            # Infinite coefficients have no rounding to carry.
            with np.errstate(invalid="ignore"):
                after = before + term
                part = after - before
                error = (before - (after - part)) + (term - part)
            total[row] = after
            lost[row] += np.where(np.isfinite(error), error, 0.0)
        return np.asarray((total + lost).T.reshape(*values.shape[:-1], self.shape[0]))

    def dense(self) -> Floats:
        """The matrix as an array."""
        out = np.zeros(self.shape)
        out[self.rows, self.cols] = self.values
        return out

    def csr(self) -> Any:
        """The matrix as scipy has it."""
        from scipy.sparse import csr_array

        return csr_array((self.values, self.cols, self.starts), shape=self.shape)


def from_entries(
    rows: ArrayLike, cols: ArrayLike, values: ArrayLike, shape: tuple[int, int]
) -> SparseMap:
    """Return the map of entries in any order, those of one place added up."""
    where, at = np.asarray(rows, dtype=np.intp), np.asarray(cols, dtype=np.intp)
    order = np.lexsort((at, where))
    where, at, terms = where[order], at[order], np.asarray(values, dtype=np.float64)[order]
    if not terms.size:
        return SparseMap(where, at, terms, shape)
    new = np.concatenate([[True], (np.diff(where) != 0) | (np.diff(at) != 0)])
    first = np.flatnonzero(new)
    sums = np.add.reduceat(terms, first)
    kept = np.abs(sums) > _ROUNDING * np.add.reduceat(np.abs(terms), first)
    first = first[kept]
    return SparseMap(where[first], at[first], sums[kept], shape)


def from_array(matrix: ArrayLike) -> SparseMap:
    """Return the map of a dense matrix."""
    values = np.asarray(matrix, dtype=np.float64)
    rows, cols = np.nonzero(values)
    return SparseMap(rows, cols, values[rows, cols], (values.shape[0], values.shape[1]))


def from_sparse(matrix: Any) -> SparseMap:
    """Return the map of a scipy matrix of whatever kind."""
    entries = matrix.tocoo()
    return from_entries(entries.row, entries.col, entries.data, matrix.shape)


def diagonal(values: ArrayLike) -> SparseMap:
    """Return the map that multiplies every coordinate by a number other than 0."""
    numbers = np.asarray(values, dtype=np.float64)
    at = np.arange(numbers.size)
    return SparseMap(at, at, numbers, (numbers.size, numbers.size))


def identity_and(size: int, rows: ArrayLike, cols: ArrayLike, values: ArrayLike) -> SparseMap:
    """Return the identity with entries added to it."""
    at = np.arange(size)
    return from_entries(
        np.concatenate([at, np.asarray(rows, dtype=np.intp)]),
        np.concatenate([at, np.asarray(cols, dtype=np.intp)]),
        np.concatenate([np.ones(size), np.asarray(values, dtype=np.float64)]),
        (size, size),
    )


def stacked(pieces: Sequence[SparseMap]) -> SparseMap:
    """Return pieces of one shape, whose rows follow each other, as one map."""
    return SparseMap(
        np.concatenate([piece.rows for piece in pieces]),
        np.concatenate([piece.cols for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
        pieces[0].shape,
    )


def _product_of_rows(left: SparseMap, some: slice, right: SparseMap) -> SparseMap:
    rows, cols, values = left.rows[some], left.cols[some], left.values[some]
    starts = right.starts
    count = starts[cols + 1] - starts[cols]
    term = np.repeat(np.arange(rows.size), count)
    within = np.arange(term.size) - np.repeat(np.cumsum(count) - count, count)
    at = starts[cols[term]] + within
    shape = (left.shape[0], right.shape[1])
    return from_entries(rows[term], right.cols[at], values[term] * right.values[at], shape)
