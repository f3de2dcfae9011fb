"""Error rates and power on simulated counts: exact, replay, and DESeq2 itself.

    python benchmarks/calibration.py [--genes N] [--repeats N] [--no-r]

Negative binomial counts of two groups; dispersions scatter log-normally about a trend over the
mean; a tenth of the genes changes two-fold. For each setting one line per method: the share of
unchanged genes with p below 0.05, 0.01 and 0.001 over that level (1 is right), the false discovery
rate and the power at padj < 0.1, and the prior variance. "truth" is exact mode with the simulated
trend and prior variance given: what the Wald test itself is worth when nothing before it errs.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from countglm import differential_expression

LEVELS = (0.05, 0.01, 0.001)
RATE = 0.1
REPLICATES = (3, 4, 10)
SCATTERS = (0.5, 1.0)
_R = """
suppressPackageStartupMessages(library(DESeq2))
counts <- as.matrix(read.csv("counts.csv", row.names = 1))
group <- factor(sub("_.*", "", colnames(counts)))
dds <- DESeqDataSetFromMatrix(counts, data.frame(group), ~ group)
dds <- DESeq(dds, quiet = TRUE)
result <- as.data.frame(results(dds))[, c("pvalue", "padj")]
result$prior <- attr(dispersionFunction(dds), "dispPriorVar")
write.csv(result, "result.csv")
"""


def simulated_trend(mean: np.ndarray) -> np.ndarray:
    """Median dispersion of genes of a mean."""
    return 0.02 + 2.0 / mean


def simulate(
    genes: int, replicates: int, scatter: float, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return counts (samples x genes), samples, and which genes change."""
    rng = np.random.default_rng([seed, replicates, int(100 * scatter)])
    mean = np.exp(rng.normal(4.5, 2.0, genes))
    alpha = simulated_trend(mean) * np.exp(rng.normal(0.0, scatter, genes))
    changed = rng.random(genes) < 0.1
    shift = np.where(changed, rng.choice([-0.5, 0.5], genes) * np.log(2.0), 0.0)
    group = np.repeat([-1.0, 1.0], replicates)
    depth = np.exp(rng.normal(0.0, 0.2, group.size))
    mu = depth[:, None] * mean * np.exp(group[:, None] * shift)
    values = rng.negative_binomial(1.0 / alpha, 1.0 / (1.0 + alpha * mu))
    names = [f"{'ab'[int(g > 0)]}_{i}" for i, g in enumerate(group)]
    counts = pd.DataFrame(values, index=names, columns=[f"g{i}" for i in range(genes)])
    return counts, pd.DataFrame({"group": [name[0] for name in names]}, index=names), changed


def by_r(counts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, float]:
    """DESeq2's p-values, adjusted ones and prior variance."""
    with tempfile.TemporaryDirectory() as folder:
        counts.T.to_csv(Path(folder) / "counts.csv")
        subprocess.run(["Rscript", "--vanilla", "-e", _R], cwd=folder, check=True)
        table = pd.read_csv(Path(folder) / "result.csv", index_col=0)
    return table["pvalue"].to_numpy(), table["padj"].to_numpy(), float(table["prior"].iloc[0])


def by_us(
    counts: pd.DataFrame, obs: pd.DataFrame, mode: str, scatter: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Our p-values, adjusted ones and prior variance."""
    given: dict[str, Any] = {}
    if mode == "truth":
        mode, given = "exact", {"fit_type": simulated_trend, "prior_variance": scatter**2}
    result = differential_expression(counts, "~ group", obs=obs, mode=mode, **given)
    p, adjusted = (result.table[name].to_numpy() for name in ("pvalue", "padj"))
    return p, adjusted, result.dispersion.prior_variance


def rates(p: np.ndarray, adjusted: np.ndarray, prior: float, changed: np.ndarray) -> dict[str, Any]:
    """Error rates relative to their levels, false discoveries, power."""
    null = p[~changed & ~np.isnan(p)]
    called = adjusted < RATE
    measured = {f"p<{level:g}": (null < level).mean() / level for level in LEVELS}
    return measured | {
        "FDR": (called & ~changed).sum() / max(called.sum(), 1),
        "power": (called & changed).sum() / changed.sum(),
        "prior": prior,
    }


def main() -> None:
    """Print one line per setting and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-r", action="store_true", help="without DESeq2 itself")
    options = parser.parse_args()
    with_r = not options.no_r and shutil.which("Rscript") is not None
    for replicates in REPLICATES:
        for scatter in SCATTERS:
            rows = []
            for seed in range(options.repeats):
                counts, obs, changed = simulate(options.genes, replicates, scatter, seed)
                found = {
                    mode: by_us(counts, obs, mode, scatter) for mode in ("truth", "exact", "replay")
                }
                if with_r:
                    found["DESeq2"] = by_r(counts)
                rows += [{"method": name} | rates(*f, changed) for name, f in found.items()]
            print(f"{replicates} against {replicates}, prior variance {scatter**2:g}:")
            table = pd.DataFrame(rows).groupby("method", sort=False).mean()
            print(table.to_string(float_format="%.3f"), flush=True)


if __name__ == "__main__":
    main()
