"""Samples with identical rows of a design, and sums whose bits depend on no neighbour."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a design.

    ``rows`` (k, p): the distinct rows, ascending. ``cell`` (n,): the number of each sample's row.
    """

    rows: Floats
    cell: Index

    @cached_property
    def sizes(self) -> Index:
        """Samples of each cell (k,)."""
        return np.bincount(self.cell, minlength=self.rows.shape[0])

    @cached_property
    def members(self) -> tuple[Index, ...]:
        """The samples of each cell, ascending."""
        order = np.argsort(self.cell, kind="stable")
        return tuple(np.split(order, np.cumsum(self.sizes)[:-1]))

    @property
    def each_alone(self) -> bool:
        """True where no two samples have the same row."""
        return bool(self.rows.shape[0] == self.cell.size)

    def sums(self, values: Floats) -> Floats:
        """Return the sums (g, k) over the samples of each cell of values (g, n)."""
        by_sample = np.ascontiguousarray(values.T)
        return np.array([add_rows(by_sample[members]) for members in self.members]).T


# The cells of the latest designs, by a digest of their values: the designs may be large.
_known: dict[bytes, Cells] = {}
_KEPT = 16


def cells_of(x: Floats) -> Cells:
    """Return the cells of a design (n, p), remembered for the blocks to come."""
    own = np.ascontiguousarray(x, dtype=np.float64)
    key = hashlib.sha256(own.data).digest() + repr(own.shape).encode()
    cells = _known.get(key)
    if cells is None:
        rows, _, cell = distinct_rows(own)
        cells = Cells(rows, cell)
        for oldest in list(_known)[: max(0, len(_known) + 1 - _KEPT)]:
            _known.pop(oldest, None)
        _known[key] = cells
    return cells


def distinct_rows(x: Floats) -> tuple[Floats, Index, Index]:
    """Return the distinct rows (k, p) of ``x`` (n, p), ascending, where each is first, and which.

    As `numpy.unique` along the first axis, but column by column: numbers are sorted, not rows.
    """
    first, group = np.zeros(1, dtype=np.intp), np.zeros(x.shape[0], dtype=np.intp)
    for column in x.T:
        values, place = np.unique(column, return_inverse=True)
        # Numbered anew after each column, so that the numbers stay small.
        _, first, group = np.unique(
            group * values.size + place.reshape(-1), return_index=True, return_inverse=True
        )
        group = group.reshape(-1)
    return x[first], first, group


def add_rows(values: Floats) -> Floats:
    """Return the sum of values (k, ...) over the first axis, one row after the other.

    Genes on the last axis: NumPy would add up a gene by itself, a single column, pairwise.
    """
    if values[:1].size == 1:
        return np.asarray(np.add.accumulate(values, axis=0)[-1])
    return np.asarray(np.add.reduce(values, axis=0))


def scaled_columns(x: Floats, weight: Floats, active: NDArray[np.bool_]) -> Floats:
    """Return the columns (p, n, g) of ``diag(weight)^½ x``, 0 where not active, genes last.

    Parameters
    ----------
    x : (n, p)
    weight : (g, n)
    active : (g, p)
    """
    root = np.ascontiguousarray(np.sqrt(weight).T)
    columns = np.empty((x.shape[1], *root.shape))
    for j in range(x.shape[1]):
        np.multiply(x[:, j, None], root, out=columns[j])
        columns[j] *= active[:, j]
    return columns
