"""Orthonormal columns by modified Gram-Schmidt, the same bits with any BLAS and any threads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RELATIVE_TOLERANCE = 1e-10


def gram_schmidt(
    x: NDArray[np.float64], tolerance: float = RELATIVE_TOLERANCE
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Factor ``x = q r`` with orthonormal columns, taken in the order they stand.

    Every column is orthogonalised twice against its predecessors, which brings the loss of
    orthogonality to rounding level whatever the condition number (Giraud, Langou and Rozložník,
    *Comput. Math. Appl.* 50, 2005). Sums are NumPy's pairwise sums over contiguous arrays, so the
    result does not depend on a BLAS library or on its threads.

    Parameters
    ----------
    x : (n, p) float64
        Finite. Columns may differ in scale by any factor: each is scaled by a power of two first.
    tolerance : float
        A column is dependent if less than this part of its norm remains after projection.

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
    q = np.zeros((n, p), dtype=np.float64, order="F")
    r = np.zeros((p, p), dtype=np.float64)
    independent = np.zeros(p, dtype=np.bool_)
    for j in range(p):
        column = np.array(x[:, j], dtype=np.float64, order="C")
        largest = float(np.max(np.abs(column), initial=0.0))
        if largest == 0.0:
            continue
        exponent = int(np.frexp(largest)[1])
        column = np.ldexp(column, -exponent)
        norm = _norm(column)
        coefficients = _project_out(column, q, np.flatnonzero(independent))
        rest = _norm(column)
        r[:, j] = np.ldexp(coefficients, exponent)
        if rest > tolerance * norm:
            independent[j] = True
            q[:, j] = column / rest
            r[j, j] = np.ldexp(rest, exponent)
    return q, r, independent


def _project_out(
    column: NDArray[np.float64], q: NDArray[np.float64], kept: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Subtract from ``column``, in place and twice, its part along the columns ``kept`` of q."""
    coefficients = np.zeros(q.shape[1], dtype=np.float64)
    for _ in range(2):
        for k in kept:
            direction = q[:, k]
            along = float(np.add.reduce(direction * column))
            column -= along * direction
            coefficients[k] += along
    return coefficients


def _norm(v: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.add.reduce(v * v)))
