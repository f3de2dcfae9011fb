"""Condition numbers of designs, of a few columns exactly and of thousands by bidiagonalisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._collinearity import collinearity
from ._gram_schmidt import gram_schmidt
from ._sparse_maps import SparseMap

Floats = NDArray[np.float64]

# Operations that the factorisation of a small design may take.
_SMALL = 100_000_000
# Largest residual of a singular value, as a part of it; its error is of second order in that.
TOLERANCE = 1e-4
# Rounding of the factorisation, which the condition number itself multiplies.
_FACTORED = 1e-12
_FIRST_LOOK, _LOOKS_APART = 32, 1.25
# Most steps, and most multiplications of all of them.
_LONGEST = 20_000
_WORK = 4_000_000_000
# Below this part of the largest a singular value is rounding of the recurrence.
_NOTHING = 1e-12


class ConditionNumber(NamedTuple):
    """Ratio of the extreme singular values of a design; infinite where columns are dependent.

    Attributes
    ----------
    scaled : float
        Of the design with columns scaled to length 1, >= 1: what a change of units leaves alone.
    raw : float
        Of the design as it stands.
    tolerance, raw_tolerance : float
        Relative errors of the two at most; infinite where a figure is a lower bound, because a
        singular value so small was not resolved.
    """

    scaled: float
    raw: float
    tolerance: float
    raw_tolerance: float

    def __str__(self) -> str:
        return (
            f"{_told(self.scaled, self.tolerance)} scaled, "
            f"{_told(self.raw, self.raw_tolerance)} as it stands"
        )


def _told(value: float, tolerance: float) -> str:
    return f"{'at least ' if np.isinf(tolerance) else ''}{value:.4g}"


def condition_number(matrix: SparseMap, weights: Floats | None = None) -> ConditionNumber:
    """Return the condition number of a design, its rows times the roots of weights (n,).

    References
    ----------
    docs/math.md, 4.8 and 19.7.
    """
    values = matrix.values
    if weights is not None:
        values = values * np.sqrt(weights)[matrix.rows]
    # The largest entry of a column first, so that no square overflows or vanishes.
    largest = np.zeros(matrix.shape[1])
    np.maximum.at(largest, matrix.cols, np.abs(values))
    if not largest.all() or matrix.shape[0] < matrix.shape[1]:
        return ConditionNumber(np.inf, np.inf, 0.0, 0.0)
    level = values / largest[matrix.cols]
    length = np.sqrt(np.bincount(matrix.cols, level**2, matrix.shape[1]))
    if matrix.shape[0] * matrix.shape[1] ** 2 <= _SMALL:
        dense = np.zeros(matrix.shape)
        dense[matrix.rows, matrix.cols] = values
        return _factored(dense)
    # A common factor leaves the ratio as it is.
    scaled, scaled_error = _bidiagonalised(matrix, level / length[matrix.cols])
    raw, raw_error = _bidiagonalised(matrix, values / largest.max())
    return ConditionNumber(scaled, raw, scaled_error, raw_error)


def _factored(matrix: Floats) -> ConditionNumber:
    q, factor, independent = gram_schmidt(matrix)
    if not independent.all():
        return ConditionNumber(np.inf, np.inf, 0.0, 0.0)
    shape = collinearity(matrix, q, factor)
    scaled, raw = shape.condition_number, shape.raw_condition_number
    error, raw_error = (_FACTORED * max(1.0, min(value, 1e12)) for value in (scaled, raw))
    return ConditionNumber(scaled, raw, error, raw_error)


def _bidiagonalised(matrix: SparseMap, values: Floats) -> tuple[float, float]:
    """Return the ratio of the extreme singular values and its relative error.

    Golub and Kahan's recurrence, from one start that is always the same. Directions that rounding
    brings back repeat singular values already found and move neither extreme.
    """
    rows, cols = matrix.rows, matrix.cols
    n, p = matrix.shape
    right = np.random.Generator(np.random.PCG64(19)).random(p) - 0.5
    right /= _length(right)
    left = _sums(rows, values * right[cols], n)
    diagonal = [_length(left)]
    beside: list[float] = []
    look = _FIRST_LOOK
    ratio, error = np.inf, np.inf
    longest = min(_LONGEST, max(2 * _FIRST_LOOK, _WORK // values.size))
    while len(diagonal) < longest:
        left /= diagonal[-1]
        right = _sums(cols, values * left[rows], p) - diagonal[-1] * right
        beside.append(_length(right))
        closed = beside[-1] <= _NOTHING * max(diagonal)
        if closed or len(diagonal) >= look:
            ratio, error = _extremes(np.array(diagonal), np.array(beside))
            if closed or error <= TOLERANCE:
                return ratio, TOLERANCE
            look = int(_LOOKS_APART * look)
        right /= beside[-1]
        left = _sums(rows, values * right[cols], n) - beside[-1] * left
        diagonal.append(_length(left))
        if diagonal[-1] <= _NOTHING * max(diagonal):
            return np.inf, 0.0
    return ratio, np.inf


def _extremes(diagonal: Floats, beside: Floats) -> tuple[float, float]:
    """Return the ratio of extreme singular values of a bidiagonal matrix, and their residual.

    They are eigenvalues of the matrix that has the two diagonals in turn beside a diagonal of
    zeros, found to full relative accuracy (Golub and Kahan 1965).
    """
    from scipy.linalg import eigh_tridiagonal

    size = diagonal.size
    off = np.empty(2 * size - 1)
    off[::2], off[1::2] = diagonal, beside[:-1]
    found, residual = [], 0.0
    for which in (size, 2 * size - 1):
        value, vector = eigh_tridiagonal(
            np.zeros(2 * size), off, select="i", select_range=(which, which)
        )
        rest = beside[-1] * abs(float(vector[-1, 0])) * np.sqrt(2.0)
        found.append(float(value[0]))
        residual = max(residual, rest / found[-1] if found[-1] > 0.0 else np.inf)
    least, most = found
    if least <= _NOTHING * most:
        return np.inf, 0.0
    return most / least, residual


def _sums(place: NDArray[np.intp], terms: Floats, size: int) -> Floats:
    """Sums of terms by place, in their order."""
    return np.asarray(np.bincount(place, terms, size), dtype=np.float64)


def _length(vector: Floats) -> float:
    return float(np.sqrt(np.add.reduce(vector * vector)))
