"""Elementary functions of the kernels against fifty digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support.scalars import special

EPS = np.finfo(float).eps


def largest_error(function: Callable, exact: Callable, points: np.ndarray) -> float:
    """Largest relative error over the points, in units of the float64 epsilon."""
    worst = 0.0
    with mp.workdps(60):
        for x in points:
            expected = exact(mpf(float(x)))
            got = mpf(float(function(float(x))))
            if expected != 0:
                worst = max(worst, float(abs(got - expected) / abs(expected)))
            else:
                assert got == 0
    return worst / EPS


def both_signs(low: float, high: float, count: int = 150) -> np.ndarray:
    """Points of either sign with magnitudes spread over decades."""
    size = 10.0 ** np.random.default_rng(1).uniform(np.log10(low), np.log10(high), count)
    return np.concatenate([size, -size])


@pytest.mark.parametrize(
    ("name", "exact", "points", "allowed"),
    [
        ("exp", mp.exp, both_signs(1e-20, 690), 2),
        ("expm1", mp.expm1, both_signs(1e-20, 690), 4),
        ("log", mp.log, 10.0 ** np.random.default_rng(2).uniform(-300, 300, 300), 2),
        ("log", mp.log, 1 + both_signs(1e-15, 0.4), 2),
        ("log1p", mp.log1p, both_signs(1e-20, 0.999), 4),
        ("log1p", mp.log1p, np.abs(both_signs(1e-20, 1e15)), 4),
        ("log1p_ratio", lambda x: mp.log1p(x) / x, both_signs(1e-20, 0.999), 4),
        ("log1p_ratio", lambda x: mp.log1p(x) / x, np.abs(both_signs(1e-2, 1e15)), 4),
        ("log1p_excess", lambda x: (x - mp.log1p(x)) / x**2, both_signs(1e-20, 0.99), 20),
        ("log1p_excess", lambda x: (x - mp.log1p(x)) / x**2, np.abs(both_signs(0.1, 1e12)), 20),
        (
            "entropy_excess",
            lambda x: ((1 + x) * mp.log1p(x) - x) / x**2,
            both_signs(1e-20, 0.99),
            20,
        ),
        (
            "entropy_excess",
            lambda x: ((1 + x) * mp.log1p(x) - x) / x**2,
            np.abs(both_signs(0.1, 1e12)),
            20,
        ),
    ],
)
def test_function_is_accurate(name, exact, points, allowed) -> None:
    error = largest_error(getattr(special, name), exact, points)
    assert error <= allowed, f"{name}: {error:.1f} epsilon"


@pytest.mark.parametrize("name", ["log1p_ratio", "log1p_excess", "entropy_excess"])
def test_quotients_reach_their_limit_at_zero(name: str) -> None:
    assert getattr(special, name)(0.0) == {"log1p_ratio": 1.0}.get(name, 0.5)


def test_elementary_functions_at_their_fixed_points() -> None:
    assert special.exp(0.0) == 1.0
    assert special.expm1(0.0) == 0.0
    assert special.log(1.0) == 0.0
    assert special.log1p(0.0) == 0.0
    assert special.exp(1000.0) == special.exp(700.0)
    assert special.exp(-1000.0) > 0.0


def remainder(z: mpf) -> mpf:
    """Stirling's remainder of log Gamma, from its definition."""
    return mp.loggamma(z) - ((z - 0.5) * mp.log(z) - z + mp.log(2 * mp.pi) / 2)


def test_stirling_remainder_is_accurate() -> None:
    points = 10.0 ** np.random.default_rng(3).uniform(-6, 12, 200)
    worst = 0.0
    with mp.workdps(80):
        for z in points:
            expected = remainder(mpf(float(z)))
            got = mpf(float(special.stirling_remainder(float(z))))
            worst = max(worst, float(abs(got - expected) / mp.mpf(max(expected, mpf("1e-3")))))
    assert worst <= 1e-13


def test_stirling_difference_is_accurate() -> None:
    rng = np.random.default_rng(4)
    worst = 0.0
    with mp.workdps(90):
        for _ in range(200):
            y, a = float(np.floor(10 ** rng.uniform(0, 12))), float(10 ** rng.uniform(-14, 6))
            r = 1 / mpf(a)
            expected = remainder(y + r) - remainder(r)
            got = mpf(float(special.stirling_difference(y, a)))
            worst = max(worst, float(abs(got - expected) / max(abs(expected), mpf("1e-3"))))
    assert worst <= 1e-13
    assert special.stirling_difference(5.0, 0.0) == 0.0
