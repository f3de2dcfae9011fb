"""The search for the maximum of a function of alpha, on functions whose maxima are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from countglm.kernels import search
from tests.support.maxima import Rules, find


@pytest.mark.parametrize("top", [1e-9, 1e-6, 1e-4, 0.003, 0.2, 1.0, 4.0, 9.999])
def test_a_single_maximum_anywhere(top: float) -> None:
    # Dispersion profiles rise like (top - a) / (a + l)²: steep below, flat above.
    found = find(lambda a: (top - a) / (a + 1e-4) ** 2)
    assert found.best == pytest.approx(top, rel=1e-9)
    assert found.count == 1
    assert found.lead == math.inf


def test_few_questions_are_asked() -> None:
    found = find(lambda a: (0.3 - a) / (a + 1e-4) ** 2)
    cells = math.ceil(math.log1p(10.0 / 1e-4) / search.CELL)
    # One question a cell, and a few for the root of a cubic, to 1e-10.
    assert len(found.asked) <= cells + 1 + 6
    # The first near the dispersion at which coefficients start, then up to the end, then down.
    assert abs(math.log1p(found.asked[0] / 1e-4) - math.log1p(0.1 / 1e-4)) <= search.CELL / 2
    assert found.asked[: cells + 1].index(10.0) < found.asked.index(0.0)
    assert max(found.asked) == 10.0


def test_a_function_that_falls_has_its_maximum_at_zero() -> None:
    found = find(lambda a: -1.0 / (1.0 + a))
    assert (found.best, found.count, found.lead) == (0.0, 1, math.inf)


@pytest.mark.parametrize("slope_at_0", [0.0, 1e-11, -1e-11])
def test_a_flat_start_counts_as_a_maximum_at_zero(slope_at_0: float) -> None:
    # 1e-11 in alpha is 1e-15 in t: the rounding of a slope that is 0.
    found = find(lambda a: slope_at_0 - a)
    assert (found.best, found.count) == (0.0, 1)


def test_a_slope_at_zero_that_is_no_rounding_is_kept() -> None:
    found = find(lambda a: 1e-6 - a)
    assert found.best == pytest.approx(1e-6, rel=1e-9)


def test_a_function_that_rises_has_its_maximum_at_the_cap() -> None:
    for cap in (1e-6, 10.0, 1e8):
        found = find(lambda a: 1.0 / (1.0 + a), rules=Rules(cap=cap))
        assert (found.best, found.count) == (cap, 1)


def test_a_root_at_the_cap_itself() -> None:
    found = find(lambda a: 10.0 - a)
    assert found.best == pytest.approx(10.0, rel=1e-8)


PEAKS = (0.013, 1.7)


def two_peaks(a: float, heights: tuple[float, float]) -> tuple[float, float]:
    """Value and slope of two bumps in log alpha on a slight rise, so that 0 is no maximum."""
    low = Rules().low()
    value, slope = 1e-8 * math.log1p(a / low), 1e-8 / (a + low)
    t = math.log(max(a, 1e-12))
    for height, peak in zip(heights, PEAKS, strict=True):
        gap = t - math.log(peak)
        bump = height * math.exp(-gap * gap)
        value += bump
        slope += -2 * gap * bump / max(a, 1e-12)
    return value, slope


@pytest.mark.parametrize(("heights", "top"), [((1.0, 2.0), 1), ((2.0, 1.0), 0), ((1.0, 1.001), 1)])
def test_the_higher_of_two_maxima_wins(heights: tuple[float, float], top: int) -> None:
    found = find(lambda a: two_peaks(a, heights)[1], lambda a: two_peaks(a, heights)[0])
    assert found.count == 2
    assert found.best == pytest.approx(PEAKS[top], rel=1e-6)
    np.testing.assert_allclose(found.maxima, PEAKS, rtol=1e-6)
    assert found.lead == pytest.approx(abs(heights[0] - heights[1]), rel=1e-3)
    # The maxima are asked for their values once each, after all slopes.
    assert found.asked[-2:] == found.maxima.tolist()


def test_the_first_of_equal_maxima_is_kept() -> None:
    found = find(lambda a: two_peaks(a, (1.0, 1.0))[1], lambda a: 7.0)
    assert found.best == pytest.approx(PEAKS[0], rel=1e-6)
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


@pytest.mark.parametrize("top", [0.2, 3e-5])
def test_an_infinite_slope_at_zero(top: float) -> None:
    # d/da of -(log a - m)²/2; the second in the first cell, whose left end has no finite slope.
    def slope(a: float) -> float:
        return math.inf if a == 0.0 else -(math.log(a) - math.log(top)) / a

    found = find(slope)
    assert found.best == pytest.approx(top, rel=1e-7)
    assert found.count == 1


def test_slopes_that_are_not_numbers_are_passed_over() -> None:
    def slope(a: float) -> float:
        return math.nan if a > 2.0 or 0.001 < a < 0.01 else (0.4 - a) / (a + 0.01)

    found = find(slope)
    assert found.best == pytest.approx(0.4, rel=1e-7)
    assert found.count == 1


def test_a_number_that_is_missing_inside_the_bracket() -> None:
    hidden = []

    def slope(a: float) -> float:
        # The second look into the bracket of the root finds no number.
        if 0.2 < a < 0.8:
            hidden.append(a)
            if len(hidden) == 2:
                return math.nan
        return (0.4 - a) / (a + 0.01)

    found = find(slope)
    assert 0.0 < found.best < 1.0


def test_no_number_at_all_ends_at_zero() -> None:
    found = find(lambda a: math.nan)
    assert (found.best, found.count, found.lead) == (0.0, 1, math.inf)
    assert np.all(np.isnan(found.kept[0]))


@pytest.mark.parametrize("power", [1, 3, 9])
def test_flat_roots_are_bracketed(power: int) -> None:
    # A root of high order defeats interpolation: the middle of the bracket is tried now and then.
    found = find(lambda a: -((a - 0.37) ** power))
    # At a distance of 0.01 from a root of order 9 the slope is 1e-18.
    assert found.best == pytest.approx(0.37, rel={1: 1e-8, 3: 1e-6, 9: 3e-2}[power])
    assert len(found.asked) <= 17 + 4 + search.MAX_TURNS


@pytest.mark.parametrize("jump", [0.123, 1e-5, 7.7])
def test_a_jump_through_zero_is_found(jump: float) -> None:
    found = find(lambda a: 1.0 if a < jump else -1.0)
    assert found.best == pytest.approx(jump, rel=1e-7)


def test_a_plateau_ends_on_it() -> None:
    # Flat from 0.1 to 0.5: any place on it is as good as another.
    found = find(lambda a: min(0.1 - a, 0.0) if a < 0.1 else -max(a - 0.5, 0.0) if a > 0.5 else 0.0)
    assert found.best <= 0.5 * (1 + 1e-9)
    rising = find(lambda a: max(0.1 - a, 0.0) - max(a - 0.5, 0.0))
    assert 0.1 * (1 - 1e-3) <= rising.best <= 0.5 * (1 + 1e-3)


def test_cells_follow_the_largest_count() -> None:
    # Below 0.01/max y a profile is nearly linear: that is where the first cell ends.
    for count in (0.0, 1.0, 1e3, 1e9):
        rules = Rules(largest_count=count)
        low = rules.low()
        asked = np.sort(find(lambda a, low=low: -1.0 / (a + low), rules=rules).asked)
        steps = np.diff(np.log1p(asked * max(count, 1.0) / search.LINEAR))
        assert np.all(steps <= search.CELL * (1 + 1e-9))
        np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
        assert asked[0] == 0.0
        assert asked[-1] == 10.0


def test_more_maxima_than_there_is_room_for_are_compared_as_far_as_there_is() -> None:
    rules = Rules(largest_count=1e12, cap=1e8)
    span = math.log1p(rules.cap / rules.low())
    period = span / 9

    def slope(a: float) -> float:
        t = math.log1p(a / rules.low())
        return math.sin(2 * math.pi * t / period) / (a + rules.low())

    found = find(slope, lambda a: a, rules=rules)
    assert found.count == search.MAX_MAXIMA
    assert found.best == max(found.maxima)
