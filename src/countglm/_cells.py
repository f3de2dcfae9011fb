"""Samples with identical rows of a design, and sums whose bits depend on no neighbour."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Cells(NamedTuple):
    """Cells of a design.

    ``rows`` (k, p): the distinct rows. ``cell`` (n,): the number of each sample's row.
    ``members``: the samples of each cell.
    """

    rows: Floats
    cell: NDArray[np.intp]
    members: tuple[NDArray[np.intp], ...]

    @property
    def each_alone(self) -> bool:
        """True where no two samples have the same row."""
        return len(self.members) == self.cell.size

    def sums(self, values: Floats) -> Floats:
        """Return the sums (g, k) over the samples of each cell of values (g, n)."""
        by_sample = np.ascontiguousarray(values.T)
        return np.array([add_rows(by_sample[members]) for members in self.members]).T


def cells_of(x: Floats) -> Cells:
    """Return the cells of a design (n, p), remembered for the blocks to come."""
    return _cells(np.ascontiguousarray(x, dtype=np.float64).tobytes(), x.shape)


@lru_cache(maxsize=16)
def _cells(values: bytes, shape: tuple[int, int]) -> Cells:
    rows, cell = np.unique(np.frombuffer(values).reshape(shape), axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    return Cells(rows, cell, tuple(np.flatnonzero(cell == k) for k in range(rows.shape[0])))


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
