"""Replay beside DESeq2 1.38.3: equal to rounding, stage by stage, but for listed causes.

The frozen results carry 12 digits, live R writes 17. A search for a dispersion ends when a step
gains nothing that rounding does not decide; where it took another number of steps than R's, its
result may differ by what such a step can move (docs/parity.md, P030).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from countglm import replay
from tests.support import deseq2
from tests.support.r import run_r
from tests.support.studies import studies

EMBEDDED = ("airway", "pasilla")
COMPLETE = ("airway", "pasilla", "fission", "gse96870_cerebellum", "yeast48")
# Columns of the reduced designs of the likelihood ratio tests.
REDUCED = {"airway": 4, "pasilla": 2, "fission": 7, "gse96870_cerebellum": 2, "yeast48": 1}
TWELVE_DIGITS = 1e-9
ROUNDING = 1e-11
# Dispersions below this stand at the floor of the search.
FLOOR = 1e-7
MAP_SHARE = 2e-3
LN2 = np.log(2.0)

R_CODE = """
suppressPackageStartupMessages(library(DESeq2))
table <- function(name) as.matrix(read.csv(name, row.names = 1))
y <- table("counts.csv"); x <- read.csv("samples.csv", row.names = 1)
save <- function(a, name) write.csv(format(as.data.frame(a), digits = 17), name, quote = FALSE)
columns <- c("dispGeneEst", "dispGeneIter", "dispFit", "dispMAP", "dispIter", "dispersion",
             "betaIter", "deviance")
run <- function(dds, tag) {
  if (tag == "factors") normalizationFactors(dds) <- table("factors.csv") else {
    assays(dds)[["weights"]] <- table("weights.csv")
    sizeFactors(dds) <- x$size
  }
  dds <- DESeq(dds, quiet = TRUE, fitType = "mean")
  genes <- cbind(as.data.frame(mcols(dds))[, columns], coef(dds), coef(dds, SE = TRUE))
  genes$prior <- attr(dispersionFunction(dds), "dispPriorVar")
  save(genes, paste0(tag, "_genes.csv"))
  save(assays(dds)$H, paste0(tag, "_leverage.csv"))
  r <- results(dds, contrast = c(0.3, 1, -0.5), cooksCutoff = FALSE)
  save(as.data.frame(r)[, c("log2FoldChange", "lfcSE")], paste0(tag, "_contrast.csv"))
}
dds <- DESeqDataSetFromMatrix(y, x, ~ condition + z)
run(dds, "factors"); run(dds, "weights")
"""


def relative(ours, theirs):
    error = np.abs(ours - theirs) / np.abs(theirs)
    return error if error.ndim == 1 else error.max(axis=1)


def assert_coefficients_equal(fit, coefficients, errors, tolerance=TWELVE_DIGITS):
    scale = np.maximum(np.abs(coefficients), errors)
    assert (np.abs(fit.beta - coefficients) / scale).max() < tolerance
    assert relative(fit.standard_errors, errors).max() < tolerance


def assert_searches_equal(ours, alpha, theirs, their_iterations, share):
    """All genes are equal but a share, whose searches took another number of steps than R's."""
    error = relative(alpha, theirs.to_numpy())
    differs = (error > 1e-6) & ((alpha > FLOOR) | (theirs > FLOOR))
    assert (ours.iterations != their_iterations)[differs].all()
    assert differs.mean() <= share
    assert error[differs].max(initial=0.0) < 1e-4


@pytest.mark.parametrize("name", EMBEDDED)
def test_frozen_results_on_embedded_studies(name):
    golden = deseq2.embedded(name)
    y, scale = np.ascontiguousarray(golden.counts.T), golden.size_factors[None, :]
    fit = replay.fit_coefficients(y, scale, golden.design, golden.dispersion)
    assert_coefficients_equal(fit, golden.coefficients, golden.errors)
    ours = replay.genewise_dispersion(y, scale, golden.design)
    high = golden.genewise > FLOOR
    assert relative(ours.alpha, golden.genewise)[high].max() < TWELVE_DIGITS
    assert (ours.alpha[~high] < FLOOR).all()


