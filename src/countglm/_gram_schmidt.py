"""Orthonormal columns by Gram-Schmidt, done twice: the same bits with any BLAS and threads."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

RELATIVE_TOLERANCE = 1e-10


def gram_schmidt(
    x: NDArray[np.float64], tolerance: float = RELATIVE_TOLERANCE, *, in_turn: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Factor ``x = q r`` with orthonormal columns, taken in the order they stand.

    Every column is orthogonalised twice against its predecessors, which brings the loss of
    orthogonality to rounding level whatever the condition number (Giraud, Langou and Rozložník,
    *Comput. Math. Appl.* 50, 2005). Sums are NumPy's over contiguous arrays, so the result does not
    depend on a BLAS library or on its threads.

    Parameters
    ----------
    x : (n, p) float64
        Finite. Columns may differ in scale by any factor: each is scaled by a power of two first.
    tolerance : float
        A column is dependent if less than this part of its norm remains after projection.
    in_turn : bool
        Whether a column loses its part along one predecessor after the other, not along all at
        once: slower, equal to rounding. Replay keeps to one order, as rounding ends its searches.

    Returns
    -------
    q : (n, p) float64, Fortran order
        Orthonormal columns; a column of zeros where ``x``'s column is dependent.
    r : (p, p) float64
        Upper triangular with positive diagonal (0 for dependent columns), ``x = q r``.
    independent : (p,) bool
        False where a column is zero or a combination of the columns before it.
    """
    n, p = x.shape
    project_out = _project_out_in_turn if in_turn else _project_out
    columns = np.array(x.T, dtype=np.float64, order="C")
    exponents = np.frexp(np.abs(columns).max(axis=1, initial=0.0))[1]
    columns = np.ldexp(columns, -exponents[:, None])
    norms = np.sqrt(np.add.reduce(columns * columns, axis=1))
    # Directions found so far as rows, one after another, and the columns they came from.
    found = np.empty((min(n, p), n))
    kept: list[int] = []
    r = np.zeros((p, p), dtype=np.float64)
    for j, norm in enumerate(norms.tolist()):
        if norm == 0.0:
            continue
        column, rest = columns[j], norm
        if kept:
            r[kept, j] = project_out(column, found[: len(kept)])
            rest = math.sqrt(np.add.reduce(column * column))
        if rest > tolerance * norm and len(kept) < n:
            np.divide(column, rest, out=found[len(kept)])
            r[j, j] = rest
            kept.append(j)
    q = np.zeros((n, p), dtype=np.float64, order="F")
    q[:, kept] = found[: len(kept)].T
    independent = np.zeros(p, dtype=np.bool_)
    independent[kept] = True
    return q, np.ldexp(r, exponents), independent


def _project_out(
    column: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Subtract from ``column``, in place and twice, its part along the rows ``directions``."""
    first = np.add.reduce(directions * column, axis=1)
    column -= np.add.reduce(first[:, None] * directions, axis=0)
    second = np.add.reduce(directions * column, axis=1)
    column -= np.add.reduce(second[:, None] * directions, axis=0)
    return np.asarray(first + second)


def _project_out_in_turn(
    column: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Do as `_project_out`, with what each direction leaves of the column for the next."""
    total = np.zeros(len(directions))
    for _ in range(2):
        for k, direction in enumerate(directions):
            along = float(np.add.reduce(direction * column))
            column -= along * direction
            total[k] += along
    return total
