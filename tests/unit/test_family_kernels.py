"""One observation's formulas against fifty digits, from Poisson to alpha = 1e6."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support import reference as ref
from tests.support.scalars import family


def observations(seed: int, count: int) -> Iterator[tuple[float, float, float]]:
    """Yield (y, mu, alpha): far apart, close together, zero, Poisson."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        alpha = float(10 ** rng.uniform(-14, 6))
        mu = float(10 ** rng.uniform(-8, 12))
        y = float(np.floor(10 ** rng.uniform(0, 12)))
        if number % 3 == 1:
            y = float(max(1.0, np.rint(mu)))
            mu = float(y * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-14, -0.5)))
        if number % 10 == 5:
            y = 0.0
        if number % 10 == 7:
            alpha = 0.0
        yield y, mu, alpha


def half_deviance(y: float, mu: float, alpha: float) -> mpf:
    """Half the unit deviance from its definition."""
    y, mu, alpha = mpf(y), mpf(mu), mpf(alpha)
    first = y * mp.log(y / mu) if y else mpf(0)
    if alpha == 0:
        return first - (y - mu)
    return first - (y + 1 / alpha) * mp.log((1 + alpha * y) / (1 + alpha * mu))


def alpha_score(y: float, mu: float, alpha: float) -> tuple[mpf, mpf]:
    """Derivative of the log pmf in alpha, and the size of the terms that make it."""
    y, mu, a = mpf(y), mpf(mu), mpf(alpha)
    if a == 0:
        return ((y - mu) ** 2 - y) / 2, ((y - mu) ** 2 + y) / 2
    r = 1 / a
    digammas = mp.digamma(y + r) - mp.digamma(r)
    exact = r**2 * (mp.log1p(a * mu) - digammas) + r * (y - mu) / (1 + a * mu)
    count_part = r**2 * (digammas - mp.log1p(y / r))
    return exact, abs(exact + count_part) + abs(count_part)


def test_derivatives_in_eta() -> None:
    for y, mu, alpha in observations(1, 200):
        spread = 1 + mpf(alpha) * mpf(mu)
        expected = (mpf(y) - mpf(mu)) / spread
        assert float(family.residual(y, mu, alpha)) == pytest.approx(float(expected), rel=1e-15)
        weight = mpf(mu) / spread
        got = float(family.expected_information(mu, alpha))
        assert got == pytest.approx(float(weight), rel=1e-15)
        observed = weight * (1 + mpf(alpha) * mpf(y)) / spread
        got = float(family.observed_information(y, mu, alpha))
        assert got == pytest.approx(float(observed), rel=2e-15)


def test_half_deviance() -> None:
    worst = 0.0
    with mp.workdps(80):
        for y, mu, alpha in observations(2, 600):
            expected = half_deviance(y, mu, alpha)
            got = float(family.half_deviance(y, mu, alpha))
            assert got >= 0
            if expected > mpf("1e-290"):
                worst = max(worst, float(abs(got - expected) / expected))
    assert worst <= 1e-14


def test_half_deviance_is_zero_at_the_count() -> None:
    for alpha in (0.0, 1e-10, 0.3, 1e5):
        assert family.half_deviance(17.0, 17.0, alpha) == 0.0
        assert family.half_deviance(0.0, 0.0, alpha) == 0.0


def test_change_of_half_deviance() -> None:
    rng = np.random.default_rng(3)
    worst = 0.0
    with mp.workdps(80):
        for y, mu, alpha in observations(3, 400):
            step = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-9, 1.7))
            moved = mpf(mu) * mp.exp(mpf(step))
            expected = half_deviance(y, moved, alpha) - half_deviance(y, mu, alpha)
            spread = 1 + mpf(alpha) * mpf(mu)
            # The error may be relative to the two linear terms whose difference decides.
            scale = abs(mpf(step)) * (mpf(y) + mpf(mu)) / spread + abs(expected)
            got = float(family.half_deviance_change(y, mu, alpha, step))
            worst = max(worst, float(abs(got - expected) / scale))
    assert worst <= 1e-13


def test_log_pmf() -> None:
    worst = 0.0
    with mp.workdps(60):
        for y, mu, alpha in observations(4, 400):
            expected = ref.log_pmf(mpf(y), mpf(mu), mpf(alpha))
            got = float(family.log_normalizer(y, alpha)) - float(family.half_deviance(y, mu, alpha))
            worst = max(worst, float(abs(got - expected) / max(1, abs(expected))))
    assert worst <= 1e-14


def test_score_in_alpha() -> None:
    worst = 0.0
    with mp.workdps(110):
        for y, mu, alpha in observations(5, 400):
            expected, scale = alpha_score(y, mu, alpha)
            slope = family.count_slope(y, alpha)
            assert slope >= 0
            got = float(family.dispersion_score(y, mu, alpha, slope))
            worst = max(worst, float(abs(got - expected) / max(scale, mpf("1e-300"))))
    assert worst <= 2e-13


def test_score_in_alpha_continues_to_zero() -> None:
    for y, mu in ((0.0, 3.0), (7.0, 3.0), (1000.0, 1003.0)):
        limit = ((y - mu) ** 2 - y) / 2
        for alpha in (0.0, 1e-300, 1e-18, 1e-15):
            slope = family.count_slope(y, alpha)
            got = float(family.dispersion_score(y, mu, alpha, slope))
            assert got == pytest.approx(limit, rel=1e-9)
