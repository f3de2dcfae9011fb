"""Binomial fits whose predictors differ by thousands, by Newton steps with a line search.

The kernels' steps are sure to lower the deviance however far samples lie, and therefore short
where some lie a thousand times farther than those that the classes share (docs/math.md, 17.7).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._families import shares
from ._gram_schmidt import gram_schmidt
from .basis import invert_upper

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
EPS = 2.220446049250313e-16
# Part of the linear fall that a step must reach, and the most halvings of one.
ARMIJO, HALVINGS = 1e-4, 60
# Below this decrement a step leaves an error of its square.
NEAR = 1e-6


class Walk(NamedTuple):
    """Where the steps led, and what they were: the first row is the start.

    ``decrement`` is that of the end, with ``floor``, its part by rounding, and ``radius``, the
    largest length of a row in standard errors; ``half`` are half the deviances but for a constant.
    """

    gamma: Floats
    lengths: list[float]
    decrements: list[float]
    half: list[float]
    points: list[Floats]
    decrement: float
    floor: float
    radius: float
    score: float

    @property
    def bound(self) -> float:
        """Bound on the distance to the optimum (eq. 4.4)."""
        total = self.decrement + self.floor
        v = self.radius * total
        if not v < 1.0:
            return math.inf
        return total * (1.0 + v) if v < 1e-8 else -math.log1p(-v) / self.radius


class _Model(NamedTuple):
    """Score, its rounding, and inverse triangle of the information at a point."""

    score: Floats
    noise: Floats
    inverse: Floats
    used: Mask

    @property
    def turned(self) -> Floats:
        """The score (r,) in directions of independent error: its length is the decrement."""
        return _times(self.inverse.T, self.score[self.used])

    @property
    def step(self) -> Floats:
        """Newton's step (r,)."""
        step = np.zeros(self.score.size)
        step[self.used] = -_times(self.inverse, self.turned)
        return step


def walk(
    rows: Floats, won: Floats, lost: Floats, offset: Floats, start: Floats, tol: float, most: int
) -> Walk:
    """Return where Newton's steps lead from ``start`` (r,), at most ``most`` of them.

    ``rows`` (n, r) of a basis; weights ``won`` and ``lost`` (n,) of successes and failures.
    """
    gamma = start.copy()
    lengths, decrements, half, points = [0.0], list[float](), list[float](), [gamma.copy()]
    for step in range(most + 1):
        eta = offset + _times(rows, gamma)
        model = _model(rows, won, lost, eta, gamma)
        decrement = _length(model.turned)
        decrements.append(decrement)
        half.append(_cost(won, lost, eta))
        noise = _length(_times(np.abs(model.inverse.T), model.noise[model.used]))
        if step == most or decrement <= max(noise, 1e-3 * tol) or not np.isfinite(decrement):
            break
        length = _line_search(rows, won, lost, eta, model.step, decrement, half[-1])
        gamma = gamma + length * model.step
        lengths.append(length)
        points.append(gamma.copy())
    seen = np.add.reduce(_rows_times(rows[:, model.used], model.inverse) ** 2, axis=1)
    heavy = won + lost > 0.0
    radius = math.inf if not model.used.all() else math.sqrt(np.max(seen[heavy], initial=0.0))
    size = np.sqrt(np.add.reduce(rows * rows * _information(won, lost, eta)[:, None], axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        score = float(np.max(np.abs(model.score) / size, initial=0.0))
    return Walk(gamma, lengths, decrements, half, points, decrement, noise, radius, score)


def _model(rows: Floats, won: Floats, lost: Floats, eta: Floats, gamma: Floats) -> _Model:
    success, failure = shares(eta)
    slope = lost * success - won * failure
    information = _information(won, lost, eta)
    _, r, used = gram_schmidt(np.sqrt(information)[:, None] * rows)
    chosen = np.flatnonzero(used)
    # Rounding of a predictor moves the slope by the information, of a sum by its terms (eq. 4.3).
    terms = np.add.reduce(np.abs(rows * gamma), axis=1)
    units = 5.0 + math.log2(rows.shape[0]) + rows.shape[1]
    loose = lost * success + won * failure
    noise = EPS * (information * ((rows.shape[1] + 2.0) * terms + 5.0) + units * loose)
    return _Model(
        np.add.reduce(slope[:, None] * rows, axis=0),
        np.add.reduce(noise[:, None] * np.abs(rows), axis=0),
        invert_upper(r[np.ix_(chosen, chosen)]),
        used,
    )


def _information(won: Floats, lost: Floats, eta: Floats) -> Floats:
    success, failure = shares(eta)
    return np.asarray((won + lost) * success * failure)


def _cost(won: Floats, lost: Floats, eta: Floats) -> float:
    tail = np.log1p(np.exp(-np.abs(eta)))
    failures, successes = tail + np.maximum(eta, 0.0), tail + np.maximum(-eta, 0.0)
    return float(np.add.reduce(lost * failures + won * successes))


def _line_search(
    rows: Floats, won: Floats, lost: Floats, eta: Floats, step: Floats, decrement: float, now: float
) -> float:
    """Return the longest of 1, 1/2, 1/4, ... that lowers the cost enough (Armijo)."""
    if decrement <= NEAR:
        return 1.0
    move, length = _times(rows, step), 1.0
    for _ in range(HALVINGS):
        fall = now - _cost(won, lost, eta + length * move)
        if fall >= ARMIJO * length * decrement * decrement - EPS * now:
            break
        length *= 0.5
    return length


def _times(matrix: Floats, vector: Floats) -> Floats:
    return np.asarray(np.add.reduce(matrix * vector, axis=1))


def _rows_times(rows: Floats, matrix: Floats) -> Floats:
    """Return ``rows @ matrix`` (n, r), column by column."""
    out = np.zeros((rows.shape[0], matrix.shape[1]))
    for k in range(matrix.shape[0]):
        out += rows[:, k, None] * matrix[k]
    return out


def _length(vector: Floats) -> float:
    return math.sqrt(np.add.reduce(vector * vector))
