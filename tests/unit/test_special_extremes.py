"""Elementary functions at the ends of double precision, where the reduction has its seams."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support.digits import EPS
from tests.support.scalars import special

TINY = np.finfo(float).tiny


def relative_error(got: float, exact: mpf) -> float:
    """Relative error in units of the float64 epsilon."""
    with mp.workdps(60):
        return float(abs(mpf(float(got)) - exact) / abs(exact)) / EPS


@pytest.mark.parametrize("k", [-1009, -500, -1, 0, 1, 2, 53, 1009])
@pytest.mark.parametrize("side", [-1e-9, 0.0, 1e-9])
def test_exponentials_at_the_seams_of_the_reduction(k: int, side: float) -> None:
    # Between two multiples of log 2 the remainder changes its sign and the scale its exponent.
    x = (k + 0.5) * math.log(2.0) * (1.0 + side)
    with mp.workdps(60):
        assert relative_error(special.exp(x), mp.exp(mpf(x))) <= 1


def test_exponentials_are_clipped_and_stay_normal() -> None:
    with mp.workdps(60):
        assert relative_error(special.exp(-700.0), mp.exp(-700)) <= 1
        assert relative_error(special.exp(700.0), mp.exp(700)) <= 1
    for x in (-701.0, -1e4, -1e308, -math.inf):
        assert special.exp(x) == special.exp(-700.0) > TINY
    for x in (701.0, 1e308, math.inf):
        assert special.exp(x) == special.exp(700.0)
        assert math.isfinite(special.exp(x) * 1e3)


@pytest.mark.parametrize("x", [1e-300, TINY, -TINY, 5e-324, 1e-17, -1e-17])
def test_tiny_arguments_are_returned_as_they_are(x: float) -> None:
    assert special.log1p(x) == x
    assert special.exp(x) == 1.0


@pytest.mark.parametrize(
    "x", [TINY, 2.0**-1021, 0.5 * math.sqrt(2.0), math.sqrt(0.5) - 1e-16, 1.0 + EPS, 1.0 - EPS / 2,
          math.sqrt(2.0), 2.0**1023, np.finfo(float).max],
)  # fmt: skip
def test_logarithm_at_the_seams_of_the_mantissa(x: float) -> None:
    with mp.workdps(60):
        assert relative_error(special.log(x), mp.log(mpf(x))) <= 1


def test_logarithm_undoes_the_exponential() -> None:
    x = np.linspace(-690.0, 690.0, 97)
    back = np.array([special.log(special.exp(float(v))) for v in x])
    # exp is good to a relative 2 eps, which is an absolute 2 eps of its logarithm.
    np.testing.assert_allclose(back, x, rtol=2 * EPS, atol=2 * EPS)


def test_log1p_beside_its_pole() -> None:
    for x in (-1.0 + 2.0**-53, -1.0 + 1e-12, -0.5 - 1e-16, -0.5, -0.25):
        with mp.workdps(60):
            assert relative_error(special.log1p(x), mp.log1p(mpf(x))) <= 1.5
    assert math.isfinite(special.log1p(-1.0))
    assert special.log1p(-1.0) < -690.0


def excess(x: float) -> float:
    """Return (x - log(1 + x)) / x² from the logarithm of a number."""
    return float(special.log_excess(x, special.log1p(x)))


@pytest.mark.parametrize("at", [0.1, -0.1, special.SERIES, -special.SERIES])
def test_series_and_formula_meet(at: float) -> None:
    inside, outside = np.nextafter(at, 0.0), np.nextafter(at, 2 * at)
    assert excess(float(inside)) == pytest.approx(excess(float(outside)), rel=10 * EPS)


def test_excess_at_its_ends() -> None:
    near = -1.0 + 2.0**-53
    with mp.workdps(60):
        exact = (mpf(near) - mp.log1p(mpf(near))) / mpf(near) ** 2
        assert relative_error(excess(near), exact) <= 4
    assert excess(1e150) == pytest.approx(1e-150, rel=1e-12)
    for x in (5e-324, -5e-324, 1e-300, -1e-20):
        assert excess(x) == pytest.approx(0.5, rel=EPS)


@pytest.mark.parametrize("z", [1.0, 2.0, 3.0, 10.0, 25.0, 150.0])
def test_stirling_remainder_of_factorials(z: float) -> None:
    with mp.workdps(60):
        exact = mp.log(mp.factorial(int(z) - 1)) - (
            (mpf(z) - 0.5) * mp.log(z) - z + mp.log(2 * mp.pi) / 2
        )
        assert float(special.stirling_remainder(z)) == pytest.approx(float(exact), abs=3e-15)


@pytest.mark.parametrize("z", [1e15, 1e100, 1e300])
def test_stirling_remainder_of_large_numbers(z: float) -> None:
    assert special.stirling_remainder(z) == pytest.approx(1.0 / (12.0 * z), rel=1e-14)


@pytest.mark.parametrize("z", [1e-300, 1e-290, 1e-100, 1e-16])
def test_stirling_remainder_beside_its_pole(z: float) -> None:
    # log Γ(z) = -log z - γ z + ..., so that (½ - z) log z is taken away from it.
    exact = -0.5 * math.log(z) - 0.5 * math.log(2.0 * math.pi)
    assert special.stirling_remainder(z) == pytest.approx(exact, rel=1e-14)


def test_stirling_remainder_joins_at_ten() -> None:
    below, above = float(np.nextafter(10.0, 0.0)), 10.0
    got = special.stirling_remainder(below) - special.stirling_remainder(above)
    assert abs(got) <= 4e-15


def stirling_difference(y: float, a: float) -> float:
    """Return δ(y + 1/a) - δ(1/a)."""
    return float(special.stirling_difference_small(1.0 / (1.0 + a * y), a))


@pytest.mark.parametrize("y", [1.0, 17.5, 4e8])
def test_stirling_difference_tends_to_poisson(y: float) -> None:
    # delta(z) ~ 1/(12 z): the difference is (a/12) [1/(1 + a y) - 1], at most a/12.
    for a in (1e-20, 1e-30, 1e-300):
        got = stirling_difference(y, a)
        assert got == pytest.approx(-a * a * y / 12.0, rel=1e-9, abs=EPS * a)
    assert stirling_difference(y, 0.0) == 0.0


def test_stirling_difference_joins_at_one_tenth() -> None:
    for y in (1.0, 8.0, 1e6):
        series = stirling_difference(y, 0.1)
        direct = special.stirling_remainder(y + 10.0) - special.stirling_remainder(10.0)
        assert series == pytest.approx(direct, rel=1e-12)
