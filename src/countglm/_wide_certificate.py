"""How far an objective can at most lie above its least: a duality gap (docs/math.md, 18.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._wide_problem import Local, WideProblem
from .kernels.components import EQUAL
from .kernels.wide import sum_dual_gaps

Floats = NDArray[np.float64]
# Rounds in which multipliers at their bounds are kept there; passes to solve for one; its residual.
ROUNDS, PASSES, SOLVED = 3, 400, 1e-9
# Conjugate gradients whose residual, squared, has grown so much have lost the way.
LOST = 1e8
# A part of the gap that is not worth another round.
MISSED = 0.01
# Coefficients are compared with those up to so many times 1 + |beta| away from 0.
AROUND = 10.0
_FAR = 1e300


@dataclass(frozen=True)
class Certificate:
    """Bound of the gap, and the distance from the optimality conditions in standard errors."""

    gap: float
    kkt: float


def certify(problem: WideProblem, beta: Floats, eta: Floats, v: Floats, lam: float) -> Certificate:
    """Return the certificate of a point with its multipliers (eqs. 18.6, 18.7)."""
    at = problem.local(eta)
    bound = lam * problem.structure.cost
    if math.isinf(lam):
        # Without limit any larger bound has the same solution.
        bound = np.full(v.size, math.inf)
    away = problem.x.transposed(at.slope) + problem.spread(v) + problem.ridge * beta
    gap, kkt = math.inf, math.inf
    u, dual_v, rest = np.zeros(beta.size), v, away
    slack = np.zeros(v.size)
    for _ in range(ROUNDS):
        inside = (np.abs(dual_v) < bound).astype(np.float64)
        system = System(problem, at, inside)
        step = system.solve(rest)
        if math.isinf(kkt):
            kkt = math.sqrt(max(float(np.add.reduce(step * rest)), 0.0))
        u = u + step
        slack = slack + system.stiff * inside * problem.differences(step)
        dual_v = np.clip(v - slack, -bound, bound)
        value, missed, rest = _gap_of(problem, at, beta, u, dual_v, bound)
        gap = min(gap, value)
        if missed <= MISSED * value:
            break
    return Certificate(gap, kkt)


def _gap_of(
    problem: WideProblem, at: Local, beta: Floats, u: Floats, v: Floats, bound: Floats
) -> tuple[float, float, Floats]:
    """Return the gap (18.7) of the dual point of ``u`` and ``v``, its part from what that misses,
    and what it misses."""
    rows, x = problem.rows, problem.x
    shift = x.times(u)
    dual = np.empty_like(at.slope)
    smooth = x.blocks(
        lambda a, b: sum_dual_gaps(
            rows.code, rows.y, rows.size, rows.weight, at.eta, at.slope, at.curve, shift, dual, a, b
        )
    )
    slope = x.transposed(dual) + problem.spread(v)
    there = problem.differences(beta)
    # Without limit, what differs by rounding is equal.
    size = problem.absolute_differences(beta)
    there = np.where(np.isinf(bound) & (np.abs(there) <= EQUAL * size), 0.0, there)
    finite = np.where(np.isfinite(bound), bound, np.abs(v))
    held = np.maximum(finite * np.abs(there) - v * there, 0.0)
    ridge, around = problem.ridge, AROUND * (1.0 + np.abs(beta))
    # The least of slope b + ridge b²/2 over |b| <= around, against its value at beta.
    safe = np.where(ridge > 0.0, ridge, 1.0)
    best = np.where(ridge > 0.0, -slope / safe, -np.sign(slope) * _FAR)
    best = np.where(slope == 0.0, np.where(ridge > 0.0, 0.0, beta), best)
    best = np.clip(best, -around, around)
    apart = beta - best
    free = apart * (slope + 0.5 * ridge * (beta + best))
    missed = math.fsum(np.maximum(free, 0.0))
    return smooth + math.fsum(held) + missed, missed, slope + ridge * (beta - u)


class System:
    """``X'WX + ridge + stiff D'D``, the last over the rows whose multipliers can move."""

    def __init__(self, problem: WideProblem, at: Local, inside: Floats) -> None:
        self.problem, self.curve, self.inside = problem, at.curve, inside
        own = problem.x.diagonal(at.curve) + problem.ridge
        self.stiff = float(np.add.reduce(own)) / max(own.size, 1) or 1.0
        pieces = problem.structure.pieces
        squares = pieces.values**2 * np.repeat(inside, np.diff(pieces.bounds))
        links = np.bincount(pieces.places, squares, minlength=own.size)
        diagonal = own + self.stiff * links
        self.inverse = 1.0 / np.where(diagonal > 0.0, diagonal, math.inf)

    def times(self, u: Floats) -> Floats:
        """Return the product with a vector."""
        problem = self.problem
        smooth = problem.x.transposed(self.curve * problem.x.times(u)) + problem.ridge * u
        held = self.stiff * self.inside * problem.differences(u)
        return np.asarray(smooth + problem.spread(held))

    def solve(self, right: Floats) -> Floats:
        """Return an approximate solution by conjugate gradients: the best on the way.

        Where the system is singular and ``right`` has rounding in what it cannot reach, they leave
        the solution again.
        """
        u = np.zeros(right.size)
        rest = right.copy()
        white = self.inverse * rest
        way = white.copy()
        size = float(np.add.reduce(rest * white))
        wanted = SOLVED**2 * size
        best, least = u.copy(), size
        for _ in range(PASSES):
            if not size > wanted:
                break
            image = self.times(way)
            along = float(np.add.reduce(way * image))
            if not along > 0.0:
                break
            u += size / along * way
            rest -= size / along * image
            white = self.inverse * rest
            size, before = float(np.add.reduce(rest * white)), size
            if size < least:
                best, least = u.copy(), size
            elif size > LOST * least:
                break
            way = white + size / before * way
        return best
