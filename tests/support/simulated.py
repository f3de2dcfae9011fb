"""Small simulated studies: negative binomial counts of groups with known differences."""

from __future__ import annotations

import numpy as np
import pandas as pd


def simulate(
    *, genes: int, samples: int, seed: int, groups: int = 2, changed: float = 0.2
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return counts (samples x genes) and a sample table with the factor ``group``: a, b, ..."""
    rng = np.random.default_rng(seed)
    names = [f"s{i}" for i in range(samples)]
    level = np.arange(samples) * groups // samples
    mean = np.exp(rng.normal(5.0, 1.2, genes))
    alpha = (0.03 + 1.5 / mean) * np.exp(rng.normal(0.0, 0.5, genes))
    shift = rng.normal(0.0, 1.0, (groups, genes)) * (rng.random(genes) < changed)
    shift[0] = 0.0
    depth = np.exp(rng.normal(0.0, 0.2, samples))
    mu = depth[:, None] * mean * np.exp(shift[level])
    values = rng.negative_binomial(1.0 / alpha, 1.0 / (1.0 + alpha * mu))
    counts = pd.DataFrame(values, index=names, columns=[f"g{i}" for i in range(genes)])
    obs = pd.DataFrame({"group": pd.Categorical([chr(ord("a") + i) for i in level])}, index=names)
    return counts, obs
