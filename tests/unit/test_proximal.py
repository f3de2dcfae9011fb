"""The nearest point under a penalty on differences: both methods, bounds, projections."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from countglm._wide_problem import Nearest
from countglm._wide_structure import structure_of
from countglm.kernels.components import EXACT, SINGLE, SPLIT


def nearest(
    d: np.ndarray, tau: np.ndarray, z: np.ndarray, lam: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the point and the multipliers in the order of the given columns and rows."""
    structure = structure_of(sparse.csr_matrix(d), np.ones(len(d)))
    v = np.zeros(len(d))
    order = structure.columns
    b, ended = Nearest(structure, 1, method)(tau[order], z[order], lam, 1e-20, v)
    assert ended
    point, multipliers = np.empty(z.size), np.empty(v.size)
    point[order], multipliers[structure.rows] = b, v
    return point, multipliers


def chain(p: int) -> np.ndarray:
    """Differences of neighbours."""
    return np.eye(p)[1:] - np.eye(p)[:-1]


def pairs(p: int) -> np.ndarray:
    """All differences."""
    return np.array([np.eye(p)[i] - np.eye(p)[j] for i in range(p) for j in range(i)])


@pytest.mark.parametrize("method", ["auto", "admm"])
@pytest.mark.parametrize(
    "d", [chain(6), pairs(4), np.vstack([pairs(3), np.eye(3)[:1]]), 2.0 * np.eye(3)],
    ids=["chain", "pairs", "pairs and one column", "columns"],
)  # fmt: skip
@pytest.mark.parametrize("lam", [0.05, 0.4, 3.0])
def test_conditions_of_the_nearest_point_hold(d: np.ndarray, lam: float, method: str) -> None:
    rng = np.random.default_rng(5)
    tau, z = rng.uniform(0.5, 5.0, d.shape[1]), rng.normal(size=d.shape[1])
    b, v = nearest(d, tau, z, lam, method)
    # tau (b - z) + D'v = 0 with v at its bound where a difference is left, within it elsewhere.
    np.testing.assert_allclose(tau * (b - z) + d.T @ v, 0.0, atol=1e-9)
    assert (np.abs(v) <= lam * (1.0 + 1e-12)).all()
    left = d @ b
    np.testing.assert_allclose(v[left != 0.0], lam * np.sign(left[left != 0.0]), rtol=1e-9)


@pytest.mark.parametrize("d", [chain(5), pairs(4)], ids=["chain", "pairs"])
def test_without_limit_all_become_their_weighted_mean(d: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    tau, z = rng.uniform(0.5, 5.0, d.shape[1]), rng.normal(size=d.shape[1])
    b, v = nearest(d, tau, z, math.inf, "auto")
    np.testing.assert_allclose(b, np.average(z, weights=tau), rtol=1e-13)
    assert (d @ b == 0.0).all()
    np.testing.assert_allclose(d.T @ v, tau * (z - b), atol=1e-9)


def test_columns_shrink_by_all_that_holds_them() -> None:
    d = np.array([[1.0, 0.0], [-2.0, 0.0], [0.0, 1.0]])
    b, v = nearest(d, np.array([2.0, 1.0]), np.array([3.0, 0.5]), 1.0, "auto")
    np.testing.assert_allclose(b, [3.0 - 3.0 / 2.0, 0.0])
    np.testing.assert_allclose(v, [1.0, -1.0, 0.5])


def test_components_are_found_and_put_beside_each_other() -> None:
    d = np.zeros((21, 25))
    d[0, [0, 24]] = 1.0, -1.0
    d[1, 3] = 1.0
    # A long chain backwards, whose rows do not stand in its order.
    for k in range(18):
        d[2 + (7 * k) % 18, [22 - k, 21 - k]] = 1.0, -1.0
    d[20, [1, 2]] = 1.0, 1.0
    structure = structure_of(sparse.csr_matrix(d), np.arange(1.0, 22.0))
    pieces = structure.pieces
    # Column 0 with 24; 1 with 2; 3 alone; 4 to 22 in a chain; 23 alone and free.
    assert pieces.kind.tolist() == [EXACT, EXACT, SINGLE, SPLIT, SINGLE]
    assert np.diff(pieces.columns).tolist() == [2, 2, 1, 19, 1]
    assert sorted(structure.columns.tolist()) == list(range(25))
    np.testing.assert_array_equal(structure.cost, structure.rows + 1.0)
    # The sum of two columns says neither that they are equal nor that one is 0.
    assert not structure.tells_equals
    # A chain in its order needs two numbers a column.
    assert int(np.diff(pieces.profile).max()) == 2


def test_a_long_chain_is_held_as_by_small_steps_of_its_dual() -> None:
    p, lam = 40, 0.7
    rng = np.random.default_rng(7)
    z = np.repeat(rng.normal(size=4), 10) + 0.1 * rng.normal(size=p)
    b, _ = nearest(chain(p), np.ones(p), z, lam, "auto")
    # The dual by projected gradients: step 1/4 of the largest eigenvalue of D D'.
    v = np.zeros(p - 1)
    for _ in range(20_000):
        v = np.clip(v + 0.25 * np.diff(z - np.r_[-v[0], v[:-1] - v[1:], v[-1]]), -lam, lam)
    np.testing.assert_allclose(b, z - np.r_[-v[0], v[:-1] - v[1:], v[-1]], atol=1e-6)
    assert np.unique(b).size < 10
