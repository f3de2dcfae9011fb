"""Counts written to files in every storage, and memory too small to read them whole."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from countglm import _backed, _runs

FORMS = {"csr": sp.csr_matrix, "csc": sp.csc_matrix, "dense": np.asarray}
# Entries of a run, so that a few hundred counts make several.
RUN = 300


def sparse_counts(seed: int = 0, n: int = 60, genes: int = 40) -> np.ndarray:
    """Return counts, mostly zeros, with a sample and a gene without any, and some large."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(4.0, (n, genes)) * (rng.random((n, genes)) < 0.4)
    counts[3], counts[:, 7] = 0, 0
    counts[5, :2] = 70_000, 300
    return counts


def study(counts: np.ndarray, form: str = "csr") -> ad.AnnData:
    """Return counts as an AnnData with a condition, a batch, and other layers."""
    n, genes = counts.shape
    obs = pd.DataFrame(
        {"condition": np.resize(["a", "b"], n), "batch": np.resize(["x", "x", "y"], n)},
        index=[f"s{i}" for i in range(n)],
    )
    data = ad.AnnData(
        FORMS[form](counts.astype(np.float32)), obs=obs,
        var=pd.DataFrame(index=[f"g{j}" for j in range(genes)]),
    )  # fmt: skip
    data.layers["counts"] = FORMS[form](counts)
    data.layers["log"] = np.log1p(counts.astype(np.float32))
    return data


def write(data: ad.AnnData, path: Path, **options: Any) -> Path:
    """Write an AnnData as the name of ``path`` says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Writing zarr v2", category=UserWarning)
        if path.suffix == ".zarr":
            data.write_zarr(path)
        else:
            data.write_h5ad(path, **options)
    return path


def in_runs(monkeypatch: pytest.MonkeyPatch, *, on_disk: bool) -> None:
    """Leave memory for counts in runs, but not whole; or for neither."""
    monkeypatch.setattr(_runs, "LEAST_ENTRIES", RUN)
    monkeypatch.setattr(_backed, "fits_in_memory", lambda stored, reading: False)
    monkeypatch.setattr("countglm._open_file.fits_in_memory", lambda stored, reading: False)
    monkeypatch.setattr(_backed, "LEAST_ENTRIES", 0)
    monkeypatch.setattr(_backed, "_BYTES_OF_SAMPLE", 0)
    room = 0 if on_disk else RUN * 3 * _runs.WORKING_BYTES
    monkeypatch.setattr(_backed, "room_for_counts", lambda limit: room)
    if not on_disk:
        # Runs of so few counts fit in any memory.
        monkeypatch.setattr(_backed, "_SAMPLE_BYTES", 0)
        monkeypatch.setattr(_backed, "_VALUE_BYTES", 0)
