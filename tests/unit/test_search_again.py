"""Searches against fine grids, with priors, with answers from rough fits, and with known points."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from countglm.kernels import search
from tests.support.maxima import NOTHING_KNOWN, Rules, begun, find, insert, lift

GRID = 800


class Bumps:
    """A sum of bumps in t = log(1 + alpha/low), at least 1.5 wide, on a slope."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rules = Rules(largest_count=10 ** rng.uniform(0, 6))
        self.t_max = math.log1p(self.rules.cap / self.rules.low())
        count = rng.integers(1, 5)
        self.centres = rng.uniform(-0.1 * self.t_max, 1.1 * self.t_max, count)
        self.widths = rng.uniform(1.5, 4.0, count)
        self.heights = rng.uniform(-1, 1, count) * 10 ** rng.uniform(-1, 1)
        self.tilt = 0.05 * rng.normal()

    def t(self, alpha: float) -> float:
        return math.log1p(alpha / self.rules.low())

    def value(self, alpha: float) -> float:
        z = (self.t(alpha) - self.centres) / self.widths
        return float(np.sum(self.heights * np.exp(-0.5 * z * z)) + self.tilt * self.t(alpha))

    def slope(self, alpha: float) -> float:
        z = (self.t(alpha) - self.centres) / self.widths
        falls = -self.heights * z / self.widths * np.exp(-0.5 * z * z)
        return float(np.sum(falls) + self.tilt) / (alpha + self.rules.low())

    def gap(self, alpha: float, rules: Rules) -> float:
        """Return by how much ``alpha`` misses the best of a fine grid, under the prior of it."""
        grid = self.rules.low() * np.expm1(np.linspace(0, self.t_max, GRID))
        best = max(self.value(a) + rules.penalty(a) for a in grid.tolist())
        return (best - self.value(alpha) - rules.penalty(alpha)) / max(1.0, abs(best))


@pytest.mark.parametrize("seed", range(40))
def test_no_point_of_a_fine_grid_is_better(seed: int) -> None:
    bumps = Bumps(seed)
    found = find(bumps.slope, bumps.value, rules=bumps.rules)
    assert bumps.gap(found.best, bumps.rules) <= 1e-9
    assert len(found.asked) <= 40


@pytest.mark.parametrize("seed", range(40))
def test_a_second_search_with_a_prior_uses_what_is_known(seed: int) -> None:
    bumps, rng = Bumps(seed), np.random.default_rng(seed)
    first = find(bumps.slope, bumps.value, rules=bumps.rules)
    centre = math.log(bumps.rules.low()) + rng.uniform(0, bumps.t_max)
    rules = bumps.rules._replace(centre=centre, precision=10 ** rng.uniform(-1.5, 1))
    again = find(bumps.slope, bumps.value, rules=rules, known=first.kept)
    assert bumps.gap(again.best, rules) <= 1e-9
    afresh = find(bumps.slope, bumps.value, rules=rules)
    assert again.best == pytest.approx(afresh.best, rel=1e-7)


def test_a_second_search_asks_for_little() -> None:
    numbers = []
    for seed in range(40):
        bumps = Bumps(seed)
        first = find(bumps.slope, bumps.value, rules=bumps.rules)
        again = find(bumps.slope, bumps.value, rules=bumps.rules, known=first.kept)
        assert again.best == pytest.approx(first.best, rel=1e-9, abs=1e-12)
        numbers.append((len(first.asked), len(again.asked)))
    before, after = np.sum(numbers, axis=0)
    assert after < 0.5 * before


def single(a: float) -> float:
    return (0.3 - a) / (a + 1e-4) ** 2


