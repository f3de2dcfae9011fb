"""No z depends on how the samples are ordered or the design is coded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from countglm import differential_expression
from countglm.counts import as_count_matrix
from countglm.design import as_design
from tests.accept.table import Table
from tests.support.cases import data_folder
from tests.support.studies import Analysed, studies

TOLERANCE = 1e-9
THRESHOLD = float(np.log2(1.5))
CELL_MEANS = {
    "pasilla": "~ 0 + condition + type",
    "airway": "~ 0 + dex + cell",
    "fission": "~ 0 + strain:minute",
}
ALTERNATIVES = ("greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less")


def variants(study: Analysed) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, str]]:
    """Yield the study in other words: counts, samples and formula that mean the same model."""
    factors = [name for name in study.obs if name in study.formula]
    for factor in factors:
        obs = study.obs.copy()
        levels = obs[factor].cat.categories
        obs[factor] = obs[factor].cat.reorder_categories([*levels[1:], levels[0]])
        yield f"{factor} re-levelled", study.counts, obs, study.formula
    order = np.random.default_rng(3).permutation(len(study.obs))
    yield "samples reordered", study.counts.iloc[order], study.obs.iloc[order], study.formula
    yield "cell means", study.counts, study.obs, CELL_MEANS[study.name]


def same_contrast(base: Any, obs: pd.DataFrame, design: Any) -> np.ndarray:
    """Weights (n_coef,) in another coding of the contrast that ``base`` tests."""
    rows = obs.index.get_indexer(base.fit.sample_names)
    # The other coefficients are T times these: X_other T = X.
    change = np.linalg.lstsq(design.matrix[rows], base.fit.design.matrix, rcond=None)[0]
    return np.round(np.linalg.solve(change.T, base.contrast), 12)


def worst(base: pd.DataFrame, other: pd.DataFrame, z: Any) -> tuple[float, str, int]:
    """Largest change of ``z(table)`` in units of 1 + \\|z\\|, its gene, and genes beyond."""
    one, two = z(base), z(other)
    gap = np.abs(one - two) / (1.0 + np.abs(one))
    gap[one == two] = 0.0
    gap[np.isnan(one) & np.isnan(two)] = 0.0
    gap[np.isnan(one) != np.isnan(two)] = np.inf
    return float(gap.max()), str(base.index[gap.argmax()]), int((gap > TOLERANCE).sum())


def statistic(table: pd.DataFrame) -> np.ndarray:
    """Test statistics."""
    return table["stat"].to_numpy()


def shrunken_z(table: pd.DataFrame) -> np.ndarray:
    """Shrunken fold changes in their standard deviations."""
    return (table["log2FoldChange"] / table["lfcSE"]).to_numpy()


def compare(table: Table, study: Analysed, base: Any, label: str, inputs: Any) -> None:
    """Analyse the study in another coding and compare every statistic."""
    counts, obs, formula = inputs
    design = as_design(formula, as_count_matrix(counts), obs=obs)
    vector = same_contrast(base, obs, design)
    other = differential_expression(counts, formula, vector, obs=obs)
    found = {"z": worst(base.table, other.table, statistic)}
    for alternative in ALTERNATIVES:
        choices = {"lfc_threshold": THRESHOLD, "alternative": alternative}
        one, two = base.test(base.contrast, **choices), other.test(vector, **choices)
        found[alternative] = worst(one.table, two.table, statistic)
    one, two = base.shrink(), other.shrink()
    found["shrunken"] = worst(one.table, two.table, shrunken_z)
    calls = [(each.table["padj"] < 0.1).to_numpy() for each in (base, other)]
    table.row(
        f"coding {study.name}, {label}: change of z / (1 + |z|)", f"<= {TOLERANCE:.0e}",
        ", ".join(f"{name} {gap:.1e}" for name, (gap, _, _) in found.items()),
        all(gap <= TOLERANCE for gap, _, _ in found.values()),
    )  # fmt: skip
    table.row(
        f"coding {study.name}, {label}: genes at padj < 0.1", f"the same {calls[0].sum()}",
        f"{int((calls[0] != calls[1]).sum())} differ", bool((calls[0] == calls[1]).all()),
    )  # fmt: skip
    for name, (gap, gene, beyond) in found.items():
        if gap > TOLERANCE:
            table.detail(f"{name}: {gene} {gap:.2e}, {beyond} genes beyond")


def check(table: Table) -> None:
    """Fill the table: three designs, every coding."""
    data = data_folder()
    if data is None:
        table.not_run("coding", "COUNTGLM_TEST_DATA is not set")
        return
    for name, study in studies(data).items():
        if name not in CELL_MEANS or (table.quick and name != "pasilla"):
            continue
        base = study.analyse("exact")
        for label, *inputs in variants(study):
            compare(table, study, base, label, inputs)
