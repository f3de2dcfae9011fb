"""Problems on which the package is judged: real studies and simulated extremes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FORMULAS = {
    "airway": "~ cell + dex",
    "pasilla": "~ type + condition",
    "fission": "~ strain * C(minute)",
}


@dataclass(frozen=True)
class Study:
    """A count table, samples x genes, with its sample table and formula."""

    name: str
    counts: Any
    obs: Any
    formula: str


def data_folder() -> Path | None:
    """Folder of the larger studies, or None where ``COUNTGLM_TEST_DATA`` is not set."""
    given = os.environ.get("COUNTGLM_TEST_DATA")
    return Path(given) if given else None


def study(name: str) -> Study | None:
    """Load a study; None where its files are not part of the project and not given."""
    import pandas as pd

    if name in ("airway", "pasilla"):
        import countglm

        adata = getattr(countglm.datasets, name)()
        return Study(name, adata.to_df().astype(np.int64), adata.obs, FORMULAS[name])
    folder = data_folder()
    if folder is None:
        return None
    counts = pd.read_csv(folder / name / "counts.csv.gz", index_col=0, dtype={0: str})
    obs = pd.read_csv(folder / name / "samples.csv", index_col=0)
    return Study(name, counts.T, obs, FORMULAS[name])


@dataclass(frozen=True)
class Extreme:
    """Simulated genes at the edge of what a caller may ask: counts are samples x genes."""

    name: str
    counts: np.ndarray
    design: np.ndarray
    dispersion: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)


def _designs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = 24
    group = np.arange(n) % 2
    year = 1940.0 + rng.integers(0, 60, n)
    block = np.arange(n) // 6
    dummies = (block[:, None] == np.arange(1, 4)).astype(float)
    covariates = rng.normal(size=(n, 3)) * [1.0, 1e-3, 50.0]
    ones = np.ones(n)
    return {
        "two groups": np.column_stack([ones, group]),
        "year of birth": np.column_stack([ones, group, year]),
        "year of birth, no intercept": np.column_stack([1 - group, group, year]),
        "8 coefficients": np.column_stack([ones, group, dummies, covariates]),
    }


def _draw(rng: np.random.Generator, mu: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Counts (n, genes) with mean mu (n, genes) and dispersion alpha (genes,)."""
    shape = np.broadcast_to(1 / np.maximum(alpha, 1e-9), mu.shape)
    rate = np.where(alpha > 1e-9, rng.gamma(shape, 1 / shape), 1.0) * mu
    large = rate > 1e9
    drawn = rng.poisson(np.where(large, 1.0, rate)).astype(float)
    return np.where(large, np.round(np.minimum(rate, 4e9)), drawn)


def extremes(seed: int, genes: int) -> list[Extreme]:
    """Simulated extremes, ``genes`` genes for every design and kind of option."""
    rng = np.random.default_rng(seed)
    cases = []
    for label, design in _designs(rng).items():
        n = design.shape[0]
        for kind in ("plain", "offset", "weights"):
            alpha = 10.0 ** rng.uniform(-12, 3, genes)
            level = rng.uniform(np.log(2.0), np.log(1e9), genes)
            slope = rng.normal(size=genes) * 0.7
            eta = level + design[:, [1]] * slope
            options: dict[str, Any] = {}
            if kind == "offset":
                options["offset"] = rng.uniform(-5, 5, (n, genes))
                eta = np.minimum(eta + options["offset"], np.log(2e9))
            if kind == "weights":
                options["weights"] = rng.choice([0.0, 1e-3, 0.5, 1.0, 3.0], (n, genes))
            counts = _draw(rng, np.exp(eta), alpha)
            cases.append(Extreme(f"{label}, {kind}", counts, design, alpha, options))
    return cases


def small_studies(seed: int, genes: int) -> list[Extreme]:
    """Simulated studies of few samples, for the dispersion: zeros, ties, boundaries abound."""
    rng = np.random.default_rng(seed)
    cases = []
    for n, p in ((4, 2), (6, 3), (8, 2), (8, 4)):
        design = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=(n, p - 2))])
        alpha = 10.0 ** rng.uniform(-3, 0.7, genes)
        level = rng.uniform(-0.5, 7, genes)
        counts = _draw(rng, np.exp(level + 0 * design[:, [1]]), alpha)
        cases.append(Extreme(f"n={n}, p={p}", counts, design, alpha))
    return cases


def size_factors_of(counts: np.ndarray) -> np.ndarray:
    """Some positive size factors, far from 1 and not round."""
    total = np.asarray(counts, dtype=float).sum(axis=1) + 1.0
    return total / np.exp(np.mean(np.log(total)))
