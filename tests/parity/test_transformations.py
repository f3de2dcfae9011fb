"""Transformations, per-million counts and normalisation factors are those of DESeq2 1.38.3.

Given R's trend they are closed forms or replayed fits, equal to rounding; from the counts on,
``mode="replay"`` is as near as its gene-wise dispersions are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import datasets, estimate_size_factors
from countglm.normalization import estimate_normalization_factors
from countglm.transformations import (
    RegularizedLog,
    fit_rlog,
    fpkm,
    fpm,
    vst,
)
from countglm.trend import Trend
from tests.support.r import run_r

TWELVE_DIGITS = 5.1e-11  # of values up to 20, written with 12 digits
DESIGNS = {"pasilla": "~ type + condition", "airway": "~ cell + dex"}

R_HEAD = """
suppressPackageStartupMessages(library(DESeq2))
save <- function(x, name) {
  write.csv(format(as.data.frame(x), digits = 17), paste0(name, ".csv"), quote = FALSE)
}
y <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
dds <- DESeqDataSetFromMatrix(y, data.frame(row.names = colnames(y)), ~ 1)
"""

TREND_R = """
grid <- sinh(seq(asinh(0), asinh(max(counts(dds, normalized = TRUE))), length.out = 1000))[-1]
for (kind in c("parametric", "mean", "local")) {
  fitted <- estimateDispersionsFit(dds, fitType = kind, quiet = TRUE)
  disp <- dispersionFunction(fitted)
  save(getVarianceStabilizedData(fitted), paste0("vst_", kind))
  coefficients <- switch(kind, parametric = attr(disp, "coefficients"),
                         mean = disp(1), local = NA)
  save(data.frame(value = coefficients), paste0("trend_", kind))
  save(data.frame(mean = grid, dispersion = disp(grid) + 0 * grid), paste0("grid_", kind))
}
fitted <- estimateDispersionsFit(dds, fitType = "parametric", quiet = TRUE)
logs <- rlog(fitted, blind = FALSE)
save(assay(logs), "rlog")
save(data.frame(dispersion = mcols(logs)$dispFit, intercept = mcols(logs)$rlogIntercept,
                variance = attr(logs, "betaPriorVar")), "rlog_genes")
few <- fitted[, 2:4]
frozen <- rlog(few, blind = FALSE, intercept = mcols(logs)$rlogIntercept, betaPriorVar = 0.05)
save(assay(frozen), "rlog_frozen")
"""

SIZE_R = """
dds <- estimateDispersionsGeneEst(estimateSizeFactors(dds), quiet = TRUE)
"""

LENGTHS_R = """
lengths <- as.matrix(read.csv("lengths.csv", row.names = 1, check.names = FALSE))
plain <- estimateSizeFactors(dds)
mcols(plain)$basepairs <- lengths[, 1]
assays(dds)[["avgTxLength"]] <- lengths
save(fpm(plain), "fpm")
save(fpm(plain, robust = FALSE), "fpm_total")
save(fpkm(plain), "fpkm")
dds <- estimateSizeFactors(dds, quiet = TRUE)
save(normalizationFactors(dds), "factors")
save(fpkm(dds), "fpkm_lengths")
save(fpkm(dds, robust = FALSE), "fpkm_lengths_total")
poscounts <- estimateSizeFactors(dds, type = "poscounts", quiet = TRUE)
save(normalizationFactors(poscounts), "factors_poscounts")
dds <- estimateDispersionsGeneEst(dds, quiet = TRUE)
"""


def read(tables, name):
    """A table of R as numbers, samples x genes."""
    table = tables[name].apply(pd.to_numeric, errors="coerce")
    return table.T


def assert_close(ours, theirs, tolerance):
    np.testing.assert_array_less(np.abs(np.asarray(ours) - np.asarray(theirs)), tolerance)


@pytest.mark.data
@pytest.mark.parametrize("name", [*DESIGNS, "fission", "gse96870_cerebellum"])
def test_frozen_vst(name, data_dir, golden_dir):
    """R's `vst`, which fits the trend on 1000 genes."""
    counts = pd.read_csv(data_dir / name / "counts.csv.gz", index_col=0).T
    golden = pd.read_csv(golden_dir / name / "deseq2_vst_blind_every10.csv.gz", index_col=0).T
    values = vst(counts, n_subset=1000, mode="replay")
    # Of the larger studies the files hold the first samples.
    values = values.loc[golden.index, golden.columns]
    assert_close(values, golden, TWELVE_DIGITS if name in DESIGNS else 1e-8)


