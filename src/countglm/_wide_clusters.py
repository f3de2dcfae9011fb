"""Columns whose coefficients are one, and the smaller model that this makes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._wide_problem import Rows
from ._wide_structure import Structure
from .kernels.families import BINOMIAL, COUNTS

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def clusters_of(structure: Structure, beta: Floats) -> Labels:
    """Return the cluster (p,) of every column in the order of the structure; -1 for held at 0.

    Columns of one component with equal coefficients make a cluster; so does each that no difference
    touches.  Clusters are numbered in order of their first column of the design.
    """
    pieces = structure.pieces
    owner = np.repeat(np.arange(pieces.kind.size), np.diff(pieces.columns))
    # Components in which single columns are penalised hold coefficients at 0.
    lonely = np.flatnonzero(np.diff(pieces.bounds) == 1)
    at_zero = np.zeros(pieces.kind.size, dtype=np.bool_)
    at_zero[owner[pieces.places[pieces.bounds[lonely]]]] = True
    order = np.lexsort((beta, owner))
    new = np.ones(beta.size, dtype=np.bool_)
    new[1:] = (np.diff(owner[order]) != 0) | (np.diff(beta[order]) != 0.0)
    found = np.empty(beta.size, dtype=np.int64)
    found[order] = np.cumsum(new) - 1
    if not structure.tells_equals:
        found = np.arange(beta.size)
    held = at_zero[owner] & (beta == 0.0)
    # In the order of the design's columns.
    first = np.full(beta.size, beta.size)
    np.minimum.at(first, found[~held], structure.columns[~held])
    rank = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return np.where(held, -1, rank[found])


def collapsed(matrix: Any, clusters: Labels) -> Any:
    """Return the design (n, n_clusters) in which columns of a cluster are added."""
    from scipy import sparse

    entries = matrix.tocoo()
    kept = clusters[entries.col] >= 0
    count = int(clusters.max(initial=-1)) + 1
    return sparse.csr_matrix(
        (entries.data[kept], (entries.row[kept], clusters[entries.col[kept]])),
        shape=(matrix.shape[0], count),
    )


def runaway(matrix: Any, rows: Rows, ridge: Floats) -> NDArray[np.int8]:
    """Return 1 or -1 (p,) for columns whose coefficient alone runs to +-infinity, else 0.

    All rows with the column are at an end of the family, zeros for counts, none or all for
    proportions, and all of them are fitted better the further it goes.
    """
    p = matrix.shape[1]
    if rows.code not in (COUNTS, BINOMIAL):
        return np.zeros(p, dtype=np.int8)
    push = ends(rows)
    # Binomials without trials say nothing.
    silent = (rows.weight == 0.0) | ((rows.code == BINOMIAL) & (rows.size == 0.0))
    entries = matrix.tocoo()
    kept = (entries.data != 0.0) & ~silent[entries.row]
    row, column, value = entries.row[kept], entries.col[kept], entries.data[kept]
    sign = push[row] * np.sign(value)
    count = np.bincount(column, minlength=p)
    total = np.bincount(column, sign, minlength=p)
    runs = (count > 0) & (np.abs(total) == count) & (ridge == 0.0)
    return np.where(runs, np.sign(total), 0.0).astype(np.int8)


def ends(rows: Rows) -> Floats:
    """Return to which infinity (n,) the best predictor of a row alone runs: -1, 1; 0 for none."""
    if rows.code not in (COUNTS, BINOMIAL):
        return np.zeros(rows.y.size)
    low = rows.y == 0.0
    high = (rows.y == rows.size) & (rows.code == BINOMIAL)
    return np.where(low & ~high, -1.0, np.where(high & ~low, 1.0, 0.0))


def touched(matrix: Any, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which rows have a nonzero in a chosen column."""
    entries = matrix.tocoo()
    found = np.zeros(matrix.shape[0], dtype=np.bool_)
    found[entries.row[chosen[entries.col] & (entries.data != 0.0)]] = True
    return found
