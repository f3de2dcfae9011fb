"""Genes put into lanes: sample by sample, or by their nonzeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm._nonzeros import nonzeros_of
from countglm._tiles import _NO_NONZEROS
from countglm.basis import make_basis
from countglm.kernels import layout, loading
from countglm.kernels.layout import LANES, Block
from tests.support.blocks import make_tile
from tests.support.compiled import compiled

N = 11
DESIGN = np.column_stack([np.ones(N), np.arange(N) % 2, np.linspace(-1, 2, N) ** 2])
COUNTS = np.array([0.0, 3, 8, 1, 0, 250, 17, 2, 9, 4, 31])
WEIGHT = np.array([1.0, 2, 0.5, 1, 0, 1, 3, 1, 1, 0.1, 1])
OFFSET = np.linspace(-0.7, 0.9, N)


@compiled
def listed(d, at, lane, y, weight):
    return loading.tabulate(d, at, lane, y, weight)


@compiled
def loaded(d, at, lane, block, gene):
    return loading.load_counts(d, at, lane, block, gene)


@compiled
def loaded_nonzeros(d, at, frame, lane, block, gene):
    return loading.load_nonzeros(d, at, frame, lane, block, gene)


def block_of(y: np.ndarray, offset: np.ndarray, weight: np.ndarray, sparse: Any) -> Block:
    nothing = np.zeros((1, 1))
    return Block(
        np.atleast_2d(y).copy(), offset, weight, sparse.pointers, sparse.samples, sparse.values,
        sparse.segment, sparse.scale, sparse.weight, nothing, nothing, nothing,
    )  # fmt: skip


@pytest.mark.parametrize(("own_offset", "own_weight"), [(True, False), (False, True)])
def test_a_gene_goes_into_its_lane_alone(own_offset: bool, own_weight: bool) -> None:
    case = make_tile(COUNTS, DESIGN, offset=OFFSET, weight=WEIGHT)
    before, at = case.d.copy(), case.at
    genes = np.vstack([COUNTS, COUNTS[::-1]])
    offset = np.vstack([OFFSET, OFFSET[::-1]])[: 2 if own_offset else 1]
    weight = np.vstack([WEIGHT, WEIGHT[::-1]])[: 2 if own_weight else 1]
    rows, largest = loaded(case.d, at, 2, block_of(genes, offset, weight, _NO_NONZEROS), 1)
    heavy = weight[-1] > 0
    assert rows == np.count_nonzero(heavy & (COUNTS[::-1] > 0))
    assert largest == COUNTS[::-1][heavy].max()
    np.testing.assert_array_equal(case.rows(at.y, N, 2), COUNTS[::-1])
    if own_offset:
        np.testing.assert_allclose(case.rows(at.scale, N, 2), np.exp(OFFSET[::-1]), rtol=1e-15)
    if own_weight:
        np.testing.assert_array_equal(case.rows(at.weight, N, 2), WEIGHT[::-1])
    others = np.arange(LANES) != 2
    np.testing.assert_array_equal(case.d[:, others], before[:, others])
    untouched = np.r_[at.first : at.end]
    np.testing.assert_array_equal(case.d[untouched], before[untouched])


def table_of(counts: Any, weight: Any) -> tuple[int, np.ndarray, np.ndarray]:
    y, w = np.asarray(counts, dtype=float), np.asarray(weight, dtype=float)
    case = make_tile(y, np.ones((y.size, 1)))
    size, largest = listed(case.d, case.at, 3, y, w)
    assert largest == np.max(y[w > 0], initial=0.0)
    values, masses = case.rows(case.at.values, y.size, 3), case.rows(case.at.masses, y.size, 3)
    # Lanes with shorter tables go on into rows that must count nothing.
    np.testing.assert_array_equal(masses[size:], 0.0)
    assert np.all(values > 0.0)
    return size, values[:size], masses[:size]


def test_many_small_counts_are_listed_by_value() -> None:
    rng = np.random.default_rng(1)
    y, w = rng.integers(0, 6, 40).astype(float), rng.choice([0.0, 0.5, 1.0, 2.0], 40)
    y[7], w[7] = 9.0, 0.5
    size, values, masses = table_of(y, w)
    assert size == 6
    np.testing.assert_array_equal(values, [1.0, 2.0, 3.0, 4.0, 5.0, 9.0])
    np.testing.assert_array_equal(masses, [w[y == k].sum() for k in values])


@pytest.mark.parametrize("top", [20.0, 1e7, 2.5])
def test_other_counts_stand_each_for_itself(top: float) -> None:
    y = np.zeros(40)
    y[[2, 5, 30, 31]] = 1.0, 3.0, 1.0, top
    w = np.ones(40)
    w[5] = 0.0
    size, values, masses = table_of(y, w)
    np.testing.assert_array_equal(values, [1.0, 1.0, top])
    np.testing.assert_array_equal(masses, [1.0, 1.0, 1.0])
    assert size == 3


def test_no_count_makes_an_empty_table() -> None:
    assert table_of(np.zeros(5), np.ones(5))[0] == 0


@pytest.mark.parametrize("room", [0, 5])
def test_nonzeros_lie_in_their_segments_in_the_order_of_the_samples(room: int) -> None:
    group = np.array([1, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0], dtype=np.int32)
    y = np.vstack([np.zeros(N), COUNTS])
    given = nonzeros_of(y)
    sparse = layout.Sparse(
        given.pointers, given.samples, given.values, group, np.exp(OFFSET), WEIGHT
    )  # fmt: skip
    kept = (COUNTS > 0) & (WEIGHT > 0)
    sizes = [np.count_nonzero(kept & (group == k)) + room for k in (0, 1)]
    excess = np.concatenate([[0], np.cumsum(sizes)])
    basis = make_basis(np.eye(2))
    frame = layout.frame_of(
        np.array([0, 1, 2]), basis.columns, basis.raw, basis.to_coef, 1.0, excess,
        np.ones((2, 3)), 0.0,
    )  # fmt: skip
    at = layout.place(2, 2, 2, 2, layout.Nonzero(N, int(excess[-1]), N))
    d = layout.make_work(at)
    d[:] = np.nan
    block = block_of(np.zeros((1, 0)), np.zeros((1, 2)), np.ones((1, 2)), sparse)
    count, largest = loaded_nonzeros(d, at, frame, 4, block, 1)
    assert (count, largest) == (np.count_nonzero(kept), 250.0)
    assert d[at.listed, 4] == count
    for k in (0, 1):
        mine = kept & (group == k)
        rows = slice(at.excess + excess[k], at.excess + excess[k + 1])
        scales = slice(at.excess_scale + excess[k], at.excess_scale + excess[k + 1])
        expected = np.concatenate([(WEIGHT * COUNTS)[mine], np.zeros(room)])
        np.testing.assert_array_equal(d[rows, 4], expected)
        np.testing.assert_array_equal(
            d[scales, 4], np.concatenate([np.exp(OFFSET)[mine], np.ones(room)])
        )
    masses = d[at.masses : at.masses + N, 4]
    assert masses[:count].sum() == WEIGHT[kept].sum()
    assert np.isnan(d[:, np.arange(LANES) != 4]).all()
    assert loaded_nonzeros(d, at, frame, 4, block, 0) == (0, 0.0)
    np.testing.assert_array_equal(d[at.excess : at.excess + excess[-1], 4], 0.0)
