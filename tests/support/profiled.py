"""Genes whose profiles of the dispersion are looked into."""

from __future__ import annotations

import numpy as np

from countglm.kernels import columns
from tests.support.blocks import BlockFit, fit_block

DESIGN = np.column_stack([np.ones(7), [0.0, 1, 0, 1, 0, 1, 1], [0.2, -1, 0.7, 1.4, -0.5, 0, 0.9]])
OFFSET = np.array([0.3, -0.2, 0.0, 0.1, -0.5, 0.2, 0.4])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 0.25])
GENES = {
    "spread": np.array([14.0, 3, 60, 9, 0, 31, 5]),
    "few": np.array([1.0, 0, 3, 0, 2, 1, 1]),
    "many": np.array([90000.0, 41000, 120000, 77000, 51000, 99000, 68000]),
}


def dispersions(fit: BlockFit) -> np.ndarray:
    """Dispersions that were found."""
    return fit.stats[:, columns.DISPERSION].copy()


def searched(counts, design, **options) -> BlockFit:
    """Search dispersions and nothing else."""
    return fit_block(counts, design, estimate=True, finish=False, **options)


def simulated(seed: int, genes: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts from few to many, a design of two groups and a covariate, log size factors."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=n)])
    offset = rng.normal(0, 0.3, n)
    mu = np.exp(offset + rng.uniform(0, 8, genes)[:, None] + 0.3 * rng.normal(size=(genes, 1)))
    alpha = 10.0 ** rng.uniform(-2, 0.5, genes)[:, None]
    y = rng.poisson(mu * rng.gamma(1 / alpha, alpha, (genes, n))).astype(float)
    y[:, :3] += 1.0
    return y, design, offset
