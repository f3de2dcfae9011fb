"""Cubics through the points of a search, on cubics and on what is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from countglm.kernels import interpolation
from tests.support.compiled import numbers

slope_at, dips, local_slope, window, falling_root = map(
    numbers,
    (
        interpolation.slope_at, interpolation.dips, interpolation.local_slope,
        interpolation.window, interpolation.falling_root,
    ),
)  # fmt: skip
TIMES = np.array([0.0, 0.7, 1.0, 2.5, 4.0, 4.2])


def test_slopes_of_a_parabola_are_exact_at_every_point() -> None:
    g = 3.0 - 2.0 * TIMES + 0.5 * TIMES**2
    for i, t in enumerate(TIMES.tolist()):
        got = slope_at(TIMES, g, TIMES.size, i)
        assert got == pytest.approx(-2.0 + t, rel=1e-12, abs=1e-12)


def test_points_after_the_count_are_not_looked_at() -> None:
    g = 1.0 - TIMES
    times, values = np.append(TIMES, np.nan), np.append(g, np.nan)
    assert slope_at(times, values, TIMES.size, 5) == pytest.approx(-1.0, rel=1e-12)
    assert not dips(times, values, TIMES.size, 4)
    assert falling_root(times, values, TIMES.size, 2) == 1.0
    assert window(times, values, TIMES.size, 4) == (2, 5)


def test_a_slope_that_dips_between_two_points_is_suspected() -> None:
    t = np.array([0.0, 1.0, 2.0, 3.0])
    # Falls steeply to 1/2, and rises as steeply from there on.
    valley = np.array([4.0, 0.5, 0.5, 4.0])
    assert dips(t, valley, 4, 1)
    assert dips(t, -valley, 4, 1)
    assert not dips(t, np.array([4.0, 3.0, 2.0, 1.0]), 4, 1)
    assert not dips(t, np.array([4.0, 2.0, 2.0, 4.0]), 4, 0)
    # A plain fall through zero hides nothing, neither does a plain rise.
    assert not dips(t, np.array([3.0, 1.0, -1.0, -3.0]), 4, 1)
    assert not dips(t, np.array([-3.0, -1.0, 1.0, 3.0]), 4, 1)


def test_a_slope_that_crosses_zero_three_times_on_its_way_is_suspected() -> None:
    t = np.array([0.0, 1.0, 2.0, 3.0])
    # Too steep at both ends for what lies between them.
    g = np.array([20.0, 1.0, -1.0, -20.0])
    assert dips(t, g, 4, 1)
    assert dips(t, -g, 4, 1)


def hermite_dips(t: np.ndarray, g: np.ndarray, i: int) -> bool:
    """Return what `dips` is meant to, from the cubic itself at the quarters of the cell."""
    a, b, h = g[i], g[i + 1], t[i + 1] - t[i]
    m0, m1 = (h * slope_at(t, g, t.size, k) for k in (i, i + 1))
    u = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    v = 1.0 - u
    cubic = v * v * ((1 + 2 * u) * a + u * m0) + u * u * ((3 - 2 * u) * b - v * m1)
    if (a > 0) == (b > 0):
        inside = np.min(cubic[1:4] * (1.0 if a > 0 else -1.0))
        return bool(inside < interpolation.SHALLOW * min(abs(a), abs(b)))
    return int(np.sum((cubic[1:] > 0) != (cubic[:-1] > 0))) > 1


def test_cells_that_are_calm_at_a_glance_are_calm() -> None:
    rng = np.random.default_rng(1)
    suspected = 0
    for number in range(600):
        t = np.cumsum(10.0 ** rng.uniform(-1, 1, 6))
        g = rng.normal(size=6) * 10.0 ** rng.uniform(-1, 1, 6)
        # Many that go one way: calm ones, shoulders and jumps.
        g = np.sort(g)[::-1].copy() if number % 3 else g
        for i in range(5):
            assert dips(t, g, 6, i) == hermite_dips(t, g, i)
            suspected += hermite_dips(t, g, i)
    assert suspected > 100


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_suspected(bad: float) -> None:
    t = np.array([0.0, 1.0, 2.0, 3.0])
    for place in range(4):
        g = np.array([4.0, 0.5, 0.5, 4.0])
        g[place] = bad
        assert not dips(t, g, 4, 1)
    assert not dips(t[:2], np.array([1.0, 2.0]), 2, 0)


def test_steepness_is_that_to_the_nearest_point() -> None:
    g = TIMES**2
    expected = [0.7, 1.7, 1.7, 3.5, 8.2, 8.2]
    for i, steep in enumerate(expected):
        assert local_slope(TIMES, g, TIMES.size, i) == pytest.approx(steep, rel=1e-12)
    g[0] = math.inf
    assert local_slope(TIMES, g, TIMES.size, 0) == 0.0
    assert local_slope(TIMES, g, TIMES.size, 1) == pytest.approx(1.7, rel=1e-12)


def test_the_window_holds_the_nearest_finite_points() -> None:
    g = 1.2 - TIMES
    assert window(TIMES, g, 6, 2) == (0, 3)
    assert window(TIMES, g, 6, 0) == (0, 3)
    assert window(TIMES, g, 6, 4) == (2, 5)
    assert window(TIMES[:2], g[:2], 2, 0) == (0, 1)
    infinite = g.copy()
    infinite[0] = math.inf
    assert window(TIMES, infinite, 6, 2) == (1, 4)
    assert window(TIMES, infinite, 6, 0) == (0, 1)


@pytest.mark.parametrize("root", [1.0001, 1.3, 1.9, 2.4999])
@pytest.mark.parametrize("curve", [(0.0, 0.0), (0.3, 0.0), (-0.2, 0.05), (0.9, 0.4)])
def test_the_root_of_a_cubic_is_found(root: float, curve: tuple[float, float]) -> None:
    def cubic(t: np.ndarray) -> np.ndarray:
        u = t - root
        return -u * (1.0 + curve[1] * u * u) + curve[0] * 0.1 * u * u

    got = falling_root(TIMES, cubic(TIMES), TIMES.size, 2)
    assert got == pytest.approx(root, rel=1e-12)


@pytest.mark.parametrize("i", range(5))
def test_the_root_stays_inside_its_cell(i: int) -> None:
    rng = np.random.default_rng(i)
    for _ in range(200):
        g = rng.normal(size=6) * 10.0 ** rng.uniform(-8, 8, 6)
        g[i], g[i + 1] = abs(g[i]), -abs(g[i + 1])
        assert TIMES[i] <= falling_root(TIMES, g, 6, i) <= TIMES[i + 1]


def test_the_root_of_two_points_is_that_of_the_line() -> None:
    t, g = np.array([1.0, 3.0]), np.array([1.0, -3.0])
    assert falling_root(t, g, 2, 0) == pytest.approx(1.5, rel=1e-15)
    # Three points: a parabola.
    t = np.array([0.0, 1.0, 3.0])
    assert falling_root(t, 2.0 - t * t, 3, 1) == pytest.approx(math.sqrt(2.0), rel=1e-14)


def test_an_infinite_end_leads_down() -> None:
    g = np.array([math.inf, -1.0, -2.0, -3.0, -4.0, -5.0])
    got = falling_root(TIMES, g, 6, 0)
    assert 0.0 < got < 0.2


def test_a_slope_of_zero_at_the_lower_end_of_a_fall() -> None:
    g = np.array([4.0, 2.0, 1.0, 0.0, -1.0, -2.0])
    assert falling_root(TIMES, g, 6, 2) == pytest.approx(2.5, rel=1e-9)
