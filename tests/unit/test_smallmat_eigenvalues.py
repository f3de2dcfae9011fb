"""Extreme eigenvalues by Jacobi's rotations against closed forms and fifty digits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp

from tests.support.matrices import extreme_eigenvalues

EPS = 2.0**-52


def with_condition(seed: int, p: int, condition: float) -> np.ndarray:
    """Return eight matrices whose eigenvalues fall evenly in the logarithm."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, p, p)))[0]
    a = np.einsum("mij,j,mkj->mik", q, np.geomspace(1.0 / condition, 1.0, p), q)
    return (a + np.swapaxes(a, 1, 2)) / 2


def exact_ends(a: np.ndarray) -> tuple[float, float]:
    """Return the extreme eigenvalues of the unit-diagonal scaling of ``a``."""
    with mp.workdps(50):
        size = [mp.sqrt(mp.mpf(float(v))) for v in np.diag(a)]
        scaled = mp.matrix(len(a))
        for j in range(len(a)):
            for k in range(len(a)):
                lower = a[max(j, k), min(j, k)]
                scaled[j, k] = mp.mpf(float(lower)) / (size[j] * size[k])
        values = mp.eigsy(scaled, eigvals_only=True)
        return float(min(values)), float(max(values))


@pytest.mark.parametrize("p", range(1, 13))
@pytest.mark.parametrize("condition", [10.0, 1e8, 1e14])
def test_ends_of_random_spectra(p: int, condition: float) -> None:
    a = with_condition(p, p, condition)
    got = extreme_eigenvalues(a)
    for k in range(0, 8, 5):
        low, high = exact_ends(a[k])
        # Rounding of the scaled matrix itself is an absolute error of some eps.
        assert abs(got[k, 0] - low) <= 2 * EPS * p
        assert got[k, 1] == pytest.approx(high, rel=2 * EPS * p)


@pytest.mark.parametrize("p", [2, 3, 7, 12])
@pytest.mark.parametrize("gap", [1.0, 0.5, 1e-6, 1e-14])
def test_multiple_eigenvalues(p: int, gap: float) -> None:
    # Equal correlations: 1 - c, p - 1 times, and 1 + (p - 1) c.
    c = 1.0 - gap
    a = np.full((1, p, p), c) + (1.0 - c) * np.eye(p)
    low, high = extreme_eigenvalues(a)[0]
    assert low == pytest.approx(1.0 - c, abs=2 * EPS * p)
    assert high == pytest.approx(1.0 + (p - 1) * c, rel=2 * EPS * p)


def test_pairs_of_equal_eigenvalues_at_both_ends() -> None:
    block = np.array([[1.0, 0.75], [0.75, 1.0]])
    a = np.kron(np.eye(4), block)[None]
    np.testing.assert_allclose(extreme_eigenvalues(a), [[0.25, 1.75]], rtol=1e-15)
    turned = a[:, ::3][:, :, ::3]
    np.testing.assert_allclose(extreme_eigenvalues(turned), [[1.0, 1.0]], rtol=0)


@pytest.mark.parametrize("p", [2, 6, 12])
@pytest.mark.parametrize("power", [3, 100, 140])
def test_scales_of_columns_do_not_matter(p: int, power: int) -> None:
    a = with_condition(30 + p, p, 100.0)
    scale = 2.0 ** np.round(np.linspace(-power, power, p) * math.log2(10.0))
    got = extreme_eigenvalues(a * np.outer(scale, scale))
    np.testing.assert_array_equal(got, extreme_eigenvalues(a))


def test_small_eigenvalues_of_graded_matrices_are_relatively_accurate() -> None:
    # A tiny block beside a large one: what ordinary methods lose below eps of the largest.
    a = np.kron(np.diag([1.0, 1e-30]), np.array([[1.0, 0.99], [0.99, 1.0]]))[None]
    np.testing.assert_allclose(extreme_eigenvalues(a), [[0.01, 1.99]], rtol=1e-13)


@pytest.mark.parametrize("p", [2, 4, 9])
def test_singular_matrices_have_a_smallest_eigenvalue_of_rounding(p: int) -> None:
    rows = np.random.default_rng(p).normal(size=(8, p - 1, p))
    got = extreme_eigenvalues(np.swapaxes(rows, 1, 2) @ rows)
    assert np.all(np.abs(got[:, 0]) <= 2 * EPS * p)
    assert np.all(got[:, 1] >= 1.0)


@pytest.mark.parametrize("p", [1, 2, 5])
def test_lanes_that_cannot_be_scaled_are_not_numbers(p: int) -> None:
    a = with_condition(60 + p, p, 1e6)
    clean = extreme_eigenvalues(a)
    spoiled = a.copy()
    spoiled[0, 0, 0] = 0.0
    spoiled[2, -1, -1] = -1.0
    spoiled[3, 0, 0] = math.inf
    spoiled[5, -1, -1] = math.nan
    got = extreme_eigenvalues(spoiled)
    sound = np.array([k not in (0, 2, 3, 5) for k in range(8)])
    assert np.all(np.isnan(got[~sound]))
    np.testing.assert_array_equal(got[sound], clean[sound])


def test_a_lane_that_is_done_waits_for_the_others() -> None:
    hard = with_condition(9, 9, 1e14)
    alone = extreme_eigenvalues(hard[:1])
    mixed = hard.copy()
    mixed[1:4] = np.eye(9)
    mixed[4:] = np.diag(np.arange(1.0, 10.0))
    got = extreme_eigenvalues(mixed)
    np.testing.assert_array_equal(got[:1], alone)
    np.testing.assert_array_equal(got[1:], 1.0)
