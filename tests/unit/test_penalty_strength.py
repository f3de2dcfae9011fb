"""The largest penalty: by trees, pairs, cuts and linear programs alike, and exact."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import _penalty_strength as strength
from countglm.penalties import Differences
from tests.support.penalized import FAMILIES, groups_design, penalty_of, random_case


def differences(kind: int, levels: int, seed: int) -> Differences:
    rng = np.random.default_rng(seed)
    return penalty_of(kind, levels, rng).of(groups_design(levels, 2, rng))


def by_program(found: Differences, score: np.ndarray) -> np.ndarray:
    return strength._by_program(found.rows, found.cost, score)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("levels", [3, 4, 6])
def test_every_way_agrees_with_the_linear_program(kind: int, levels: int) -> None:
    found = differences(kind, levels, 10 * levels + kind)
    # A gradient in the span of the differences, as that of a fit without any.
    flow = np.random.default_rng(5).normal(size=(6, found.rows.shape[0]))
    score = -flow @ found.rows
    np.testing.assert_allclose(
        strength.largest_penalties(found, found.rows, score), by_program(found, score), rtol=1e-9
    )


def test_pairs_at_one_cost_need_no_cuts() -> None:
    found = differences(0, 6, 7)
    even = Differences(
        found.rows, np.full(15, 0.7), found.nodes, found.first, found.second, found.effects,
        found.kind,
    )  # fmt: skip
    score = -np.random.default_rng(6).normal(size=(20, 15)) @ even.rows
    largest = strength.largest_penalties(even, even.rows, score)
    np.testing.assert_allclose(largest, by_program(even, score), rtol=1e-9)
    balance = strength._balances(even, even.rows, score)
    assert balance is not None
    np.testing.assert_allclose(largest, strength._of_parts(even, balance), rtol=1e-12)


def test_effects_that_depend_on_each_other_take_the_program() -> None:
    # Three effects in one direction: what flows out of each is not determined.
    rows = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    found = Differences(
        rows, np.ones(3), ("a", "b", "c"), np.array([0, 0, 1]), np.array([1, 2, 2]),
        np.zeros((3, 2)), "graph",
    )  # fmt: skip
    assert strength._balances(found, rows, np.zeros((1, 2))) is None
    largest = strength.largest_penalties(found, rows, np.array([[-8.0, 0.0], [0.0, 0.0]]))
    # v1 + 2 v2 + v3 = 8 with the least largest |v|: all equal.
    np.testing.assert_allclose(largest, [2.0, 0.0], rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", range(5))
def test_just_below_the_largest_penalty_something_differs(family: str, kind: int) -> None:
    case = random_case(40 + kind, family, kind)
    problem = case.problem()
    # So large a penalty that nothing differs; the gradient there.
    held, _ = case.fit(1e6)
    gamma = np.linalg.lstsq(problem.to_coef, held[0], rcond=None)[0]
    largest = float(problem.largest(gamma[None], lambda task: task(0, 1))[0])
    beta, _ = case.fit([1.0001 * largest, 0.999 * largest])
    parted = np.abs(beta @ case.differences.rows.T).max(axis=1)
    assert parted[0] < 1e-9
    assert parted[1] > 1e-7


def test_directions_that_no_difference_sees() -> None:
    rows = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.0, -1.0]])
    free = strength.null_space(rows)
    assert free.shape == (3, 1)
    np.testing.assert_allclose(np.abs(free[:, 0]), np.full(3, 3**-0.5), rtol=1e-14)
    assert strength.null_space(np.zeros((1, 3))).shape == (3, 3)
