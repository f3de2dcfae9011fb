"""Counts in files of their own kind: h5ad, zarr and MatrixMarket folders, all as AnnData."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._names import first_few, plural
from countglm._text_tables import described_errors, open_bytes, open_text
from countglm.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

_HDF5 = b"\x89HDF\r\n\x1a\n"
# Files that people take for a count matrix, and where to get one.
_READS = "count reads per gene first, for example with featureCounts, STAR or Salmon"
_R_DATA = "write the counts with write.csv() in R, or give the object to R's countglm package"
_FOREIGN = {
    **dict.fromkeys(("bam", "sam", "cram", "fastq", "fq", "fasta", "fa", "bed", "gtf"), _READS),
    **dict.fromkeys(("rds", "rda", "rdata"), _R_DATA),
    **dict.fromkeys(("xlsx", "xls", "ods"), "save the sheet as CSV"),
    **dict.fromkeys(("doc", "docx", "pdf"), "give a CSV or TSV of counts"),
    "loom": "read it with anndata.read_loom() and write an h5ad",
    "parquet": "write it as CSV or TSV",
}
_ZARR_MARKS = (".zgroup", "zarr.json", ".zattrs", ".zmetadata")


def kind_of(path: Path) -> str:
    """``h5ad``, ``zarr``, ``mtx`` or ``text``, told from the content before the name."""
    if not path.exists():
        raise InputError(f"There is no file or folder {path}; check the name.")
    if path.is_dir():
        if any((path / mark).exists() for mark in _ZARR_MARKS) or path.suffix == ".zarr":
            return "zarr"
        if any(path.glob("*matrix.mtx*")):
            return "mtx"
        raise InputError(
            f"The folder {path} holds neither a zarr store nor MatrixMarket files (matrix.mtx, "
            "features.tsv or genes.tsv, barcodes.tsv); give a folder of these, or a file."
        )
    with described_errors(path), path.open("rb") as handle:
        head = handle.read(len(_HDF5))
    if head == _HDF5:
        return "h5ad"
    if path.suffix in (".h5ad", ".h5"):
        raise InputError(
            f"{path} is not an HDF5 file ({'it is empty' if not head else 'wrong first bytes'}); "
            "it was cut short or is of another format: write or download it again."
        )
    suffixes = path.name.removesuffix(".gz").rsplit(".", 1)
    if remedy := _FOREIGN.get(suffixes[-1].lower()):
        raise InputError(f"{path} is no count matrix; {remedy}.")
    return "mtx" if path.name.removesuffix(".gz").endswith(".mtx") else "text"


def read_anndata_file(path: Path, kind: str) -> AnnData:
    """An h5ad file or zarr store that AnnData wrote, in memory."""
    import anndata

    with sound_file(path, kind), _without_name_warnings():
        return anndata.read_h5ad(path) if kind == "h5ad" else anndata.read_zarr(path)


@contextmanager
def sound_file(path: Path, kind: str) -> Iterator[None]:
    """Turn what goes wrong while an h5ad file or zarr store is read into one InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except ImportError as error:
        raise InputError(
            f"{path} needs the package zarr, which is not installed: pip install 'countglm[zarr]'."
        ) from error
    except Exception as error:  # the libraries below raise whatever the damage leads them to
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[0].strip()[:160] if lines else type(error).__name__
        raise InputError(
            f"{path} cannot be read as an AnnData {'file' if kind == 'h5ad' else 'store'} "
            f"({reason}); it is damaged, cut short or was not written by AnnData."
        ) from error


def read_matrix_market(path: Path) -> AnnData:
    """matrix.mtx, features.tsv (or genes.tsv) and barcodes.tsv, each perhaps gzipped.

    The matrix is features x barcodes, or the other way round: the lengths of the two name files
    tell. Barcodes become the samples, the first column of the features the gene names.
    """
    import pandas as pd
    from anndata import AnnData

    folder = path if path.is_dir() else path.parent
    matrix_file = path if path.is_file() else _only(folder, "matrix.mtx")
    genes = _first_column(_only(folder, "features.tsv", "genes.tsv"))
    barcodes = _first_column(_only(folder, "barcodes.tsv"))
    matrix = _read_matrix(matrix_file)
    if matrix.shape == (len(genes), len(barcodes)):
        matrix = matrix.T
    elif matrix.shape != (len(barcodes), len(genes)):
        raise InputError(
            f"{matrix_file} is {matrix.shape[0]} x {matrix.shape[1]}, but there are "
            f"{plural(len(genes), 'feature')} and {plural(len(barcodes), 'barcode')}; take the "
            "three files from one run."
        )
    with _without_name_warnings():
        return AnnData(
            matrix.tocsr(),
            obs=pd.DataFrame(index=pd.Index(barcodes, dtype=object)),
            var=pd.DataFrame(index=pd.Index(genes, dtype=object)),
        )


def _read_matrix(path: Path) -> Any:
    from scipy.io import mmread

    with described_errors(path), open_bytes(path) as handle:
        try:
            matrix = mmread(handle)
        except (ValueError, OverflowError) as error:
            raise InputError(
                f"{path} is no complete MatrixMarket file ({str(error).strip()}); copy or download "
                "it again."
            ) from error
    if not hasattr(matrix, "tocsr"):
        from scipy.sparse import coo_matrix

        return coo_matrix(matrix)
    return matrix


def _only(folder: Path, *endings: str) -> Path:
    found = sorted(
        file
        for ending in endings
        for file in folder.glob(f"*{ending}*")
        if file.name.removesuffix(".gz").endswith(ending)
    )
    if len(found) != 1:
        raise InputError(
            f"The folder {folder} holds {len(found)} files named {' or '.join(endings)}"
            f"{' (' + first_few(f.name for f in found) + ')' if found else ''}; a MatrixMarket "
            "folder has one matrix.mtx, one features.tsv (or genes.tsv) and one barcodes.tsv."
        )
    return found[0]


def _first_column(path: Path) -> list[str]:
    with described_errors(path), open_text(path) as handle:
        # No quoting here: gene names may contain quotes, such as 5'-nucleotidase or 3"-exon.
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [fields[0] for fields in rows if fields]


@contextmanager
def _without_name_warnings() -> Iterator[None]:
    """AnnData warns of repeated names on its own; `as_count_matrix` says it once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*names are not unique")
        yield
