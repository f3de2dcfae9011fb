"""A fit of every status, built from numbers instead of fitted, for tests of what shows results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from countglm.design import Design
from countglm.results import GLMFit
from countglm.status import Status

FORMULA = "~ cell + dex"
NAMES = ("Intercept", "cell[T.b]", "dex[T.trt]")
SAMPLES = np.array([f"s{i}" for i in range(8)], dtype=object)
SEPARATED_GENE = 4


def synthetic_design() -> Design:
    """Two cell lines, treated and not, in two replicates: (8, 3)."""
    cell = np.repeat([0.0, 1.0], 4)
    dex = np.tile([0.0, 0.0, 1.0, 1.0], 2)
    return Design(
        matrix=np.column_stack([np.ones(8), cell, dex]),
        names=NAMES,
        sample_names=SAMPLES,
        formula=FORMULA,
        spec=None,
        factors={"cell": ("a", "b"), "dex": ("untrt", "trt")},
        codings={
            "cell": np.array([[0.0, 0, 0], [0, 1, 0]]),
            "dex": np.array([[0.0, 0, 0], [0, 0, 1]]),
        },
    )


def synthetic_statuses(n_genes: int) -> np.ndarray:
    """Mostly CONVERGED; one in ten of each other status, gene 4 SEPARATED."""
    status = np.zeros(n_genes, dtype=np.int8)
    for place, code in enumerate(
        (
            Status.BOUNDARY_DISPERSION,
            Status.MAX_ITER,
            Status.SINGULAR,
            Status.SEPARATED,
            Status.ALL_ZERO,
            Status.INVALID,
        )
    ):
        status[place + 1 :: 10] = code
    return status


def synthetic_fit(n_genes: int = 40, seed: int = 7, **changes: Any) -> GLMFit:
    """A GLMFit with plausible numbers and genes of every status."""
    rng = np.random.default_rng(seed)
    status = synthetic_statuses(n_genes)
    coefficients = rng.normal(size=(n_genes, 3)) * [0.5, 0.3, 0.8] + [4.0, 0.0, 0.0]
    coefficients[:, 0] += rng.normal(0, 2, n_genes)
    errors = rng.uniform(0.05, 0.4, size=(n_genes, 3))
    finite = coefficients.copy()
    pattern = np.where(status == Status.SEPARATED, 0, -1).astype(np.int32)
    coefficients[status == Status.SEPARATED, 2] = -np.inf
    errors[status == Status.SEPARATED, 2] = np.nan
    unfitted = np.isin(status, (Status.ALL_ZERO, Status.INVALID))
    coefficients[unfitted] = finite[unfitted] = errors[unfitted] = np.nan
    base_mean = np.exp(np.where(unfitted, 0.0, finite[:, 0])) * ~unfitted
    decrement = 10.0 ** rng.normal(-12, 0.8, n_genes)
    decrement[status == Status.MAX_ITER] = 0.3
    decrement[unfitted] = np.nan
    dispersion = np.exp(rng.normal(-2, 0.7, n_genes)) + 1 / (1 + np.nan_to_num(base_mean))
    dispersion[status == Status.BOUNDARY_DISPERSION] = 0.0
    fields: dict[str, Any] = {
        "coefficients": coefficients,
        "standard_errors": errors,
        "dispersion": np.where(unfitted, np.nan, dispersion),
        "size_factors": np.linspace(0.8, 1.2, 8),
        "deviance": rng.uniform(2, 12, n_genes),
        "log_likelihood": -rng.uniform(20, 60, n_genes),
        "n_iter": rng.integers(3, 12, n_genes).astype(np.int32),
        "status": status,
        "newton_decrement": decrement,
        "distance_bound": decrement * 1.01,
        "scaled_score": decrement * 0.5,
        "min_eigenvalue": rng.uniform(0.1, 1, n_genes),
        "condition_number": rng.uniform(1, 30, n_genes),
        "max_leverage": rng.uniform(0.3, 0.9, n_genes),
        "base_mean": base_mean,
        "finite_coefficients": finite,
        "separation_pattern": pattern,
        "separated_samples": (synthetic_design().matrix[:, 2] == 1)[None, :],
        "gene_names": np.array([f"gene{i}" for i in range(n_genes)], dtype=object),
        "sample_names": SAMPLES,
        "design": synthetic_design(),
        "offset": None,
        "weights": None,
        "family": "nb",
        "tol": 1e-8,
        "provenance": {"versions": {"countglm": "0.1.0"}, "options": {"solver": "irls"}},
        "counts_fingerprint": "none",
    }
    return GLMFit(**(fields | changes))


def synthetic_table(fit: GLMFit) -> pd.DataFrame:
    """A test table with the columns of `countglm.wald_test`, p-values from the given errors."""
    from scipy.stats import norm

    change = fit.coefficients[:, 2] / np.log(2)
    error = fit.standard_errors[:, 2] / np.log(2)
    stat = np.where(np.isinf(change), -6.0, change / error)
    p_value = 2 * norm.sf(np.abs(stat))
    return pd.DataFrame(
        {
            "baseMean": fit.base_mean,
            "log2FoldChange": change,
            "lfcSE": error,
            "stat": stat,
            "pvalue": p_value,
            "padj": np.minimum(1.0, p_value * 5),
            "test": np.where(np.isinf(change), "LRT", "Wald"),
            "status": [Status(code).name for code in fit.status],
            "na_reason": np.where(np.isnan(p_value), "all_zero", ""),
        },
        index=pd.Index(fit.gene_names, name="gene"),
    )
