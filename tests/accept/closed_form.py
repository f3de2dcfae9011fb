"""Live DESeq2 in full digits: closed-form steps from its own inputs, and the replay beside it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import t as student

from countglm import benjamini_hochberg, differential_expression, estimate_size_factors
from countglm.independent_filtering import independent_filtering
from countglm.inference import wald_statistics
from countglm.prior_variance import prior_variance
from tests.accept.replay import reasons, relative
from tests.accept.table import Table
from tests.support.cases import data_folder
from tests.support.live import run_deseq2
from tests.support.studies import Analysed, deviations, studies

CLOSED = 1e-12


def log_p_gap(ours: Any, theirs: Any) -> float:
    """Largest difference of log10 p relative to 1 - log10 p; infinite where only one is NaN."""
    one, other = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if (np.isnan(one) != np.isnan(other)).any():
        return np.inf
    one, other = (np.log10(np.maximum(p, 1e-300)) for p in (one, other))
    return float(np.nanmax(np.abs(one - other) / (1.0 - other), initial=0.0))


def given_inputs(
    table: Table, study: Analysed, counts: np.ndarray, live: dict[str, pd.DataFrame]
) -> None:
    """Steps that have a closed form, from R's own numbers."""
    test, stages = live["test"], live["stages"]
    lfc, se, p = (test[name].to_numpy() for name in ("log2FoldChange", "lfcSE", "pvalue"))
    samples, columns = study.golden("design").shape
    factors = live["size_factors"]["size"].to_numpy()
    q = counts / factors[:, None]
    filtering = independent_filtering(p, test["baseMean"].to_numpy(), rule="1.38")
    fitted = stages["dispFit"].to_numpy()
    width, spread = prior_variance(
        stages["dispGeneEst"].to_numpy(), fitted, samples - columns, replay=True
    )
    coefficients = live["trend"]["value"].to_numpy()
    some = stages["baseMean"].to_numpy() > 0
    trend = coefficients[0] + coefficients[1] / stages["baseMean"].to_numpy()[some]
    gaps = {
        "size factors": relative(estimate_size_factors(counts), factors),
        "mean of normalised counts": relative(q.mean(axis=0), stages["baseMean"]),
        "variance of normalised counts": relative(q.var(axis=0, ddof=1), stages["baseVar"]),
        "trend at the means": relative(trend, fitted[some]),
        "prior variance": relative(width, coefficients[2]),
        "residual variance": relative(spread, coefficients[3]),
        "filtering and BH": relative(filtering.padj, test["padj"]),
        "Wald p": log_p_gap(wald_statistics(lfc, se, 0.0, "greaterAbs2014", None)[1], p),
    }
    for golden, alternative, threshold in (
        ("greater", "greater", 0.0), ("threshold", "greaterAbs2014", 1.0)
    ):  # fmt: skip
        theirs = live[golden]
        stat, pvalue = wald_statistics(lfc, se, threshold, alternative, None)
        gaps[f"Wald statistic, {golden}"] = relative(stat, theirs["stat"])
        gaps[f"Wald p, {golden}"] = log_p_gap(pvalue, theirs["pvalue"])
    for name, gap in gaps.items():
        item = f"closed form {study.name}: {name}, live R's inputs"
        table.row(item, f"<= {CLOSED:.0e}", f"{gap:.1e}", gap <= CLOSED)


def from_fits(table: Table, study: Analysed) -> None:
    """Tests and adjustment from frozen fits of 12 digits, with t as SciPy's own distribution."""
    theirs = study.golden("deseq2_wald_nofilter")
    p = theirs["pvalue"].to_numpy()
    gap = relative(benjamini_hochberg(p), theirs["padj"])
    item = f"closed form {study.name}: BH of frozen p"
    table.row(item, "<= 1e-11", f"{gap:.1e}", gap <= 1e-11)
    lfc, se = theirs["log2FoldChange"].to_numpy(), theirs["lfcSE"].to_numpy()
    df = np.full(lfc.size, 5.0)
    _, pvalue = wald_statistics(lfc, se, 0.0, "greaterAbs", df)
    gap = log_p_gap(pvalue, 2.0 * student.sf(np.abs(lfc / se), 5.0))
    item = f"closed form {study.name}: Student's p"
    table.row(item, f"<= {CLOSED:.0e}", f"{gap:.1e}", gap <= CLOSED)


