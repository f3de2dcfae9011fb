"""Shrunken fold changes beside apeglm and DESeq2, at their own estimates and dispersions.

apeglm stops its search at a relative change of 1e-8 of an objective that is scaled by its value at
0 and raised by 10: what it leaves is bounded here by STOP of that value (docs/parity.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm._apeglm_replay import apeglm_replay, coefficient_lines
from countglm._counts_of_fit import Counts
from countglm._efron_morris import prior_scale, zero_in
from countglm._normal_prior import expanded_design, normal_exact, normal_replay, prior_variances
from countglm._profile import profile, start, value
from countglm.counts import as_count_matrix
from countglm.design import as_design
from tests.support import deseq2
from tests.support.r import run_r

LN2 = np.log(2.0)
STOP = 1e-6
# What R found from all genes of the studies of which about 240 genes are embedded: the root of
# its uniroot for the Cauchy prior, and the variances of its normal priors by factor.
SCALES = {"pasilla": 0.0436038352585936**0.5, "airway": 0.0912638639919352**0.5}
VARIANCES = {
    "pasilla": {"type": 0.06833433831760123, "condition": 0.10481774172371808},
    "airway": {"cell": 0.18794199682737145, "dex": 0.27920235151238193},
}
FORMULAS = {
    "pasilla": ("~ type + condition", ["condition", "treated", "untreated"]),
    "airway": ("~ cell + dex", ["dex", "trt", "untrt"]),
    "gse96870_cerebellum": ("~ sex + time", ["time", "Day8", "Day0"]),
    "yeast48": ("~ condition", ["condition", "Snf2", "WT"]),
}


@dataclass(frozen=True)
class Study:
    """Counts as R saw them, R's estimates (log2), and R's shrunken values."""

    counts: Counts
    design: np.ndarray
    coef: int
    estimate: np.ndarray
    error: np.ndarray
    table: pd.DataFrame


def embedded(name) -> Study:
    golden = deseq2.embedded(name)
    table = pd.read_csv(deseq2.EMBEDDED / f"{name}_shrinkage.csv.gz", index_col=0)
    counts = Counts(golden.counts.T.copy(), golden.size_factors[None, :], golden.dispersion)
    last = golden.design.shape[1] - 1
    return Study(
        counts, golden.design, last, golden.coefficients[:, last], golden.errors[:, last], table
    )


def complete(name, data, golden) -> Study:
    study = deseq2.complete(name, data)
    info = (golden / name / "info.txt").read_text()
    coef = info.split(" $ coef ")[1].split('"')[1]
    files = {
        key: pd.read_csv(golden / name / f"deseq2_{key}.csv.gz", index_col=0).loc[study.genes]
        for key in ("genes", "coef", "apeglm")
    }
    apeglm = files["apeglm"]
    table = files["genes"][["baseMean", "dispFit"]].assign(
        apeglm=apeglm["log2FoldChange"], apeglmSE=apeglm["lfcSE"]
    )
    counts = Counts(study.counts.T.copy(), study.size_factors[None, :], study.dispersion)
    column = list(files["coef"].columns).index(coef)
    return Study(
        counts, study.design, column, study.coefficients[:, column], study.errors[:, column], table
    )


def objective(study, scale, t):
    """apeglm's objective with all other coefficients at their best, without its constants."""
    lines = coefficient_lines(study.counts, study.design, study.coef)
    gamma = profile(lines, t, start(lines, t)).gamma
    return value(lines, t, gamma) + np.log1p((t / scale) ** 2)


def compared(study, scale):
    """Our mode and R's: distances in posterior deviations, and what R's objective lacks."""
    modes = apeglm_replay(study.counts, study.design, study.coef, scale)
    theirs = study.table["apeglm"].to_numpy() * LN2
    error = study.table["apeglmSE"].to_numpy() * LN2
    size = 1 / study.counts.alpha[:, None]
    at_zero = ((study.counts.y + size) * np.log(size + study.counts.scale)).sum(axis=1)
    ours = objective(study, scale, modes.t)
    return modes, pd.DataFrame(
        {
            "distance": np.abs(modes.t - theirs) / error,
            "error": np.abs(modes.sd / error - 1),
            "gain": objective(study, scale, theirs) - ours,
            "noise": 1e-13 * (np.abs(ours) + at_zero),
            "stop": STOP * np.maximum(at_zero, 1.0),
            "single": modes.n_modes == 1,
        }
    )


