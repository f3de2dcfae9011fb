"""Elementary functions of the kernels, eight numbers at once, against sixty digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support.digits import exactly, largest_error, relative_errors, stirling
from tests.support.scalars import special, special_lanes


def both_signs(low: float, high: float, count: int = 300) -> np.ndarray:
    """Points of either sign with magnitudes spread over decades."""
    size = 10.0 ** np.random.default_rng(1).uniform(np.log10(low), np.log10(high), count)
    return np.concatenate([size, -size])


def decades(seed: int, low: float, high: float, count: int = 300) -> np.ndarray:
    """Positive points spread over decades."""
    return 10.0 ** np.random.default_rng(seed).uniform(low, high, count)


@pytest.mark.parametrize(
    ("name", "exact", "points", "allowed"),
    [
        ("exp", mp.exp, both_signs(1e-20, 690), 0.8),
        ("exp", mp.exp, np.linspace(-45, 45, 501), 0.8),
        ("log", mp.log, decades(2, -300, 300), 0.8),
        ("log", mp.log, np.linspace(0.5, 3.0, 501), 0.8),
        ("log", mp.log, 1 + both_signs(1e-15, 0.4), 0.8),
        ("log1p", mp.log1p, both_signs(1e-20, 0.999), 1.5),
        ("log1p", mp.log1p, decades(3, -20, 15), 1.5),
        ("log1p", mp.log1p, -1.0 + decades(4, -15.9, -1), 1.5),
        ("reciprocals", lambda z: mp.fsum(1 / (z + j) for j in range(10)), decades(5, -12, 12), 4),
    ],
)
def test_function_is_accurate(name, exact, points, allowed) -> None:
    error = largest_error(getattr(special_lanes, name)(points), exactly(exact, points))
    assert error <= allowed, f"{name}: {error:.2f} epsilon"


@pytest.mark.parametrize(
    "x",
    [
        both_signs(1e-20, 0.99),
        decades(6, -1, 100),
        -1.0 + decades(7, -15.9, -1),
        np.linspace(-0.4, 0.4, 801),
    ],
    ids=["decades", "large", "near -1", "around the seam"],
)
def test_logarithm_excess(x: np.ndarray) -> None:
    got = special_lanes.log_excess(x, special_lanes.log1p(x))
    exact = exactly(lambda v: (v - mp.log1p(v)) / v**2 if v else mpf("0.5"), x)
    assert largest_error(got, exact) <= 6


def test_logarithm_excess_ignores_the_logarithm_near_zero() -> None:
    x = both_signs(1e-20, np.nextafter(special.SERIES, 0))
    exact = exactly(lambda v: (v - mp.log1p(v)) / v**2, x)
    assert largest_error(special_lanes.log_excess(x, np.full(x.size, np.nan)), exact) <= 2
    assert special.log_excess(0.0, 0.0) == 0.5


def test_elementary_functions_at_their_fixed_points() -> None:
    assert special.exp(0.0) == 1.0
    assert special.log(1.0) == 0.0
    assert special.log1p(0.0) == 0.0
    assert special.exp(1000.0) == special.exp(700.0)
    assert special.exp(-1000.0) > 0.0


@pytest.mark.parametrize("z", [decades(8, -9, 12), np.linspace(0.01, 12.0, 400)])
def test_stirling_remainder_is_accurate(z: np.ndarray) -> None:
    got, exact = special_lanes.stirling_remainder(z), exactly(stirling, z, digits=90)
    # Of the size of the logarithms of which it is the difference below 10, and of itself above.
    assert largest_error(got, exact, least=1.0) <= 20
    above = z >= special.SHIFT
    assert np.max(relative_errors(got, exact)[above]) <= 20


@pytest.mark.parametrize("seed", [4, 5])
def test_stirling_difference_is_accurate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = np.floor(10 ** rng.uniform(0, 12, 300))
    a = np.append(10 ** rng.uniform(-14, -1, 298), [0.1, 0.0])
    got = special_lanes.stirling_difference_small(1.0 / (1.0 + a * y), a)
    assert got[-1] == 0.0

    def difference(y: mpf, a: mpf) -> mpf:
        return stirling(y + 1 / a) - stirling(1 / a) if a else mpf(0)

    # Its size is at most a/12 = 1/120; absolute errors are what enters a log-likelihood.
    assert largest_error(got, exactly(difference, y, a, digits=110), least=1.0) <= 0.5


def test_bernoulli_tail_is_accurate() -> None:
    rng = np.random.default_rng(6)
    z2, i2 = rng.uniform(0, 1, 300), 10 ** rng.uniform(-20, -2, 300)

    def series(z2: mpf, i2: mpf) -> mpf:
        terms = [mp.bernoulli(2 * k) / (2 * k) * (1 - z2**k) * i2 ** (k - 1) for k in range(1, 8)]
        return mp.fsum(terms)

    got, exact = special_lanes.bernoulli_tail(z2, i2), exactly(series, z2, i2)
    assert largest_error(got, exact) <= 4
    assert special.bernoulli_tail(1.0, 0.01) == 0.0
