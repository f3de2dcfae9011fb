"""The five studies whose analysis by DESeq2 1.38.3 is frozen: counts, samples, model, results."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.support.golden import golden_folder

LOG10 = np.log(10.0)
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Analysed:
    """A study and how it was analysed; ``contrast`` is factor, tested, reference."""

    name: str
    data: Path
    formula: str
    reduced: str
    contrast: tuple[str, str, str]

    @cached_property
    def counts(self) -> pd.DataFrame:
        """Counts, samples x genes."""
        path = self.data / self.name / "counts.csv.gz"
        return pd.read_csv(path, index_col=0, dtype={0: str}).T

    @cached_property
    def obs(self) -> pd.DataFrame:
        """Sample table; levels sorted, the contrast's reference first."""
        obs = pd.read_csv(self.data / self.name / "samples.csv", index_col=0)
        factor, _, reference = self.contrast
        for column in sorted(set(re.findall(r"\w+", self.formula)) & set(obs.columns)):
            levels = sorted(obs[column].unique())
            if column == factor:
                levels = [reference, *(level for level in levels if level != reference)]
            obs[column] = pd.Categorical(obs[column], categories=levels)
        return obs

    @cache  # noqa: B019 - one object per study and process
    def golden(self, what: str) -> pd.DataFrame:
        """One of R's tables, by gene or sample."""
        path = golden_folder(self.data) / self.name / f"{what}.csv.gz"
        return pd.read_csv(path, index_col=0, dtype={0: str}, na_values=["NA"])

    @property
    def size_factors(self) -> np.ndarray:
        """R's size factors."""
        return self.golden("size_factors")["ratio"].to_numpy()

    @property
    def coefficients(self) -> np.ndarray:
        """R's coefficients (n_genes, n_coef), natural logarithm."""
        table = self.golden("deseq2_coef")
        return table.to_numpy()[:, : table.shape[1] // 2] * np.log(2.0)

    def info(self, name: str) -> float:
        """One of the numbers R printed: asymptDisp, extraPois, dispPriorVar, varLogDispEsts."""
        text = (golden_folder(self.data) / self.name / "info.R").read_text()
        found = re.search(rf"{name} = ([-0-9.e]+)", text)
        assert found is not None, name
        return float(found[1])

    @cache  # noqa: B019
    def analyse(self, mode: str) -> Any:
        """Run the whole workflow with its defaults."""
        from countglm import differential_expression

        return differential_expression(
            self.counts, self.formula, list(self.contrast), obs=self.obs, mode=mode
        )

    def retest(self, result: Any, *, cooks: bool = True, **choices: Any) -> Any:
        """Test the contrast of a result again; without outliers where not ``cooks``."""
        if not cooks:
            result = replace(result, outliers=None)
        return result.test(list(self.contrast), **choices)

    def likelihood_ratio(self, dispersion: np.ndarray) -> Any:
        """Replay the frozen likelihood ratio: of the counts as they are, at the Wald dispersions.

        The frozen table is that of ``nbinomLRT`` on the finished Wald analysis, which restores
        replaced counts, keeps the dispersions and takes Cook's distances from the fit's means; its
        contrast is the last coefficient.
        """
        from countglm import differential_expression

        return differential_expression(
            self.counts, self.formula, obs=self.obs, mode="replay", test="lrt",
            reduced=self.reduced, dispersion=np.where(np.isnan(dispersion), 1.0, dispersion),
            min_replicates_for_replacement=np.inf,
        )  # fmt: skip


@cache
def studies(data: Path) -> dict[str, Analysed]:
    """Return the studies in the folder of large tables."""
    models = {
        "pasilla": ("~ type + condition", "~ type", ("condition", "treated", "untreated")),
        "airway": ("~ cell + dex", "~ cell", ("dex", "trt", "untrt")),
        "fission": ("~ strain + minute + strain:minute", "~ strain + minute",
                    ("strain", "mut", "wt")),
        "gse96870_cerebellum": ("~ sex + time", "~ sex", ("time", "Day8", "Day0")),
        "yeast48": ("~ condition", "~ 1", ("condition", "Snf2", "WT")),
    }  # fmt: skip
    return {name: Analysed(name, data, *model) for name, model in models.items()}


def deviations(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Differences of two result tables in units of their tolerance (1 is the limit), per gene.

    |difference| of log2FoldChange over 1e-6 max(|value|, lfcSE), of lfcSE over 1e-6 of it, of stat
    over 1e-6 (1 + |stat|), of -log10 p over 1e-6 (1 - log10 p); infinite where only one is NaN.
    """
    lfc, se, stat, p = (
        theirs[name].to_numpy() for name in ("log2FoldChange", "lfcSE", "stat", "pvalue")
    )
    tiny = 1e-300
    log_p = -np.log(np.maximum(p, tiny)) / LOG10
    mine = {name: ours[name].to_numpy() for name in ("log2FoldChange", "lfcSE", "stat", "pvalue")}
    our_log_p = -np.log(np.maximum(mine["pvalue"], tiny)) / LOG10
    gaps = {
        "log2FoldChange": (mine["log2FoldChange"] - lfc) / np.maximum(np.abs(lfc), se),
        "lfcSE": (mine["lfcSE"] - se) / se,
        "stat": (mine["stat"] - stat) / (1.0 + np.abs(stat)),
        "pvalue": (our_log_p - log_p) / (1.0 + log_p),
    }
    table = pd.DataFrame(gaps, index=theirs.index).abs() / TOLERANCE
    for name in gaps:
        one, other = mine[name], theirs[name].to_numpy()
        table.loc[np.isnan(one) != np.isnan(other), name] = np.inf
        table.loc[(np.isnan(one) & np.isnan(other)) | (one == other), name] = 0.0
    return table
