"""One observation's formulas, eight at once, against many digits: Poisson to alpha = 1e6."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support import reference as ref
from tests.support.digits import (
    digamma_slope,
    exactly,
    half_deviance,
    largest_error,
    relative_errors,
)
from tests.support.scalars import family, family_lanes, special_lanes


class Observations(NamedTuple):
    """Counts, means and dispersions, each (m,)."""

    y: np.ndarray
    mu: np.ndarray
    alpha: np.ndarray

    def share(self) -> np.ndarray:
        return family_lanes.poisson_share(self.mu, self.alpha)


def observations(seed: int, count: int) -> Observations:
    """Return observations far apart, close together, ordinary; zeros and Poisson among them."""
    rng = np.random.default_rng(seed)
    alpha, mu = 10 ** rng.uniform(-14, 6, count), 10 ** rng.uniform(-12, 12, count)
    y = np.floor(10 ** rng.uniform(0, 9.6, count))
    number = np.arange(count)
    close = number % 3 == 1
    y[close] = np.clip(np.rint(mu[close]), 1.0, 4e9)
    sign = rng.choice([-1, 1], close.sum())
    mu[close] = y[close] * (1 + sign * 10 ** rng.uniform(-15, -0.3, close.sum()))
    usual = number % 3 == 2
    y[usual] = np.floor(10 ** rng.uniform(0, 2, usual.sum()))
    mu[usual], alpha[usual] = 10 ** rng.uniform((-3, -6), (3, 2), (usual.sum(), 2)).T
    y[number % 10 == 5] = 0.0
    alpha[number % 10 == 7] = 0.0
    return Observations(y, mu, alpha)


def test_derivatives_in_eta() -> None:
    o = observations(1, 1000)
    share = o.share()
    assert largest_error(share, exactly(lambda m, a: 1 / (1 + a * m), o.mu, o.alpha)) <= 1
    got = family_lanes.residual(o.y, o.mu, share)
    assert largest_error(got, exactly(lambda y, m, a: (y - m) / (1 + a * m), *o)) <= 2
    got = family_lanes.expected_information(o.mu, share)
    assert largest_error(got, exactly(lambda m, a: m / (1 + a * m), o.mu, o.alpha)) <= 1.5
    got = family_lanes.observed_information(*o, share)
    exact = exactly(lambda y, m, a: m * (1 + a * y) / (1 + a * m) ** 2, *o)
    assert largest_error(got, exact) <= 4


@pytest.mark.parametrize("seed", [2, 12])
def test_half_deviance(seed: int) -> None:
    o = observations(seed, 2000)
    got = family_lanes.half_deviance(*o, o.share())
    assert np.all(got >= 0)
    assert largest_error(got, exactly(half_deviance, *o, digits=90)) <= 40  # 9e-15


def test_half_deviance_around_every_seam() -> None:
    rng = np.random.default_rng(3)
    # |q1| = 1/2 and 1/3 and |q2| = 1/3 separate the forms, q1 = e/(mu (1 + a y)).
    alpha = np.append(10 ** rng.uniform(-8, 3, 900), np.zeros(100))
    y = np.floor(10 ** rng.uniform(0, 5, 1000))
    q = rng.choice([-1 / 2, -1 / 3, 1 / 3, 1 / 2], 1000) * (1 + 1e-3 * rng.normal(size=1000))
    first = y / (1 + q * (1 + alpha * y))
    second = y * (1 - q / np.maximum(alpha * y, 1e-30)) / (1 + q)
    mu = np.where((rng.uniform(size=1000) < 0.5) & (second > 0), second, first)
    mu = np.where(mu > 0, mu, y * 1.25)
    o = Observations(y, mu, alpha)
    got = family_lanes.half_deviance(*o, o.share())
    assert largest_error(got, exactly(half_deviance, *o, digits=90)) <= 40


def test_half_deviance_of_no_count() -> None:
    rng = np.random.default_rng(4)
    mu, alpha = 10 ** rng.uniform(-12, 12, 400), 10 ** rng.uniform(-14, 6, 400)
    o = Observations(np.zeros(400), mu, np.where(np.arange(400) % 9 == 0, 0.0, alpha))
    got = family_lanes.half_deviance(*o, o.share())
    exact = exactly(lambda _, m, a: mp.log1p(a * m) / a if a else m, *o)
    assert largest_error(got, exact) <= 8


def test_values_at_means_that_no_fit_has() -> None:
    # A step may go far beyond; nothing overflows there but what is too large itself.
    ends = [1e-290, 1e-160, 1e-30, 1e30, 1e160, 1e290]
    grid = np.meshgrid([0.0, 1.0, 30.0, 4e9], ends, [0.0, 1e-14, 1e-8, 1e-3, 0.5, 10.0, 1e3])
    o = Observations(*(axis.ravel() for axis in grid))
    got = family_lanes.half_deviance(*o, o.share())
    assert largest_error(got, exactly(half_deviance, *o, digits=700)) <= 40
    got = family_lanes.residual(o.y, o.mu, o.share())
    assert largest_error(got, exactly(lambda y, m, a: (y - m) / (1 + a * m), *o)) <= 2


def test_half_deviance_is_zero_at_the_count() -> None:
    for alpha in (0.0, 1e-10, 0.3, 1e5):
        for y in (1.0, 17.0, 4e9):
            share = float(family.poisson_share(y, alpha))
            assert family.half_deviance(y, y, alpha, share) == 0.0


def test_log_pmf() -> None:
    o = observations(5, 900)
    half = family_lanes.half_deviance(*o, o.share())
    low = family_lanes.log_normalizer_small(o.y, np.minimum(o.alpha, family.SMALL))
    high = family_lanes.log_normalizer_large(o.y, np.maximum(o.alpha, family.SMALL))
    normalizer = np.where(o.alpha > family.SMALL, high, low)
    got = np.where(o.y > 0, normalizer, 0.0) - half
    exact = exactly(ref.log_pmf, *o, digits=60)
    # No more than the rounding of a logarithm of Gamma, of the size of one.
    assert largest_error(got, exact, least=1.0) <= 40


@pytest.mark.parametrize("kind", ["small", "large"])
def test_log_normalizer(kind: str) -> None:
    rng = np.random.default_rng(6)
    y = np.append(np.floor(10 ** rng.uniform(0, 9.6, 400)), np.arange(1.0, 101.0))
    low, high = (-14, -1) if kind == "small" else (-1, 3)
    alpha = 10 ** rng.uniform(low, high, 500)
    got = getattr(family_lanes, f"log_normalizer_{kind}")(y, alpha)
    exact = exactly(lambda y, a: ref.log_pmf(y, y, a), y, alpha, digits=60)
    assert largest_error(got, exact, least=1.0) <= 40


def count_slope(y: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the count's part of the score by the form that serves its dispersion."""
    r = 1.0 / np.maximum(alpha, family.SMALL)
    large = family_lanes.count_slope_large(y, r, special_lanes.reciprocals(r))
    small = family_lanes.count_slope_small(y, np.minimum(alpha, family.SMALL))
    return np.where(alpha > family.SMALL, large, small)