@pytest.mark.data
def test_frozen_rlog(data_dir, golden_dir):
    """R's `rlog` with the trend of the study's design."""
    counts = pd.read_csv(data_dir / "pasilla" / "counts.csv.gz", index_col=0).T
    obs = pd.read_csv(data_dir / "pasilla" / "samples.csv", index_col=0)
    golden = pd.read_csv(golden_dir / "pasilla" / "deseq2_rlog_every10.csv.gz", index_col=0).T
    fitted = fit_rlog(counts, mode="replay", blind=False, design=DESIGNS["pasilla"], obs=obs)
    values = pd.DataFrame(fitted.values, counts.index, counts.columns)
    assert_close(values[golden.columns], golden, 1e-6)


def penalised(y, s, fitted):
    """Minus the penalised log-likelihood of every gene, up to a constant (docs/math.md, 13.4)."""
    eta, level = fitted.values * np.log(2), fitted.intercept * np.log(2)
    a, mu = fitted.dispersion, s[:, None] * np.exp(eta)
    penalty = (eta - level) ** 2 / (2 * fitted.prior_variance * np.log(2) ** 2)
    return ((y + 1 / a) * np.log1p(a * mu) - y * eta + penalty).sum(axis=0)


# Trend and prior variance of the whole studies, blind.
BLIND = {"pasilla": (0.022127876, 2.27018739, 0.0739626), "airway": (0.056136817, 2.38635, 0.23301)}


@pytest.mark.parametrize("name", BLIND)
def test_the_optimum_is_not_below_the_replayed_fit(name):
    counts = getattr(datasets, name)().to_df()
    counts = counts.loc[:, counts.sum() > 0]
    s = estimate_size_factors(counts)
    if name == "airway":  # every fourth gene, and one that R leaves far from its optimum
        counts = counts[sorted({*counts.columns[::4], "ENSG00000229807"})]
    y = counts.to_numpy(dtype=float)
    *coefficients, variance = BLIND[name]
    trend = Trend("parametric", np.array(coefficients), None, "parametric")
    options = {"fit_type": trend, "prior_variance": variance, "size_factors": s}
    theirs, ours = fit_rlog(counts, mode="replay", **options), fit_rlog(counts, **options)
    gain = penalised(y, s, theirs) - penalised(y, s, ours)
    assert gain.min() > -1e-9
    low = s[:, None] * 2 ** np.minimum(theirs.values, ours.values)
    clear = (low >= 0.5).all(axis=0)
    difference = np.abs(ours.values - theirs.values).max(axis=0)
    assert np.quantile(difference[clear], 0.99) < 0.01
    if name == "airway":
        assert gain[counts.columns.get_loc("ENSG00000229807")] > 10


def lookup(grid):
    """R's trend where R evaluates it, and between for the anchors' sake."""
    means, dispersions = grid.to_numpy()

    def trend(mean):
        return np.interp(mean, means, dispersions)

    return trend


def given_trend(tables, kind):
    value = read(tables, f"trend_{kind}").loc["value"].to_numpy()
    if kind == "local":
        return lookup(read(tables, "grid_local"))
    return Trend(kind, value, None, kind)


