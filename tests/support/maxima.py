"""Searches for the maximum of a known function of alpha, one question at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from countglm.kernels import profiles, search
from tests.support.compiled import numbers

_begin, _walk_on, _advance, _lead, _alpha_at, _keep_points, lift, insert = map(
    numbers,
    (
        search.begin, search.walk_on, search.advance, search.lead, search.alpha_at,
        profiles.keep_points, search.lift, search.insert,
    ),
)  # fmt: skip
NOTHING_KNOWN = (np.full(search.KEPT_POINTS, np.nan), np.full(search.KEPT_POINTS, np.nan))
# A search that asks for more than this never ends.
MOST_QUESTIONS = 400


class Found(NamedTuple):
    """Where a search ended, what it saw on the way, and every alpha it asked for."""

    best: float
    count: int
    lead: float
    maxima: np.ndarray
    asked: list[float]
    kept: tuple[np.ndarray, np.ndarray]
    state: np.ndarray
    points: np.ndarray


class Rules(NamedTuple):
    """What a search is told of its function: the prior is one of log alpha."""

    largest_count: float = 100.0
    cap: float = 10.0
    centre: float = 0.0
    precision: float = 0.0
    share: float = 0.25

    def low(self) -> float:
        """Return the unit of alpha below which profiles are nearly linear."""
        return search.LINEAR / max(self.largest_count, 1.0)

    def penalty(self, alpha: float) -> float:
        """Return the logarithm of the prior density, up to a constant."""
        if self.precision == 0.0:
            return 0.0
        if alpha == 0.0:
            return -math.inf
        return -0.5 * self.precision * (math.log(alpha) - self.centre) ** 2


def new_memory() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return state, points and maxima of a search; what nobody has set must not be read."""
    points = np.full((3, search.MAX_POINTS), np.nan)
    return np.full(search.N_STATE, np.nan), points, np.full(search.MAX_MAXIMA, np.nan)


def begun(rules: Rules, known: tuple[np.ndarray, np.ndarray] = NOTHING_KNOWN) -> tuple:
    """Return the memory of a search that is about to ask its first question."""
    state, points, maxima = new_memory()
    _begin(
        state, points, rules.largest_count, rules.cap, rules.share, rules.centre, rules.precision,
        *known,
    )  # fmt: skip
    _walk_on(state, points, maxima)
    return state, points, maxima


def find(
    slope: Callable[[float], float],
    value: Callable[[float], float] | None = None,
    *,
    rules: Rules | None = None,
    known: tuple[np.ndarray, np.ndarray] = NOTHING_KNOWN,
    decrements: Callable[[int], float] = lambda number: 0.0,
) -> Found:
    """Answer a search until it is done; a search that compares needs ``value``.

    ``slope`` is the derivative in alpha and ``value`` the function, both without the prior;
    ``decrements(k)`` is how far from the best coefficients the answer to question ``k`` is.
    """
    rules = rules or Rules()
    state, points, maxima = begun(rules, known)
    asked: list[float] = []
    while state[search.PHASE] != search.DONE:
        alpha = float(_alpha_at(state, state[search.T]))
        asked.append(alpha)
        answer, height = slope(alpha) * (alpha + rules.low()), 0.0
        if state[search.PHASE] == search.COMPARE:
            assert value is not None, "the search compares maxima of a function that has one"
            height = value(alpha) + rules.penalty(alpha)
        _advance(state, points, maxima, answer, decrements(len(asked)), height)
        assert len(asked) < MOST_QUESTIONS
    best, count = float(_alpha_at(state, state[search.BEST])), int(state[search.COUNT])
    kept = (np.empty(search.KEPT_POINTS), np.empty(search.KEPT_POINTS))
    _keep_points(state, points, *kept)
    found = np.array([float(_alpha_at(state, float(t))) for t in maxima[:count]])
    return Found(best, count, float(_lead(state)), found, asked, kept, state, points)
