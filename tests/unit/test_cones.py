"""Edges of cones: cones known by hand, and linear programs on random ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from countglm import _cones
from countglm._cones import cone_edges, scaled, separable, sides
from tests.support.separation import exact_separated_samples


def directions(rows: list[list[float]]) -> set[tuple[float, ...]]:
    edges = cone_edges(np.array(rows, dtype=float))
    assert edges is not None
    return {tuple(np.round(edge, 12) + 0.0) for edge in edges.directions.T}


def test_edges_of_known_cones() -> None:
    assert directions([[1, 0], [0, 1]]) == {(-1, 0), (0, -1)}
    # A row that cuts nothing off, and one that cuts one edge off.
    assert directions([[1, 0], [0, 1], [1, 1]]) == {(-1, 0), (0, -1)}
    assert directions([[1, 0], [0, 1], [1, -1]]) == {(-1, -1), (-1, 0)}
    assert directions([[1, 0], [-1, 0], [0, 1]]) == {(0, -1)}
    assert directions([[1, 0], [0, 1], [-1, -1]]) == set()
    assert directions([[1], [0.5]]) == {(-1,)}
    assert directions([[1], [-0.5]]) == set()
    # A pyramid over a square: two pairs of its edges are no neighbours.
    square = [[1, 0, -1], [-1, 0, -1], [0, 1, -1], [0, -1, -1]]
    assert directions(square) == {(x, y, 1) for x, y in itertools.product([-1, 1], repeat=2)}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_separable_rows_agree_with_rational_arithmetic(k: int) -> None:
    rng = np.random.default_rng(k)
    separated = []
    for turn in range(30):
        # Small whole numbers meet in many ways.
        rows = rng.integers(-2, 3, (int(rng.integers(k, 2 * k + 4)), k)).astype(float)
        if turn % 3:
            # Turned to one side, but for some.
            turned = np.sign(rows.sum(axis=1)) * np.where(rng.random(len(rows)) < 0.1, -1, 1)
            rows *= turned[:, None]
        if np.linalg.matrix_rank(rows) < k:
            continue
        exact = exact_separated_samples(rows, np.zeros(len(rows), dtype=bool))
        np.testing.assert_array_equal(separable(rows), exact)
        separated.append(exact.mean())
    assert min(separated) == 0.0
    assert max(separated) > 0.9
    assert k == 1 or any(0.0 < part < 1.0 for part in separated)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_sides_agree_with_linear_programs(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10 + k)
    for _ in range(30):
        rows = rng.standard_normal((2 * k, k))
        # A direction that all rows agree on: the cone is not {0}.
        rows *= -np.sign(rows @ rng.standard_normal(k))[:, None]
        along = np.vstack([rng.standard_normal((4, k)), -rows.sum(axis=0), rows[0], np.zeros(k)])
        by_edges = sides(along, rows)
        assert by_edges[4] == np.inf
        assert by_edges[5] == -np.inf
        assert np.isnan(by_edges[6])
        with monkeypatch.context() as patch:
            patch.setattr(_cones, "cone_edges", lambda _: None)
            np.testing.assert_array_equal(sides(along, rows), by_edges)
            assert separable(rows).all()


@pytest.mark.parametrize("k", [62, 63, 64, 65, 70])
def test_many_dimensions_are_left_to_the_linear_program(k: int) -> None:
    # An edge keeps the rows that it lies on in the bits of one number.
    rows = np.vstack([np.eye(k), -np.eye(k)[:1]])
    assert (cone_edges(rows) is None) == (k > 61)
    assert separable(rows).tolist() == [False] + [True] * (k - 1) + [False]


def test_a_sign_in_doubt_is_left_to_the_linear_program() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1e-9]])
    assert cone_edges(rows) is None
    # Without doubt: rows that meet, and rows that clearly do not.
    for slope, edges in ((0.0, 1), (1e-3, 2)):
        found = cone_edges(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, slope]]))
        assert found is not None
        assert found.directions.shape[1] == edges
    assert separable(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])).tolist() == [
        False,
        True,
        False,
    ]


def test_too_many_edges_are_left_to_the_linear_program() -> None:
    # A cone over a cube of eight dimensions has 256 edges.
    k = 9
    rows = np.array([s * np.eye(k)[j] - np.eye(k)[-1] for j in range(k - 1) for s in (1, -1)])
    assert cone_edges(rows) is None
    assert separable(rows).all()
    along = np.vstack([np.eye(k)[-1], np.eye(k)[0]])
    np.testing.assert_array_equal(sides(along, rows), [np.inf, np.nan])


def test_rows_are_scaled_to_one() -> None:
    rows = np.array([[2.0, -4.0], [0.0, 0.0]])
    np.testing.assert_array_equal(scaled(rows), [[0.5, -1.0], [0.0, 0.0]])
