"""Small single-cell studies: cells of donors by type, and a screen of targets and a control."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy import sparse

GENES = 40


def _counts(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    alpha = 0.1 + 0.8 / mean.mean(axis=0)
    return rng.negative_binomial(1.0 / alpha, 1.0 / (1.0 + alpha * mean))


def cells(*, lonely: bool = True, per_sample: int = 25, seed: int = 5) -> AnnData:
    """Return cells of six donors, three of each condition, in types; ``lonely`` ones of one."""
    rng = np.random.default_rng(seed)
    donors = np.repeat([f"d{i}" for i in range(6)], 2 * per_sample)
    kind = np.tile(np.repeat(["T", "NK"], per_sample), 6)
    if lonely:
        donors = np.append(donors, rng.choice(["d0", "d1"], 12))
        kind = np.append(kind, ["B"] * 12)
    condition = np.where(np.char.lstrip(donors, "d").astype(int) < 3, "ctrl", "stim")
    order = rng.permutation(donors.size)
    donors, kind, condition = donors[order], kind[order], condition[order]
    base = np.exp(rng.normal(0.8, 0.8, GENES))
    effect = np.where(np.arange(GENES) < 8, 1.5, 0.0)
    mean = base * np.exp(effect * (condition == "stim")[:, None])
    mean = mean * rng.lognormal(0.0, 0.25, donors.size)[:, None]
    obs = pd.DataFrame(
        {"donor": donors, "kind": kind, "condition": pd.Categorical(condition)},
        index=[f"cell{i}" for i in range(donors.size)],
    )
    var = pd.DataFrame({"symbol": [f"S{j}" for j in range(GENES)]}, [f"g{j}" for j in range(GENES)])
    return AnnData(sparse.csr_matrix(_counts(rng, mean)), obs=obs, var=var)


def screen(*, targets: int = 3, per_target: int = 30, seed: int = 8) -> AnnData:
    """Return cells of a screen: ``targets`` guides against ``none``, in two batches."""
    rng = np.random.default_rng(seed)
    guides = np.repeat(["none", *(f"t{i}" for i in range(targets))], per_target)
    guides = np.append(guides, ["none"] * per_target)[rng.permutation(guides.size + per_target)]
    batch = np.tile(["x", "y"], guides.size)[: guides.size]
    base = np.exp(rng.normal(0.5, 0.8, GENES))
    mean = np.broadcast_to(base, (guides.size, GENES)).copy()
    for i in range(targets):
        mean[guides == f"t{i}", 5 * i : 5 * i + 5] *= 3.0
    obs = pd.DataFrame({"guide": guides, "batch": batch}, [f"c{i}" for i in range(guides.size)])
    return AnnData(
        sparse.csr_matrix(_counts(rng, mean)), obs=obs,
        var=pd.DataFrame(index=[f"g{j}" for j in range(GENES)]),
    )  # fmt: skip
