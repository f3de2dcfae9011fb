"""One wide penalised problem in working order: rows, columns by components, sums on threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._parallel import run_blocks
from ._wide_matrix import SparseDesign
from ._wide_structure import Structure
from .kernels.components import Bench, Room
from .kernels.proximal import nearest
from .kernels.wide import put_slopes, sum_divergences, sum_half_deviances

Floats = NDArray[np.float64]
# Components of a block of the nearest point.
COMPONENTS = 512


@dataclass(frozen=True, eq=False)
class Rows:
    """Responses (n,) of a family by its code, with offsets, weights and dispersions or trials."""

    code: int
    y: Floats
    size: Floats
    weight: Floats
    offset: Floats

    def deviance(self, x: SparseDesign, eta: Floats) -> float:
        """Return half the deviance."""
        return x.blocks(
            lambda a, b: sum_half_deviances(self.code, self.y, self.size, self.weight, eta, a, b)
        )


@dataclass(frozen=True, eq=False)
class Local:
    """The smooth part at one point: weighted slopes and curvatures (n,) at its predictors."""

    eta: Floats
    slope: Floats
    curve: Floats


@dataclass(frozen=True, eq=False)
class WideProblem:
    """``sum w f(offset + x beta) + ridge beta² / 2 + lam sum cost |D beta|``.

    Columns stand in the order of ``structure``.
    """

    rows: Rows
    x: SparseDesign
    ridge: Floats
    structure: Structure

    def weighted(self, weight: Floats) -> WideProblem:
        """Return the same problem with other weights."""
        return replace(self, rows=replace(self.rows, weight=weight))

    def local(self, eta: Floats) -> Local:
        """Return slopes and curvatures at linear predictors."""
        rows = self.rows
        slope, curve = np.empty_like(eta), np.empty_like(eta)

        def task(a: int, b: int) -> float:
            put_slopes(rows.code, rows.y, rows.size, rows.weight, eta, slope, curve, a, b)
            return 0.0

        self.x.blocks(task)
        return Local(eta, slope, curve)

    def divergence(self, at: Local, move: Floats) -> float:
        """Return the bound of how far the smooth rows rise above their tangent (eq. 18.4)."""
        rows = self.rows
        return self.x.blocks(
            lambda a, b: sum_divergences(
                rows.code, rows.y, rows.size, rows.weight, at.eta, at.slope, at.curve, move, a, b
            )
        )

    def gradient(self, at: Local, beta: Floats) -> Floats:
        """Return the gradient of the smooth part."""
        return self.x.transposed(at.slope) + self.ridge * beta

    def differences(self, beta: Floats) -> Floats:
        """Return D beta (m,)."""
        pieces = self.structure.pieces
        terms = pieces.values * beta[pieces.places]
        return sums_of(terms, pieces.bounds)

    def absolute_differences(self, beta: Floats) -> Floats:
        """Return the sizes (m,) of the terms of D beta."""
        pieces = self.structure.pieces
        return sums_of(np.abs(pieces.values * beta[pieces.places]), pieces.bounds)

    def spread(self, v: Floats) -> Floats:
        """Return D'v (p,)."""
        pieces = self.structure.pieces
        terms = pieces.values * np.repeat(v, np.diff(pieces.bounds))
        return np.bincount(pieces.places, terms, minlength=self.ridge.size).astype(np.float64)

    def penalty(self, beta: Floats, lam: float) -> float:
        """Return the penalty with the ridge."""
        ridge = 0.5 * math.fsum(self.ridge * beta * beta)
        if math.isinf(lam):
            return ridge
        return ridge + lam * math.fsum(self.structure.cost * np.abs(self.differences(beta)))

    def objective(self, eta: Floats, beta: Floats, lam: float) -> float:
        """Return the objective, less the likelihood's best for every row."""
        return self.rows.deviance(self.x, eta) + self.penalty(beta, lam)


def sums_of(terms: Floats, bounds: NDArray[np.int64]) -> Floats:
    """Return the sum of every range of terms; no range is empty."""
    if bounds.size == 1:
        return np.zeros(0)
    return np.asarray(np.add.reduceat(terms, bounds[:-1]))


class Nearest:
    """The nearest point under the penalty, with the room that it keeps from call to call."""

    def __init__(self, structure: Structure, threads: int, method: str) -> None:
        self._structure = structure
        self._room: Room = structure.room()
        self._threads = threads if structure.n_components > 8 * COMPONENTS else 1
        self._force = method == "admm"
        self._make_bench: Callable[[], Bench] = structure.bench
        self._bench = structure.bench()

    def __call__(
        self, tau: Floats, z: Floats, lam: float, tol: float, v: Floats
    ) -> tuple[Floats, bool]:
        """Return the point and whether it is known to ``tol``; ``v`` (m,) is replaced."""
        room, pieces = self._room, self._structure.pieces
        fresh = room.weight == 0.0
        if fresh.any():
            room.weight[fresh] = tau[pieces.columns[:-1][fresh]]
        bound = lam * self._structure.cost
        # A projection has no bounds to split from.
        force = self._force and not math.isinf(lam)
        b = np.zeros(z.size)
        left = []

        def task(start: int, stop: int) -> None:
            # Every thread needs room of its own for small components.
            bench = self._bench if self._threads == 1 else self._make_bench()
            left.append(nearest(pieces, tau, z, bound, tol, force, v, b, room, bench, start, stop))

        run_blocks(task, self._structure.n_components, block_size=COMPONENTS, threads=self._threads)
        return b, sum(left) == 0
