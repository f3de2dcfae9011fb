"""Linear algebra of many genes at once: element-wise over genes, no LAPACK.

Reductions run along the contiguous last axis only, so that what a gene gets does not depend on
the genes that stand beside it: of other layouts NumPy adds up the samples in an order that
changes with the number of genes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Entries of the arrays that are worked on at a time, so that they stay in a core's cache.
_TILE_ENTRIES = 1 << 18


class Factor(NamedTuple):
    """``q`` (p, g, m) orthonormal columns, ``r`` (p, p, g) upper triangular, ``along`` (p, g)."""

    q: Floats
    r: Floats
    along: Floats | None


def in_rows(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Return ``values`` broadcast to (g, n) with the samples of a gene side by side in memory."""
    return np.ascontiguousarray(np.broadcast_to(values, shape))


def tiles(genes: int, entries: int) -> Iterator[slice]:
    """Yield slices of genes whose working arrays, ``entries`` numbers a gene, stay small."""
    step = max(1, _TILE_ENTRIES // max(1, entries))
    for start in range(0, genes, step):
        yield slice(start, min(start + step, genes))


def orthogonalise(
    columns: Floats, target: Floats | None = None, *, dense: int | None = None, passes: int = 1
) -> Factor:
    """Factor stacked columns by modified Gram-Schmidt.

    Parameters
    ----------
    columns : (p, g, m)
        Column ``j`` of gene ``k`` is ``columns[j, k]``; overwritten by the orthonormal columns.
    target : (g, m) or None
        Right-hand side of a least squares problem, treated as one more column (this is backward
        stable; Björck, BIT 7, 1967). Overwritten by the residual.
    dense : int or None
        Rows that any column may fill; the rows after them form a diagonal matrix, as those of a
        ridge do. None: all rows.
    passes : int
        2 orthogonalises twice, which brings the loss of orthogonality to rounding level.
    """
    p, genes, rows = columns.shape
    r = np.zeros((p, p, genes))
    along = None if target is None else np.empty((p, genes))
    for k in range(p):
        # Below its own row of the diagonal a column is 0 still.
        part = columns[:, :, : rows if dense is None else dense + k + 1]
        q = part[k]
        for _ in range(1, passes):
            for j in range(k):
                again = np.add.reduce(q * part[j], axis=-1)
                r[j, k] += again
                q -= again[:, None] * part[j]
        r[k, k] = np.sqrt(np.add.reduce(q * q, axis=-1))
        q /= r[k, k][:, None]
        rest = part[k + 1 :]
        r[k, k + 1 :] = np.add.reduce(rest * q, axis=-1)
        rest -= r[k, k + 1 :, :, None] * q
        if target is not None and along is not None:
            left = target[:, : q.shape[1]]
            along[k] = np.add.reduce(left * q, axis=-1)
            left -= along[k][:, None] * q
    return Factor(columns, r, along)


def augmented(x: Floats, root_weight: Floats, root_ridge: Floats) -> Floats:
    """Columns of ``[sqrt(W) X; sqrt(ridge)]`` (p, g, n + p) for weights (g, n), ridge (p,)."""
    n, p = x.shape
    columns = np.zeros((p, root_weight.shape[0], n + p))
    np.multiply(root_weight, x.T[:, None, :], out=columns[:, :, :n])
    for j in range(p):
        columns[j, :, n + j] = root_ridge[j]
    return columns


def least_squares(x: Floats, root_weight: Floats, root_ridge: Floats, z: Floats) -> Floats:
    """Ridge regression (g, p) of ``z`` (g, n) on ``x`` with weights, by QR."""
    genes, n = z.shape
    p = x.shape[1]
    solution = np.empty((genes, p))
    for tile in tiles(genes, (p + 1) * (n + p)):
        root = root_weight[tile]
        target = np.zeros((root.shape[0], n + p))
        np.multiply(root, z[tile], out=target[:, :n])
        _, r, along = orthogonalise(augmented(x, root, root_ridge), target, dense=n)
        assert along is not None
        for j in range(p - 1, -1, -1):
            value = along[j]
            for k in range(j + 1, p):
                value = value - r[j, k] * along[k]
            along[j] = value / r[j, j]
        solution[tile] = along.T
    return solution


def influence(x: Floats, root_weight: Floats, root_ridge: Floats) -> tuple[Floats, Floats]:
    """Leverages and square root of the covariance of a ridge regression.

    With ``[sqrt(W) X; sqrt(ridge)] = Q R`` and ``Q1`` the first n rows of ``Q``, the hat matrix is
    ``Q1 Q1'`` and the sandwich ``(X'WX + L)⁻¹ X'WX (X'WX + L)⁻¹`` is ``T'T`` with ``T = Q1 R'⁻¹``:
    no difference of large numbers, no negative variance.

    Returns
    -------
    leverage : (g, n)
    root : (p, g, n)
        ``T``: a contrast's variance is the sum over samples of ``(T c)²``.
    """
    n = x.shape[0]
    q, r, _ = orthogonalise(augmented(x, root_weight, root_ridge), dense=n, passes=2)
    root = np.ascontiguousarray(q[:, :, :n])
    p = root.shape[0]
    leverage = np.zeros(root.shape[1:])
    for k in range(p):
        leverage += root[k] * root[k]
    for k in range(p - 1, -1, -1):
        for j in range(k + 1, p):
            root[k] -= r[k, j][:, None] * root[j]
        root[k] /= r[k, k][:, None]
    return leverage, root
