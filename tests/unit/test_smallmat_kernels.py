"""Small matrices against NumPy's LAPACK and fifty digits."""

from __future__ import annotations

import numpy as np
import pytest

from countglm.kernels import smallmat
from tests.support import reference as ref

pytestmark = pytest.mark.plain


def positive_definite(seed: int, p: int, spread: float) -> np.ndarray:
    """Random positive definite matrix whose columns differ in scale by ``spread``."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(p + 3, p)) * spread ** rng.uniform(-1, 1, p)
    return rows.T @ rows


def factored(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factor and scale of ``a``."""
    chol, scale = np.zeros_like(a), np.zeros(len(a))
    assert smallmat.factor(a, 0.0, chol, scale)
    return chol, scale


@pytest.mark.parametrize("p", [1, 2, 5, 9])
@pytest.mark.parametrize("spread", [1.0, 1e5])
def test_solution_and_determinant(p: int, spread: float) -> None:
    a = positive_definite(p, p, spread)
    b = np.random.default_rng(p).normal(size=p)
    chol, scale = factored(a)
    half, solution = np.zeros(p), np.zeros(p)
    smallmat.half_solve(chol, scale, b, half)
    smallmat.back_solve(chol, scale, half, solution)
    with ref.mp.workdps(ref.DIGITS):
        exact = [[ref.mpf(float(v)) for v in row] for row in a]
        vector = [ref.mpf(float(v)) for v in b]
        expected = np.array([float(v) for v in ref.solve(ref.cholesky(exact), vector)])
        log_det = float(ref.log_det(exact))
    np.testing.assert_allclose(solution, expected, rtol=1e-9)
    assert smallmat.norm(half) ** 2 == pytest.approx(b @ expected, rel=1e-10)
    assert smallmat.log_determinant(chol, scale) == pytest.approx(log_det, rel=1e-12, abs=1e-11)


@pytest.mark.parametrize("p", [1, 3, 8])
def test_inverse_factor(p: int) -> None:
    a = positive_definite(20 + p, p, 100.0)
    chol, scale = factored(a)
    root = np.zeros((p, p))
    smallmat.invert_factor(chol, scale, root)
    root = np.tril(root)
    np.testing.assert_allclose(root.T @ root @ a, np.eye(p), atol=1e-8)


def test_matrices_that_are_not_positive_are_refused() -> None:
    out, scale = np.zeros((2, 2)), np.zeros(2)
    assert not smallmat.factor(np.array([[1.0, 2.0], [2.0, 1.0]]), 0.0, out, scale)
    assert not smallmat.factor(np.array([[1.0, np.nan], [np.nan, 1.0]]), 0.0, out, scale)


@pytest.mark.parametrize("p", [1, 2, 3, 6, 10])
def test_condition_bound_is_an_upper_bound(p: int) -> None:
    for seed in range(10):
        a = positive_definite(100 * p + seed, p, 1e4)
        chol, scale = factored(a)
        root = np.zeros((p, p))
        smallmat.invert_factor(chol, scale, root)
        values = np.linalg.eigvalsh(scale[:, None] * a * scale)
        bound = smallmat.condition_bound(root, scale)
        assert values[-1] / values[0] <= bound * (1 + 1e-10)
        assert bound <= p * p * values[-1] / values[0]
