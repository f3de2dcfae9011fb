"""Sparse counts that are stored by rows, read by genes without a copy; and counts of samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp

from countglm import _by_samples, _panels
from countglm._columns import column_groups
from countglm._nonzeros import Nonzeros
from countglm._panels import RowSource
from countglm._sources import Source, SparseSource, sparse_source
from countglm.counts import CountMatrix, as_count_matrix

RNG = np.random.default_rng(5)
DENSE = RNG.poisson(3.0, (7, 1000)) * (RNG.random((7, 1000)) < 0.8)
SPARSE = DENSE * (RNG.random((7, 1000)) < 0.1)


@pytest.fixture
def narrow_panels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_panels, "_ROW_PANEL_ENTRIES", 7 * 90)
    monkeypatch.setattr(_panels, "_ROW_PANEL_GENES", 30)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.usefixtures("narrow_panels")
def test_rows_are_read_by_genes(dtype: type, index: type) -> None:
    values = DENSE.astype(dtype)
    # A sample and a run of genes without any count.
    values[3] = 0
    values[:, 100:400] = 0
    matrix = sp.csr_array(values)
    matrix.indices, matrix.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    source = sparse_source(matrix)
    assert isinstance(source, RowSource)
    assert source.stored() is not None
    assert np.shares_memory(source.stored(), matrix.data)
    for start, stop in [(0, 1000), (0, 1), (85, 95), (89, 90), (90, 91), (95, 700), (999, 1000)]:
        block = source.native(start, stop)
        assert block.dtype == dtype
        np.testing.assert_array_equal(block, values[:, start:stop].T)


class ReadsCounted:
    """A source that counts the genes it is asked for, and perhaps cannot give a sample alone."""

    def __init__(self, source: Source) -> None:
        self._source, self.shape, self.genes = source, source.shape, 0

    def native(self, start: int, stop: int) -> np.ndarray:
        self.genes += stop - start
        return self._source.native(start, stop)

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        self.genes += stop - start
        return self._source.nonzeros(start, stop)

    def sample(self, i: int) -> np.ndarray | None:
        return self._source.sample(i)

    def stored(self) -> np.ndarray | None:
        return self._source.stored()


@pytest.mark.parametrize(("budget", "passes"), [(1 << 14, 1), (1 << 13, 3)])
def test_samples_that_cannot_be_read_alone_take_few_passes(
    monkeypatch: pytest.MonkeyPatch, budget: int, passes: int
) -> None:
    monkeypatch.setattr(_by_samples, "GATHERED_ENTRIES", budget)
    columns = sp.random_array((64, 1 << 10), density=0.25, format="csc", rng=RNG)
    assert columns.nnz == 1 << 14
    source = ReadsCounted(SparseSource(columns))
    counts = CountMatrix(source, None, np.arange(1 << 10).astype(str).astype(object))
    found = np.concatenate([values.sum(axis=1) for _, _, values in column_groups(counts)])
    np.testing.assert_allclose(found, columns.sum(axis=1), rtol=1e-12)
    # One pass to count the entries of the samples; budgets are not filled to the last entry.
    assert source.genes == (1 + passes) * counts.n_genes


def test_samples_that_can_be_read_alone_are_gathered_in_little_memory() -> None:
    source = ReadsCounted(sparse_source(sp.csr_array(DENSE)))
    assert isinstance(source._source, RowSource)
    counts = CountMatrix(source, None, np.arange(1000).astype(str).astype(object))
    assert [first for first, _, _ in column_groups(counts)] == [0]
    assert source.genes == 0


def test_only_much_that_is_stored_by_rows_is_left_there() -> None:
    assert isinstance(sparse_source(sp.csr_array(DENSE)), RowSource)
    assert isinstance(sparse_source(sp.csr_array(SPARSE.astype(np.int32))), SparseSource)
    assert isinstance(sparse_source(sp.csc_array(DENSE)), SparseSource)
    twice = sp.csr_array(DENSE)
    unsorted = sp.csr_array(
        (np.r_[twice.data, 1], np.r_[twice.indices, 0], np.r_[twice.indptr[:-1], twice.nnz + 1]),
        shape=twice.shape,
    )
    source = sparse_source(unsorted)
    assert isinstance(source, SparseSource)
    assert source.native(0, 1)[0, -1] == DENSE[-1, 0] + 1


@pytest.mark.usefixtures("narrow_panels")
def test_threads_read_rows_together() -> None:
    counts = as_count_matrix(sp.csr_array(DENSE))
    starts = RNG.integers(0, 990, 400).tolist()
    with ThreadPoolExecutor(4) as pool:
        blocks = list(pool.map(lambda a: counts.block(a, a + 10), starts))
    for start, block in zip(starts, blocks, strict=True):
        np.testing.assert_array_equal(block, DENSE[:, start : start + 10].T)


STORAGES = {
    "array": np.array,
    "csr": sp.csr_array,
    "csc": sp.csc_array,
    "dask": lambda v: da.from_array(v, chunks=(7, 300)),
}


def rows(counts: CountMatrix, n_genes: int) -> np.ndarray:
    """Counts of all samples, read by samples."""
    if counts.by_samples:
        parts = [counts.samples(a, a + 1) for a in range(counts.n_samples)]
        assert parts[0].dtype == np.float64
        return np.concatenate(parts)
    out = np.zeros((counts.n_samples, n_genes))
    for first, part in counts.sample_rows(900):
        out[first + part.lines, part.places] = part.values
    return out


@pytest.mark.parametrize("storage", STORAGES)
def test_counts_of_samples(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_by_samples, "GATHERED_ENTRIES", 2000)
    counts = as_count_matrix(STORAGES[storage](DENSE))
    assert counts.by_samples == (storage in ("array", "csr"))
    genes = np.array([5, 900, 6])
    replacing = RNG.poisson(2.0, (3, 7)).astype(float)
    replaced = DENSE.astype(float)
    replaced[:, genes] = replacing.T
    np.testing.assert_array_equal(rows(counts, 1000), DENSE)
    np.testing.assert_array_equal(rows(counts.take_genes(genes), 3), DENSE[:, genes])
    np.testing.assert_array_equal(rows(counts.with_rows(genes, replacing), 1000), replaced)
    other = counts.with_rows(genes, replacing)
    for start, stop in [(0, 1000), (4, 8), (5, 6), (7, 20)]:
        found = other.nonzeros(start, stop).dense(7)
        np.testing.assert_array_equal(found, replaced[:, start:stop].T)
        found = counts.nonzeros(start, stop).dense(7)
        np.testing.assert_array_equal(found, DENSE[:, start:stop].T)


@pytest.mark.parametrize("storage", ["array", "csr"])
def test_some_samples_and_genes(storage: str) -> None:
    counts = as_count_matrix(STORAGES[storage](DENSE))
    genes = np.array([5, 6, 900])
    values = counts.samples(2, 5, genes)
    np.testing.assert_array_equal(values, DENSE[2:5, genes])
    values[:] = -1.0
    np.testing.assert_array_equal(counts.samples(2, 5, genes), DENSE[2:5, genes])
