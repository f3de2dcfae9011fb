"""Size factors from nonzeros: the bits that an array of the same counts gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp

from countglm import _by_samples, _columns
from countglm._columns import column_totals
from countglm.counts import CountMatrix, as_count_matrix
from countglm.errors import InputError
from countglm.size_factors import estimate_size_factors, log_geometric_means
from tests.support import stored
from tests.support.stored import study, write

METHODS = ("ratio", "poscounts", "library", "tmm")


def cells(seed: int = 0, n: int = 90, genes: int = 70) -> np.ndarray:
    """Return sparse counts of every cell, two genes of which are in all cells."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.6, 4.0, genes) * rng.gamma(3.0, 0.3, n)[:, None]
    counts = rng.poisson(mean) * (rng.random((n, genes)) < 0.5)
    counts[:, [4, 11]] += 1 + rng.poisson(3.0, (n, 2))
    counts[:, 30] = 0
    counts[8, 2] = 9000
    return counts


Y = cells()


def array(path: Path) -> Any:
    return Y.astype(np.int32)


def rows(path: Path) -> Any:
    return sp.csr_array(Y)


def columns(path: Path) -> Any:
    return sp.csc_matrix(Y.astype(np.float32))


def chunks(path: Path) -> Any:
    return da.from_array(Y, (20, 30))


def file_by_samples(path: Path) -> Any:
    return write(study(Y, "csr"), path / "rows.h5ad")


def file_by_genes(path: Path) -> Any:
    return write(study(Y, "csc"), path / "columns.zarr")


def dense_file(path: Path) -> Any:
    return write(study(Y, "dense"), path / "dense.h5ad")


@pytest.fixture(
    params=[array, rows, columns, chunks, file_by_samples, file_by_genes, dense_file],
    ids=lambda make: make.__name__,
)
def counts(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> CountMatrix:
    """The same counts in every storage, read in small helpings."""
    stored.in_runs(monkeypatch, on_disk=True)
    monkeypatch.setattr(_by_samples, "READ_ENTRIES", 100)
    monkeypatch.setattr(_by_samples, "GATHERED_ENTRIES", 500)
    monkeypatch.setattr(_columns, "_GATHER_ENTRIES", 150)
    monkeypatch.setattr(_columns, "_BLOCK_ENTRIES", 300)
    make: Callable[[Path], Any] = request.param
    return as_count_matrix(make(tmp_path))


@pytest.fixture(scope="module")
def plain() -> dict[str, np.ndarray]:
    return {method: estimate_size_factors(Y, method) for method in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_every_storage_gives_the_same_bits(
    counts: CountMatrix, plain: dict[str, np.ndarray], method: str
) -> None:
    assert estimate_size_factors(counts, method).tobytes() == plain[method].tobytes()


def test_some_genes_and_options(counts: CountMatrix) -> None:
    genes = np.array([11, 3, 4, 60, 8, 9, 10])
    for method in METHODS:
        found = estimate_size_factors(counts.take_genes(genes), method)
        expected = estimate_size_factors(np.ascontiguousarray(Y[:, genes]), method)
        assert found.tobytes() == expected.tobytes()
    for method, options in [
        ("ratio", {"control_genes": [4, 0]}), ("poscounts", {"control_genes": np.arange(60)}),
        ("library", {"control_genes": [4, 9, 30]}), ("tmm", {"reference": 5}),
        ("ratio", {"geo_means": np.arange(Y.shape[1]) / 3}),
    ]:  # fmt: skip
        found = estimate_size_factors(counts, method, **options)
        assert found.tobytes() == estimate_size_factors(Y, method, **options).tobytes()


def test_log_means_do_not_know_of_the_storage(counts: CountMatrix) -> None:
    matrix = as_count_matrix(Y)
    for zeros_as_ones in (True, False):
        found = log_geometric_means(counts, zeros_as_ones=zeros_as_ones)
        expected = log_geometric_means(matrix, zeros_as_ones=zeros_as_ones)
        assert found.tobytes() == expected.tobytes()
    some = Y[:, Y.any(axis=0)]
    np.testing.assert_allclose(
        log_geometric_means(matrix, zeros_as_ones=True)[Y.any(axis=0)],
        np.log(np.maximum(some, 1)).mean(axis=0), rtol=1e-13,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array, sp.csc_array])
def test_totals_are_exactly_rounded(kind: Callable[[np.ndarray], Any]) -> None:
    large = Y.astype(np.float64)
    large[2, :3] = [2.0**53, 1.0, 2.0**53]
    found = column_totals(as_count_matrix(kind(large)))
    assert found.tolist() == [float(sum(map(int, row))) for row in large]
    tenths = as_count_matrix(kind(Y / 10), allow_noninteger=True)
    np.testing.assert_allclose(column_totals(tenths), Y.sum(axis=1) / 10, rtol=1e-15)
    expected = column_totals(as_count_matrix(Y / 10, allow_noninteger=True))
    assert column_totals(tenths).tobytes() == expected.tobytes()


def test_samples_without_counts_are_refused_by_name(tmp_path: Path) -> None:
    empty = Y.copy()
    empty[[3, 7]] = 0
    empty[:, [4, 11]] = 0
    path = write(study(empty), tmp_path / "counts.h5ad")
    with pytest.raises(InputError, match=r"'library': sample 's3' has no positive count \(2 of"):
        estimate_size_factors(path, "library")
    filled = Y.copy()
    filled[np.arange(90), np.arange(90) % 70] = 0
    with pytest.raises(InputError, match="use 'poscounts' or 'library' instead"):
        estimate_size_factors(sp.csr_array(filled), "ratio")
