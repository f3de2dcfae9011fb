"""Eight symmetric matrices side by side, in the memory that the matrix kernels work in."""

from __future__ import annotations

import numpy as np

from countglm._jit import LANES
from countglm._jit.lanes import choose, load, store
from countglm.kernels import smallmat
from tests.support.compiled import compiled


def _factor(d, a, r, ridge, chol, size, out):
    sound = smallmat.factor(d, a, r, load(d, ridge), chol, size)
    store(d, out, choose(sound, 1.0, 0.0))


def _solve(d, chol, size, r, b, z, out, norm):
    smallmat.half_solve(d, chol, size, r, b, z)
    store(d, norm, smallmat.norm(d, z, r))
    smallmat.back_solve(d, chol, size, r, z, out)


def _invert(d, chol, size, r, inverse, out):
    smallmat.invert_factor(d, chol, size, r, inverse)
    store(d, out, smallmat.condition_bound(d, inverse, size, r))


def _apply(d, triangle, r, b, out):
    smallmat.apply_triangle(d, triangle, r, b, out)


def _forms(d, inverse, r, rows, out):
    for s in range(rows.shape[0]):
        store(d, out + s, smallmat.quadratic_form(d, inverse, r, rows, s))


def _log_determinant(d, chol, size, r, out):
    store(d, out, smallmat.log_determinant(d, chol, size, r))
    store(d, out + 1, smallmat.smallest_pivot(d, chol, r))


def _eigenvalues(d, a, p, out):
    low, high = smallmat.extreme_eigenvalues(d, a, p)
    store(d, out, low)
    store(d, out + 1, high)


_CALLS = {
    function.__name__: compiled(function)
    for function in (_factor, _solve, _invert, _apply, _forms, _log_determinant, _eigenvalues)
}


def in_lanes(matrices: np.ndarray) -> np.ndarray:
    """Return up to eight arrays as lanes (..., LANES), the last one also in lanes to spare."""
    matrices = np.asarray(matrices, dtype=float)
    filled = np.concatenate([matrices, np.repeat(matrices[-1:], LANES - len(matrices), axis=0)])
    return np.moveaxis(filled, 0, -1)


class Matrices:
    """Up to eight symmetric matrices (m, r, r), packed; every result is (m, ...)."""

    def __init__(self, matrices: np.ndarray) -> None:
        self.count, self.r = len(matrices), np.shape(matrices)[1]
        triangle = self.r * (self.r + 1) // 2
        sizes = [triangle] * 3 + [self.r] * 4 + [2]
        places = np.cumsum([0, *sizes]).tolist()
        self.a, self.chol, self.inverse, self.size, self.b, self.z, self.x, self.out = places[:-1]
        # What nobody has set must not be read.
        self.d = np.full((places[-1], LANES), np.nan)
        self.pairs = np.tril_indices(self.r)
        self.d[:triangle] = in_lanes(matrices)[self.pairs]

    def rows(self, start: int, count: int = 1) -> np.ndarray:
        """Return rows of the workspace as (m, count)."""
        return self.d[start : start + count, : self.count].T.copy()

    def triangles(self, start: int) -> np.ndarray:
        """Return packed lower triangles as (m, r, r), zero above."""
        full = np.zeros((self.count, self.r, self.r))
        full[:, *self.pairs] = self.rows(start, len(self.pairs[0]))
        return full

    def factor(self, ridge: float | np.ndarray = 0.0) -> np.ndarray:
        """Factor; return where that was possible."""
        self.d[self.z] = ridge
        _CALLS["_factor"](self.d, self.a, self.r, self.z, self.chol, self.size, self.out)
        return self.rows(self.out)[:, 0] == 1.0

    def scales(self) -> np.ndarray:
        """Return 1 over the roots of the diagonals."""
        return self.rows(self.size, self.r)

    def solve(self, b: np.ndarray, *, in_place: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return solutions for right-hand sides (m, r), and their norms b' a⁻¹ b."""
        self.d[self.b : self.b + self.r] = in_lanes(b)
        x = self.z if in_place else self.x
        _CALLS["_solve"](self.d, self.chol, self.size, self.r, self.b, self.z, x, self.out)
        return self.rows(x, self.r), self.rows(self.out)[:, 0] ** 2

    def invert(self) -> tuple[np.ndarray, np.ndarray]:
        """Return T with T' T the inverse, and the bounds of the condition."""
        _CALLS["_invert"](self.d, self.chol, self.size, self.r, self.inverse, self.out)
        return self.triangles(self.inverse), self.rows(self.out)[:, 0]

    def apply(self, b: np.ndarray) -> np.ndarray:
        """Return T b for vectors (m, r)."""
        self.d[self.b : self.b + self.r] = in_lanes(b)
        _CALLS["_apply"](self.d, self.inverse, self.r, self.b, self.x)
        return self.rows(self.x, self.r)

    def forms(self, rows: np.ndarray) -> np.ndarray:
        """Return x' a⁻¹ x for rows (s, r) that all matrices share, (m, s)."""
        self.d = np.concatenate([self.d, np.full((len(rows), LANES), np.nan)])
        start = len(self.d) - len(rows)
        _CALLS["_forms"](self.d, self.inverse, self.r, rows, start)
        return self.rows(start, len(rows))

    def log_determinant(self) -> tuple[np.ndarray, np.ndarray]:
        """Return log determinants and smallest pivots."""
        _CALLS["_log_determinant"](self.d, self.chol, self.size, self.r, self.out)
        return tuple(self.rows(self.out, 2).T)


def extreme_eigenvalues(matrices: np.ndarray) -> np.ndarray:
    """Return smallest and largest eigenvalues of the scaled matrices (m, p, p), (m, 2)."""
    p = np.shape(matrices)[1]
    d = np.full((p * p + 2, LANES), np.nan)
    lower = np.where(np.tri(p, dtype=bool), matrices, np.nan)
    d[: p * p] = in_lanes(lower).reshape(p * p, LANES)
    _CALLS["_eigenvalues"](d, 0, p, p * p)
    return d[p * p :, : len(matrices)].T.copy()