def assert_transformations_equal(counts, live, scale):
    for kind in ("parametric", "mean", "local"):
        trend = given_trend(live, kind)
        values = vst(counts, fit_type=trend, mode="replay", **scale)
        assert_close(values, read(live, f"vst_{kind}"), 1e-12 if kind != "local" else 2e-11)
    genes = read(live, "rlog_genes")
    trend = given_trend(live, "parametric")
    fitted = fit_rlog(counts, mode="replay", fit_type=trend, **scale)
    assert fitted.prior_variance == pytest.approx(genes.loc["variance"].iloc[0], rel=1e-12)
    assert_close(fitted.values, read(live, "rlog"), 1e-12)
    known = fitted.dispersion > 0
    assert_close(fitted.intercept[known], genes.loc["intercept"][known], 1e-12)
    return genes


@pytest.mark.r
def test_live_transformations(tmp_path):
    counts = datasets.pasilla().to_df()
    counts = counts.loc[:, counts.sum() > 0].iloc[:, ::20]
    live = run_r(R_HEAD + SIZE_R + TREND_R, tmp_path, counts=counts.T)
    genes = assert_transformations_equal(counts, live, {})
    # The whole way from the counts.
    for kind in ("parametric", "mean"):
        values = vst(counts, fit_type=kind, mode="replay")
        assert_close(values, read(live, f"vst_{kind}"), 1e-9)
    local = vst(counts, fit_type="local", mode="replay")
    assert_close(local, read(live, "vst_local"), 1e-6)
    # Later samples: level, dispersion and prior of the earlier ones.
    size = genes.loc[["dispersion", "intercept"]].to_numpy()
    frozen = RegularizedLog(*size, prior_variance=0.05, mode="replay")
    s = estimate_size_factors(counts)[1:4]
    assert_close(
        frozen.transform(counts.iloc[1:4], size_factors=s), read(live, "rlog_frozen"), 1e-12
    )


def assert_lengths_equal(counts, lengths, live):
    factors = estimate_normalization_factors(counts, lengths)
    np.testing.assert_allclose(factors, read(live, "factors"), rtol=1e-12)
    np.testing.assert_allclose(
        estimate_normalization_factors(counts, lengths, "poscounts"),
        read(live, "factors_poscounts"),
        rtol=1e-12,
    )
    ours = {
        "fpm": fpm(counts),
        "fpm_total": fpm(counts, robust=False),
        "fpkm": fpkm(counts, lengths.iloc[0]),
        "fpkm_lengths": fpkm(counts, lengths),
        "fpkm_lengths_total": fpkm(counts, lengths, robust=False),
    }
    for name, values in ours.items():
        np.testing.assert_allclose(values, read(live, name), rtol=1e-12, err_msg=name)
    assert_transformations_equal(counts, live, {"normalization_factors": factors})


@pytest.mark.r
def test_live_lengths(tmp_path):
    counts = datasets.airway().to_df()
    counts = counts.loc[:, counts.sum() > 8].iloc[:, ::60]
    rng = np.random.default_rng(7)
    lengths = rng.uniform(300, 6000, counts.shape[1]) * rng.uniform(0.7, 1.4, counts.shape)
    lengths = pd.DataFrame(lengths, index=counts.index, columns=counts.columns)
    live = run_r(R_HEAD + LENGTHS_R + TREND_R, tmp_path, counts=counts.T, lengths=lengths.T)
    assert_lengths_equal(counts, lengths, live)


@pytest.mark.r
@pytest.mark.data
def test_live_lengths_of_a_quantification(tmp_path, data_dir):
    """Salmon's lengths of the macrophage study."""
    tables = {}
    for name in ("counts", "lengths"):
        table = pd.read_csv(data_dir / "macrophage" / f"{name}.csv.gz", index_col=0)
        tables[name] = table.iloc[::40, :8]
    live = run_r(R_HEAD + LENGTHS_R + TREND_R, tmp_path, **tables)
    assert_lengths_equal(tables["counts"].T, tables["lengths"].T, live)
