"""The whole replayed analysis with normalisation factors and weights beside live DESeq2."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import differential_expression
from tests.support.r import run_r
from tests.support.simulated import simulate

PROGRAM = """
suppressMessages(library(DESeq2))
y <- t(as.matrix(read.csv("counts.csv", row.names = 1)))
obs <- read.csv("obs.csv", row.names = 1, stringsAsFactors = TRUE)
dds <- DESeqDataSetFromMatrix(y, obs, ~ group)
normalizationFactors(dds) <- t(as.matrix(read.csv("factors.csv", row.names = 1)))
dds <- DESeq(dds, quiet = TRUE)
out <- cbind(as.data.frame(results(dds)), genewise = mcols(dds)$dispGeneEst)
write.csv(out, "result.csv")
"""


@pytest.mark.r
def test_normalisation_factors_by_gene_and_sample(tmp_path) -> None:
    counts, obs = simulate(genes=400, samples=8, seed=41)
    rng = np.random.default_rng(42)
    factors = np.exp(rng.normal(0.0, 0.4, counts.shape))
    factors /= np.exp(np.log(factors).mean(axis=0))
    factors = pd.DataFrame(factors, index=counts.index, columns=counts.columns)
    theirs = run_r(PROGRAM, tmp_path, counts=counts, obs=obs, factors=factors)["result"]
    result = differential_expression(
        counts, "~ group", ["group", "b", "a"], obs=obs, normalization_factors=factors,
        mode="replay",
    )  # fmt: skip
    np.testing.assert_allclose(result.table["baseMean"], theirs["baseMean"], rtol=1e-12)
    floor = theirs["genewise"] <= 1e-7
    np.testing.assert_allclose(
        result.dispersion.genewise[~floor], theirs["genewise"][~floor], rtol=2e-6
    )
    np.testing.assert_allclose(result.table["log2FoldChange"], theirs["log2FoldChange"], rtol=1e-6)
    np.testing.assert_allclose(result.table["lfcSE"], theirs["lfcSE"], rtol=2e-6)
    pd.testing.assert_series_equal(
        result.table["padj"], theirs["padj"], check_index=False, check_names=False, rtol=1e-4
    )
