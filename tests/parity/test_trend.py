"""Trend and prior variance equal DESeq2's when they are given its gene-wise dispersions.

The frozen results hold 12 digits. The local trend differs from ``locfit`` by the tolerance of its
eigenvalue solver, about 2e-8 of a dispersion.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from countglm._loess import loess
from countglm._lowess import lowess
from countglm._prior_few_df import TABLES
from countglm.prior_variance import prior_variance
from countglm.trend import KINDS, fit_trend
from tests.support.prior_tables import draw
from tests.support.r import run_r

STUDIES = ("airway", "fission", "gse96870_cerebellum", "pasilla", "yeast48")
TWELVE_DIGITS = 2e-11
LOCFIT = 1e-7


def read(path):
    return pd.read_csv(path, index_col=0)


def frozen_number(text, name):
    return float(re.search(rf"{name} = ([-+.e0-9]+)", text)[1])


@pytest.fixture(params=STUDIES)
def study(request, data_dir, golden_dir):
    """Mean of normalised counts and dispersions before outliers are replaced, and R's results."""
    folder = golden_dir / request.param
    tables = {
        name: read(folder / f"deseq2_{name}.csv.gz")
        for name in ("genes", "disp_local", "disp_mean")
    }
    factors = read(folder / "size_factors.csv.gz")["ratio"]
    counts = read(data_dir / request.param / "counts.csv.gz").loc[tables["genes"].index]
    mean = (counts / factors.to_numpy()).mean(axis=1)
    design = read(folder / "design.csv.gz")
    info = (folder / "info.R").read_text()
    return mean, tables["disp_local"]["dispGeneEst"], tables, np.subtract(*design.shape), info


@pytest.mark.data
def test_parametric_trend(study):
    mean, genewise, tables, _, info = study
    trend = fit_trend(mean, genewise, replay=True)
    frozen = [frozen_number(info, name) for name in ("asymptDisp", "extraPois")]
    np.testing.assert_allclose(trend.coefficients, frozen, TWELVE_DIGITS)
    # Outliers were replaced in some genes since: their means are the later ones.
    values = trend(tables["genes"]["baseMean"])
    np.testing.assert_allclose(values, tables["genes"]["dispFit"], TWELVE_DIGITS)
    np.testing.assert_allclose(fit_trend(mean, genewise).coefficients, frozen, 1e-4)


@pytest.mark.data
def test_local_and_mean_trend(study):
    mean, genewise, tables, _, _ = study
    local = fit_trend(mean, genewise, "local", replay=True)
    np.testing.assert_allclose(local(mean), tables["disp_local"]["dispFit"], LOCFIT)
    constant = fit_trend(mean, genewise, "mean", replay=True)
    np.testing.assert_allclose(constant(mean), tables["disp_mean"]["dispFit"], TWELVE_DIGITS)


@pytest.mark.data
def test_prior_variance(study):
    mean, genewise, _, df, info = study
    trend = fit_trend(mean, genewise, replay=True)(mean)
    found = prior_variance(genewise, trend, int(df), replay=True)
    frozen = [frozen_number(info, name) for name in ("dispPriorVar", "varLogDispEsts")]
    np.testing.assert_allclose(found, frozen, TWELVE_DIGITS)


DESEQ2 = """
suppressPackageStartupMessages(library(DESeq2))
options(digits = 17)
data <- read.csv("data.csv", row.names = 1)
out <- data.frame()
combinations <- expand.grid(law = unique(data$law), kind = c(KINDS), stringsAsFactors = FALSE)
for (i in seq_len(nrow(combinations))) {
  # Two to five samples: one to four residual degrees of freedom.
  n <- 2 + i %% 4
  law <- combinations$law[i]
  kind <- combinations$kind[i]
  s <- data[data$law == law, ]
  counts <- matrix(seq_len(n) + 10L, nrow(s), n, byrow = TRUE)
  dds <- DESeqDataSetFromMatrix(counts, data.frame(x = seq_len(n)), ~ 1)
  sizeFactors(dds) <- rep(1, n)
  mcols(dds)$baseMean <- s$mean
  mcols(dds)$allZero <- FALSE
  mcols(dds)$dispGeneEst <- s$dispersion
  dds <- suppressWarnings(suppressMessages(estimateDispersionsFit(dds, fitType = kind)))
  found <- dispersionFunction(dds)
  prior <- suppressWarnings(estimateDispersionsPriorVar(dds))
  out <- rbind(out, data.frame(n, law, kind, fitted = attr(found, "fitType"), prior,
    spread = attr(found, "varLogDispEsts"), t(mcols(dds)$dispFit)))
}
write.csv(out, "result.csv")
""".replace("KINDS", ", ".join(f'"{kind}"' for kind in KINDS))