def test_count_slope() -> None:
    rng = np.random.default_rng(7)
    y = np.append(np.floor(10 ** rng.uniform(0, 9.6, 500)), np.tile(np.arange(1.0, 26.0), 20))
    alpha = 10 ** np.append(rng.uniform(-14, 6, 500), rng.uniform(-2, 1, 500))
    alpha[:20] = family.SMALL
    got = count_slope(y, alpha)
    assert np.all(got > 0)
    errors = relative_errors(got, exactly(digamma_slope, y, alpha, digits=110))
    assert np.max(errors[alpha <= family.SMALL]) <= 50
    # The sums of reciprocals cancel but for a hundredth of them at r = 10 and y = 1.
    assert np.max(errors) <= 500  # 1e-13
    assert np.max(errors[alpha > 1.0]) <= 25


def test_dispersion_score_without_the_count() -> None:
    o = observations(8, 2000)

    def exact(y: mpf, mu: mpf, a: mpf) -> mpf:
        s = (y - mu) / (1 + a * mu)
        return (a * s - mp.log1p(a * s)) / a**2 if a else s**2 / 2

    got = family_lanes.dispersion_score(*o, o.share())
    assert np.all(got >= 0)
    assert largest_error(got, exactly(exact, *o, digits=90)) <= 40


def test_score_in_alpha() -> None:
    o = observations(9, 900)
    slope = np.where(o.y > 0, count_slope(np.maximum(o.y, 1.0), o.alpha), 0.0)

    def exact(y: mpf, mu: mpf, a: mpf) -> mpf:
        if a == 0:
            return ((y - mu) ** 2 - y) / 2
        r = 1 / a
        digammas = mp.digamma(y + r) - mp.digamma(r)
        return r**2 * (mp.log1p(a * mu) - digammas) + r * (y - mu) / (1 + a * mu)

    truth = exactly(exact, *o, digits=110)
    got = family_lanes.dispersion_score(*o, o.share()) - slope
    # The score is a difference of two positive parts, each good to some roundings.
    for value, expected, part in zip(got.tolist(), truth, slope.tolist(), strict=True):
        scale = max(abs(expected + mpf(part)) + mpf(part), mpf("1e-300"))
        assert abs(mpf(value) - expected) <= mpf("1e-13") * scale


def test_score_in_alpha_continues_to_zero() -> None:
    for y, mu in ((0.0, 3.0), (7.0, 3.0), (1000.0, 1003.0)):
        limit = ((y - mu) ** 2 - y) / 2
        for alpha in (0.0, 1e-300, 1e-18, 1e-15):
            share = float(family.poisson_share(mu, alpha))
            slope = float(family.count_slope_small(y, alpha))
            got = float(family.dispersion_score(y, mu, alpha, share)) - slope
            assert got == pytest.approx(limit, rel=1e-9)
