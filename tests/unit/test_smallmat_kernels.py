"""Small matrices, eight at once, against NumPy's LAPACK and fifty digits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import reference as ref
from tests.support.matrices import Matrices


def positive_definite(seed: int, p: int, spread: float, count: int = 8) -> np.ndarray:
    """Random positive definite matrices whose columns differ in scale by ``spread``."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, p + 3, p)) * spread ** rng.uniform(-1, 1, (count, 1, p))
    return np.swapaxes(rows, 1, 2) @ rows


@pytest.mark.parametrize("p", [1, 2, 5, 9, 12])
@pytest.mark.parametrize("spread", [1.0, 1e5])
def test_solution_and_determinant(p: int, spread: float) -> None:
    a = positive_definite(p, p, spread)
    b = np.random.default_rng(p).normal(size=(8, p))
    tile = Matrices(a)
    assert tile.factor().all()
    solution, square = tile.solve(b)
    log_det, pivot = tile.log_determinant()
    for k in range(0, 8, 3):
        with ref.mp.workdps(ref.DIGITS):
            exact = [[ref.mpf(float(v)) for v in row] for row in a[k]]
            vector = [ref.mpf(float(v)) for v in b[k]]
            expected = np.array([float(v) for v in ref.solve(ref.cholesky(exact), vector)])
            expected_log = float(ref.log_det(exact))
        np.testing.assert_allclose(solution[k], expected, rtol=1e-9)
        assert square[k] == pytest.approx(b[k] @ expected, rel=1e-10)
        assert log_det[k] == pytest.approx(expected_log, rel=1e-12, abs=1e-11)
        scaled = a[k] * np.outer(tile.scales()[k], tile.scales()[k])
        assert pivot[k] == pytest.approx(np.diag(np.linalg.cholesky(scaled)).min(), rel=1e-9)


@pytest.mark.parametrize("p", [1, 3, 8, 12])
def test_inverse_factor(p: int) -> None:
    a = positive_definite(20 + p, p, 100.0)
    tile = Matrices(a)
    assert tile.factor().all()
    root, _ = tile.invert()
    identity = np.broadcast_to(np.eye(p), a.shape)
    np.testing.assert_allclose(np.swapaxes(root, 1, 2) @ root @ a, identity, atol=1e-8)
    rng = np.random.default_rng(p)
    b, rows = rng.normal(size=(8, p)), rng.normal(size=(5, p))
    np.testing.assert_allclose(
        tile.apply(b), (root @ b[:, :, None])[:, :, 0], rtol=1e-9, atol=1e-12
    )
    expected = np.array([np.sum((rows @ t.T) ** 2, axis=1) for t in root])
    np.testing.assert_allclose(tile.forms(rows), expected, rtol=1e-12)


def test_matrices_that_are_not_positive_are_refused_in_their_lane_alone() -> None:
    good = positive_definite(3, 2, 10.0)
    mixed = good.copy()
    mixed[1] = [[1.0, 2.0], [2.0, 1.0]]
    mixed[4] = [[1.0, np.nan], [np.nan, 1.0]]
    mixed[6] = 0.0
    tile, clean = Matrices(mixed), Matrices(good)
    sound = tile.factor()
    assert clean.factor().all()
    assert sound.tolist() == [True, False, True, True, False, True, False, True]
    for start in (tile.chol, tile.size):
        np.testing.assert_array_equal(tile.rows(start, 2)[sound], clean.rows(start, 2)[sound])


@pytest.mark.parametrize("p", [1, 2, 7])
def test_a_lane_does_not_depend_on_the_others(p: int) -> None:
    a = positive_definite(40 + p, p, 1e3)
    b = np.random.default_rng(p).normal(size=(8, p))
    together, turned = Matrices(a), Matrices(a[::-1])
    for tile, right in ((together, b), (turned, b[::-1])):
        assert tile.factor().all()
        tile.solve(right)
        tile.invert()
    np.testing.assert_array_equal(together.d, turned.d[:, ::-1])


@pytest.mark.parametrize("p", [1, 2, 3, 6, 10, 12])
def test_condition_bound_is_an_upper_bound(p: int) -> None:
    for seed in range(4):
        a = positive_definite(100 * p + seed, p, 1e4)
        tile = Matrices(a)
        assert tile.factor().all()
        scale = tile.scales()
        _, bound = tile.invert()
        values = np.linalg.eigvalsh(scale[:, :, None] * a * scale[:, None, :])
        condition = values[:, -1] / values[:, 0]
        assert np.all(condition <= bound * (1 + 1e-10))
        assert np.all(bound <= p * p * condition * (1 + 1e-10))