@pytest.mark.r
def test_live_deseq2(tmp_path):
    rng = np.random.default_rng(1)
    mean = np.exp(rng.normal(4.0, 2.0, 300))
    mean[:30] = np.ceil(mean[:30])
    laws = {
        "falls": (0.05 + 2 / mean) * np.exp(rng.normal(0, 0.8, 300)),
        "rises": 0.02 * np.sqrt(mean) * np.exp(rng.normal(0, 1.0, 300)),
        "small": np.where(rng.random(300) < 0.3, 1e-8, 0.05 + 1 / mean),
    }
    data = pd.concat(
        pd.DataFrame({"law": law, "mean": mean, "dispersion": values})
        for law, values in laws.items()
    )
    result = run_r(DESEQ2, tmp_path, data=data.reset_index(drop=True))["result"]
    assert set(result["fitted"]) == set(KINDS)
    assert len(result) == 3 * 3
    assert set(result["n"]) == {2, 3, 4, 5}
    for row in result.itertuples(index=False):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The parametric dispersion trend")
            trend = fit_trend(mean, laws[row.law], row.kind, replay=True)
        assert trend.kind == row.fitted
        live = np.array(row[6:], dtype=float)
        np.testing.assert_allclose(trend(mean), live, LOCFIT if trend.kind == "local" else 1e-12)
        found = prior_variance(laws[row.law], live, row.n - 1, replay=True)
        np.testing.assert_allclose(found, (row.prior, row.spread), 1e-12)


SMOOTHERS = """
data <- read.csv("data.csv", row.names = 1)
at <- seq(min(data$x), max(data$x), length.out = 60)
out <- data.frame(row.names = seq_len(nrow(data)))
for (f in c(0.2, 0.5, 2/3)) for (delta in c(NA, 0)) for (iter in c(0, 3)) {
  fitted <- if (is.na(delta)) lowess(data, f = f, iter = iter) else
    lowess(data, f = f, iter = iter, delta = delta)
  out[[length(out) + 1]] <- fitted$y
}
write.csv(format(out, digits = 17), "lowess.csv", quote = FALSE)
spans <- sapply(c(0.3, 0.5, 0.75, 1, 1.3),
  function(span) predict(loess(y ~ x, data, span = span), data.frame(x = at)))
write.csv(format(data.frame(at, spans), digits = 17), "loess.csv", quote = FALSE)
"""


@pytest.mark.r
@pytest.mark.parametrize("digits", [15, 1])
def test_live_smoothers(digits, tmp_path):
    rng = np.random.default_rng(digits)
    # One digit makes ties.
    x = np.round(rng.normal(size=120), digits)
    y = np.sin(x) + rng.standard_t(3, 120)
    live = run_r(SMOOTHERS, tmp_path, data=pd.DataFrame({"x": x, "y": y}))
    options = [(f, i, d) for f in (0.2, 0.5, 2 / 3) for d in (None, 0.0) for i in (0, 3)]
    for column, (f, iterations, delta) in zip(live["lowess"], options, strict=True):
        fitted = lowess(x, y, f, iterations, delta)
        np.testing.assert_allclose(fitted, live["lowess"][column], rtol=1e-10, atol=1e-10)
    at = np.clip(live["loess"]["at"].to_numpy(), x.min(), x.max())
    for column, span in zip(live["loess"].columns[1:], (0.3, 0.5, 0.75, 1, 1.3), strict=True):
        curve = loess(x, y, at, span)
        np.testing.assert_allclose(curve, live["loess"][column], rtol=1e-10, atol=1e-10)


@pytest.mark.r
def test_simulated_histograms_are_those_of_r(tmp_path):
    with TABLES.open("rb") as handle, np.load(handle) as tables:
        np.testing.assert_array_equal(tables["histograms"], draw(tmp_path))
