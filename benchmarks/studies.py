"""The tables whole pipelines are measured on: simulated ones, whose truth is known, and real ones.

A study is written to a folder that Python and R read alike, so that every engine gets the same
counts, samples and question: what the last level of ``factor`` changes, beside the other terms.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Genes x samples: bulk at three sizes, and cells.
SIZES = ((20_000, 8), (20_000, 100), (5_000, 1_000), (2_000, 10_000))
MANY_SAMPLES = 2_000
CHANGED = 0.1
# Genes that almost nobody expresses are left out of real tables before anybody's analysis.
LEAST_COUNTS = 10


@dataclass(frozen=True)
class Study:
    """Counts, samples and the comparison that is asked for."""

    name: str
    description: str
    counts: NDArray[np.int32]  # (n_samples, n_genes)
    obs: pd.DataFrame  # factors have their levels in order, the reference first
    terms: tuple[str, ...]
    factor: str
    tested: str
    size_factors: str = "ratio"
    changed: NDArray[np.bool_] | None = None  # (n_genes,), where it is known

    @property
    def reference(self) -> str:
        return str(self.obs[self.factor].cat.categories[0])

    @property
    def formula(self) -> str:
        return "~ " + " + ".join(self.terms)

    def design(self) -> tuple[Floats, list[str]]:
        """Return the model matrix (n_samples, n_coef) and its names."""
        columns, names = [np.ones(len(self.obs))], ["Intercept"]
        for term in self.terms:
            values = self.obs[term]
            if not isinstance(values.dtype, pd.CategoricalDtype):
                columns.append(values.to_numpy(dtype=float))
                names.append(term)
                continue
            for level in values.cat.categories[1:]:
                columns.append((values == level).to_numpy(dtype=float))
                names.append(f"{term}.{level}")
        return np.column_stack(columns), names

    def take(self, n_genes: int) -> Study:
        """The study with some of its genes, evenly spaced."""
        chosen = np.linspace(0, self.counts.shape[1] - 1, n_genes).astype(int)
        changed = None if self.changed is None else self.changed[chosen]
        counts = np.ascontiguousarray(self.counts[:, chosen])
        return replace(self, counts=counts, changed=changed)

    def write(self, folder: Path) -> None:
        """Write the study for the workers of both languages."""
        design, names = self.design()
        n, genes = self.counts.shape
        tested = names.index(f"{self.factor}.{self.tested}")
        self.counts.astype("<i4").tofile(folder / "counts")
        design.astype("<f8").tofile(folder / "design")
        self.obs.loc[:, list(self.terms)].to_csv(folder / "obs.csv", index=False)
        question = {
            "size": [n, genes, len(names), tested],
            "formula": self.formula,
            "contrast": [self.factor, self.tested, self.reference],
            "size_factors": self.size_factors,
            "names": names,
            "levels": {
                term: [str(level) for level in self.obs[term].cat.categories]
                for term in self.terms
                if isinstance(self.obs[term].dtype, pd.CategoricalDtype)
            },
        }
        (folder / "study.json").write_text(json.dumps(question))


def balanced(mean: Floats, size: Floats) -> Floats:
    """Return log changes of these sizes, half of them up, as many counts as down.

    Then library sizes and medians of ratios both tell the depth, and error rates compare tests and
    not normalisations. What goes up is made smaller for that.
    """
    sign = np.empty(mean.size)
    sign[np.argsort(mean)] = np.where(np.arange(mean.size) % 2 == 0, 1.0, -1.0)
    up, down = sign > 0.0, sign < 0.0
    lost = (mean * -np.expm1(-size))[down].sum()
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        gained = (mean * np.expm1(middle * size))[up].sum()
        low, high = (low, middle) if gained > lost else (middle, high)
    return np.where(up, low * size, -size)


def simulate(n_genes: int, n_samples: int) -> Study:
    """Simulate two batches, two conditions and a covariate; a tenth of the genes respond.

    Dispersions scatter log-normally about a trend over the mean, samples differ in depth. With
    thousands of samples means are those of cells, about 69% of the counts zeros.
    """
    rng = np.random.default_rng([n_genes, n_samples])
    cells = n_samples >= MANY_SAMPLES
    condition, batch = np.arange(n_samples) % 2, np.arange(n_samples) // 2 % 2
    covariate = rng.normal(size=n_samples)
    mean = np.exp(rng.normal(-1.3, 1.5, n_genes) if cells else rng.normal(4.0, 1.8, n_genes))
    trend = 0.3 + 0.2 / mean if cells else 0.05 + 2.0 / mean
    alpha = trend * np.exp(rng.normal(0.0, 0.5, n_genes))
    # The few genes that hold most of the counts stay as they are.
    changed = (rng.random(n_genes) < CHANGED) & (mean < np.quantile(mean, 0.95))
    response = np.zeros(n_genes)
    response[changed] = balanced(mean[changed], np.abs(rng.normal(0.0, 1.0, changed.sum())))
    effects = np.column_stack(
        [rng.normal(0.0, 0.2, n_genes), response, rng.normal(0.0, 0.1, n_genes)]
    )
    samples = np.column_stack([batch, condition, covariate])
    depth = np.exp(rng.normal(0.0, 0.3, n_samples))
    counts = np.empty((n_samples, n_genes), dtype=np.int32)
    for i, (row, size) in enumerate(zip(samples, depth, strict=True)):
        mu = size * mean * np.exp((effects * row).sum(axis=1))
        counts[i] = rng.poisson(mu * rng.gamma(1.0 / alpha, alpha))
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical(np.where(batch > 0, "second", "first")),
            "condition": pd.Categorical(
                np.where(condition > 0, "treated", "control"), categories=["control", "treated"]
            ),
            "covariate": covariate,
        }
    )
    zeros = float((counts == 0).mean())
    return Study(
        name=f"{n_genes}x{n_samples}",
        description=f"simulated: {n_genes:,} genes x {n_samples:,} "
        f"{'cells' if cells else 'samples'}, {zeros:.0%} zeros",
        counts=counts, obs=obs, terms=("batch", "condition", "covariate"),
        factor="condition", tested="treated", size_factors="poscounts" if cells else "ratio",
        changed=changed,
    )  # fmt: skip


# Terms, and factor, tested level, reference.
EMBEDDED: dict[str, tuple[tuple[str, ...], tuple[str, str, str]]] = {
    "airway": (("cell", "dex"), ("dex", "trt", "untrt")),
    "pasilla": (("type", "condition"), ("condition", "treated", "untreated")),
}
# Tables of a folder that the caller names: counts.csv.gz (genes x samples) and samples.csv each.
FOLDERS: dict[str, tuple[tuple[str, ...], tuple[str, str, str]]] = {
    "fission": (("strain", "minute"), ("strain", "mut", "wt")),
    "gse96870_cerebellum": (("sex", "time"), ("time", "Day8", "Day0")),
    "yeast48": (("condition",), ("condition", "Snf2", "WT")),
    "riaz_nivolumab": (("time",), ("time", "On", "Pre")),
}


def _real(
    name: str, table: Any, samples: pd.DataFrame, terms: tuple[str, ...], contrast: tuple[str, ...]
) -> Study:
    factor, tested, reference = contrast
    obs = samples.loc[:, list(terms)].astype(str).reset_index(drop=True)
    for term in terms:
        levels = sorted(obs[term].unique())
        if term == factor:
            levels = [reference, *(level for level in levels if level != reference)]
        obs[term] = pd.Categorical(obs[term], categories=levels)
    values = np.asarray(table)
    kept = values.sum(axis=0, dtype=np.int64) >= LEAST_COUNTS
    counts = np.ascontiguousarray(values[:, kept], dtype=np.int32)
    text = f"{name}: {counts.shape[1]:,} genes x {len(obs):,} samples, ~ {' + '.join(terms)}"
    return Study(name, text, counts, obs, terms, factor, tested)


def embedded(name: str) -> Study:
    """Return a study that comes with the package."""
    from countglm import datasets

    data = getattr(datasets, name)()
    return _real(name, data.X, data.obs, *EMBEDDED[name])


def from_folder(name: str, folder: Path) -> Study:
    """Return a study of the folder of large tables."""
    table = pd.read_csv(folder / name / "counts.csv.gz", index_col=0, dtype={0: str})
    samples = pd.read_csv(folder / name / "samples.csv", index_col=0)
    return _real(name, table.to_numpy().T, samples, *FOLDERS[name])


def studies(data: Path | None) -> dict[str, Callable[[], Study]]:
    """Return what makes each study: simulated, embedded, and those of the folder."""
    found: dict[str, Callable[[], Study]] = {}
    for genes, samples in SIZES:
        found[f"{genes}x{samples}"] = lambda g=genes, n=samples: simulate(g, n)
    for name in EMBEDDED:
        found[name] = lambda name=name: embedded(name)
    if data is not None:
        for name in FOLDERS:
            found[name] = lambda name=name: from_folder(name, data)
    return found
