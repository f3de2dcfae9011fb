"""Eight numbers at once: every operation of a lane is that of a number, whatever the others are."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest

from countglm._jit import LANES
from countglm._jit.lanes import (
    ROUNDER,
    choose,
    exponent,
    load,
    magnitude,
    mantissa,
    root,
    some,
    spread,
    store,
    two_to,
)
from tests.support.compiled import compiled, lanes, numbers
from tests.support.scalars import family, family_lanes, special, special_lanes

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, 1e-320, -1e-300, 1e300, math.inf, -math.inf, math.nan, 3.5]
LEFT, RIGHT = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))


def assert_same_bits(got: np.ndarray, expected: np.ndarray) -> None:
    """Compare bits, but for those of a NaN."""
    np.testing.assert_array_equal(got, expected)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(expected)[number])


def add(a, b):
    return a + b


def subtract(a, b):
    return a - b


def multiply(a, b):
    return a * b


def divide(a, b):
    return a / b


@pytest.mark.parametrize("function", [add, subtract, multiply, divide])
def test_arithmetic_is_that_of_numbers(function) -> None:
    exact = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply}
    with np.errstate(all="ignore"):
        expected = exact.get(function.__name__, np.divide)(LEFT, RIGHT)
    assert_same_bits(lanes(compiled(function))(LEFT, RIGHT), expected)


def test_arithmetic_with_a_number_on_either_side() -> None:
    def both_sides(x):
        return (2.0 - x) * 3.0 + (x - 2.0) / 4.0 + 1.0 / x + 5.0 * x

    def in_place(x):
        total = x * 0.0
        total += x
        total += 1.5
        total -= x * x
        total *= x
        total *= -2.0
        return -total

    x = np.array([0.25, 3.0, -7.0, 1e10, 0.5, 2.0, 8.0, 1.0, -0.125])
    assert_same_bits(lanes(compiled(both_sides))(x), (2 - x) * 3 + (x - 2) / 4 + 1 / x + 5 * x)
    np.testing.assert_allclose(lanes(compiled(in_place))(x), 2 * (x + 1.5 - x * x) * x, rtol=1e-15)


def test_in_place_arithmetic_leaves_other_names_alone() -> None:
    def renamed(x):
        total = x
        total += 1.0
        total *= x
        return total - x

    x = np.arange(9.0)
    assert_same_bits(lanes(compiled(renamed))(x), x * x)


COMPARISONS = {
    "lt": lambda a, b: choose(a < b, 1.0, 0.0),
    "le": lambda a, b: choose(a <= b, 1.0, 0.0),
    "gt": lambda a, b: choose(a > b, 1.0, 0.0),
    "ge": lambda a, b: choose(a >= b, 1.0, 0.0),
    "eq": lambda a, b: choose(a == b, 1.0, 0.0),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_hold_for_no_nan(name: str) -> None:
    got = lanes(compiled(COMPARISONS[name]))(LEFT, RIGHT)
    assert_same_bits(got, getattr(operator, name)(LEFT, RIGHT).astype(float))


def test_masks_combine() -> None:
    def combined(a, b, c):
        return choose((a < b) & ~(b < c) | (a == c), a, -b)

    rng = np.random.default_rng(1)
    a, b, c = rng.integers(0, 3, (3, 80)).astype(float)
    expected = np.where(((a < b) & ~(b < c)) | (a == c), a, -b)
    assert_same_bits(lanes(compiled(combined))(a, b, c), expected)


def test_not_less_is_true_of_a_nan() -> None:
    def not_less(a, b):
        return choose(~(a < b), 1.0, 0.0)

    expected = (~(LEFT < RIGHT)).astype(float)
    assert_same_bits(lanes(compiled(not_less))(LEFT, RIGHT), expected)


def test_choose_takes_numbers_and_lanes_and_hides_what_it_does_not_take() -> None:
    def mixed(a, b):
        first = choose(b > 0.0, a / b, -1.0)
        second = choose(b > 0.0, 2.0, a)
        return first + second

    a, b = np.array([1.0, 1.0, 0.0, 4.0]), np.array([0.0, 2.0, 0.0, 1.0])
    np.testing.assert_array_equal(lanes(compiled(mixed))(a, b), [0.0, 2.5, -1.0, 6.0])
    call = numbers(compiled(mixed))
    assert [call(float(p), float(q)) for p, q in zip(a, b, strict=True)] == [0.0, 2.5, -1.0, 6.0]


@pytest.mark.parametrize("lane", [None, *range(LANES)])
def test_some_looks_at_every_lane(lane: int | None) -> None:
    def any_positive(a):
        return some(load(a, 0) > 0.0)

    a = np.full((1, LANES), -1.0)
    a[0, 3] = math.nan
    if lane is not None:
        a[0, lane] = 1e-300
    assert compiled(any_positive)(a) is (lane is not None)


def test_rows_are_loaded_and_stored_where_they_lie() -> None:
    def swap(a, number):
        first, last = load(a, 0), load(a, 3)
        store(a, 3, first)
        store(a, 0, last)
        store(a, 1, number)
        store(a, 2, spread(number) * 2.0)

    a = np.arange(5.0 * LANES).reshape(5, LANES)
    before = a.copy()
    compiled(swap)(a, 7.0)
    np.testing.assert_array_equal(a, [before[3], [7.0] * LANES, [14.0] * LANES, *before[[0, 4]]])


def test_a_row_that_was_loaded_does_not_follow_its_array() -> None:
    def kept(a):
        row = load(a, 0)
        store(a, 0, row + 1.0)
        store(a, 1, row)

    a = np.zeros((2, LANES))
    compiled(kept)(a)
    np.testing.assert_array_equal(a, [[1.0] * LANES, [0.0] * LANES])


def test_rows_need_no_alignment() -> None:
    def double(a):
        for i in range(a.shape[0]):
            store(a, i, load(a, i) * 2.0)

    raw = np.arange(3.0 * LANES + 1)
    compiled(double)(raw[1:].reshape(3, LANES))
    np.testing.assert_array_equal(raw, [0.0, *(2.0 * np.arange(1.0, 3 * LANES + 1))])


def test_square_root_and_magnitude() -> None:
    x = np.array([*SPECIAL, 2.0, 1e-310])
    with np.errstate(invalid="ignore"):
        assert_same_bits(lanes(compiled(lambda v: root(v)))(x), np.sqrt(x))
    assert_same_bits(lanes(compiled(lambda v: magnitude(v)))(x), np.abs(x))


def test_powers_of_two() -> None:
    k = np.arange(-1022.0, 1023.0)
    expected = np.ldexp(1.0, k.astype(int))
    assert_same_bits(lanes(compiled(lambda v: two_to(v + ROUNDER)))(k), expected)
    call = numbers(compiled(lambda v: two_to(v + ROUNDER)))
    assert [float(call(float(v))) for v in k[::97]] == expected[::97].tolist()


def test_exponent_and_mantissa_make_the_number() -> None:
    rng = np.random.default_rng(2)
    edge = math.sqrt(0.5)
    x = np.concatenate([
        10.0 ** rng.uniform(-307, 308, 400), rng.uniform(0.5, 2.0, 200),
        2.0 ** np.arange(-1022, 1024),
        [edge, np.nextafter(edge, 0), np.nextafter(edge, 1), 2 * edge, np.finfo(float).max],
    ])  # fmt: skip
    m, k = lanes(compiled(lambda v: mantissa(v)))(x), lanes(compiled(lambda v: exponent(v)))(x)
    assert np.all((m >= edge * (1 - 2.0**-52)) & (m <= 2 * edge))
    half = np.ldexp(m, (k / 2).astype(int))
    assert_same_bits(np.ldexp(half, (k - (k / 2).astype(int)).astype(int)), x)


@pytest.mark.parametrize("name", ["exp", "log", "log1p", "stirling_remainder", "reciprocals"])
def test_a_lane_does_not_depend_on_the_others(name: str) -> None:
    rng = np.random.default_rng(3)
    x = 10.0 ** rng.uniform(-6, 2.5, 16 * LANES)
    function = getattr(special_lanes, name)
    together = function(x)
    order = rng.permutation(x.size)
    assert_same_bits(function(x[order]), together[order])
    # Beside numbers that cannot be computed with, too.
    spoiled = x.copy()
    spoiled[1::2] = np.resize([math.nan, math.inf, -1.0, 0.0, 1e308], spoiled[1::2].size)
    assert_same_bits(function(spoiled)[::2], together[::2])


@pytest.mark.parametrize("name", ["exp", "log", "log1p", "stirling_remainder", "reciprocals"])
def test_lanes_have_the_bits_of_numbers(name: str) -> None:
    x = 10.0 ** np.random.default_rng(4).uniform(-6, 2.5, 100)
    single = getattr(special, name)
    assert_same_bits(getattr(special_lanes, name)(x), np.array([single(float(v)) for v in x]))


@pytest.mark.parametrize("name", ["half_deviance", "dispersion_score", "observed_information"])
def test_one_observation_has_the_bits_of_eight(name: str) -> None:
    rng = np.random.default_rng(5)
    y = np.floor(10.0 ** rng.uniform(-0.5, 6, 100))
    mu, alpha = y * rng.uniform(0.5, 2, 100) + 0.1, 10.0 ** rng.uniform(-9, 1, 100)
    share = family_lanes.poisson_share(mu, alpha)
    single = getattr(family, name)
    rows = np.column_stack([y, mu, alpha, share]).tolist()
    expected = np.array([single(*row) for row in rows])
    assert_same_bits(getattr(family_lanes, name)(y, mu, alpha, share), expected)
