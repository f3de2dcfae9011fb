"""Three groups of four samples, genes with effects of several sizes, and the step-up rule."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

import countglm

LN2 = math.log(2.0)
GROUPS = np.repeat(["a", "b", "c"], 4)
OBS = pd.DataFrame({"group": pd.Categorical(GROUPS), "x": np.tile([0.0, 1.0, -1.0, 0.5], 3)})
ALPHA = 0.2
FACTORS = np.tile([0.8, 1.3, 1.0, 0.9], 3)


def counts() -> np.ndarray:
    """Twelve genes of three groups, with effects of several sizes."""
    rng = np.random.default_rng(11)
    level = np.exp(rng.uniform(2, 6, 12))
    effect = np.array([1.0, 1.5, 0.4])[np.arange(12) // 4][:, None] ** rng.uniform(-3, 3, 12)
    mean = level * effect * FACTORS[:, None]
    return rng.negative_binomial(1 / ALPHA, 1 / (1 + ALPHA * mean)).astype(float) + 1


def fitted(y=None, formula="~ group", **options):
    chosen = {"dispersion": ALPHA, "size_factors": FACTORS, "obs": OBS} | options
    return countglm.fit_glm(counts() if y is None else y, formula, **chosen)


def brute_force_bh(p: np.ndarray) -> np.ndarray:
    """Smallest level at which each test is rejected, from the definition of the step-up rule."""
    m = p.size
    levels = [(np.sum(p <= q), q) for q in p]
    return np.array([min(1.0, min(m * q / k for k, q in levels if q >= one)) for one in p])
