"""The Cox-Reid term, the log-determinant of X' W X, and its slope, for many genes at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt

from ._linear import tiles

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Adjustment:
    """Log-determinants for one design.

    Samples with equal rows of the design share one sum of weights (a cell), and where there are
    as many cells as columns the determinant is a product over cells.

    Attributes
    ----------
    cells : (k, p) float64
        Distinct rows of the design.
    members : tuple of k index arrays
        Samples of each cell.
    constant : float or None
        log det(cells)² where ``k = p`` and all samples count, else None.
    products : tuple
        For columns ``j >= k``: j, k, the cells where neither is 0 and their product there.
    kept, present : (g, n) and (g, p) bool, or None
        Samples that count, and columns that are not zero on them; None where all count.
    """

    cells: Floats
    members: tuple[Index, ...]
    constant: float | None
    products: tuple[tuple[int, int, Index, Floats], ...]
    kept: Mask | None = None
    present: Mask | None = None

    def take(self, rows: Mask) -> Adjustment:
        """The same for some genes."""
        if self.kept is None or self.present is None:
            return self
        return replace(self, kept=self.kept[rows], present=self.present[rows])

    def _cell_sums(self, weight: Floats) -> Floats:
        """Sums over the samples of each cell (g, k)."""
        if self.kept is not None:
            weight = np.where(self.kept, weight, 0.0)
        # take() leaves rows in memory where an index would leave columns.
        sums = [np.add.reduce(np.take(weight, cell, axis=1), axis=1) for cell in self.members]
        return np.ascontiguousarray(np.stack(sums, axis=1))

    def _gram(self, cell_weight: Floats) -> Floats:
        """X' W X as (p, p, g), lower triangle only."""
        p = self.cells.shape[1]
        gram = np.zeros((p, p, cell_weight.shape[0]))
        for j, k, support, product in self.products:
            terms = np.ascontiguousarray(cell_weight[:, support]) * product
            gram[j, k] = np.add.reduce(terms, axis=1)
        return gram

    def _absent(self, tile: slice) -> Floats | float:
        """1 (p, g) for each column that is left out, to stand on the diagonal of X' W X."""
        return 0.0 if self.present is None else (~self.present[tile]).T.astype(np.float64)

    def log_det(self, weight: Floats) -> Floats:
        """log det X' W X (g,) for weights (g, n)."""
        sums = self._cell_sums(weight)
        if self.constant is not None:
            total: Floats = np.add.reduce(np.log(sums), axis=1) + self.constant
            return total
        genes, p = sums.shape[0], self.cells.shape[1]
        value = np.empty(genes)
        for tile in tiles(genes, p * p):
            gram = self._gram(sums[tile])
            gram[np.arange(p), np.arange(p)] += self._absent(tile)
            value[tile] = _log_pivots(gram)
        return value

    def slope(self, weight: Floats, change: Floats) -> Floats:
        """tr (X' W X)⁻¹ X' diag(change) X (g,): the derivative of the log-determinant."""
        sums, changes = self._cell_sums(weight), self._cell_sums(change)
        if self.constant is not None:
            total: Floats = np.add.reduce(changes / sums, axis=1)
            return total
        genes, p = sums.shape[0], self.cells.shape[1]
        value = np.empty(genes)
        for tile in tiles(genes, 2 * p * p):
            gram = self._gram(sums[tile])
            gram[np.arange(p), np.arange(p)] += self._absent(tile)
            value[tile] = _pivot_speeds(gram, self._gram(changes[tile]))
        return value


def _log_pivots(gram: Floats) -> Floats:
    """Sum of the log pivots (g,) of symmetric matrices (p, p, g), which are overwritten."""
    value = np.zeros(gram.shape[2])
    for k in range(gram.shape[0]):
        pivot = gram[k, k]
        value += np.log(pivot)
        column = gram[k + 1 :, k]
        gram[k + 1 :, k + 1 :] -= (column / pivot)[:, None] * column[None, :]
    return value


def _pivot_speeds(gram: Floats, moved: Floats) -> Floats:
    """Change of the sum of log pivots (g,) where the matrices change at the rate ``moved``.

    The elimination is differentiated step by step; both arguments (p, p, g) are overwritten.
    """
    value = np.zeros(gram.shape[2])
    for k in range(gram.shape[0]):
        pivot, speed = gram[k, k], moved[k, k]
        value += speed / pivot
        column, column_speed = gram[k + 1 :, k], moved[k + 1 :, k]
        factor = column / pivot
        factor_speed = (column_speed - factor * speed) / pivot
        gram[k + 1 :, k + 1 :] -= factor[:, None] * column[None, :]
        moved[k + 1 :, k + 1 :] -= (
            factor_speed[:, None] * column[None, :] + factor[:, None] * column_speed[None, :]
        )
    return value


def make_adjustment(x: Floats, weights: Floats | None, threshold: float) -> Adjustment:
    """Prepare the log-determinants of a design (n, p).

    With observation weights (g, n) a sample counts only where its weight is above ``threshold``;
    it then counts fully, and columns that are zero on the samples that count are left out.
    """
    cells, place = np.unique(x, axis=0, return_inverse=True)
    place = np.ravel(place)
    members = tuple(np.flatnonzero(place == k) for k in range(cells.shape[0]))
    pairs = _column_products(cells)
    if weights is not None:
        kept = weights > threshold
        columns = [kept[:, x[:, j] != 0.0].any(axis=1) for j in range(x.shape[1])]
        return Adjustment(cells, members, None, pairs, kept, np.stack(columns, axis=1))
    constant = None
    if cells.shape[0] == cells.shape[1]:
        _, r, independent = gram_schmidt(cells, in_turn=True)
        if independent.all():
            constant = 2.0 * float(np.add.reduce(np.log(np.diagonal(r))))
    return Adjustment(cells, members, constant, pairs)


def _column_products(cells: Floats) -> tuple[tuple[int, int, Index, Floats], ...]:
    """Products of columns, with the cells where they are not 0: dummies leave few."""
    pairs = []
    for j in range(cells.shape[1]):
        for k in range(j + 1):
            product = cells[:, j] * cells[:, k]
            support = np.flatnonzero(product)
            if support.size:
                pairs.append((j, k, support, product[support]))
    return tuple(pairs)
