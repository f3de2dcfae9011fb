import gzip
import sys
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp

from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.readers import read_counts

SAMPLES = pd.DataFrame({"group": ["a", "b", "a"]}, index=["s1", "s2", "s3"])
VALUES = np.array([[1, 20, 300, 0], [2, 0, 7, 9007199254740992], [5, 6, 7, 8]])
GENES = ["ENSG1", "NA", "MARCH1", "00123"]


def make_anndata():
    return ad.AnnData(
        sp.csr_matrix(VALUES.astype(np.int64)),
        obs=SAMPLES.copy(),
        var=pd.DataFrame(index=GENES),
        layers={"other": VALUES[:, ::-1]},
    )


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_anndata_files(tmp_path, kind):
    path = tmp_path / f"counts.{kind}"
    if kind == "h5ad":
        make_anndata().write_h5ad(path)
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Writing zarr v2", category=UserWarning)
            make_anndata().write_zarr(path)
    counts, obs = read_counts(path)
    matrix = as_count_matrix(counts)
    assert matrix.block(0, 4).tolist() == VALUES.T.tolist()
    assert matrix.gene_names.tolist() == GENES
    assert obs["group"].tolist() == ["a", "b", "a"]
    counts, obs = read_counts(path, layer="other", samples=SAMPLES.assign(z=[7, 8, 9])[::-1])
    assert as_count_matrix(counts).block(0, 1).tolist() == [[0.0, 2.0**53, 8.0]]
    assert obs["z"].tolist() == [7, 8, 9]
    with pytest.raises(InputError, match="no layer 'thrice'; its layers are 'other'"):
        read_counts(path, layer="thrice")
    with pytest.raises(InputError, match="missing in the sample table"):
        read_counts(path, samples=SAMPLES[:2])


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_truncated_h5ad(tmp_path, keep):
    path = tmp_path / "counts.h5ad"
    ad.AnnData(np.random.default_rng(0).poisson(5, (50, 200))).write_h5ad(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match=r"cannot be read as an AnnData file \(") as caught:
        read_counts(path)
    assert "\n" not in str(caught.value)


def test_hdf5_that_is_no_anndata(tmp_path):
    import h5py

    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(InputError):
        as_count_matrix(read_counts(tmp_path / "x.h5")[0])
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(InputError, match="cannot be read as an AnnData store"):
        read_counts(tmp_path / "x.zarr")


def write_mtx(folder, matrix, genes=GENES, barcodes=SAMPLES.index, packed=False):
    folder.mkdir(exist_ok=True)
    scipy.io.mmwrite(folder / "matrix.mtx", sp.coo_matrix(matrix), field="integer")
    (folder / "features.tsv").write_text("".join(f"{g}\tsymbol\n" for g in genes))
    (folder / "barcodes.tsv").write_text("".join(f"{b}\n" for b in barcodes))
    for file in list(folder.iterdir()) if packed else []:
        (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("matrix", [VALUES.T, VALUES], ids=["features first", "barcodes first"])
def test_matrix_market(tmp_path, matrix, packed):
    folder = write_mtx(tmp_path / "mtx", matrix, packed=packed)
    for path in (folder, next(folder.glob("matrix.mtx*"))):
        counts, obs = read_counts(path)
        assert obs is None
        matrix = as_count_matrix(counts)
        assert matrix.block(0, 4).tolist() == VALUES.T.tolist()
        assert matrix.gene_names.tolist() == GENES
        assert matrix.sample_names.tolist() == ["s1", "s2", "s3"]
    assert read_counts(folder, samples=SAMPLES[::-1])[1]["group"].tolist() == ["a", "b", "a"]


def test_repeated_genes_are_told_once(tmp_path):
    folder = write_mtx(tmp_path / "mtx", VALUES.T, genes=["a", "a", "b", "c"])
    counts, _ = read_counts(folder)
    with pytest.warns(UserWarning, match="1 gene name") as caught:
        as_count_matrix(counts)
    assert len(caught) == 1


def test_damaged_matrix_market(tmp_path):
    with pytest.raises(InputError, match=r"3 x 5, but there are 4 features and 3 barcodes"):
        read_counts(write_mtx(tmp_path / "a", np.ones((3, 5))))
    folder = write_mtx(tmp_path / "b", VALUES.T)
    content = (folder / "matrix.mtx").read_text()
    for text, message in [
        (content[: len(content) // 2], "no complete MatrixMarket file"),
        ("no matrix", "no complete MatrixMarket file"),
        ("", "no complete MatrixMarket file"),
    ]:
        (folder / "matrix.mtx").write_text(text)
        with pytest.raises(InputError, match=message):
            read_counts(folder)
    (folder / "matrix.mtx").write_text(content)
    (folder / "barcodes.tsv").unlink()
    with pytest.raises(InputError, match=r"holds 0 files named barcodes\.tsv"):
        read_counts(folder)
    packed = write_mtx(tmp_path / "c", VALUES.T, packed=True)
    whole = (packed / "matrix.mtx.gz").read_bytes()
    (packed / "matrix.mtx.gz").write_bytes(whole[:-12])
    with pytest.raises(InputError, match=r"matrix\.mtx\.gz"):
        read_counts(packed)


def test_zarr_is_named_where_it_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "x.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    monkeypatch.setattr(ad, "read_zarr", lambda path: __import__("zarr"))
    with pytest.raises(InputError, match=r"pip install 'countglm\[zarr\]'"):
        read_counts(tmp_path / "x.zarr")