def assert_explained(modes, table, others=0, loose=0):
    """``others``: genes with several modes that end in another than R's; ``loose``: genes so flat
    that R's first search fails and its second stops earlier still."""
    assert modes.converged.all()
    single = table[table["single"]]
    # Our objective is never worse than R's, and R's no worse than its stopping rule says.
    assert (single["gain"] >= -single["noise"]).all()
    assert (single["gain"] > single["stop"]).sum() <= loose
    assert single["distance"].median() < 6e-4
    assert single["distance"].quantile(0.99) < 0.09
    assert single["distance"].max() < 0.4
    assert single["error"].median() < 3e-5
    assert single["error"].quantile(0.99) < 3e-3
    several = table[~table["single"]]
    assert (several["distance"] > 0.4).sum() <= others


@pytest.mark.parametrize("name", ["pasilla", "airway"])
def test_apeglm_of_embedded_genes(name) -> None:
    assert_explained(*compared(embedded(name), SCALES[name]))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("pasilla", {}),
        ("airway", {}),
        ("fission", {"others": 3}),
        ("gse96870_cerebellum", {"loose": 1}),
        ("yeast48", {}),
    ],
)
def test_apeglm_of_whole_studies(name, counted, data_dir, golden_dir) -> None:
    study = complete(name, data_dir, golden_dir)
    scale = prior_scale(study.estimate, study.error, replay=True)
    if name in SCALES:
        assert scale == pytest.approx(SCALES[name], rel=1e-10)
    assert_explained(*compared(study, scale), **counted)


def normal_of(study, name, variances, obs):
    formula, contrast = FORMULAS[name]
    design = as_design(formula, as_count_matrix(study.counts.y.T), obs=obs)
    wide = expanded_design(design, design.contrast(contrast)[0])
    return wide, normal_replay(study.counts, wide, variances(wide, design))


def referenced(obs, name):
    factor, _, reference = FORMULAS[name][1]
    obs = obs.astype(str)
    others = sorted(set(obs[factor]) - {reference})
    return obs.assign(**{factor: pd.Categorical(obs[factor], [reference, *others])})