@pytest.mark.data
@pytest.mark.parametrize("name", COMPLETE)
def test_frozen_results_on_all_genes(name, data_dir):
    study = studies(data_dir)[name]
    genes = study.golden("deseq2_genes")
    kept = ~genes["allZero"].to_numpy()
    if "replace" in genes:
        # The counts of replaced outliers are not those of the table.
        kept &= ~genes["replace"].eq(True).to_numpy()
    genes, table = genes[kept], study.golden("deseq2_coef").to_numpy()[kept] * LN2
    y = np.ascontiguousarray(study.counts.to_numpy(dtype=float).T[kept])
    x, scale = study.golden("design").to_numpy(dtype=float), study.size_factors[None, :]
    alpha, p = genes["dispersion"].to_numpy(), x.shape[1]

    fit = replay.fit_coefficients(y, scale, x, alpha)
    assert_coefficients_equal(fit, table[:, :p], table[:, p:])
    np.testing.assert_array_equal(fit.iterations, genes["betaIter"])
    np.testing.assert_array_equal(fit.converged, genes["betaConv"].astype(bool))
    np.testing.assert_allclose(-2 * fit.log_likelihood, genes["deviance"], TWELVE_DIGITS)

    null = replay.fit_coefficients(y, scale, np.ascontiguousarray(x[:, : REDUCED[name]]), alpha)
    statistic = 2.0 * (fit.log_likelihood - null.log_likelihood)
    theirs = study.golden("deseq2_lrt")["stat"].to_numpy()[kept]
    assert (np.abs(statistic - theirs) / (1.0 + np.abs(theirs))).max() < TWELVE_DIGITS

    own = replay.genewise_dispersion(y, scale, x)
    assert_searches_equal(own, own.alpha, genes["dispGeneEst"], genes["dispGeneIter"], 2e-4)
    posterior = replay.map_dispersion(
        y, own.mu, x, genes["dispGeneEst"].to_numpy(), genes["dispFit"].to_numpy(),
        study.info("dispPriorVar"), cap=float(max(10, y.shape[1])),
    )  # fmt: skip
    assert_searches_equal(
        posterior, posterior.alpha, genes["dispMAP"], genes["dispIter"], MAP_SHARE
    )


def simulate(rng, genes=150):
    """Counts (genes, 9), a sample table, weights with zeros and factors of a gene and sample."""
    condition, z = np.repeat([0, 1], [4, 5]), np.round(rng.normal(size=9), 3)
    size, base = np.exp(rng.normal(0, 0.3, 9)), np.exp(rng.normal(3.5, 1.8, genes))
    change = rng.normal(0, 1, genes) * (rng.random(genes) < 0.4)
    mu = base[:, None] * size * np.exp(change[:, None] * condition)
    alpha = 0.05 + 2 / base * rng.gamma(2, 0.5, genes)
    y = rng.poisson(rng.gamma(1 / alpha[:, None], alpha[:, None] * mu))
    weights = np.where(rng.random(y.shape) < 0.5, 1.0, rng.random(y.shape))
    weights[(rng.random(y.shape) < 0.3) & (y == 0)] = 0.0
    weights[rng.random(y.shape) < 0.05] = 1e-8
    # Some genes lose a group, by weights of 0 or below the threshold.
    weights[3:5, :4], weights[5:7, :4] = 0.0, 0.005
    factors = size * np.exp(rng.normal(0, 0.2, y.shape))
    factors /= np.exp(np.log(factors).mean(axis=1, keepdims=True))
    index, columns = [f"g{i}" for i in range(genes)], [f"s{i}" for i in range(9)]
    samples = pd.DataFrame({"condition": condition, "z": z, "size": size}, index=columns)
    frames = (pd.DataFrame(a, index, columns) for a in (y, weights, factors))
    return samples, *frames


