"""Counts of groups: the same values whether held, released, dense, sparse or joined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from countglm._group_counts import (
    DenseGroup,
    SparseGroup,
    SplitCounts,
    group_matrix,
    in_batches,
    picked,
    smallest,
)
from countglm._grouping import SampleGroup
from countglm.counts import as_count_matrix


def study(share: float, largest: int = 9):
    rng = np.random.default_rng(2)
    counts = rng.integers(1, largest + 1, (60, 50)) * (rng.random((60, 50)) < share)
    codes = rng.integers(0, 4, 60).astype(np.intp)
    return counts, codes


def groups(codes, control=None):
    rows = [np.flatnonzero(codes == code) for code in range(4)]
    for code in range(4):
        if control is None:
            yield SampleGroup(code, code, rows[code])
        elif code != control:
            yield SampleGroup(code, code, rows[code], control, rows[control])


@pytest.mark.parametrize("share", [0.05, 0.9])
@pytest.mark.parametrize("control", [None, 2])
def test_held_and_released_counts_are_those_of_the_samples(share, control):
    counts, codes = study(share)
    whole = as_count_matrix(sparse.csr_array(counts))
    split = SplitCounts(whole, codes, np.ones(4, dtype=bool))
    for group in groups(codes, control):
        matrix, source = group_matrix(whole, group.rows, split.of_group(group))
        assert isinstance(source, DenseGroup if share > 0.5 else SparseGroup)
        own = counts[group.rows]
        for _ in ("held", "released"):
            assert np.array_equal(matrix.block(0, 50), own.T)
            assert np.array_equal(matrix.block(7, 13), own.T[7:13])
            assert np.array_equal(matrix.nonzero_sizes(), (own > 0).sum(axis=0))
            found = source.nonzeros(5, 31)
            assert np.array_equal(found.dense(own.shape[0]), own.T[5:31])
            for gene in range(found.n_genes):
                inside = found.samples[found.pointers[gene] : found.pointers[gene + 1]]
                assert (np.diff(inside) > 0).all()
            source.release()
        assert matrix.fingerprint() == as_count_matrix(own).fingerprint()


def test_groups_that_nobody_wants_are_not_kept():
    counts, codes = study(0.3)
    wanted = np.array([True, False, False, True])
    split = SplitCounts(as_count_matrix(counts), codes, wanted)
    kept = sum(block._values.size for block in split._blocks)
    assert kept == int((counts[wanted[codes]] > 0).sum())
    assert np.array_equal(split.of(3).dense(int((codes == 3).sum())), counts[codes == 3].T)


def test_many_blocks_of_genes(monkeypatch):
    counts, codes = study(0.3)
    whole = as_count_matrix(counts)
    cuts = [(0, 7), (7, 8), (8, 50)]
    monkeypatch.setattr(whole, "stretches", lambda: iter(cuts))
    split = SplitCounts(whole, codes, np.ones(4, dtype=bool))
    assert len(split._blocks) == 3
    assert np.array_equal(split.of(1).dense(int((codes == 1).sum())), counts[codes == 1].T)


@pytest.mark.parametrize(
    ("largest", "dtype"),
    [(9, np.uint8), (300, np.uint16), (70_000, np.uint32), (2**40, np.float64)],
)
def test_values_wait_in_the_smallest_type(largest, dtype):
    values = smallest(np.array([1.0, largest]))
    assert values.dtype == dtype
    assert values.tolist() == [1.0, largest]


def test_fractions_stay():
    assert smallest(np.array([0.5, 3.0])).tolist() == [0.5, 3.0]


def test_picking_some_samples():
    counts, _ = study(0.4)
    rows = np.array([0, 3, 59])
    found = picked(as_count_matrix(counts).nonzeros(0, 50), rows)
    assert np.array_equal(found.dense(3), counts[rows].T)


def test_groups_share_a_reading_as_far_as_memory_goes():
    _, codes = study(0.3)
    alone = list(groups(codes))
    assert [(len(part), held) for part, held in in_batches(alone, 1.0, 1000.0)] == [(4, True)]
    parts = list(in_batches(alone, 1.0, 45.0))
    assert [group for part, _ in parts for group in part] == alone
    assert len(parts) > 1
    assert all(held for _, held in parts)
    assert [held for _, held in in_batches(alone, 1.0, 1.0)] == [False] * 4


def test_the_control_is_counted_once_a_reading():
    rows = np.arange(100)
    screen = [SampleGroup(k, k, np.array([100 + k]), 9, rows) for k in range(5)]
    assert [len(part) for part, _ in in_batches(screen, 1.0, 300.0)] == [5]
