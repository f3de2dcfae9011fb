"""What a fit leaves in its output folder, and the summary printed at the end."""

from __future__ import annotations

import gzip
import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from countglm._version import __version__
from countglm._zeros_told import n_by_rule
from countglm.cli.delimited import delimited
from countglm.cli.earlier import SUMMARY
from countglm.cli.ending import SUMMARY_TEXT, text_of_fit
from countglm.errors import InputError
from countglm.report import words, write_report

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from countglm.results import GLMFit


_PARQUET_ENGINES = ("pyarrow", "fastparquet")


def table_suffix(table_format: str, *, compress: bool) -> str:
    """Return the end of the tables' names; refuse what cannot be written before the fit."""
    if table_format == "parquet":
        if compress:
            raise InputError("--gzip is for tables of text; leave it out with --format parquet.")
        if all(importlib.util.find_spec(engine) is None for engine in _PARQUET_ENGINES):
            raise InputError(
                "--format parquet needs the package pyarrow, which is not installed: pip install "
                "pyarrow, or use --format tsv."
            )
    return f".{table_format}.gz" if compress else f".{table_format}"


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as its name says: .tsv or .csv with NA for missing values, or .parquet.

    A text in .gz is compressed, without a date in it.
    """
    if path.suffix == ".parquet":
        table.to_parquet(path)
        return
    separator = "," if path.name.removesuffix(".gz").endswith(".csv") else "\t"
    with open_stream(path) as stream:
        for text in delimited(table, separator, "NA"):
            stream.write(text.encode())


def open_stream(path: Path) -> IO[bytes]:
    """A file to write to; in .gz compressed, without a date in it."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.GzipFile(path, "wb", compresslevel=6, mtime=0))
    return path.open("wb")


def write_products(
    fit: GLMFit,
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    *,
    command: str,
    title: str,
    suffix: str = ".tsv",
    with_report: bool = True,
    h5ad_from: pd.DataFrame | AnnData | None = None,
) -> dict[str, Any]:
    """Fill ``folder`` with tables, fit, report and summary; return the summary.

    ``suffix`` ends the names of the tables. From the counts ``h5ad_from``, where given, and the
    fit comes result.h5ad.
    """
    write_table(fit.to_frame(), folder / f"coefficients{suffix}")
    write_table(sample_table(fit), folder / f"samples{suffix}")
    contrasts = []
    for label, table in tables.items():
        name = free_name(folder, f"test_{plain_name(label)}", suffix)
        write_table(table, folder / name)
        contrasts.append({"contrast": label, "file": name, **words.contrast_counts(table)})
    fit.save(folder / "fit.h5")
    (folder / SUMMARY_TEXT).write_text(text_of_fit(fit, tables), encoding="utf-8")
    if with_report:
        write_report(fit, folder / "report.html", tables, title=title)
    if h5ad_from is not None:
        _annotated(fit, h5ad_from).write_h5ad(folder / "result.h5ad", compression="gzip")
    return write_summary(summary(fit, command) | {"contrasts": contrasts}, folder)


def write_summary(facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write ``facts``, with the names of all files in ``folder``, as its summary; return them."""
    facts["files"] = sorted([*(path.name for path in folder.iterdir()), SUMMARY])
    facts = {key: without_nan(value) for key, value in facts.items()}
    (folder / SUMMARY).write_text(dumps(facts) + "\n", encoding="utf-8")
    return facts


def summary(fit: GLMFit, command: str) -> dict[str, Any]:
    """Facts of a fit as JSON: version, sizes, status counts, certificate, provenance."""
    return {
        "countglm": __version__,
        "command": command,
        "n_genes": fit.n_genes,
        "n_samples": fit.n_samples,
        "design": fit.design.formula,
        "coef_names": list(fit.coef_names),
        "family": fit.family,
        "status": {status.name: count for status, count in fit.status_counts().items()},
        "n_zeros_by_rule": n_by_rule(fit),
        "certificate": words.certificate(fit),
        "counts_fingerprint": fit.counts_fingerprint,
        "provenance": fit.provenance,
    }


def dumps(facts: Any) -> str:
    """Return JSON that every parser accepts: no NaN, no infinity."""
    return json.dumps(without_nan(facts), indent=2, ensure_ascii=False, allow_nan=False)


def without_nan(value: Any) -> Any:
    """Replace NaN and infinities by None, in depth."""
    if isinstance(value, Mapping):
        return {str(key): without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def sample_table(fit: GLMFit) -> pd.DataFrame:
    """Size factors and design, one row per sample."""
    import pandas as pd

    names = range(fit.n_samples) if fit.sample_names is None else fit.sample_names
    table = pd.DataFrame(fit.design.matrix, columns=list(fit.coef_names))
    # Parquet knows no two columns of one name.
    table = table.rename(columns={"size_factor": "design:size_factor"})
    table.insert(0, "size_factor", fit.size_factors)
    table.index = pd.Index([str(name) for name in names], name="sample")
    return table


def plain_name(label: str) -> str:
    """The label in characters that every file system takes."""
    kept = "".join(char if char.isalnum() or char in "-." else "_" for char in label)
    return "_".join(part for part in kept.split("_") if part)[:100] or "contrast"


def free_name(folder: Path, stem: str, suffix: str) -> str:
    """A name in ``folder`` that is not taken: numbered where it must be."""
    name, number = f"{stem}{suffix}", 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}_{number}{suffix}"
    return name


def _annotated(fit: GLMFit, given: Any) -> AnnData:
    """The AnnData that was read, with everything in it, or a new one with the counts; the fit."""
    import numpy as np
    from scipy import sparse

    if not hasattr(given, "columns"):
        return fit.to_anndata(given.load() if hasattr(given, "load") else given)
    counts = fit.require_counts()
    tile = max(1, (1 << 22) // counts.n_samples)
    blocks = [
        sparse.csc_matrix(counts.block(start, min(start + tile, counts.n_genes)).T)
        for start in range(0, counts.n_genes, tile)
    ]
    adata = fit.to_anndata()
    adata.X = sparse.hstack(blocks, format="csr", dtype=np.float64)
    return adata
