"""Small matrices near singularity, step by step, against exact numbers and LAPACK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import hilbert, invhilbert

from tests.support.matrices import Matrices


def condition(a: np.ndarray) -> float:
    return float(np.linalg.cond(a))


@pytest.mark.parametrize("p", [2, 4, 6, 8])
@pytest.mark.parametrize("in_place", [False, True])
def test_hilbert_matrices_solve_to_their_condition(p: int, in_place: bool) -> None:
    a = hilbert(p)
    b = np.arange(1.0, p + 1)
    tile = Matrices(a[None])
    assert tile.factor().all()
    # The back substitution may write over its argument.
    solution, square = tile.solve(b[None], in_place=in_place)
    assert square[0] == pytest.approx(b @ invhilbert(p) @ b, rel=1e-15 * 40.0**p)
    exact = invhilbert(p) @ b
    assert np.max(np.abs(solution[0] - exact)) <= 1e-16 * condition(a) * np.max(np.abs(exact))
    assert np.max(np.abs(a @ solution[0] - b)) <= 1e-13 * np.sum(np.abs(solution[0]))


@pytest.mark.parametrize("p", [2, 5, 9, 12])
def test_random_matrices_of_condition_1e11_solve_to_it(p: int) -> None:
    rng = np.random.default_rng(p)
    q = np.linalg.qr(rng.normal(size=(8, p, p)))[0]
    a = np.einsum("mij,j,mkj->mik", q, np.geomspace(1e-11, 1.0, p), q)
    a = (a + np.swapaxes(a, 1, 2)) / 2
    truth = rng.normal(size=(8, p))
    tile = Matrices(a)
    assert tile.factor().all()
    solution, _ = tile.solve(np.einsum("mij,mj->mi", a, truth))
    assert np.max(np.abs(solution - truth)) <= 1e-15 * 1e11 * p * np.max(np.abs(truth))
    residual = np.einsum("mij,mj->mi", a, solution - truth)
    assert np.max(np.abs(residual)) <= 1e-14 * np.max(np.abs(solution))


def test_factor_reproduces_the_scaled_matrix_with_its_ridge() -> None:
    a = hilbert(5) * np.outer(10.0 ** np.arange(5), 10.0 ** np.arange(5))
    # A ridge for each lane.
    ridge = np.array([0.0, 1e-13, 0.1, 0.0, 1.0, 1e-6, 0.0, 0.5])
    tile = Matrices(np.stack([a] * 8))
    assert tile.factor(ridge).all()
    scale = tile.scales()
    for k, root in enumerate(tile.triangles(tile.chol)):
        np.testing.assert_allclose(scale[k], 1 / np.sqrt(np.diag(a)), rtol=1e-15)
        scaled = a * np.outer(scale[k], scale[k]) + ridge[k] * np.eye(5)
        np.testing.assert_allclose(root @ root.T, scaled, atol=1e-15)


REFUSED = {
    "rank one": np.ones((3, 3)),
    "zero": np.diag([1.0, 0.0]),
    "negative": np.diag([1.0, -1.0]),
    "infinite": np.diag([1.0, math.inf]),
    "NaN": np.array([[1.0, 0.0], [0.0, math.nan]]),
    "NaN beside the diagonal": np.array([[1.0, math.nan], [math.nan, 1.0]]),
    "infinite beside the diagonal": np.array([[1.0, math.inf], [math.inf, 1.0]]),
    "indefinite": np.array([[1.0, 3.0], [3.0, 1.0]]),
    "rounding": np.array([[1.0, 1.0 - 4e-16], [1.0 - 4e-16, 1.0]]),
    "one": np.array([[0.0]]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_factor_refuses_what_is_not_positive(name: str) -> None:
    assert not Matrices(REFUSED[name][None]).factor().any()


def test_a_ridge_mends_a_singular_matrix() -> None:
    a = np.ones((3, 3))
    tile = Matrices(a[None])
    assert tile.factor(1e-6).all()
    expected = np.linalg.slogdet(a + 1e-6 * np.eye(3))[1]
    assert tile.log_determinant()[0][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("p", [1, 3, 6])
def test_inverse_of_an_ill_conditioned_matrix(p: int) -> None:
    a = hilbert(p)
    tile = Matrices(a[None])
    assert tile.factor().all()
    root, bound = tile.invert()
    error = np.abs(root[0].T @ root[0] - invhilbert(p)).max()
    assert error <= 1e-15 * condition(a) * np.abs(invhilbert(p)).max()
    scaled = a * np.outer(tile.scales()[0], tile.scales()[0])
    assert bound[0] >= condition(scaled) * (1 - 1e-9)


@pytest.mark.parametrize("exponent", [8, 11, 13, 14])
def test_the_bound_of_the_condition_grows_with_it(exponent: int) -> None:
    # Two columns that differ by 10^-exponent/2 of their length: near-collinear designs.
    gap = 10.0**-exponent
    a = np.array([[1.0, 1.0 - gap], [1.0 - gap, 1.0]])
    tile = Matrices(a[None])
    assert tile.factor().all()
    bound = tile.invert()[1][0]
    assert 1.0 / gap <= bound <= 4.0 / gap * 1.2


def test_log_determinant_of_extreme_scales() -> None:
    a = np.diag([1e-200, 1e200, 1e150, 4.0])
    tile = Matrices(a[None])
    assert tile.factor().all()
    log_det, pivot = tile.log_determinant()
    assert log_det[0] == pytest.approx(150 * math.log(10.0) + math.log(4.0), rel=1e-14)
    assert pivot[0] == 1.0