@pytest.mark.parametrize("precision", [1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("centre", [1e-8, 1e-3, 0.5, 9.0])
def test_a_prior_pulls_to_its_centre(centre: float, precision: float) -> None:
    rules = Rules(centre=math.log(centre), precision=precision)
    known = find(single).kept
    for points in (NOTHING_KNOWN, known):
        found = find(single, lambda a: -math.inf, rules=rules, known=points)
        assert found.count == 1

        def total(a: float) -> float:
            return single(a) - precision * (math.log(a) - math.log(centre)) / a

        step = 1e-7
        assert total(found.best * (1 - step)) > 0.0 > total(found.best * (1 + step))


def test_a_prior_never_ends_at_zero() -> None:
    # The function alone falls from 0 on; the density of log alpha is 0 there.
    rules = Rules(centre=math.log(1e-6), precision=4.0)
    found = find(lambda a: -50.0 / (1 + a), rules=rules)
    assert found.best == pytest.approx(1e-6, rel=1e-4)


def test_a_prior_beyond_the_cap_ends_at_the_cap() -> None:
    found = find(lambda a: -1e-3, rules=Rules(centre=math.log(1e4), precision=1.0))
    assert (found.best, found.count) == (10.0, 1)


def test_the_prior_is_lifted_onto_the_slope() -> None:
    state = begun(Rules(centre=-1.0, precision=3.0))[0]
    low = Rules().low()
    for t in (1e-9, 0.3, 4.0, 11.0):
        alpha = low * math.expm1(t)
        expected = 0.7 - 3.0 * (math.log(alpha) + 1.0) * (alpha + low) / alpha
        assert lift(state, t, 0.7) == pytest.approx(expected, rel=1e-13)
    assert lift(state, 0.0, 0.7) == math.inf
    assert lift(begun(Rules())[0], 0.0, 0.7) == 0.7


def test_points_stand_in_order_and_once() -> None:
    state, points, _ = begun(Rules())
    times = np.random.default_rng(1).permutation(20) * 0.5
    for t in times.tolist():
        insert(state, points, t, -t)
    assert state[search.POINTS] == 20
    np.testing.assert_array_equal(points[search.TIMES, :20], np.sort(times))
    # Asked again, and as near as rounding puts it: the point is replaced.
    assert insert(state, points, 3.0, 7.0) == 6
    assert insert(state, points, 4.5 * (1 + 4e-16), 8.0) == 9
    assert state[search.POINTS] == 20
    assert points[search.SLOPES, [5, 6, 7, 9]].tolist() == [-2.5, 7.0, -3.5, 8.0]


def test_a_full_memory_takes_no_more_points() -> None:
    state, points, _ = begun(Rules())
    for k in range(search.MAX_POINTS):
        assert insert(state, points, float(k), 1.0) == k
    assert insert(state, points, 0.5, 1.0) == -1
    assert insert(state, points, 5.0, 2.0) == 5
    assert points[search.SLOPES, 5] == 2.0


def test_known_points_are_thinned_where_they_are_many() -> None:
    rules = Rules(1e9, cap=1e6)

    def wavy(a: float) -> float:
        return (math.sin(math.log1p(a / rules.low())) + 0.2) / (a + rules.low())

    found = find(wavy, lambda a: a, rules=rules)
    count = int(found.state[search.POINTS])
    assert count > search.KEPT_POINTS
    times, slopes = found.kept
    assert np.all(np.diff(times) > 0)
    assert times[0] == 0.0
    assert times[-1] == found.points[search.TIMES, count - 1]
    at = np.searchsorted(found.points[search.TIMES, :count], times)
    np.testing.assert_array_equal(found.points[search.SLOPES, at], slopes)


def rough(first: float) -> Callable[[int], float]:
    """Return decrements that fall from ``first`` to the square at every question, and again."""
    return lambda number: first ** (2.0 ** (number % 7))


@pytest.mark.parametrize("first", [0.5, 1e-2, 1e-5])
def test_answers_from_rough_fits_are_asked_again(first: float) -> None:
    found = find(single, rules=Rules(), decrements=rough(first))
    assert found.best == pytest.approx(0.3, rel=1e-8)
    repeated = np.sum(np.diff(found.asked) == 0.0)
    assert repeated > 0 or first < 0.1


def test_a_fit_that_never_converges_is_not_waited_for() -> None:
    found = find(single, rules=Rules(), decrements=lambda number: 1.0 if number < 100 else 0.0)
    assert found.asked[: int(search.MAX_TRIES)] == [found.asked[0]] * int(search.MAX_TRIES)
    assert found.best == pytest.approx(0.3, rel=1e-8)
