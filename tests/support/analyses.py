"""A small analysis with every kind of gene: outliers replaced, on/off, all zero, low."""

from __future__ import annotations

from functools import cache
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from countglm.workflows import differential_expression

N_GENES, N_SAMPLES = 90, 14
ZERO, ON_OFF, SPIKED = 3, 4, 5
CONTRAST = ["group", "b", "a"]


def study() -> ad.AnnData:
    """Two groups of seven, two batches; gene 3 is zero, 4 on and off, 5 has one huge count."""
    rng = np.random.default_rng(5)
    mean = np.exp(rng.uniform(0.5, 7.0, N_GENES))
    effect = np.where(np.arange(N_GENES) % 5 == 0, rng.normal(0, 1.5, N_GENES), 0.0)
    group = np.repeat([0.0, 1.0], 7)
    mu = mean * np.exp(group[:, None] * effect)
    size = 1.0 / (0.05 + 2.0 / mean)
    counts = rng.negative_binomial(size, size / (size + mu))
    counts[:, ZERO] = 0
    counts[:7, ON_OFF], counts[7:, ON_OFF] = 0, rng.poisson(60, 7)
    counts[2, SPIKED] = 50 * counts[:, SPIKED].max() + 5000
    obs = pd.DataFrame(
        {"group": list("aaaaaaabbbbbbb"), "batch": ["x", "y"] * 7},
        index=[f"s{i}" for i in range(N_SAMPLES)],
    )
    index = [f"g{i}" for i in range(N_GENES)]
    return ad.AnnData(counts.astype(np.int64), obs=obs, var=annotation(index))


def annotation(index: list[str]) -> pd.DataFrame:
    """Columns of many types, with missing values."""
    n = len(index)
    return pd.DataFrame(
        {
            "symbol": [None if i == 7 else f"S{i}" for i in range(n)],
            "biotype": pd.Categorical(np.resize(["coding", "lncRNA", None], n)),
            "length": np.arange(n) * 10 + 100,
            "gc": np.where(np.arange(n) == 2, np.nan, np.linspace(0.3, 0.6, n)),
            "known": np.arange(n) % 2 == 0,
            "exons": pd.array([None if i == 9 else i for i in range(n)], dtype="Int64"),
            "text": pd.array([None if i == 1 else "t" for i in range(n)], dtype="string"),
        },
        index=index,
    )


@cache
def analysis(**choices: Any) -> Any:
    """The result of the study; made once for equal choices. Outliers are replaced."""
    options = {"min_replicates_for_replacement": 3, "threads": 1} | choices
    return differential_expression(study(), "~ batch + group", CONTRAST, **options)
