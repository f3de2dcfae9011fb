"""Counts that workers read from the file of the caller, as long as it is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from countglm import _backed, _cluster_work, _file_counts, fit_glm
from countglm._chunks import GeneRange
from countglm._file_counts import FileCounts, Place
from countglm.counts import as_count_matrix
from tests.support.crews import Crew
from tests.support.stored import write

RNG = np.random.default_rng(5)
COUNTS = RNG.poisson(1.0, (12, 40))
DESIGN = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6)])


@pytest.fixture(autouse=True)
def _in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every matrix in a file for a large one; let no test find the files of another."""
    monkeypatch.setattr(_backed, "fits_in_memory", lambda stored, reading: False)
    monkeypatch.setattr("countglm._open_file.fits_in_memory", lambda stored, reading: False)
    monkeypatch.setattr(_cluster_work, "means_here", lambda: (1, None))
    monkeypatch.setattr(_cluster_work, "worker_here", lambda: None)
    monkeypatch.setattr(_cluster_work, "_kept", _cluster_work._Kept())
    _file_counts._opened.cache_clear()


@pytest.fixture(params=["h5ad", "zarr"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"counts.{request.param}"
    write_counts(path, COUNTS)
    return path


def write_counts(path: Path, counts: np.ndarray) -> None:
    adata = ad.AnnData(csc_matrix(counts.astype(np.float32)), layers={"same": csc_matrix(counts)})
    adata.obs_names = [f"s{i}" for i in range(counts.shape[0])]
    write(adata, path)


@pytest.mark.parametrize("layer", [None, "same"])
def test_genes_are_read_where_the_file_is_the_same(path: Path, layer: str | None) -> None:
    counts = as_count_matrix(path, layer=layer)
    found = GeneRange(counts, 8, 24).in_file()
    assert found is not None
    assert found.is_here()
    assert (found.n_samples, found.n_genes) == (12, 16)
    np.testing.assert_array_equal(found.block(2, 9), COUNTS.T[10:17])
    np.testing.assert_array_equal(found.sizes(), np.count_nonzero(COUNTS, axis=0)[8:24])
    for one, other in zip(found.nonzeros(0, 16), counts.nonzeros(8, 24), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_file_that_is_not_here_or_another(path: Path, tmp_path: Path) -> None:
    found = GeneRange(as_count_matrix(path), 0, 8).in_file()
    assert found is not None
    place = found.place
    other = Place(*place[:2], "another")
    for wrong in (other, place._replace(path=str(tmp_path / "no.h5ad")),
                  place._replace(element="/no")):  # fmt: skip
        assert not FileCounts(wrong, 0, 8, 12).is_here()
    assert found.is_here()


def test_counts_in_memory_or_by_samples_are_sent(path: Path, tmp_path: Path) -> None:
    assert GeneRange(as_count_matrix(COUNTS), 0, 8).in_file() is None
    some = as_count_matrix(path).take_genes(np.arange(3, 20))
    assert GeneRange(some, 0, 8).in_file() is None
    ad.AnnData(csr_matrix(COUNTS.astype(np.float32))).write_h5ad(tmp_path / "rows.h5ad")
    assert GeneRange(as_count_matrix(tmp_path / "rows.h5ad"), 0, 8).in_file() is None


@pytest.mark.parametrize("readable", [True, False])
def test_workers_read_the_file_or_are_sent_the_counts(
    path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    sent = []

    def watched(self: GeneRange) -> Any:
        sent.append(self._start)
        return send(self)

    send = GeneRange.sent
    monkeypatch.setattr(GeneRange, "sent", watched)
    if not readable:
        monkeypatch.setattr(FileCounts, "is_here", lambda self: False)
    given: dict[str, Any] = {"family": "poisson", "size_factors": "none"}
    found = fit_glm(path, DESIGN, client=Crew("a"), block_size=8, **given)
    here = fit_glm(COUNTS, DESIGN, threads=1, **given)
    np.testing.assert_array_equal(found.coefficients, here.coefficients)
    np.testing.assert_array_equal(found.newton_decrement, here.newton_decrement)
    assert sorted(sent) == ([] if readable else [0, 8, 16, 24, 32])
