"""Counts in h5ad files and zarr stores: read in parts, with the bits of an array in memory."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.sparse as sp

from countglm import _containers, _runs
from countglm._runs import RunSource
from countglm._stored_matrix import ColumnSource, StoredMatrix
from countglm.counts import CountMatrix, Reading, as_count_matrix
from countglm.errors import InputError
from tests.support import stored
from tests.support.stored import sparse_counts, study, write

COUNTS = sparse_counts()
N, G = COUNTS.shape
RANGES = [(0, G), (0, 0), (7, 8), (5, 30)]


@pytest.fixture(params=["memory", "disk"])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    stored.in_runs(monkeypatch, on_disk=request.param == "disk")
    return str(request.param)


def assert_same(counts: CountMatrix, dense: np.ndarray) -> None:
    """The same bits as of an array: by genes, by samples, and told by the fingerprint."""
    expected = as_count_matrix(dense)
    for start, stop in RANGES:
        for found, wanted in zip(
            counts.nonzeros(start, stop), expected.nonzeros(start, stop), strict=True
        ):
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)
        assert counts.block(start, stop).tobytes() == expected.block(start, stop).tobytes()
    rows = np.zeros(dense.shape)
    for first, part in counts.sample_rows(50):
        assert part.pointers.size == 2 or part.values.size <= 50
        rows[first + part.lines, part.places] = part.values
    np.testing.assert_array_equal(rows, dense)
    np.testing.assert_array_equal(counts.nonzero_sizes(), np.count_nonzero(dense, axis=0))
    assert counts.fingerprint() == expected.fingerprint()
    assert counts.is_sparse


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_files_are_read_in_parts(tmp_path: Path, small: str, form: str, suffix: str) -> None:
    path = write(study(COUNTS, form), tmp_path / f"counts.{suffix}")
    for layer in (None, "counts"):
        counts = as_count_matrix(path, layer=layer)
        assert_same(counts, COUNTS)
        source = counts._source
        if form == "csc":
            assert isinstance(source, ColumnSource)
        else:
            assert isinstance(source, RunSource)
            assert len(source.runs) > 1
            assert source.shelf.waits == (small == "disk")
        assert counts.gene_names.tolist() == [f"g{j}" for j in range(G)]
        assert counts.sample_names is not None
        assert counts.sample_names.tolist() == [f"s{i}" for i in range(N)]
        assert counts.obs is not None
        assert counts.obs["condition"].tolist()[:2] == ["a", "b"]


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_small_files_are_read_whole(tmp_path: Path, form: str) -> None:
    path = write(study(COUNTS, form), tmp_path / "counts.h5ad")
    counts = as_count_matrix(str(path))
    assert not isinstance(counts._source, RunSource | ColumnSource)
    assert counts.fingerprint() == as_count_matrix(COUNTS).fingerprint()
    assert counts.block(0, G).tobytes() == as_count_matrix(COUNTS).block(0, G).tobytes()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_backed_anndata_stays_in_its_file(tmp_path: Path, form: str) -> None:
    path = write(study(COUNTS, form), tmp_path / "counts.h5ad", compression="gzip")
    backed = ad.read_h5ad(path, backed="r")
    counts = as_count_matrix(backed)
    assert isinstance(counts._source, ColumnSource if form == "csc" else RunSource)
    assert_same(counts, COUNTS)
    backed.file.close()


@pytest.mark.usefixtures("small")
def test_genes_of_files_are_taken(tmp_path: Path) -> None:
    path = write(study(COUNTS), tmp_path / "counts.h5ad")
    genes = np.array([30, 2, 3, 4, 0])
    some, expected = as_count_matrix(path).take_genes(genes), COUNTS[:, genes]
    np.testing.assert_array_equal(some.block(0, 5), expected.T)
    np.testing.assert_array_equal(some.nonzeros(0, 5).dense(N), expected.T)
    rows = np.zeros(expected.shape)
    for first, part in some.sample_rows(20):
        rows[first + part.lines, part.places] = part.values
        lines = [part.part(k, k + 1).places for k in range(part.pointers.size - 1)]
        assert all(np.diff(places).min(initial=1) > 0 for places in lines)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_entries_out_of_order_repeated_or_zero(tmp_path: Path, form: str) -> None:
    path = write(study(COUNTS, form), tmp_path / "counts.h5ad")
    with h5py.File(path, "r+") as file:
        group = file["X"]
        pointers, places, values = (group[name][:] for name in ("indptr", "indices", "data"))
        for k in range(pointers.size - 1):
            line = slice(pointers[k], pointers[k + 1])
            places[line], values[line] = places[line][::-1].copy(), values[line][::-1].copy()
        # The first line twice, its values halved; and a zero.
        first = slice(0, pointers[1])
        values[first] /= 2
        width = places[first].size
        places = np.concatenate([places[first], places[first], places[width:]])
        values = np.concatenate([values[first], values[first], values[width:]])
        pointers[1:] += width
        values[-1] = 0.0
        for name, array in (("indptr", pointers), ("indices", places), ("data", values)):
            del group[name]
            group[name] = array
    expected = COUNTS.copy()
    line = int(np.flatnonzero(np.diff(pointers))[-1])
    expected[(line, places[-1]) if form == "csr" else (places[-1], line)] = 0
    assert_same(as_count_matrix(path, allow_noninteger=True), expected)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
@pytest.mark.parametrize(
    "wrong", [{(9, 4): -1.0, (2, 20): -3.0}, {(9, 4): np.nan}, {(9, 4): 0.5}, {(1, 39): np.inf},
              {(40, 2): 2.0**60, (41, 2): 2.0**60}]
)  # fmt: skip
def test_values_that_are_no_counts_are_told_as_of_an_array(
    tmp_path: Path, form: str, wrong: dict[tuple[int, int], float]
) -> None:
    bad = COUNTS.astype(np.float64)
    for place, value in wrong.items():
        bad[place] = value
    data = study(COUNTS, form)
    data.X = stored.FORMS[form](bad)
    del data.layers["counts"]
    path = write(data, tmp_path / "counts.h5ad")
    data.X = bad
    with pytest.raises(InputError) as expected:
        as_count_matrix(data)
    with pytest.raises(InputError) as told:
        as_count_matrix(path)
    assert str(told.value) == str(expected.value)
    assert not list(tmp_path.glob("*scratch*"))


@pytest.mark.usefixtures("small")
def test_a_file_tells_where_else_it_holds_counts(tmp_path: Path) -> None:
    data = study(COUNTS)
    data.raw = data.copy()
    path = write(data, tmp_path / "counts.h5ad")
    told = r"X and layers\['counts'\] and \.raw hold whole numbers: leave layer= out or pass"
    with pytest.raises(InputError, match=f"not whole numbers, first .*{told}"):
        as_count_matrix(path, layer="log")
    with pytest.raises(InputError, match="no layer 'x'; its layers are 'counts', 'log'"):
        as_count_matrix(path, layer="x")
    data.X = None
    with pytest.raises(InputError, match=r"has no X; name one of its layers .*'counts', 'log'"):
        as_count_matrix(write(data, tmp_path / "empty.h5ad"))


@pytest.mark.usefixtures("small")
def test_fractions_are_taken_where_asked(tmp_path: Path) -> None:
    data = study(COUNTS)
    data.X = data.X * 0.25
    path = write(data, tmp_path / "counts.h5ad")
    assert_same_values(as_count_matrix(path, allow_noninteger=True), COUNTS * 0.25)
    with pytest.raises(InputError, match="not whole"):
        as_count_matrix(path)


def assert_same_values(counts: CountMatrix, dense: np.ndarray) -> None:
    assert counts.block(0, G).tobytes() == np.ascontiguousarray(dense.T).tobytes()


def test_other_paths(tmp_path: Path) -> None:
    (tmp_path / "counts.tsv").write_text("gene\ts1\ts2\ng\t1\t2\n")
    with pytest.raises(InputError, match=r"text table .*read_counts\(path, samples=\.\.\.\)"):
        as_count_matrix(tmp_path / "counts.tsv")
    with pytest.raises(InputError, match="There is no file or folder"):
        as_count_matrix(tmp_path / "nothing.h5ad")
    path = write(study(COUNTS), tmp_path / "counts.h5ad")
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match="cannot be read as an AnnData file"):
        as_count_matrix(path)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("indices", lambda a: np.where(np.arange(a.size) == 40, 99, a), "an index lies outside"),
        ("indptr", lambda a: a[::-1], "pointers do not fit"),
        ("indptr", lambda a: a[:-1], "pointers do not fit"),
        ("data", lambda a: a[:-5], "pointers do not fit"),
    ],
)
def test_damaged_entries(tmp_path: Path, name: str, change: object, told: str) -> None:
    path = write(study(COUNTS), tmp_path / "counts.h5ad")
    with h5py.File(path, "r+") as file:
        array = file["X"][name][:]
        del file["X"][name]
        file["X"][name] = change(array)
    with pytest.raises(InputError, match=told):
        as_count_matrix(path)


def test_memory_below_what_reading_takes(tmp_path: Path) -> None:
    path = write(study(COUNTS), tmp_path / "counts.h5ad")
    with pytest.raises(InputError, match=r"memory_limit=50 MB is too little ") as caught:
        as_count_matrix(path, reading=Reading(memory_limit=50_000_000))
    told = re.findall(r"(?:holds|takes|at least) ([\d.]+) MB", str(caught.value))
    held, more, needed = map(float, told)
    assert held + more == pytest.approx(needed, abs=1.1)


def test_rows_in_memory_become_runs_where_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_containers, "MOST_SAMPLES", N - 1)
    matrix = sp.csr_matrix(COUNTS)
    counts = as_count_matrix(matrix)
    assert isinstance(counts._source, RunSource)
    assert_same(counts, COUNTS)
    matrix.data[3] = -1
    with pytest.raises(InputError, match=r"One count is negative \(-1 at sample"):
        as_count_matrix(matrix)


def test_runs_have_no_more_samples_than_two_bytes_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_containers, "MOST_SAMPLES", 1)
    monkeypatch.setattr("countglm._stored_matrix.MOST_SAMPLES", 16)
    counts = as_count_matrix(sp.csr_matrix(COUNTS))
    assert isinstance(counts._source, RunSource)
    assert [run.last - run.first for run in counts._source.runs] == [16, 16, 16, N - 48]
    assert_same(counts, COUNTS)


def test_a_scratch_file_is_closed_with_the_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.in_runs(monkeypatch, on_disk=True)
    path = write(study(COUNTS), tmp_path / "counts.h5ad")
    before = len(os.listdir("/proc/self/fd"))
    counts = as_count_matrix(path, reading=Reading(folder=tmp_path / "beside"))
    counts.nonzeros(0, 3)
    assert os.listdir(tmp_path / "beside") == []
    del counts
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_dense_rows_of_a_file_are_read_as_they_lie() -> None:
    lines = StoredMatrix(np.array([[0, 3, 0], [0, 0, 0], [1, 0, 2]])).lines(0, 3)
    assert lines.pointers.tolist() == [0, 1, 1, 3]
    assert lines.places.tolist() == [1, 0, 2]
    assert lines.values.tolist() == [3, 1, 2]
    assert _runs.MOST_SAMPLES == 1 << 16


def test_samples_of_a_file_by_genes_need_little_memory_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored.in_runs(monkeypatch, on_disk=True)
    path = write(study(COUNTS, "csc"), tmp_path / "counts.h5ad")
    counts = as_count_matrix(path, reading=Reading(folder=tmp_path / "beside"))
    source = counts._source
    assert isinstance(source, ColumnSource)
    held = []
    for passes in (100, 0):
        monkeypatch.setattr("countglm._stored_matrix._MOST_PASSES", passes)
        rows = np.zeros(COUNTS.shape)
        for first, part in counts.sample_rows(50):
            rows[first + part.lines, part.places] = part.values
        np.testing.assert_array_equal(rows, COUNTS)
        held.append((tmp_path / "beside").is_dir())
    assert held == [False, True]
    partly = counts.sample_rows(50)
    next(partly)
    partly.close()
    assert os.listdir(tmp_path / "beside") == []
