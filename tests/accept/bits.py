"""Same bits whatever the threads, blocks, storage, order or subset of genes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from countglm import fit_glm
from tests.accept.table import Table
from tests.support import cases

PER_GENE = (
    "coefficients",
    "standard_errors",
    "dispersion",
    "deviance",
    "log_likelihood",
    "n_iter",
    "status",
    "newton_decrement",
    "distance_bound",
    "scaled_score",
    "min_eigenvalue",
    "condition_number",
    "max_leverage",
    "base_mean",
    "finite_coefficients",
)


def gene_arrays(fit: Any) -> dict[str, np.ndarray]:
    """Every array of the result with one row per gene, the separated samples spelled out."""
    arrays = {name: np.asarray(getattr(fit, name)) for name in PER_GENE}
    pattern = fit.separation_pattern
    spelled = np.zeros((pattern.size, fit.n_samples), dtype=bool)
    spelled[pattern >= 0] = fit.separated_samples[pattern[pattern >= 0]]
    arrays["separated"] = spelled
    return arrays


def digest(fit: Any, order: np.ndarray | None = None) -> dict[str, str]:
    """SHA-256 of every result array, rows in ``order`` where given."""
    rows = slice(None) if order is None else order
    sums = {
        name: hashlib.sha256(np.ascontiguousarray(values[rows]).tobytes()).hexdigest()
        for name, values in gene_arrays(fit).items()
    }
    sums["size_factors"] = hashlib.sha256(fit.size_factors.tobytes()).hexdigest()
    return sums


def storages(counts: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Yield the same counts in every form that a caller may hold."""
    import anndata
    import dask.array
    import pandas as pd
    import scipy.sparse as sp

    yield "dense C", np.ascontiguousarray(counts)
    yield "dense F", np.asfortranarray(counts)
    yield "float64", counts.astype(np.float64)
    yield "big-endian", counts.astype(">i8")
    yield "CSR array", sp.csr_array(counts)
    yield "CSC array", sp.csc_array(counts)
    yield "CSR matrix", sp.csr_matrix(counts)
    yield "COO", sp.coo_array(counts)
    yield "DataFrame", pd.DataFrame(counts)
    yield "AnnData dense", anndata.AnnData(counts.astype(np.float64))
    yield "AnnData CSR", anndata.AnnData(sp.csr_matrix(counts))
    yield "Dask", dask.array.from_array(counts, chunks=(3, 1000))


def differing(reference: dict[str, str], other: dict[str, str]) -> str:
    """Names of the arrays whose bits differ."""
    return ", ".join(name for name, value in reference.items() if other[name] != value)


def check(table: Table) -> None:
    """Fill the table for one study."""
    study = cases.study("pasilla")
    assert study is not None
    counts = study.counts.to_numpy()
    if table.quick:
        counts = counts[:, :2500]
    few = fit_glm(study.counts.iloc[:, :50], study.formula, obs=study.obs, size_factors="library")
    design = few.design.matrix
    base = fit_glm(counts, design, threads=1)
    reference = digest(base)

    def row(item: str, fits: Iterator[tuple[str, Any]] | list[tuple[str, Any]]) -> None:
        labels, broken = [], []
        for label, fit in fits:
            labels.append(label)
            wrong = differing(reference, digest(fit))
            if wrong:
                broken.append(f"{label}: {wrong}")
        table.row(item, "same SHA-256 of every array", "; ".join(broken or labels), not broken)

    row("bits: threads", [(str(t), fit_glm(counts, design, threads=t)) for t in (1, 2, 4)])
    row(
        "bits: block size",
        [(str(b), fit_glm(counts, design, threads=2, block_size=b)) for b in (1, 37, 64, 1000)],
    )
    row("bits: storage", ((k, fit_glm(v, design, threads=2)) for k, v in storages(counts)))
    row("bits: second call, default threads", [("default", fit_glm(counts, design))])
    check_order(table, counts, design, base)


def check_order(table: Table, counts: np.ndarray, design: np.ndarray, base: Any) -> None:
    """Permuted and subset genes, size factors given."""
    rng = np.random.default_rng(5)
    given = base.size_factors
    whole = fit_glm(counts, design, size_factors=given)
    table.row(
        "bits: size factors given",
        "same as estimated",
        differing(digest(base), digest(whole)) or "same",
        digest(base) == digest(whole),
    )
    permutation = rng.permutation(counts.shape[1])
    subset = np.sort(rng.choice(counts.shape[1], counts.shape[1] // 5, replace=False))
    for label, order in (("permuted", permutation), ("subset", subset), ("one gene", subset[:1])):
        part = fit_glm(counts[:, order], design, size_factors=given)
        wrong = differing(digest(whole, order), digest(part))
        table.row(f"bits: {label} genes", "same rows", wrong or "same", not wrong)