@pytest.mark.parametrize("name", ["pasilla", "airway"])
def test_normal_of_embedded_genes(name) -> None:
    study = embedded(name)
    obs = referenced(getattr(countglm.datasets, name)().obs, name)

    def variances(wide, design):
        by_factor = [VARIANCES[name][f] for f, levels in design.factors.items() for _ in levels]
        return np.array([1e6, *by_factor])

    wide, found = normal_of(study, name, variances, obs.reset_index(drop=True))
    np.testing.assert_allclose(found.estimate / LN2, study.table["normal"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.error / LN2, study.table["normalSE"], rtol=0, atol=1e-10)
    # Away from the clamp the optimum is near.
    clear = study.table["baseMean"].to_numpy() > 50.0
    exact = normal_exact(
        study.counts, wide, variances(wide, as_design(FORMULAS[name][0],
        as_count_matrix(study.counts.y.T), obs=obs.reset_index(drop=True)))
    )  # fmt: skip
    np.testing.assert_allclose(exact.estimate[clear], found.estimate[clear], rtol=0, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize("name", list(FORMULAS))
def test_normal_of_whole_studies(name, data_dir, golden_dir) -> None:
    study = complete(name, data_dir, golden_dir)
    golden = deseq2.complete(name, data_dir)
    design = pd.read_csv(golden_dir / name / "design.csv.gz", index_col=0)
    obs = pd.read_csv(data_dir / name / "samples.csv", index_col=0).loc[design.index]
    theirs = pd.read_csv(golden_dir / name / "deseq2_normal_shrink.csv.gz", index_col=0)
    theirs = theirs.loc[golden.genes]
    weights = 1 / (1 / study.table["baseMean"] + study.table["dispFit"]).to_numpy()

    def variances(wide, _):
        return prior_variances(wide, lambda vector: golden.coefficients @ vector, weights)

    obs = referenced(obs, name).reset_index(drop=True)
    _, found = normal_of(study, name, variances, obs)
    # DESeq2 sets contrasts of samples without counts to 0.
    kept = ~((theirs["log2FoldChange"] == 0) & (theirs["stat"] == 0)).to_numpy()
    assert kept.mean() > 0.95
    difference = np.abs(found.estimate / LN2 - theirs["log2FoldChange"])[kept]
    assert difference.quantile(0.999) < 1e-11
    # Genes of R's quasi-Newton fallback are as near as its own tolerance.
    assert difference.max() < 1e-6
    assert np.abs(found.error / LN2 - theirs["lfcSE"]).max() < 1e-9


LIVE_R = """
suppressMessages(library(DESeq2))
counts <- as.matrix(read.csv("counts.csv", row.names = 1))
samples <- read.csv("samples.csv", row.names = 1, stringsAsFactors = TRUE)
samples$condition <- relevel(samples$condition, "untreated")
dds <- DESeqDataSetFromMatrix(counts, samples, ~ type + condition)
dds <- DESeq(dds, quiet = TRUE)
name <- tail(resultsNames(dds), 1)
by_coef <- lfcShrink(dds, coef = name, type = "normal", quiet = TRUE)
by_contrast <- lfcShrink(
  dds, contrast = c("type", "paired-end", "single-read"), type = "normal", quiet = TRUE)
write.csv(as.data.frame(by_coef)[, 2:3], "coef.csv")
write.csv(as.data.frame(by_contrast)[, 2:3], "contrast.csv")
mle <- log(2) * as.matrix(results(dds, name = name, cooksCutoff = FALSE)[, 2:3])
S <- mle[, 1]^2; D <- mle[, 2]^2
f <- function(A) { I <- 1 / (2 * (A + D)^2); sum((S - D) * I) / sum(I) - A }
root <- uniroot(f, c(1e-6, 400))$root
write.csv(data.frame(root = sprintf("%.17g", root)), "root.csv")
write.csv(data.frame(b = sprintf("%.17g", mle[, 1]), s = sprintf("%.17g", mle[, 2])), "mle.csv")
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    adata = countglm.datasets.pasilla()
    counts = adata.to_df()
    counts = counts.loc[:, (counts >= 3).all()].iloc[:, ::40]
    samples = adata.obs[["type", "condition"]]
    tables = run_r(LIVE_R, tmp_path_factory.mktemp("r"), counts=counts.T, samples=samples)
    return counts, samples, tables


@pytest.mark.r
def test_live_uniroot_stops_at_the_same_point(live) -> None:
    _, _, tables = live
    b, s = tables["mle"]["b"].to_numpy(), tables["mle"]["s"].to_numpy()
    root = float(tables["root"]["root"].iloc[0])
    assert prior_scale(b, s, replay=True) == pytest.approx(root**0.5, rel=1e-12)
    assert zero_in(lambda x: x**3 - 2.0, 0.0, 3.0, 1e-4) == pytest.approx(2 ** (1 / 3), abs=1e-4)


@pytest.mark.r
def test_live_normal_shrinkage_of_a_replayed_analysis(live) -> None:
    counts, samples, tables = live
    result = countglm.differential_expression(
        counts, "~ type + condition", ["condition", "treated", "untreated"], obs=samples,
        reference={"condition": "untreated"}, mode="replay",
    )  # fmt: skip
    name = result.fit.coef_names[-1]
    by_coef = countglm.shrink(result, coef=name, method="normal").table
    assert_near(by_coef, tables["coef"])
    other = countglm.shrink(result, contrast=["type", "paired-end", "single-read"], method="normal")
    assert_near(other.table, tables["contrast"])
    assert other.label == "type paired-end vs single-read"


def assert_near(ours, theirs):
    for column in ("log2FoldChange", "lfcSE"):
        np.testing.assert_allclose(ours[column], theirs[column].to_numpy(), rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module")
def result():
    adata = countglm.datasets.pasilla()
    adata = adata[:, (adata.X.min(axis=0) > 2) & (np.arange(adata.n_vars) % 9 == 0)].copy()
    return countglm.differential_expression(adata, "~ type + condition", "condition[T.untreated]")


def test_complaint_4_and_18_several_contrasts_of_one_fit_are_shrunken(result) -> None:
    first = countglm.shrink(result)
    other = countglm.shrink(result, contrast=["type", "single-read", "paired-end"])
    assert np.array_equal(other.fit.dispersion, first.fit.dispersion)
    assert other.label != first.label
    # The other contrast has p-values of its own.
    expected = countglm.wald_test(result.fit, ["type", "single-read", "paired-end"])["pvalue"]
    known = other.table["pvalue"].notna().to_numpy()
    np.testing.assert_array_equal(other.table["pvalue"][known], expected.to_numpy()[known])
    # Shrinking what is shrunken begins with the estimates.
    again = countglm.shrink(countglm.shrink(first, method="ash", svalue=True))
    pd.testing.assert_frame_equal(again.table, first.table)


def test_replay_and_exact_agree_where_counts_are_high(result) -> None:
    exact = countglm.shrink(result, prior_scale=0.3).table
    replay = countglm.shrink(result, prior_scale=0.3, mode="replay").table
    high = (result.table["baseMean"] > 100).to_numpy()
    assert high.sum() > 100
    difference = np.abs(exact["log2FoldChange"] - replay["log2FoldChange"])[high]
    assert (difference < 1e-2 * exact["lfcSE"][high]).all()


def test_a_loaded_result_is_shrunken_with_its_counts(result, tmp_path) -> None:
    result.save(tmp_path / "result.h5")
    loaded = countglm.DEResult.load(tmp_path / "result.h5")
    with pytest.raises(countglm.InputError, match="counts"):
        countglm.shrink(loaded)
    again = countglm.shrink(loaded, counts=result.fit.counts).table
    expected = countglm.shrink(result).table
    np.testing.assert_array_equal(again["log2FoldChange"], expected["log2FoldChange"])
