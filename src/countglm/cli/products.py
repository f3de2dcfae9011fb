"""What a fit leaves in its output folder, and the summary printed at the end."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._version import __version__
from countglm.cli.output import SUMMARY
from countglm.report import words, write_report

if TYPE_CHECKING:
    import pandas as pd

    from countglm.results import GLMFit


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a TSV with NA for missing values; a name in .gz is compressed, without a date in it."""
    packing: Any = {"method": "gzip", "compresslevel": 6, "mtime": 0}
    table.to_csv(path, sep="\t", na_rep="NA", compression=packing if path.suffix == ".gz" else None)


def write_products(
    fit: GLMFit,
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    *,
    command: str,
    title: str,
    compress: bool = False,
    with_report: bool = True,
    with_h5ad: bool = False,
) -> dict[str, Any]:
    """Fill ``folder`` with tables, fit, report and summary; return the summary."""
    suffix = ".tsv.gz" if compress else ".tsv"
    write_table(fit.to_frame(), folder / f"coefficients{suffix}")
    write_table(_sample_table(fit), folder / f"samples{suffix}")
    contrasts = []
    for label, table in tables.items():
        name = _free_name(folder, f"test_{_plain(label)}", suffix)
        write_table(table, folder / name)
        contrasts.append({"contrast": label, "file": name, **words.contrast_counts(table)})
    fit.save(folder / "fit.h5")
    if with_report:
        write_report(fit, folder / "report.html", tables, title=title)
    if with_h5ad:
        _write_h5ad(fit, folder / "result.h5ad")
    facts = summary(fit, command) | {"contrasts": contrasts}
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


def _sample_table(fit: GLMFit) -> pd.DataFrame:
    import pandas as pd

    names = range(fit.n_samples) if fit.sample_names is None else fit.sample_names
    table = pd.DataFrame(fit.design.matrix, columns=list(fit.coef_names))
    table.insert(0, "size_factor", fit.size_factors, allow_duplicates=True)
    table.index = pd.Index([str(name) for name in names], name="sample")
    return table


def _plain(label: str) -> str:
    kept = "".join(char if char.isalnum() or char in "-." else "_" for char in label)
    return "_".join(part for part in kept.split("_") if part)[:100] or "contrast"


def _free_name(folder: Path, stem: str, suffix: str) -> str:
    name, number = f"{stem}{suffix}", 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}_{number}{suffix}"
    return name


def _write_h5ad(fit: GLMFit, path: Path) -> None:
    import numpy as np
    from scipy import sparse

    counts = fit.require_counts()
    tile = max(1, (1 << 22) // counts.n_samples)
    blocks = [
        sparse.csc_matrix(counts.block(start, min(start + tile, counts.n_genes)).T)
        for start in range(0, counts.n_genes, tile)
    ]
    adata = fit.to_anndata()
    adata.X = sparse.hstack(blocks, format="csr", dtype=np.float64)
    adata.write_h5ad(path, compression="gzip")
