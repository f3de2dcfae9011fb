"""The problems: counts, design, size factors and dispersions, made the same way everywhere.

Every gene here has a finite estimate, so that the distance to it can be measured. Dispersions
are given: the question is the fit of the coefficients, which every engine understands alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """One model for every gene: ``log mu = log size factor + design @ beta``."""

    name: str
    description: str
    counts: Floats  # (n_samples, n_genes)
    design: Floats  # (n_samples, n_coef)
    size_factors: Floats  # (n_samples,)
    dispersion: Floats  # (n_genes,)

    def first(self, n_genes: int) -> Problem:
        """The problem of the first genes."""
        return replace(self, counts=self.counts[:, :n_genes], dispersion=self.dispersion[:n_genes])


def _ratio_size_factors(counts: Floats) -> Floats:
    expressed = (counts > 0).all(axis=0)
    logs = np.log(counts[:, expressed])
    return np.exp(np.median(logs - logs.mean(axis=0), axis=1))


def _study(name: str, columns: list[str], n_genes: int) -> Problem:
    from countglm import datasets

    data = getattr(datasets, name)()
    counts = np.asarray(data.X, dtype=np.float64)
    size_factors = _ratio_size_factors(counts)
    # Without zeros the estimate exists whatever the design.
    kept = np.flatnonzero((counts > 0).all(axis=0))
    kept = kept[np.linspace(0, kept.size - 1, min(n_genes, kept.size)).astype(int)]
    counts = counts[:, kept]
    base_mean = (counts / size_factors[:, None]).mean(axis=0)
    blocks = [np.ones((counts.shape[0], 1))]
    for column in columns:
        levels = data.obs[column].astype("category").cat
        blocks.append(np.eye(len(levels.categories))[levels.codes][:, 1:])
    text = f"{name}: {counts.shape[0]} samples, ~ {' + '.join(columns)}"
    return Problem(name, text, counts, np.hstack(blocks), size_factors, 0.02 + 1.5 / base_mean)


def _simulated(
    name: str, text: str, design: Floats, n_genes: int, alpha: Floats, spread: float, seed: int
) -> Problem:
    rng = np.random.default_rng(seed)
    n, p = design.shape
    size_factors = np.exp(rng.normal(0, 0.3, n))
    centred = design - design.mean(axis=0)
    centred /= np.where(centred.std(axis=0) > 0, centred.std(axis=0), 1)
    effects = centred @ rng.normal(0, spread, (p, n_genes))
    mu = size_factors[:, None] * np.exp(rng.uniform(1, 7, n_genes) + effects)
    counts = rng.poisson(mu * rng.gamma(1 / alpha, alpha, (n, n_genes))).astype(np.float64)
    # One count in every sample keeps the estimate finite in all genes and changes no other.
    return Problem(name, text, np.maximum(counts, 1.0), design, size_factors, alpha)


def airway(n_genes: int) -> Problem:
    return _study("airway", ["cell", "dex"], n_genes)


def pasilla(n_genes: int) -> Problem:
    return _study("pasilla", ["type", "condition"], n_genes)


def cohort(n_genes: int) -> Problem:
    rng = np.random.default_rng(1)
    n = 100
    year = rng.integers(1935, 2005, n).astype(float)
    groups = np.eye(3)[rng.integers(0, 3, n)][:, 1:]
    design = np.column_stack([np.ones(n), year, rng.integers(0, 2, n), groups])
    text = "simulated cohort: 100 samples, year of birth uncentred, sex, 3 groups"
    return _simulated("cohort", text, design, n_genes, rng.uniform(0.02, 0.5, n_genes), 0.2, 2)


def noisy(n_genes: int) -> Problem:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(12), np.repeat([0.0, 1.0], 6), np.tile([0.0, 1, 2], 4)])
    text = "simulated: 12 samples, dispersions 1 to 10, effects of several log units"
    return _simulated("noisy", text, design, n_genes, rng.uniform(1, 10, n_genes), 1.5, 4)


def large(n_genes: int) -> Problem:
    rng = np.random.default_rng(5)
    design = np.column_stack([np.ones(1000), rng.normal(size=(1000, 3))])
    text = "simulated: 1,000 samples, intercept and 3 covariates"
    return _simulated("large", text, design, n_genes, rng.uniform(0.05, 1, n_genes), 0.3, 6)


PROBLEMS: dict[str, Callable[[int], Problem]] = {
    "airway": airway,
    "pasilla": pasilla,
    "cohort": cohort,
    "noisy": noisy,
    "large": large,
}
