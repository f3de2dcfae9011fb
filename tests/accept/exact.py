"""Exact: at every stage the objective of every gene is not worse than at DESeq2's estimate."""

from __future__ import annotations

from typing import Any

import numpy as np

from countglm import estimate_dispersion, fit_glm
from tests.accept.table import Table
from tests.support import objective
from tests.support.cases import data_folder
from tests.support.studies import Analysed, studies

TOLERANCE = 1e-9
SAMPLE = 60


def not_worse(
    table: Table, label: str, gain: np.ndarray, again: Any, rng: np.random.Generator
) -> None:
    """Report the gains (n_genes,) of one stage, NaN where there is nothing to compare.

    ``again(gene)`` gives a gain by other arithmetic: of some genes, and of every gene that seems
    worse, where it decides.
    """
    known = np.flatnonzero(~np.isnan(gain))
    apparent = known[gain[known] < -TOLERANCE]
    confirmed = [gene for gene in apparent if again(gene) < -TOLERANCE]
    chosen = rng.choice(known, min(SAMPLE, known.size), replace=False)
    spread = max(abs(again(gene) - gain[gene]) for gene in chosen)
    table.row(
        f"exact {label}: gain in the objective over DESeq2's estimate", f">= -{TOLERANCE:.0e}",
        f"smallest {np.nanmin(gain):.1e}, above 0.1 in {int((gain > 0.1).sum())} of {known.size} "
        f"genes, largest {np.nanmax(gain):.3g}; {apparent.size} worse in float64, "
        f"{len(confirmed)} in long double",
        not confirmed,
    )  # fmt: skip
    table.row(
        f"exact {label}: the gain again in long double, {chosen.size} genes", "<= 1e-10",
        f"{spread:.1e}", bool(spread <= 1e-10),
    )  # fmt: skip
    for gene in confirmed[:6]:
        table.detail(f"gene {gene}: {gain[gene]:.3e}")


def dispersions(table: Table, study: Analysed, counts: np.ndarray, design: np.ndarray) -> None:
    """Gene-wise dispersions, and shrunken ones under R's own trend and prior variance."""
    genes, factors = study.golden("deseq2_genes"), study.size_factors
    trend = genes["dispFit"].fillna(1.0).to_numpy()
    width = study.info("dispPriorVar")
    ours = estimate_dispersion(
        counts, design, size_factors=factors, fit_type=trend, prior_variance=width
    )

    for label, mine, column, prior in (
        ("gene-wise dispersion", ours.genewise, "dispGeneEst", None),
        ("shrunken dispersion", ours.map, "dispMAP", width),
    ):
        theirs = genes[column].to_numpy()

        def at(alpha: np.ndarray, prior: float | None = prior) -> np.ndarray:
            value = objective.adjusted_profile(counts, design, factors, alpha)
            return value if prior is None else value + objective.log_prior(alpha, trend, prior)

        def again(gene: int, mine: Any = mine, theirs: Any = theirs, prior: Any = prior) -> float:
            pair = np.array([mine[gene], theirs[gene]])
            gain = objective.gain_in_long_double(counts[:, gene], design, factors, pair)
            if prior is not None:
                density = objective.log_prior(pair, trend[gene], prior)
                gain += float(density[0] - density[1])
            return gain

        gain = at(mine) - at(theirs)
        missing = int((np.isnan(gain) & ~genes["allZero"].to_numpy()).sum())
        not_worse(
            table, f"{study.name}, {label} ({missing} genes without an own estimate)", gain, again,
            np.random.default_rng(17),
        )  # fmt: skip


def coefficients(table: Table, study: Analysed, counts: np.ndarray, design: np.ndarray) -> None:
    """Coefficients at R's final dispersions."""
    genes = study.golden("deseq2_genes")
    alpha = genes["dispersion"].fillna(1.0).to_numpy()
    fit = fit_glm(counts, design, size_factors=study.size_factors, dispersion=alpha)
    some = ~genes["allZero"].to_numpy()
    gain = np.full(some.size, np.nan)
    gain[some] = objective.gain_in_likelihood(
        counts.T[some], np.log(study.size_factors), alpha[some],
        (objective.predictors(design, fit.finite_coefficients[some]),
         objective.live_samples(fit)[some]),
        objective.predictors(design, study.coefficients[some]),
    )  # fmt: skip
    item = f"exact {study.name}, coefficients: gain in log-likelihood over DESeq2's"
    table.row(
        item, f">= -{TOLERANCE:.0e}",
        f"smallest {np.nanmin(gain):.1e}, above 0.1 in {int((gain > 0.1).sum())} of {some.sum()} "
        f"genes, largest {np.nanmax(gain):.3g}",
        bool(np.nanmin(gain) >= -TOLERANCE),
    )  # fmt: skip


def check(table: Table) -> None:
    """Fill the table: five studies, every gene, three stages."""
    data = data_folder()
    if data is None:
        table.not_run("exact", "COUNTGLM_TEST_DATA is not set")
        return
    for name, study in studies(data).items():
        if table.quick and name not in ("pasilla", "yeast48"):
            continue
        # R's estimates of a gene with replaced outliers are those of the replaced counts.
        fit = study.analyse("replay").fit
        counts = fit.counts.block(0, fit.n_genes).T
        dispersions(table, study, counts, fit.design.matrix)
        coefficients(table, study, counts, fit.design.matrix)
