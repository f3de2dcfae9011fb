"""The references are judged first: derivatives, library formulas, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from tests.support import reference as ref
from tests.support.profile import adjusted_profile_grid, log_pmf_grid
from tests.support.separation import (
    coefficient_limits,
    complete,
    exact_separated_samples,
    separated_samples,
)


def _gene(seed: int, n: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=n)])
    counts = rng.negative_binomial(2, 0.05, n).astype(float)
    return counts, design, rng.normal(size=n) * 0.3


@pytest.mark.parametrize("alpha", [0.0, 1e-12, 0.2, 900.0])
def test_log_pmf_sums_to_one(alpha: float) -> None:
    with mp.workdps(ref.DIGITS):
        terms = (mp.exp(ref.log_pmf(mpf(y), mpf("0.3"), mpf(alpha))) for y in range(60))
        heavy_tail = 0.2 if alpha > 1 else 1e-15
        assert abs(1 - mp.fsum(terms)) < heavy_tail


@pytest.mark.parametrize(("y", "mu", "alpha"), [(0, 2.0, 0.5), (7, 3.5, 0.1), (900, 1e3, 2.0)])
def test_log_pmf_agrees_with_scipy(y: int, mu: float, alpha: float) -> None:
    from scipy.stats import nbinom, poisson

    expected = nbinom.logpmf(y, 1 / alpha, 1 / (1 + alpha * mu))
    assert float(ref.log_pmf(mpf(y), mpf(mu), mpf(alpha))) == pytest.approx(expected, rel=1e-11)
    value = float(ref.log_pmf(mpf(y), mpf(mu), mpf(0)))
    assert value == pytest.approx(poisson.logpmf(y, mu), rel=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 1e-8, 0.3, 40.0])
def test_score_and_information_are_derivatives(alpha: float) -> None:
    counts, design, offset = _gene(3)
    problem = ref.make_problem(counts, design, offset=offset, weights=np.arange(8) / 2)
    with mp.workdps(ref.DIGITS):
        beta = [mpf("1.5"), mpf("-0.25"), mpf("0.5")]

        def value(*b: mpf) -> mpf:
            return ref.log_likelihood(problem, list(b), alpha)

        gradient = ref.score(problem, beta, alpha)
        hessian = ref.information(problem, beta, alpha, expected=False)
        for j in range(3):
            order = tuple(int(j == k) for k in range(3))
            assert mp.almosteq(mp.diff(value, tuple(beta), order), gradient[j], 1e-15)
            for k in range(3):
                twice = tuple(order[i] + int(i == k) for i in range(3))
                assert mp.almosteq(-mp.diff(value, tuple(beta), twice), hessian[j][k], 1e-9)


def test_expected_information_is_the_mean_of_the_observed() -> None:
    design, beta, alpha = np.ones((1, 1)), [mpf("0.5")], mpf("0.4")
    with mp.workdps(30):
        mu = mp.exp(beta[0])
        mean = mp.fsum(
            mp.exp(ref.log_pmf(mpf(y), mu, alpha))
            * ref.information(ref.make_problem([y], design), beta, alpha, expected=False)[0][0]
            for y in range(200)
        )
        expected = ref.information(ref.make_problem([0], design), beta, alpha, expected=True)
        assert abs(mean - expected[0][0]) < 1e-15


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 5.0])
def test_optimum_has_no_score_and_does_not_depend_on_the_start(alpha: float) -> None:
    counts, design, offset = _gene(4)
    problem = ref.make_problem(counts, design, offset=offset)
    with mp.workdps(ref.DIGITS):
        one = ref.maximise(problem, alpha)
        two = ref.maximise(problem, alpha, start=[8.0, -2.0, 1.0])
        assert ref.decrement(problem, one, alpha) < 1e-40
        assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-40


def test_distance_of_one_coefficient_is_in_standard_errors() -> None:
    problem = ref.make_problem([3, 5, 4], np.ones((3, 1)))
    best = ref.maximise(problem, 0.0)
    assert float(best[0]) == pytest.approx(np.log(4.0), abs=1e-15)
    shifted = [float(best[0]) + 1e-3 / np.sqrt(12.0)]
    assert ref.distance(problem, shifted, best, 0.0) == pytest.approx(1e-3, rel=1e-9)


def test_long_double_pmf_agrees_with_fifty_digits() -> None:
    rng = np.random.default_rng(2)
    for alpha in (0.0, 1e-12, 1e-6, 0.1, 10.0, 1e4):
        y = np.floor(10 ** rng.uniform(-1, 7, 12))
        mu = y * np.exp(rng.normal(size=12)) + 0.01
        eta = np.log(mu.astype(np.longdouble))
        got = log_pmf_grid(y, eta[None, :], np.array([alpha]))[0]
        for i in range(12):
            with mp.workdps(ref.DIGITS):
                exact_eta = mpf(float(eta[i])) + mpf(float(eta[i] - np.longdouble(float(eta[i]))))
                full = ref.log_pmf(mpf(y[i]), mp.exp(exact_eta), mpf(alpha))
                expected = float(full + mp.loggamma(mpf(y[i]) + 1))
            assert float(got[i]) == pytest.approx(expected, rel=1e-15, abs=1e-12)


def test_profile_in_long_double_agrees_with_fifty_digits() -> None:
    counts, design, offset = _gene(5)
    counts[0] = 4e6
    weights = np.arange(1, 9) / 3
    alpha = np.array([0.3, 0.0, 1e-10, 1e-3, 8.0, 1e3])
    got = adjusted_profile_grid(counts, design, offset, alpha, weights=weights)
    problem = ref.make_problem(counts, design, offset=offset, weights=weights)
    with mp.workdps(ref.DIGITS):
        full = [ref.adjusted_profile(problem, a) for a in alpha]
        for i in range(1, alpha.size):
            assert float(got[i] - got[0]) == pytest.approx(float(full[i] - full[0]), abs=1e-9)


def test_programs_agree_with_each_other() -> None:
    rng = np.random.default_rng(6)
    separated = 0
    for _ in range(60):
        n, p = int(rng.integers(3, 8)), int(rng.integers(1, 4))
        design = rng.integers(-1, 2, (n, p)).astype(float)
        positive = rng.random(n) < 0.4
        exact = exact_separated_samples(design, positive)
        separated += int(exact.any())
        np.testing.assert_array_equal(separated_samples(design, positive), exact)
    assert 5 < separated < 55


def test_limits_of_a_group_of_zeros() -> None:
    design = np.column_stack([np.ones(6), np.repeat([0, 1], 3)])
    counts = np.array([4.0, 6.0, 5.0, 0.0, 0.0, 0.0])
    limit = complete(counts, design, 0.0)
    np.testing.assert_array_equal(limit.separated, counts == 0)
    np.testing.assert_array_equal(limit.limits, [0.0, -1.0])
    assert limit.coefficients[0] == pytest.approx(np.log(5.0), abs=1e-14)
    assert limit.standard_errors[0] == pytest.approx(1 / np.sqrt(15.0), abs=1e-14)
    assert np.isnan(limit.standard_errors[1])


def test_a_contrast_of_two_groups_of_zeros_can_go_both_ways() -> None:
    group = np.repeat([0, 1, 2], 2)
    design = np.column_stack([np.ones(6), group == 1, group == 2]).astype(float)
    zero_reference = coefficient_limits(design, np.array([0, 0, 0, 0, 1, 1]) > 0)
    np.testing.assert_array_equal(zero_reference, [-1.0, np.nan, 1.0])
