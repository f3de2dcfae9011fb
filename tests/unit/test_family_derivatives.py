"""Derivatives of one observation against differentiation of the pmf, and every branch of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support import reference as ref
from tests.support.digits import half_deviance as exact_half_deviance
from tests.support.scalars import family, special

CASES = [
    (y, mu, alpha)
    for y in (0.0, 1.0, 2.5, 300.0)
    for mu in (0.02, 1.7, 280.0)
    for alpha in (0.0, 1e-12, 1e-3, 0.7, 1e4)
]


def share(mu: float, alpha: float) -> float:
    return float(family.poisson_share(mu, alpha))


def half_deviance(y: float, mu: float, alpha: float) -> float:
    return float(family.half_deviance(y, mu, alpha, share(mu, alpha)))


def observed_information(y: float, mu: float, alpha: float) -> float:
    return float(family.observed_information(y, mu, alpha, share(mu, alpha)))


def log_normalizer(y: float, alpha: float) -> float:
    """Return the form that serves the dispersion."""
    if alpha <= family.SMALL:
        return float(family.log_normalizer_small(y, alpha))
    return float(family.log_normalizer_large(y, alpha))


def count_slope(y: float, alpha: float) -> float:
    """Return the form that serves the dispersion."""
    if alpha <= family.SMALL:
        return float(family.count_slope_small(y, alpha))
    r = 1.0 / alpha
    return float(family.count_slope_large(y, r, special.reciprocals(r)))


def dispersion_score(y: float, mu: float, alpha: float) -> float:
    return float(family.dispersion_score(y, mu, alpha, share(mu, alpha)))


def derivative(function, at: float, order: int = 1) -> float:
    with mp.workdps(40):
        return float(mp.diff(function, mpf(at), order))


@pytest.mark.parametrize(("y", "mu", "alpha"), CASES)
def test_derivatives_in_eta_are_those_of_the_pmf(y: float, mu: float, alpha: float) -> None:
    eta = math.log(mu)

    def log_pmf(e: mpf) -> mpf:
        return ref.log_pmf(mpf(y), mp.exp(e), mpf(alpha))

    # exp(log(mu)) misses mu by the rounding of the logarithm.
    mu = float(mp.exp(mpf(eta)))
    part = share(mu, alpha)
    scale = (y + mu) * part
    first, second = derivative(log_pmf, eta), derivative(log_pmf, eta, 2)
    assert family.residual(y, mu, part) == pytest.approx(first, rel=1e-12, abs=1e-14 * scale)
    assert observed_information(y, mu, alpha) == pytest.approx(-second, rel=1e-10)


@pytest.mark.parametrize(("mu", "alpha"), [(0.4, 0.0), (0.4, 2.0), (3.0, 0.3), (2.0, 1e-12)])
def test_expected_information_is_the_mean_of_the_observed(mu: float, alpha: float) -> None:
    from scipy.stats import nbinom, poisson

    y = np.arange(2000.0)
    mass = poisson.pmf(y, mu)
    if alpha > 1e-6:
        mass = nbinom.pmf(y, 1 / alpha, 1 / (1 + alpha * mu))
    observed = [observed_information(v, mu, alpha) for v in y.tolist()]
    mean = float(np.sum(mass * observed))
    assert family.expected_information(mu, share(mu, alpha)) == pytest.approx(mean, rel=1e-10)
    score = [family.residual(v, mu, share(mu, alpha)) for v in y.tolist()]
    assert float(np.sum(mass * score)) == pytest.approx(0.0, abs=1e-10)


@pytest.mark.parametrize(("y", "mu", "alpha"), [c for c in CASES if c[2] > 0.0])
def test_derivative_in_alpha_is_that_of_the_pmf(y: float, mu: float, alpha: float) -> None:
    def log_pmf(a: mpf) -> mpf:
        return ref.log_pmf(mpf(y), mpf(mu), a)

    with mp.workdps(60):
        exact = float(mp.diff(log_pmf, mpf(alpha), h=mpf(alpha) * mpf("1e-20")))
    slope = count_slope(y, alpha) if y > 0 else 0.0
    got = dispersion_score(y, mu, alpha) - slope
    # The score is a difference of two positive terms, each good to a few roundings; far below
    # the mean alpha s is near -1, where one rounding of it moves log(1 + alpha s) by more.
    scale = abs(exact + slope) + slope
    pole = (1 + alpha * mu) / (1 + alpha * y)
    noise = (1e-13 + 2.0**-52 * pole) * scale
    assert got == pytest.approx(exact, rel=1e-13, abs=noise)


@pytest.mark.parametrize("function", ["half_deviance", "log_normalizer", "count_slope"])
@pytest.mark.parametrize("y", [1.0, 6.0, 4e8])
def test_values_are_continuous_at_the_poisson(function: str, y: float) -> None:
    def value(alpha: float) -> float:
        if function == "half_deviance":
            return half_deviance(y, 1.5 * y, alpha)
        return log_normalizer(y, alpha) if function == "log_normalizer" else count_slope(y, alpha)

    poisson = value(0.0)
    for alpha in (1e-300, 1e-30, 1e-18):
        assert value(alpha) == pytest.approx(poisson, rel=3 * y * alpha + 4e-16)


def test_poisson_values_have_closed_forms() -> None:
    assert count_slope(12.0, 0.0) == 6.0
    assert dispersion_score(12.0, 9.0, 0.0) == 9.0 / 2
    expected = 5 * math.log(5.0 / 3.0) - 2.0
    assert half_deviance(5.0, 3.0, 0.0) == pytest.approx(expected, rel=1e-15)
    log_pmf = 5 * math.log(5.0) - 5.0 - math.log(120.0)
    assert log_normalizer(5.0, 0.0) == pytest.approx(log_pmf, rel=1e-14)


BRANCHES = {
    "count zero": [(0.0, 3.0, 0.4), (0.0, 1e9, 1e-12), (0.0, 1e-9, 1e4), (0.0, 7.0, 0.0)],
    "near, small alpha mu": [(4e8, 4e8 + 1.0, 1e-10), (4e8, 4e8 - 3e-7, 1e-12), (100.0, 101.0, 0.0),
                             (5.0, 7.9, 0.05)],
    "near, large alpha mu": [(4e8, 4e8 + 1.0, 1.0), (4e8, 4e8 * 1.3, 1e4), (12.0, 11.0, 0.7),
                             (4e8, 4e8 + 1e-6, 30.0)],
    "far, both logarithms by log1p": [(1.0, 0.6, 1.0), (1.0, 0.5, 3.0), (10.0, 6.0, 1e4)],
    "far above": [(4e8, 1.0, 0.3), (50.0, 2.0, 1e-12), (9.0, 1e-9, 0.0), (4e8, 2.0, 1e4)],
    "far below": [(1.0, 4e8, 0.3), (1.0, 40.0, 1e-12), (3.0, 900.0, 1e4), (2.0, 50.0, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize("branch", BRANCHES)
def test_half_deviance_in_every_branch(branch: str) -> None:
    with mp.workdps(80):
        for y, mu, alpha in BRANCHES[branch]:
            exact = exact_half_deviance(mpf(y), mpf(mu), mpf(alpha))
            got = mpf(float(half_deviance(y, mu, alpha)))
            assert abs(got - exact) <= mpf("4e-15") * exact, (y, mu, alpha)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 1e-4, 0.5, 1e4])
@pytest.mark.parametrize("y", [3.0, 4e8])
def test_half_deviance_across_its_seams(y: float, alpha: float) -> None:
    # At alpha = 0 mu = 2y and mu = 2y/3 separate near and far; the value must not jump there.
    for seam in (2.0 * y, y / 1.5):
        for mu in (seam * (1 - 1e-9), seam * (1 + 1e-9)):
            with mp.workdps(60):
                exact = float(exact_half_deviance(mpf(y), mpf(mu), mpf(alpha)))
            assert half_deviance(y, mu, alpha) == pytest.approx(exact, rel=4e-15)


def test_half_deviance_is_a_parabola_at_large_counts() -> None:
    # (y - mu)² / (2 mu (1 + a mu)): the textbook form would return rounding noise here.
    y, gap = 4e8, 2.0**-20
    for alpha in (0.0, 1e-12, 1e-6, 1.0, 1e4):
        parabola = gap * gap / (2 * y * (1 + alpha * y))
        assert half_deviance(y, y + gap, alpha) == pytest.approx(parabola, rel=1e-13)


@pytest.mark.parametrize("alpha", [1e-12, 1e-6, 1e-2, 0.1, 0.1000001, 0.5, 3.0, 100.0, 1e4])
@pytest.mark.parametrize("y", [1.0, 2.0, 17.0, 0.3, 6.5, 123.456])
def test_count_slope_for_whole_and_real_counts(y: float, alpha: float) -> None:
    with mp.workdps(60):
        r = 1 / mpf(alpha)
        if y == int(y):
            # psi(y + r) - psi(r) is a plain sum for whole y.
            digammas = mp.fsum(1 / (r + k) for k in range(int(y)))
        else:
            digammas = mp.digamma(y + r) - mp.digamma(r)
        exact = float(r**2 * (digammas - mp.log1p(y / r)))
    assert count_slope(y, alpha) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("alpha", [1e-12, 1e-4, 0.5, 1e4])
def test_count_slope_of_a_huge_count(alpha: float) -> None:
    y = 4e8
    with mp.workdps(60):
        r = 1 / mpf(alpha)
        exact = float(r**2 * (mp.digamma(y + r) - mp.digamma(r) - mp.log1p(y / r)))
    assert count_slope(y, alpha) == pytest.approx(exact, rel=1e-12)
