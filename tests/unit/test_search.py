"""The search for the maximum of a function of alpha, on functions whose maxima are known."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from countglm.kernels import search

pytestmark = pytest.mark.plain


class Found(NamedTuple):
    """Where a search ended, what it saw on the way, and every alpha it asked for."""

    best: float
    count: int
    lead: float
    maxima: np.ndarray
    asked: list[float]


def find(
    slope: Callable[[float], float],
    value: Callable[[float], float] | None = None,
    *,
    largest_count: float = 100.0,
    cap: float = 10.0,
) -> Found:
    """Answer a search until it is done; a search that compares needs ``value``."""
    state, maxima = np.full(search.N_STATE, np.nan), np.full(search.N_STATE, np.nan)
    asked = []
    alpha = search.begin(state, largest_count, cap)
    while state[search.PHASE] != search.DONE:
        asked.append(float(alpha))
        if state[search.PHASE] == search.COMPARE:
            assert value is not None, "the search compares maxima of a function that has one"
            answer = value(alpha)
        else:
            answer = slope(alpha)
        alpha = search.advance(state, maxima, alpha, answer)
        assert len(asked) < 1000
    count = int(state[search.COUNT])
    return Found(float(state[search.BEST]), count, search.lead(state), maxima[:count], asked)


@pytest.mark.parametrize("top", [1e-9, 1e-6, 1e-4, 0.003, 0.2, 1.0, 4.0, 9.999])
def test_a_single_maximum_anywhere(top: float) -> None:
    # Dispersion profiles rise like (top - a) / (a + l)²: steep below, flat above.
    found = find(lambda a: (top - a) / (a + 1e-4) ** 2)
    assert found.best == pytest.approx(top, rel=1e-7)
    assert found.count == 1
    assert found.lead == math.inf


def test_few_questions_are_asked() -> None:
    found = find(lambda a: (0.3 - a) / (a + 1e-4) ** 2)
    cells = math.ceil(math.log1p(10.0 / 1e-4) / search.CELL)
    # One question a cell and a superlinear refinement of one of them, to 1e-10 of its root.
    assert len(found.asked) <= cells + 1 + 17
    assert found.asked[0] == 0.0
    assert max(found.asked) == 10.0


def test_a_function_that_falls_has_its_maximum_at_zero() -> None:
    found = find(lambda a: -1.0 / (1.0 + a))
    assert (found.best, found.count, found.lead) == (0.0, 1, math.inf)


def test_a_flat_start_counts_as_a_maximum_at_zero() -> None:
    found = find(lambda a: -a)
    assert (found.best, found.count) == (0.0, 1)


def test_a_function_that_rises_has_its_maximum_at_the_cap() -> None:
    for cap in (1e-6, 10.0, 1e8):
        found = find(lambda a: 1.0 / (1.0 + a), cap=cap)
        assert (found.best, found.count) == (cap, 1)


def test_a_root_at_the_cap_itself() -> None:
    found = find(lambda a: 10.0 - a)
    assert found.best == pytest.approx(10.0, rel=1e-8)


def two_peaks(a: float, heights: tuple[float, float]) -> tuple[float, float]:
    """Value and slope of two bumps in log alpha, at 0.01 and 1."""
    value = slope = 0.0
    t = math.log(max(a, 1e-12))
    for height, centre in zip(heights, (math.log(0.01), 0.0), strict=True):
        bump = height * math.exp(-((t - centre) ** 2))
        value += bump
        slope += -2 * (t - centre) * bump / max(a, 1e-12)
    return value, slope


@pytest.mark.parametrize(
    ("heights", "top"), [((1.0, 2.0), 1.0), ((2.0, 1.0), 0.01), ((1.0, 1.0 + 1e-9), 1.0)]
)
def test_the_higher_of_two_maxima_wins(heights: tuple[float, float], top: float) -> None:
    found = find(lambda a: two_peaks(a, heights)[1], lambda a: two_peaks(a, heights)[0])
    assert found.count == 2
    assert found.best == pytest.approx(top, rel=1e-6)
    np.testing.assert_allclose(found.maxima, [0.01, 1.0], rtol=1e-6)
    assert found.lead == pytest.approx(abs(heights[0] - heights[1]), rel=1e-6, abs=1e-12)
    # The maxima are asked for their values once each, after all slopes.
    assert found.asked[-2:] == found.maxima.tolist()


def test_the_first_of_equal_maxima_is_kept() -> None:
    found = find(lambda a: two_peaks(a, (1.0, 1.0))[1], lambda a: 7.0)
    assert found.best == pytest.approx(0.01, rel=1e-6)
    assert found.lead == 0.0


@pytest.mark.parametrize(
    ("ends", "best"), [((3.0, 1.0, 2.0), 0.0), ((1.0, 3.0, 2.0), 0.5), ((1.0, 2.0, 3.0), 10.0)]
)
def test_both_ends_and_the_middle_are_compared(
    ends: tuple[float, float, float], best: float
) -> None:
    # Slope -, +, 0 at 1/2, -, +: local maxima at 0, 1/2 and the cap.
    def slope(a: float) -> float:
        return (a - 0.05) * (0.5 - a) * (3.0 - a)

    def value(a: float) -> float:
        return ends[0] if a == 0.0 else ends[2] if a == 10.0 else ends[1]

    found = find(slope, value)
    np.testing.assert_allclose(found.maxima, [0.0, 0.5, 10.0], rtol=1e-7)
    assert found.best == pytest.approx(best, rel=1e-7)
    assert found.lead == 1.0


def test_an_infinite_slope_at_zero_as_from_a_prior() -> None:
    # d/da of -(log a - m)²/(2 s²).
    def slope(a: float) -> float:
        return math.inf if a == 0.0 else -(math.log(a) - math.log(0.2)) / a

    found = find(slope)
    assert found.best == pytest.approx(0.2, rel=1e-7)
    assert found.count == 1


def test_an_infinite_slope_at_zero_beside_the_maximum() -> None:
    # The fall lies in the first cell, whose left end has no finite slope for the secant.
    def slope(a: float) -> float:
        return math.inf if a == 0.0 else -(math.log(a) - math.log(3e-5)) / a

    # NumPy reports the secant inf/inf, which the search answers with the middle of the bracket.
    with np.errstate(invalid="ignore"):
        found = find(slope)
    assert found.best == pytest.approx(3e-5, rel=1e-7)


def test_slopes_that_are_not_numbers_are_passed_over() -> None:
    def slope(a: float) -> float:
        return math.nan if a > 2.0 or 0.001 < a < 0.01 else (0.4 - a) / (a + 0.01)

    found = find(slope)
    assert found.best == pytest.approx(0.4, rel=1e-7)
    assert found.count == 1


def test_a_number_that_is_missing_inside_the_bracket() -> None:
    hidden = []

    def slope(a: float) -> float:
        # The third look into the bracket of the root finds no number.
        if 0.2 < a < 0.8:
            hidden.append(a)
            if len(hidden) == 3:
                return math.nan
        return (0.4 - a) / (a + 0.01)

    found = find(slope)
    assert 0.0 < found.best < 1.0
    assert math.isfinite(found.best)


@pytest.mark.parametrize("power", [1, 3, 9])
def test_flat_roots_are_bracketed(power: int) -> None:
    # A root of high order defeats the secant: the middle of the bracket is tried now and then.
    found = find(lambda a: -((a - 0.37) ** power))
    assert found.best == pytest.approx(0.37, rel=1e-6 if power == 1 else 1e-2)
    assert len(found.asked) <= 17 + 4 + search.MAX_TURNS


def test_a_jump_through_zero_is_found() -> None:
    found = find(lambda a: 1.0 if a < 0.123 else -1.0)
    assert found.best == pytest.approx(0.123, rel=1e-9)


def test_cells_follow_the_largest_count() -> None:
    # Below 0.01/max y a profile is nearly linear: that is where the first cell ends.
    for count in (1.0, 1e3, 1e9):
        asked = find(lambda a: -1.0, largest_count=count).asked
        steps = np.diff(np.log1p(np.array(asked) * count / search.LINEAR))
        assert np.all(steps <= search.CELL * (1 + 1e-9))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        assert asked[-1] == 10.0