def replayed(table: Table, study: Analysed, genes: Any, folder: Path, *, lrt: bool) -> Any:
    """Run R and the replay on some genes, and compare everything they report."""
    counts = study.counts.loc[:, genes]
    live = run_deseq2(study, counts, folder, lrt=lrt)
    result = differential_expression(
        counts, study.formula, None if lrt else list(study.contrast), obs=study.obs, mode="replay",
        test="lrt" if lrt else "wald", reduced=study.reduced if lrt else None,
    )  # fmt: skip
    label = f"live {study.name} {'LRT' if lrt else 'Wald'}"
    stage = result.dispersion
    value = live["trend"]["value"].to_numpy()
    ours = [*stage.trend_coefficients, stage.prior_variance, stage.residual_variance]
    gap = relative(ours, value)
    table.row(f"{label}: trend and prior", "<= 1e-06", f"{gap:.1e}", gap <= 1e-6)
    tables = {"test": result}
    if not lrt:
        tables["greater"] = result.test(list(study.contrast), alternative="greater")
        tables["threshold"] = result.test(list(study.contrast), lfc_threshold=1.0)
    for name, one in tables.items():
        theirs = live[name]
        gaps = deviations(one.table, theirs)
        tested = ~theirs["log2FoldChange"].isna().to_numpy()
        beyond = gaps[(gaps > 1.0).any(axis=1).to_numpy()]
        words = reasons(live["stages"], result, beyond.index)
        table.row(
            f"{label}, {name}: genes beyond a tolerance, with a reason", "all, at most 0.3%",
            f"{len(beyond)} of {tested.sum()}: {', '.join(sorted(set(words))) or 'none'}",
            not (words == "unexplained").any() and len(beyond) <= 0.003 * tested.sum(),
        )  # fmt: skip
        calls = [(each["padj"] < 0.1).to_numpy() for each in (one.table, theirs)]
        table.row(
            f"{label}, {name}: genes at padj < 0.1", f"the same {calls[1].sum()}",
            f"{int((calls[0] != calls[1]).sum())} differ", bool((calls[0] == calls[1]).all()),
        )  # fmt: skip
    if lrt:
        df = len(result.fit.coef_names) - {"yeast48": 1, "gse96870_cerebellum": 2}[study.name]
        known = ~live["test"]["pvalue"].isna().to_numpy()
        stat, pvalue = (live["test"][name].to_numpy()[known] for name in ("stat", "pvalue"))
        gap = log_p_gap(chi2.sf(np.maximum(stat, 0.0), df), pvalue)
        table.row(f"{label}: p of R's statistics", f"<= {CLOSED:.0e}", f"{gap:.1e}", gap <= CLOSED)
    return live


def some_genes(study: Analysed, step: int) -> Any:
    """Every so-many-th gene, and those whose outlying counts R replaced or flagged."""
    genes = study.golden("deseq2_genes")
    chosen = np.arange(len(genes)) % step == 0
    if "replace" in genes:
        chosen |= genes["replace"].fillna(False).astype(bool).to_numpy()
    else:
        chosen |= study.golden("deseq2_wald")["pvalue"].isna() & ~genes["allZero"]
    return study.counts.columns[np.asarray(chosen)]


def check(table: Table) -> None:
    """Fill the table: pasilla in full, likelihood ratios with outliers on parts of two studies."""
    data = data_folder()
    if data is None:
        table.not_run("closed form", "COUNTGLM_TEST_DATA is not set")
        return
    if shutil.which("Rscript") is None:
        table.not_run("closed form", "there is no Rscript")
        return
    every = studies(data)
    runs = [("pasilla", 4 if table.quick else 1, False)]
    if not table.quick:
        runs += [("yeast48", 10, True), ("gse96870_cerebellum", 20, True)]
    for name, step, lrt in runs:
        study = every[name]
        genes = some_genes(study, step) if step > 1 else study.counts.columns
        with tempfile.TemporaryDirectory() as folder:
            live = replayed(table, study, genes, Path(folder), lrt=lrt)
        if not lrt:
            given_inputs(table, study, study.counts.loc[:, genes].to_numpy(), live)
        from_fits(table, study)
