"""Interpolating cubic spline with the end conditions of Forsythe, Malcolm and Moler."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CubicSpline:
    """Pieces about each knot but the last: ``value + slope d + second d² + third d³``.

    Beyond the knots the first and last pieces go on.
    """

    knots: Floats
    value: Floats
    slope: Floats
    second: Floats
    third: Floats

    def __call__(self, x: Floats) -> Floats:
        """Evaluate at any points."""
        piece = np.searchsorted(self.knots, x, side="right") - 1
        piece = np.clip(piece, 0, self.value.size - 1)
        d = x - self.knots[piece]
        return np.asarray(
            self.value[piece]
            + d * (self.slope[piece] + d * (self.second[piece] + d * self.third[piece]))
        )


def fmm_spline(x: Floats, y: Floats) -> CubicSpline:
    """Return the spline through at least four points with increasing ``x`` (docs/math.md, 13.3).

    On the first and last pieces the third derivative is that of the cubic through the first and
    last four points (Forsythe, Malcolm and Moler, 1977, Computer Methods for Mathematical
    Computations, chapter 4).  The unknowns are second derivatives over 6 at the knots.
    """
    h = np.diff(x)
    chord = np.diff(y) / h
    right = np.empty(x.size)
    right[1:-1] = np.diff(chord)
    second = np.diff(chord) / (x[2:] - x[:-2])
    third = np.diff(second) / (x[3:] - x[:-3])
    right[0] = h[0] ** 2 * third[0]
    right[-1] = -(h[-1] ** 2) * third[-1]
    diagonal = np.empty(x.size)
    diagonal[1:-1] = 2.0 * (h[:-1] + h[1:])
    diagonal[0], diagonal[-1] = -h[0], -h[-1]
    sigma = _solve_symmetric(diagonal, h, right)
    return CubicSpline(
        knots=x,
        value=y[:-1],
        slope=chord - h * (sigma[1:] + 2.0 * sigma[:-1]),
        second=3.0 * sigma[:-1],
        third=np.diff(sigma) / h,
    )


def _solve_symmetric(diagonal: Floats, beside: Floats, right: Floats) -> Floats:
    """Solve a tridiagonal system whose entries beside the diagonal are the same above and below."""
    pivot, value = diagonal.copy(), right.copy()
    for i in range(1, pivot.size):
        factor = beside[i - 1] / pivot[i - 1]
        pivot[i] -= factor * beside[i - 1]
        value[i] -= factor * value[i - 1]
    value[-1] /= pivot[-1]
    for i in range(pivot.size - 2, -1, -1):
        value[i] = (value[i] - beside[i] * value[i + 1]) / pivot[i]
    return value
