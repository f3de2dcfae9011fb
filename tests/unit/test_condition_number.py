"""Condition numbers: small designs by factors, large ones by bidiagonalisation, both as LAPACK."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from countglm import _condition_number
from countglm._condition_number import TOLERANCE, condition_number
from countglm._sparse_maps import from_array, from_sparse


def by_lapack(matrix: np.ndarray) -> tuple[float, float]:
    singular = np.linalg.svd(matrix, compute_uv=False)
    unit = np.linalg.svd(matrix / np.linalg.norm(matrix, axis=0), compute_uv=False)
    return unit[0] / unit[-1], singular[0] / singular[-1]


def design(n: int, p: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    columns = sparse.random_array((n, p), density=0.1, rng=rng).toarray()
    return np.column_stack([np.ones(n), columns * 10.0 ** rng.integers(-2, 3, p)])


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_agree_with_lapack(seed: int, monkeypatch) -> None:
    matrix = design(300, 40, seed)
    unit, raw = by_lapack(matrix)
    exact = condition_number(from_array(matrix))
    np.testing.assert_allclose(exact[:2], [unit, raw], rtol=1e-9)
    assert exact.tolerance < 1e-9
    monkeypatch.setattr(_condition_number, "_SMALL", 0)
    found = condition_number(from_array(matrix))
    np.testing.assert_allclose(found[:2], [unit, raw], rtol=TOLERANCE)
    assert found.tolerance == TOLERANCE
    assert found == condition_number(from_sparse(sparse.csr_array(matrix)))


def test_weights_are_those_of_the_rows(monkeypatch) -> None:
    matrix = design(200, 10, 7)
    weights = np.random.default_rng(8).random(200)
    expected = by_lapack(matrix * np.sqrt(weights)[:, None])
    np.testing.assert_allclose(condition_number(from_array(matrix), weights)[:2], expected, 1e-9)
    monkeypatch.setattr(_condition_number, "_SMALL", 0)
    np.testing.assert_allclose(condition_number(from_array(matrix), weights)[:2], expected, 1e-4)


@pytest.mark.parametrize("small", [0, 10**9])
def test_dependent_columns_have_an_infinite_one(small: int, monkeypatch) -> None:
    monkeypatch.setattr(_condition_number, "_SMALL", small)
    matrix = design(60, 8, 3)
    for twisted in (
        np.column_stack([matrix, matrix[:, 1] - 2.0 * matrix[:, 3]]),
        np.column_stack([matrix, np.zeros(60)]),
        matrix[:5],
    ):
        assert condition_number(from_array(twisted))[:2] == (np.inf, np.inf)


def test_what_is_not_resolved_is_a_lower_bound(monkeypatch) -> None:
    matrix = design(300, 40, 0)
    unit, _ = by_lapack(matrix)
    monkeypatch.setattr(_condition_number, "_SMALL", 0)
    monkeypatch.setattr(_condition_number, "_FIRST_LOOK", 4)
    monkeypatch.setattr(_condition_number, "_LONGEST", 6)
    found = condition_number(from_array(matrix))
    assert 1.0 < found.scaled < unit
    assert found.tolerance == np.inf
    assert str(found).startswith("at least ")


def test_each_figure_has_an_error_of_its_own(monkeypatch) -> None:
    """Columns of unlike sizes: one figure is resolved, the other is not, and only that is told."""
    matrix = design(300, 40, 0)
    matrix /= np.linalg.norm(matrix, axis=0)
    sizes = 10.0 ** np.linspace(-6, 6, matrix.shape[1])
    unit, raw = by_lapack(matrix * sizes)
    monkeypatch.setattr(_condition_number, "_SMALL", 0)
    monkeypatch.setattr(_condition_number, "_LONGEST", 40)
    found = condition_number(from_array(matrix * sizes))
    np.testing.assert_allclose(found.scaled, unit, rtol=TOLERANCE)
    assert found.tolerance == TOLERANCE
    assert found.raw < raw
    assert found.raw_tolerance == np.inf
    assert str(found).startswith(f"{found.scaled:.4g} scaled, at least ")


def test_extreme_sizes_neither_overflow_nor_vanish() -> None:
    matrix = np.column_stack([np.ones(6), np.arange(6.0)])
    expected = by_lapack(matrix)[0]
    for size in (1e-200, 1e200):
        scaled = condition_number(from_array(matrix * [1.0, size])).scaled
        np.testing.assert_allclose(scaled, expected, rtol=1e-12)