def assert_stages_equal(tables, tag, y, scale, x, weights, inverse):
    """Every stage from R's own result of the stage before."""
    genes = tables[f"{tag}_genes"].apply(pd.to_numeric, errors="coerce")
    fitted = genes["dispersion"].notna().to_numpy()
    genes, y, scale = genes[fitted], y[fitted], scale if len(scale) == 1 else scale[fitted]
    own = replay.genewise_dispersion(y, scale, x, weights=weights, mean_inverse_scale=inverse)
    assert relative(own.alpha, genes["dispGeneEst"].to_numpy()).max() < ROUNDING
    posterior = replay.map_dispersion(
        y, own.mu, x, genes["dispGeneEst"].to_numpy(), genes["dispFit"].to_numpy(),
        genes["prior"].iloc[0], weights=weights, cap=10.0,
    )  # fmt: skip
    assert relative(posterior.alpha, genes["dispMAP"].to_numpy()).max() < ROUNDING
    alpha = genes["dispersion"].to_numpy()
    fit = replay.fit_coefficients(y, scale, x, alpha, weights=weights)
    coefficients = genes.iloc[:, 8:14].to_numpy() * LN2
    assert_coefficients_equal(fit, coefficients[:, :3], coefficients[:, 3:], ROUNDING)
    np.testing.assert_array_equal(fit.iterations, genes["betaIter"])
    np.testing.assert_allclose(-2 * fit.log_likelihood, genes["deviance"], ROUNDING)
    leverage = tables[f"{tag}_leverage"].apply(pd.to_numeric, errors="coerce").to_numpy()
    np.testing.assert_allclose(fit.leverage, leverage[fitted], 0, ROUNDING)
    contrast = tables[f"{tag}_contrast"].apply(pd.to_numeric, errors="coerce").to_numpy()[fitted]
    estimate, error = replay.contrast_values(
        fit.beta, scale, x, alpha, np.array([0.3, 1.0, -0.5]), weights=weights
    )
    np.testing.assert_allclose(estimate / LN2, contrast[:, 0], 1e-9, 1e-11)
    return fitted, error / LN2, contrast[:, 1]


@pytest.mark.r
def test_live_r_with_weights_and_normalisation_factors(tmp_path):
    samples, counts, weights, factors = simulate(np.random.default_rng(8))
    counts.iloc[::10] = 0
    tables = run_r(
        R_CODE, tmp_path, counts=counts, samples=samples, weights=weights, factors=factors
    )
    x = np.column_stack([np.ones(9), samples["condition"], samples["z"]])
    y, scale = counts.to_numpy(dtype=float), factors.to_numpy()
    some = y.sum(axis=1) > 0
    inverse = float(np.mean(1.0 / scale[some].mean(axis=0)))
    fitted, error, theirs = assert_stages_equal(tables, "factors", y, scale, x, None, inverse)
    np.testing.assert_array_equal(fitted, some)
    np.testing.assert_allclose(error, theirs, ROUNDING)

    scaled, fails = replay.usable_weights(weights.to_numpy(), x)
    scale = samples["size"].to_numpy()[None, :]
    fitted, error, theirs = assert_stages_equal(
        tables, "weights", y, scale, x, scaled[some & ~fails], None
    )
    np.testing.assert_array_equal(fitted, some & ~fails)
    assert fails[3:7].all()
    # P032: there gene k of those that are fitted takes the weights of row k of all genes.
    assert np.median(np.abs(error / theirs - 1.0)) > 0.01
    genes = tables["weights_genes"].apply(pd.to_numeric, errors="coerce")[fitted]
    misplaced = replay.contrast_values(
        genes.iloc[:, 8:11].to_numpy() * LN2, scale, x, genes["dispersion"].to_numpy(),
        np.array([0.3, 1.0, -0.5]), weights=scaled[: fitted.sum()],
    )[1]  # fmt: skip
    np.testing.assert_allclose(misplaced / LN2, theirs, 1e-8)
