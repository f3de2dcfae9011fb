"""Replay: DESeq2 1.38.3's results, stage by stage and gene by gene, frozen and live."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from tests.accept.table import Table
from tests.support.cases import data_folder
from tests.support.searches import equally_good
from tests.support.studies import TOLERANCE, Analysed, deviations, studies

SHARE = 0.999
# Where rounding ends a search of the dispersion is not the same for every build of R either.
SEARCHED = 0.998
# Golden values hold 12 digits: half a unit of the last is 5e-12 of the value at worst.
FROZEN = 1e-11
THRESHOLD = float(np.log2(1.5))


def relative(ours: Any, theirs: Any) -> float:
    """Return the largest relative difference; infinite where only one is NaN."""
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if (np.isnan(one) != np.isnan(other)).any():
        return np.inf
    scale = np.where(other == 0.0, 1.0, np.abs(other))
    return float(np.nanmax(np.abs(one - other) / scale, initial=0.0))


def log_gap(ours: Any, theirs: Any) -> np.ndarray:
    """Absolute differences of logarithms, infinite where only one is NaN, 0 where both are."""
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    gap = np.abs(np.log(one / other))
    gap[np.isnan(one) & np.isnan(other)] = 0.0
    gap[np.isnan(one) != np.isnan(other)] = np.inf
    return gap


def stages(table: Table, study: Analysed, result: Any) -> None:
    """Size factors, trend, prior and dispersions."""
    genes, stage, label = study.golden("deseq2_genes"), result.dispersion, f"replay {study.name}"
    coefficients = [study.info("asymptDisp"), study.info("extraPois")]
    numbers = {
        "size factors": (result.fit.size_factors, study.size_factors, FROZEN),
        "baseMean": (stage.base_mean, genes["baseMean"], FROZEN),
        "trend": (stage.trend_coefficients, coefficients, TOLERANCE),
        "prior variance": (stage.prior_variance, study.info("dispPriorVar"), TOLERANCE),
        "residual variance": (stage.residual_variance, study.info("varLogDispEsts"), TOLERANCE),
    }
    for name, (ours, theirs, limit) in numbers.items():
        gap = relative(ours, theirs)
        table.row(f"{label}: {name}", f"<= {limit:.0e}", f"{gap:.1e}", gap <= limit)
    for name, ours in (
        ("dispGeneEst", stage.genewise), ("dispMAP", stage.map), ("dispersion", stage.final)
    ):  # fmt: skip
        gap = log_gap(ours, genes[name])[~genes["allZero"].to_numpy()]
        table.row(
            f"{label}: |log ratio| of {name}, {SEARCHED:.1%} of genes", f"<= {TOLERANCE:.0e}",
            f"{np.quantile(gap, SEARCHED):.1e}, {int((gap > TOLERANCE).sum())} beyond, "
            f"largest {gap.max():.1e}",
            bool(np.quantile(gap, SEARCHED) <= TOLERANCE),
        )  # fmt: skip
    told = genes["dispOutlier"].fillna(False).astype(bool).to_numpy()
    wrong = int((stage.outlier != told).sum())
    table.row(
        f"{label}: dispersion outliers", f"the same {told.sum()}", f"{wrong} differ", not wrong
    )


def outliers(table: Table, study: Analysed, result: Any) -> None:
    """Cook's distances and which genes were fitted again."""
    genes, found = study.golden("deseq2_genes"), result.outliers
    gap = log_gap(found.max_cooks, genes["maxCooks"])
    table.row(
        f"replay {study.name}: maxCooks, 99.9% of genes", f"<= {10 * TOLERANCE:.0e}",
        f"{np.quantile(gap, SHARE):.1e}, largest {gap.max():.1e}",
        bool(np.quantile(gap, SHARE) <= 10 * TOLERANCE),
    )  # fmt: skip
    if "replace" in genes:
        again = genes["replace"].fillna(False).astype(bool).to_numpy()
        wrong = int((found.refitted != again).sum())
        table.row(
            f"replay {study.name}: genes with replaced counts", f"the same {again.sum()}",
            f"{wrong} differ", not wrong,
        )  # fmt: skip


def reasons(told: pd.DataFrame, result: Any, genes: pd.Index) -> pd.Series:
    """Return a word for why each of some genes is beyond a tolerance; ``told`` are R's stages."""
    stage = result.dispersion
    apart = log_gap(stage.genewise, told["dispGeneEst"]) > TOLERANCE
    # Fold changes and errors move less than the dispersion, a test on them may move more.
    apart |= log_gap(stage.map, told["dispMAP"]) > TOLERANCE / 10
    words = pd.Series("unexplained", index=told.index)
    places = np.flatnonzero(apart & told.index.isin(genes))
    if places.size:
        good = equally_good(result, places, told)
        words.iloc[places[good]] = "rounding ends the search of the dispersion"
    words[(told["betaConv"] == 0).to_numpy()] = "optim fallback"
    return words[genes]


def tests(table: Table, study: Analysed, label: str, result: Any, golden: str) -> None:
    """Compare one table of tests: shares within tolerance, the genes beyond, the calls."""
    theirs = study.golden(golden)
    gaps = deviations(result.table, theirs)
    tested = ~theirs["log2FoldChange"].isna().to_numpy()
    label = f"replay {study.name} {label}"
    for column in gaps:
        within = gaps[column].to_numpy()[tested] <= 1.0
        share = float(within.mean())
        table.row(
            f"{label}: {column} within 1e-6", f">= {SHARE:.1%}",
            f"{share:.4%}, {int((~within).sum())} of {within.size} beyond", share >= SHARE,
        )  # fmt: skip
    beyond = gaps[(gaps > 1.0).any(axis=1).to_numpy()]
    words = reasons(study.golden("deseq2_genes"), result, beyond.index)
    for gene in beyond.index[:12]:
        row = " ".join(f"{name} {value:.3g}" for name, value in beyond.loc[gene].items())
        table.detail(f"{gene}: {words[gene]} ({row}, in tolerances)")
    table.row(
        f"{label}: genes beyond with a reason", "all",
        ", ".join(f"{word} {count}" for word, count in words.value_counts().items()) or "none",
        not (words == "unexplained").any(),
    )  # fmt: skip
    ours = set(theirs.index[(result.table["padj"] < 0.1).to_numpy()])
    calls = set(theirs.index[(theirs["padj"] < 0.1).to_numpy()])
    table.row(
        f"{label}: genes at padj < 0.1", f"the same {len(calls)}",
        f"{len(ours)}, {len(ours ^ calls)} differ", ours == calls,
    )  # fmt: skip


def check(table: Table) -> None:
    """Fill the table: five studies, Wald, without filtering, thresholds, likelihood ratio."""
    data = data_folder()
    if data is None:
        table.not_run("replay", "COUNTGLM_TEST_DATA is not set")
        return
    for name, study in studies(data).items():
        if table.quick and name not in ("pasilla", "yeast48"):
            continue
        result = study.analyse("replay")
        stages(table, study, result)
        outliers(table, study, result)
        tests(table, study, "Wald", result, "deseq2_wald")
        bare = study.retest(result, cooks=False, independent_filtering=False)
        tests(table, study, "unfiltered", bare, "deseq2_wald_nofilter")
        for alternative in ("greaterAbs", "lessAbs", "greater", "less"):
            one = study.retest(result, lfc_threshold=THRESHOLD, alternative=alternative)
            tests(table, study, alternative, one, f"deseq2_lfc1.5_{alternative}")
        ratio = study.likelihood_ratio(result.dispersion.final)
        tests(table, study, "LRT", replace(ratio, dispersion=result.dispersion), "deseq2_lrt")
