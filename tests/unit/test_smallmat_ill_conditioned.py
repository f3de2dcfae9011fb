"""Small matrices near singularity, step by step, against exact numbers and LAPACK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import hilbert, invhilbert

from countglm.kernels import smallmat

pytestmark = pytest.mark.plain


def random_symmetric(seed: int, p: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(p, p))
    return a + a.T


@pytest.mark.parametrize("p", [2, 4, 6, 8])
def test_hilbert_matrices_solve_to_their_condition(p: int) -> None:
    a = hilbert(p)
    b = np.arange(1.0, p + 1)
    chol, scale, z = np.zeros((p, p)), np.zeros(p), np.zeros(p)
    assert smallmat.factor(a, 0.0, chol, scale)
    smallmat.half_solve(chol, scale, b, z)
    assert smallmat.norm(z) ** 2 == pytest.approx(b @ invhilbert(p) @ b, rel=1e-15 * 40.0**p)
    # The back substitution may write over its argument.
    smallmat.back_solve(chol, scale, z, z)
    exact = invhilbert(p) @ b
    assert np.max(np.abs(z - exact)) <= 1e-16 * np.linalg.cond(a) * np.max(np.abs(exact))
    assert np.max(np.abs(a @ z - b)) <= 1e-13 * np.sum(np.abs(z))


def test_factor_reproduces_the_scaled_matrix_with_its_ridge() -> None:
    a = hilbert(5) * np.outer(10.0 ** np.arange(5), 10.0 ** np.arange(5))
    for ridge in (0.0, 1e-13, 0.1):
        chol, scale = np.zeros((5, 5)), np.zeros(5)
        assert smallmat.factor(a, ridge, chol, scale)
        np.testing.assert_allclose(scale, 1 / np.sqrt(np.diag(a)), rtol=1e-15)
        scaled = a * np.outer(scale, scale) + ridge * np.eye(5)
        np.testing.assert_allclose(np.tril(chol) @ np.tril(chol).T, scaled, atol=1e-15)


def test_factor_reads_the_lower_triangle_only() -> None:
    a = hilbert(4)
    spoiled = np.tril(a) + np.triu(np.full((4, 4), np.nan), 1)
    clean, other, scale = np.zeros((4, 4)), np.zeros((4, 4)), np.zeros(4)
    assert smallmat.factor(a, 0.0, clean, scale)
    assert smallmat.factor(spoiled, 0.0, other, scale)
    np.testing.assert_array_equal(np.tril(clean), np.tril(other))


@pytest.mark.parametrize(
    "a",
    [
        np.ones((3, 3)),
        np.diag([1.0, 0.0]),
        np.diag([1.0, -1.0]),
        np.diag([1.0, math.inf]),
        np.array([[1.0, 0.0], [0.0, math.nan]]),
        np.array([[1.0, 3.0], [3.0, 1.0]]),
    ],
    ids=["rank one", "zero", "negative", "infinite", "NaN", "indefinite"],
)
def test_factor_refuses_what_is_not_positive(a: np.ndarray) -> None:
    assert not smallmat.factor(a, 0.0, np.zeros_like(a), np.zeros(len(a)))


def test_a_ridge_mends_a_singular_matrix() -> None:
    a = np.ones((3, 3))
    chol, scale = np.zeros((3, 3)), np.zeros(3)
    assert smallmat.factor(a, 1e-6, chol, scale)
    expected = np.linalg.slogdet(a + 1e-6 * np.eye(3))[1]
    assert smallmat.log_determinant(chol, scale) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("p", [1, 3, 6])
def test_inverse_of_an_ill_conditioned_matrix(p: int) -> None:
    a = hilbert(p)
    chol, scale, root = np.zeros((p, p)), np.zeros(p), np.full((p, p), np.nan)
    assert smallmat.factor(a, 0.0, chol, scale)
    smallmat.invert_factor(chol, scale, root)
    assert np.all(np.triu(root, 1) == 0.0)
    error = np.abs(root.T @ root - invhilbert(p)).max()
    assert error <= 1e-15 * np.linalg.cond(a) * np.abs(invhilbert(p)).max()


def test_log_determinant_of_extreme_scales() -> None:
    a = np.diag([1e-200, 1e200, 1e150, 4.0])
    chol, scale = np.zeros((4, 4)), np.zeros(4)
    assert smallmat.factor(a, 0.0, chol, scale)
    expected = 150 * math.log(10.0) + math.log(4.0)
    assert smallmat.log_determinant(chol, scale) == pytest.approx(expected, rel=1e-14)
