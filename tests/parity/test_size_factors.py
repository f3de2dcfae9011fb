"""Size factors equal those of DESeq2 and edgeR: closed forms, so only rounding may differ.

The frozen results carry 12 significant digits, which bounds the agreement by 5e-12; live R writes
17 digits, and the bound is then the rounding of sums of logarithms.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from countglm import _iterate, datasets
from countglm.counts import as_count_matrix
from countglm.size_factors import estimate_size_factors
from tests.support.r import run_r

GOLDEN = Path(__file__).parent / "golden"
TWELVE_DIGITS = 5e-12
ROUNDING = 2e-14

EMBEDDED = ("airway", "pasilla")
LARGE = ("fission", "gse96870_cerebellum", "yeast48")

R_CODE = """
suppressPackageStartupMessages({ library(DESeq2); library(edgeR) })
y <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
dds <- DESeqDataSetFromMatrix(y, data.frame(row.names = colnames(y)), ~ 1)
ratio <- sizeFactors(estimateSizeFactors(dds))
poscounts <- sizeFactors(estimateSizeFactors(dds, type = "poscounts"))
controls <- sizeFactors(estimateSizeFactors(dds, controlGenes = 1:2000))
geo <- exp(rowMeans(log(y[, -1]))) * (seq_len(nrow(y)) %% 3 > 0)
means <- sizeFactors(estimateSizeFactors(dds, geoMeans = geo))
tmm <- calcNormFactors(y)
last <- calcNormFactors(y, refColumn = ncol(y))
out <- data.frame(ratio, poscounts, controls, means, tmm, last, row.names = colnames(y))
write.csv(format(out, digits = 17), "result.csv", quote = FALSE)
"""


def bare_tmm(counts, **options):
    """TMM factors of geometric mean 1 from the effective library sizes."""
    factor = estimate_size_factors(counts, "tmm", **options)
    factor /= estimate_size_factors(counts, "library")
    return factor / np.exp(np.log(factor).mean())


def assert_equal_to_golden(counts, golden):
    np.testing.assert_allclose(estimate_size_factors(counts), golden["ratio"], TWELVE_DIGITS)
    np.testing.assert_allclose(
        estimate_size_factors(counts, "poscounts"), golden["poscounts"], TWELVE_DIGITS
    )
    np.testing.assert_allclose(bare_tmm(counts), golden["TMM"], TWELVE_DIGITS)


@pytest.mark.parametrize("name", EMBEDDED)
def test_frozen_results_on_embedded_studies(name):
    adata = getattr(datasets, name)()
    golden = pd.read_csv(GOLDEN / f"{name}_size_factors.csv", index_col=0)
    assert list(golden.index) == list(adata.obs_names)
    assert_equal_to_golden(adata, golden)


@pytest.mark.data
@pytest.mark.parametrize("name", LARGE)
def test_frozen_results_on_large_tables(name, data_dir, golden_dir):
    counts = pd.read_csv(data_dir / name / "counts.csv.gz", index_col=0).T
    golden = pd.read_csv(golden_dir / name / "size_factors.csv.gz", index_col=0)
    assert list(golden.index) == list(counts.index)
    assert_equal_to_golden(counts, golden)


@pytest.mark.r
@pytest.mark.parametrize("name", EMBEDDED)
def test_live_r(name, tmp_path):
    adata = getattr(datasets, name)()
    counts = adata.to_df()
    live = run_r(R_CODE, tmp_path, counts=counts.T)["result"]
    y = adata.X
    others = np.all(y[1:] > 0, axis=0)
    geo = np.where(others, np.exp(np.log(np.maximum(y[1:], 1)).mean(axis=0)), 0)
    geo *= np.arange(1, y.shape[1] + 1) % 3 > 0
    last = {"reference": counts.index[-1]}
    ours = {
        "ratio": estimate_size_factors(counts),
        "poscounts": estimate_size_factors(counts, "poscounts"),
        "controls": estimate_size_factors(counts, control_genes=range(2000)),
        "means": estimate_size_factors(counts, geo_means=geo),
        "tmm": bare_tmm(counts),
        "last": bare_tmm(counts, **last),
    }
    for method, values in ours.items():
        np.testing.assert_allclose(values, live[method], ROUNDING, err_msg=method)


ITERATE_R = """
suppressPackageStartupMessages(library(DESeq2))
y <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
dds <- DESeqDataSetFromMatrix(y, data.frame(row.names = colnames(y)), ~ 1)
s <- sizeFactors(estimateSizeFactors(dds, type = "iterate"))
write.csv(format(data.frame(s), digits = 17), "result.csv", quote = FALSE)
"""


@pytest.mark.r
def test_iterate_against_live_r(tmp_path):
    """P010 of docs/parity.md: DESeq2 stops early and from dispersions stuck at its floor."""
    counts = datasets.pasilla().to_df()
    counts = counts.loc[:, counts.sum() > 0].iloc[:, ::6]
    theirs = run_r(ITERATE_R, tmp_path, counts=counts.T)["result"]["s"].to_numpy()
    ours = estimate_size_factors(counts, "iterate")
    difference = np.abs(np.log(ours) - np.log(theirs) + np.log(theirs).mean())
    assert difference.max() < 6e-3
    # One more round from their result moves it by a thousand times our tolerance and more.
    y = _iterate._genes_with_counts(as_count_matrix(counts))
    fits = _iterate._shrunken_fits(y, theirs, 2)
    mu = np.exp(fits.log_mean)[:, None] * theirs
    given = _iterate.GeneFits(y[:, : theirs.size], mu, fits.alpha, fits.log_likelihood)
    assert np.abs(_iterate.maximise_trimmed(given)).max() > 1000 * _iterate.TOLERANCE
