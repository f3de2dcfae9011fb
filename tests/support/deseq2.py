"""Our fits beside the frozen results of DESeq2 1.38.3, gene by gene, by cause of difference.

``python -m tests.support.deseq2`` prints the numbers that docs/parity.md quotes; it needs the
folder named by COUNTGLM_TEST_DATA and the folder ``golden`` beside it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import countglm
from countglm import Status
from tests.support.golden import golden_folder

LN2 = np.log(2.0)
# DESeq2's ridge on the log2 scale, 1e-6, in natural logarithms.
RIDGE = 1e-6 / LN2**2
MIN_MU = 0.5
FLOOR = 1.5e-8
EMBEDDED = Path(__file__).parent.parent / "parity" / "golden"


@dataclass(frozen=True)
class Golden:
    """One study as DESeq2 saw and fitted it; coefficients and errors in natural logarithms."""

    name: str
    genes: np.ndarray
    counts: np.ndarray  # (n_samples, n_genes), genes with counts only
    design: np.ndarray
    size_factors: np.ndarray
    genewise: np.ndarray
    dispersion: np.ndarray
    coefficients: np.ndarray
    errors: np.ndarray


def embedded(name: str) -> Golden:
    """About 240 genes of ``airway`` or ``pasilla``, whose results stand in the repository."""
    adata = getattr(countglm.datasets, name)()
    table = pd.read_csv(EMBEDDED / f"{name}_deseq2.csv.gz", index_col=0)
    size_factors = pd.read_csv(EMBEDDED / f"{name}_size_factors.csv", index_col=0)["ratio"]
    factors = {"airway": ["cell", "dex"], "pasilla": ["type", "condition"]}[name]
    design = pd.get_dummies(adata.obs[factors], drop_first=True, dtype=float)
    # DESeq2's reference of the last factor is the untreated sample, not the first level.
    design.iloc[:, -1] = adata.obs[factors[-1]].isin(["trt", "treated"]).astype(float)
    design.insert(0, "Intercept", 1.0)
    return _golden(name, adata.to_df()[table.index], design, size_factors, table, table.iloc[:, 3:])


def complete(name: str, data: Path) -> Golden:
    """All genes of a study from the folder of large tables."""
    folder = golden_folder(data) / name
    genes = pd.read_csv(folder / "deseq2_genes.csv.gz", index_col=0)
    genes = genes[~genes["allZero"]]
    counts = pd.read_csv(data / name / "counts.csv.gz", index_col=0).loc[genes.index].T
    design = pd.read_csv(folder / "design.csv.gz", index_col=0)
    size_factors = pd.read_csv(folder / "size_factors.csv.gz", index_col=0)["ratio"]
    coefficients = pd.read_csv(folder / "deseq2_coef.csv.gz", index_col=0).loc[genes.index]
    return _golden(name, counts, design, size_factors, genes, coefficients)


def _golden(name, counts, design, size_factors, genes, coefficients) -> Golden:
    p = design.shape[1]
    return Golden(
        name=name,
        genes=genes.index.to_numpy(),
        counts=counts.to_numpy(dtype=float),
        design=design.to_numpy(dtype=float),
        size_factors=size_factors.to_numpy(),
        genewise=genes["dispGeneEst"].to_numpy(),
        dispersion=genes["dispersion"].to_numpy(),
        coefficients=coefficients.iloc[:, :p].to_numpy() * LN2,
        errors=coefficients.iloc[:, p:].to_numpy() * LN2,
    )


def fit(golden: Golden, dispersion: np.ndarray | None):
    """Fit the study with its own size factors and the dispersions given."""
    return countglm.fit_glm(
        golden.counts, golden.design, size_factors=golden.size_factors, dispersion=dispersion
    )


def cost_terms(y, mu, alpha):
    """Minus the log-likelihood of every count (n_genes, n_samples), without what mu leaves out."""
    a = alpha[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (y + 1 / a) * np.log1p(a * mu) - np.where(y > 0, y * np.log(mu), 0.0)


def decrement(golden: Golden, y, mu, coefficients, ridge) -> np.ndarray:
    """Newton decrement at DESeq2's coefficients of the problem whose means are ``mu``.

    With ``mu`` clamped from below this is the working model of their scoring: at the fixed point
    of their iteration it is zero.
    """
    x, s = golden.design, golden.size_factors
    weight = mu / (1 + golden.dispersion[:, None] * mu)
    residual = np.log(mu / s) + (y - mu) / mu - coefficients @ x.T
    score = (weight * residual) @ x - ridge * coefficients
    info = np.einsum("gi,ij,ik->gjk", weight, x, x) + ridge * np.eye(x.shape[1])
    step = np.linalg.solve(info, score[:, :, None])[:, :, 0]
    return np.sqrt(np.maximum(np.sum(step * score, axis=1), 0.0))


def compare_coefficients(golden: Golden) -> pd.DataFrame:
    """Coefficients at DESeq2's dispersions: one row a gene.

    ``kind``: separated (no finite estimate), clamped (a fitted mean below 0.5 in either fit) or
    clear.  ``distance``: largest difference in our standard errors; ``log2``: in log2 units.
    ``gain``: by how much our log-likelihood is higher, ``noise`` the rounding of that difference.
    ``ridge``: what the ridge moves, in standard errors.  ``replayed``: decrement of their clamped
    and penalised working model at their coefficients.
    """
    ours = fit(golden, golden.dispersion)
    y, x = golden.counts.T, golden.design
    mu = ours.mu().T
    theirs = golden.size_factors * np.exp(golden.coefficients @ x.T)
    separated = ours.status == Status.SEPARATED
    clamped = (mu.min(axis=1) < MIN_MU) | (theirs.min(axis=1) < MIN_MU)
    our_terms = cost_terms(y, mu, ours.dispersion)
    their_terms = cost_terms(y, theirs, ours.dispersion)
    with np.errstate(invalid="ignore"):
        difference = np.abs(ours.coefficients - golden.coefficients)
    alpha = ours.dispersion[:, None]
    hessian = np.einsum("gi,ij,ik->gjk", mu * (1 + alpha * y) / (1 + alpha * mu) ** 2, x, x)
    # The pull of the ridge is of interest where nothing else acts.
    hessian[separated | clamped] = np.eye(x.shape[1])
    pull = np.linalg.solve(hessian, RIDGE * np.nan_to_num(ours.coefficients)[:, :, None])[:, :, 0]
    working = np.maximum(theirs, MIN_MU)
    return pd.DataFrame(
        {
            "kind": np.select([separated, clamped], ["separated", "clamped"], "clear"),
            "converged": ours.converged,
            "distance": (difference / ours.standard_errors).max(axis=1),
            "log2": difference.max(axis=1) / LN2,
            "gain": (their_terms - our_terms).sum(axis=1),
            "noise": 1e-14 * np.abs(our_terms).sum(axis=1) + 1e-12,
            "ridge": np.abs(pull / ours.standard_errors).max(axis=1),
            "replayed": decrement(golden, y, working, golden.coefficients, RIDGE),
        }
    )


def adjusted_profile(golden: Golden, fitted) -> np.ndarray:
    """Adjusted profile log-likelihood at the dispersions of a fit, up to a constant (n_genes,)."""
    mu = fitted.mu().T
    weight = mu / (1 + fitted.dispersion[:, None] * mu)
    q = np.linalg.qr(golden.design)[0]
    return (
        fitted.log_likelihood - np.linalg.slogdet(np.einsum("gi,ij,ik->gjk", weight, q, q))[1] / 2
    )


def compare_dispersions(golden: Golden) -> pd.DataFrame:
    """Gene-wise dispersions: one row a gene.

    ``kind`` tells where either estimate lies; ``log_ratio`` takes 1e-8 for anything below.
    ``gain``: by how much our adjusted profile log-likelihood is higher (NaN if separated).
    """
    ours, at_theirs = fit(golden, None), fit(golden, golden.genewise)
    cap = max(10.0, golden.counts.shape[0]) * 0.999
    low, our_low = golden.genewise < FLOOR, ours.dispersion < FLOOR
    high, our_high = golden.genewise > cap, ours.dispersion > cap
    exists = np.isin(ours.status, [Status.CONVERGED, Status.BOUNDARY_DISPERSION])
    with np.errstate(invalid="ignore"):
        gain = adjusted_profile(golden, ours) - adjusted_profile(golden, at_theirs)
    return pd.DataFrame(
        index=pd.Index(golden.genes),
        data={
            "kind": np.select(
                [low & our_low, low, our_low, high & our_high, high, our_high],
                [
                    "both 0",
                    "stuck at 0",
                    "only ours 0",
                    "both cap",
                    "only theirs cap",
                    "only ours cap",
                ],
                "interior",
            ),
            "exists": exists,
            "ours": ours.dispersion,
            "theirs": golden.genewise,
            "log_ratio": np.abs(np.log(golden.genewise / np.maximum(ours.dispersion, 1e-8))),
            "gain": np.where(exists, gain, np.nan),
        },
    )


def main() -> None:
    """Print for every study how many genes differ, by cause, and by how much."""
    data = Path(os.environ["COUNTGLM_TEST_DATA"])
    for name in ("airway", "pasilla", "fission"):
        golden = complete(name, data)
        coefficients = compare_coefficients(golden)
        columns = ["distance", "log2", "gain", "ridge", "replayed"]
        summary = coefficients.groupby("kind")[columns].agg(["count", "median", "max"])
        print(name, summary.T.to_string(float_format="%.2g"), sep="\n")
        clear = coefficients[coefficients["kind"] == "clear"]
        print("99% of the distance of clear genes:", f"{clear['distance'].quantile(0.99):.2g}")
        dispersions = compare_dispersions(golden)
        dispersions["above 0.1"] = dispersions["gain"] > 0.1
        groups = dispersions.groupby(["kind", "exists"])
        summary = groups[["log_ratio", "gain"]].agg(["count", "median", "max"])
        summary["above 0.1"] = groups["above 0.1"].sum()
        print(summary.to_string(float_format="%.2g"))


if __name__ == "__main__":
    main()
