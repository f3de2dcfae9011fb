"""Entries along one axis: put in order, turned, joined, made small."""

from __future__ import annotations

import numpy as np
import pytest

from countglm._by_samples import dense_rows
from countglm._entries import Entries, compact, entries_of, in_order, joined, stretches
from countglm._nonzeros import Nonzeros, chained, nonzeros_of
from countglm.errors import InputError

RNG = np.random.default_rng(3)
DENSE = RNG.poisson(2.0, (9, 13)) * (RNG.random((9, 13)) < 0.5)
DENSE[4] = 0


def dense(entries: Entries, width: int) -> np.ndarray:
    out = np.zeros((entries.pointers.size - 1, width))
    np.add.at(out, (entries.lines, entries.places), entries.values)
    return out


def test_dense_lines_and_back() -> None:
    entries = entries_of(DENSE)
    np.testing.assert_array_equal(dense(entries, 13), DENSE)
    np.testing.assert_array_equal(dense(entries_of(DENSE.T), 9), DENSE.T)
    np.testing.assert_array_equal(dense(entries.turned(13), 9), DENSE.T)
    np.testing.assert_array_equal(dense(entries.part(2, 7), 13), DENSE[2:7])
    few = np.where(DENSE > 2, DENSE, 0)
    np.testing.assert_array_equal(dense(entries.where(entries.values > 2), 13), few)
    assert entries_of(np.zeros((0, 5))).pointers.tolist() == [0]


def test_entries_are_put_in_order() -> None:
    entries = Entries(
        np.array([0, 4, 4, 7]), np.array([5, 1, 5, 2, 0, 3, 3]),
        np.array([200, 1, 100, 0, 1, 2, 3], dtype=np.uint8),
    )  # fmt: skip
    ordered = in_order(entries, 6)
    assert ordered.pointers.tolist() == [0, 2, 2, 4]
    assert ordered.places.tolist() == [1, 5, 0, 3]
    assert ordered.values.tolist() == [1, 300, 1, 5]
    assert entries.places.tolist() == [5, 1, 5, 2, 0, 3, 3]
    same = entries_of(DENSE)
    assert in_order(same, 13) is same
    for place in (-1, 6):
        with pytest.raises(InputError, match="outside 0 to 5"):
            in_order(entries._replace(places=np.array([5, 1, 5, 2, 0, 3, place])), 6)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([True, False]), np.uint8), (np.array([], dtype=np.float32), np.uint8),
        (np.array([0.0, 255.0]), np.uint8), (np.array([256], dtype=np.int64), np.uint16),
        (np.array([70_000], dtype=np.float32), np.uint32), (np.array([2**40]), np.float64),
        (np.array([0.5, 3.0], dtype=np.float32), np.float64), (np.array([2.0**53]), np.float64),
    ],
)  # fmt: skip
def test_counts_are_made_small(values: np.ndarray, dtype: type) -> None:
    small = compact(values)
    assert small.dtype == dtype
    np.testing.assert_array_equal(small, values)


def test_parts_of_the_same_lines_are_joined() -> None:
    parts = [entries_of(DENSE[:, a:b]) for a, b in ((0, 4), (4, 4), (4, 13))]
    parts[2] = parts[2]._replace(places=parts[2].places + np.int32(4))
    whole = joined(parts)
    for found, expected in zip(whole, entries_of(DENSE), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert joined([parts[1], parts[1]]).values.size == 0
    assert joined(parts[:1]) is parts[0]


@pytest.mark.parametrize(("entries", "most"), [(1, 4), (5, 100), (7, 2), (100, 100)])
def test_stretches_cover_the_lines(entries: int, most: int) -> None:
    pointers = np.concatenate([[0], np.cumsum([0, 3, 0, 9, 1, 1, 1, 0, 5, 0, 0])])
    found = list(stretches(pointers, entries, most))
    assert [a for a, _ in found] == [0, *(b for _, b in found[:-1])]
    assert found[-1][1] == pointers.size - 1
    for a, b in found:
        assert b - a == 1 or (b - a <= most and pointers[b] - pointers[a] <= entries)
    assert list(stretches(np.array([0]), 5, 5)) == []


def test_lines_are_filled_up_with_zeros() -> None:
    for genes in (None, np.arange(13) % 3 != 0):
        out = np.zeros(DENSE.shape)
        for start, places, values in dense_rows(entries_of(DENSE), genes, 20):
            assert values.size <= 20 or values.shape[0] == 1
            for k, (place, value) in enumerate(zip(places, values, strict=True), start):
                np.add.at(out[k], place, value)
        np.testing.assert_array_equal(out, DENSE if genes is None else DENSE * genes)


def test_nonzeros_are_chained() -> None:
    parts = [nonzeros_of(DENSE[a:b]) for a, b in ((0, 2), (2, 2), (2, 9))]
    for found, expected in zip(chained(parts), nonzeros_of(DENSE), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
    empty: Nonzeros = chained([])
    assert empty.pointers.tolist() == [0]
