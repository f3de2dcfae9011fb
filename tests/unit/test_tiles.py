"""Layouts of designs and memory lent to kernels: the Python side of the compiled entry."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from countglm import _tiles
from countglm._tiles import (
    Task,
    layout_of,
    make_filled,
    make_layout,
    make_learnt,
    run_kernels,
    sample_order,
)
from countglm.basis import make_basis
from countglm.kernels import columns

GROUP = np.array([2, 0, 1, 0, 2, 1, 1])
DESIGN = np.column_stack([np.ones(7), GROUP == 1, GROUP == 2]).astype(float)


def test_equal_rows_are_brought_together_in_the_order_of_their_first() -> None:
    order = sample_order(DESIGN)
    assert order is not None
    np.testing.assert_array_equal(order, [0, 4, 1, 3, 2, 5, 6])
    np.testing.assert_array_equal(GROUP[order], [2, 2, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "design",
    [
        np.column_stack([np.ones(5), np.arange(5.0)]),
        np.ones((4, 1)),
        np.column_stack([np.ones(6), [1.0, 1, 0, 0, 0, 1]])[:5],
        np.ones((1, 1)),
    ],
)
def test_no_order_is_needed_where_equal_rows_are_together(design: np.ndarray) -> None:
    assert sample_order(design) is None


def test_a_layout_has_a_segment_for_every_group() -> None:
    basis = make_basis(DESIGN)
    frame, at = make_layout(basis, sample_order(DESIGN))
    assert (at.n, at.segments, at.rank, at.p) == (7, 3, 3, 3)
    np.testing.assert_array_equal(frame.bounds, [0, 2, 4, 7])
    np.testing.assert_array_equal(frame.raw, DESIGN[[0, 1, 2]])
    assert make_layout(basis, None).at.segments == 6


def test_a_layout_is_made_once_and_let_go_with_its_basis() -> None:
    basis = make_basis(DESIGN)
    order = sample_order(DESIGN)
    made = layout_of(basis, order)
    assert layout_of(basis, order) is made
    # Those of other tests go first.
    gc.collect()
    before = len(_tiles._layouts)
    del basis
    gc.collect()
    assert len(_tiles._layouts) == before - 1


def run(y: np.ndarray, design: np.ndarray, alpha: float = 0.3) -> np.ndarray:
    genes, n = y.shape
    filled = make_filled(genes, design.shape[1])
    run_kernels(
        y, np.zeros((1, n)), np.ones((1, n)), np.full(genes, alpha), np.zeros(genes),
        make_layout(make_basis(design), None), Task(screened=False, estimate=False, cap=10.0),
        make_learnt(1, 1), filled,
    )  # fmt: skip
    assert (filled.counters[:, columns.CONVERGED] == 1).all()
    return filled.coef


def test_memory_of_a_larger_problem_serves_a_smaller_one_with_the_same_bits() -> None:
    rng = np.random.default_rng(1)
    small, large = np.ones((6, 1)), np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
    y_small = rng.poisson(9.0, (11, 6)) + 1.0
    found: list[np.ndarray] = []

    def fresh() -> None:
        found.append(run(y_small, small))

    # A thread of its own begins without memory.
    thread = threading.Thread(target=fresh)
    thread.start()
    thread.join()
    run(rng.poisson(9.0, (50, 40)) + 1.0, large)
    np.testing.assert_array_equal(run(y_small, small), found[0])


def test_threads_do_not_share_memory() -> None:
    at = make_layout(make_basis(DESIGN), None).at
    mine = _tiles._lend(at, 8)
    assert _tiles._lend(at, 8) is mine
    others = []
    thread = threading.Thread(target=lambda: others.append(_tiles._lend(at, 8)))
    thread.start()
    thread.join()
    assert not np.shares_memory(others[0].work, mine.work)


def test_arrays_that_may_not_be_written_are_copied() -> None:
    y = np.full((2, 7), 5.0)
    offset, weight = np.zeros((1, 7)), np.ones((1, 7))
    for values in (offset, weight):
        values.setflags(write=False)
    filled = make_filled(2, 3)
    run_kernels(
        y, offset, weight, np.zeros(2), np.zeros(2), make_layout(make_basis(DESIGN), None),
        Task(screened=True, estimate=False, cap=10.0), make_learnt(1, 3), filled,
    )  # fmt: skip
    np.testing.assert_allclose(filled.coef, [[np.log(5.0), 0.0, 0.0]] * 2, atol=1e-12)


def test_rows_of_what_was_learnt_are_views() -> None:
    learnt = make_learnt(10, 3)
    assert learnt.carry.shape == (10, 7)
    part = learnt.rows(2, 5)
    part.carry[:] = 7.0
    part.times[1] = 1.0
    np.testing.assert_array_equal(learnt.carry[2:5], 7.0)
    assert np.isfinite(learnt.times).all(axis=1).tolist() == [i == 3 for i in range(10)]
