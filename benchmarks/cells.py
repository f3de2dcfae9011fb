"""Simulated single cells: four groups in two batches, most counts zero, made chunk by chunk.

A chunk is the same whatever the number of cells, so that the first cells of a large table are a
table that engines can take which need all counts in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from studies import Study, balanced

Floats = NDArray[np.float64]
GROUPS, BATCHES = ("a", "b", "c", "d"), ("first", "second")
CHUNK = 10_000
CHANGED = 0.1
# Log means of the genes: about a twentieth of the counts are positive.
LOG_MEAN, SPREAD = -4.0, 1.6
FORMULA, CONTRAST = "~ batch + group", ["group", "d", "a"]


class Cells:
    """Cells of ``genes`` genes; ``chunk(k)`` is chunk ``k`` of them."""

    def __init__(self, genes: int, seed: int = 6) -> None:
        rng = np.random.default_rng([seed, genes])
        self.genes, self.seed = genes, seed
        self.alpha = 0.5 * np.exp(rng.normal(0.0, 0.5, genes))
        log_mean = rng.normal(LOG_MEAN, SPREAD, genes)
        effects = rng.normal(0.0, 0.3, (len(GROUPS), genes))
        # The last group differs from the first in some genes only, not in those of most counts.
        few = np.exp(log_mean) < np.quantile(np.exp(log_mean), 0.95)
        self.changed = changed = (rng.random(genes) < CHANGED) & few
        sizes = np.abs(rng.normal(0.0, 1.0, int(changed.sum())))
        effects[0] = effects[-1] = 0.0
        effects[-1, changed] = balanced(np.exp(log_mean[changed]), sizes)
        batch = np.vstack([np.zeros(genes), rng.normal(0.0, 0.2, genes)])
        self.mean = np.exp(log_mean + effects[None] + batch[:, None])

    def chunk(self, k: int) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.intp]]:
        """Return counts (CHUNK, genes), and group and batch of the cells."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(k,)))
        group, batch = rng.integers(0, len(GROUPS), CHUNK), rng.integers(0, len(BATCHES), CHUNK)
        depth = np.exp(rng.normal(0.0, 0.4, CHUNK))
        counts = np.zeros((CHUNK, self.genes), dtype=np.int32)
        # Some cells at a time stay in the processor's cache.
        for start in range(0, CHUNK, 100):
            rows = slice(start, start + 100)
            mu = depth[rows, None] * self.mean[batch[rows], group[rows]]
            counts[rows] = self._draw(rng, mu)
        return counts, group, batch

    def _draw(self, rng: np.random.Generator, mu: Floats) -> NDArray[np.int32]:
        """Return negative binomial counts by inversion: few entries go beyond the first step."""
        size = np.broadcast_to(1.0 / self.alpha, mu.shape)
        log_zero = -size * np.log1p(mu / size)
        u = rng.random(mu.shape)
        counts = np.zeros(mu.shape, dtype=np.int32)
        left = np.flatnonzero(u > np.exp(log_zero))
        u, size, mean = u.ravel()[left], size.ravel()[left], mu.ravel()[left]
        share, probability = mean / (mean + size), np.exp(log_zero.ravel()[left])
        below, k = probability.copy(), 0
        while left.size:
            probability *= (k + size) / (k + 1) * share
            below += probability
            k += 1
            counts.ravel()[left] = k
            # What rounding leaves beyond the last of the probability ends too.
            going = (u > below) & (probability > 1e-18)
            left, u, size, share = left[going], u[going], size[going], share[going]
            probability, below = probability[going], below[going]
        return counts


def sample_table(group: NDArray[np.intp], batch: NDArray[np.intp]) -> pd.DataFrame:
    """Return the table of cells with these groups and batches."""
    return pd.DataFrame(
        {
            "batch": pd.Categorical.from_codes(batch, list(BATCHES)),
            "group": pd.Categorical.from_codes(group, list(GROUPS)),
        },
        index=[f"c{i}" for i in range(group.size)],
    )


def study(cells: int, genes: int) -> Study:
    """Return the first cells as a study that is in memory."""
    source = Cells(genes)
    parts = [source.chunk(k) for k in range(-(-cells // CHUNK))]
    counts, group, batch = (np.concatenate(each)[:cells] for each in zip(*parts, strict=True))
    return Study(
        name=f"{genes}x{cells}", description=f"{cells:,} cells x {genes:,} genes",
        counts=counts, obs=sample_table(group, batch).reset_index(drop=True),
        terms=("batch", "group"), factor="group", tested="d", size_factors="library",
        changed=source.changed,
    )  # fmt: skip


def write_h5ad(path: Path, cells: int, genes: int) -> int:
    """Write the cells as sparse rows, chunk by chunk; return the number of positive counts."""
    import anndata
    import h5py

    source = Cells(genes)
    groups, batches, pointers = [], [], [np.zeros(1, dtype=np.int64)]
    written = 0
    with h5py.File(path, "w") as file:
        x = file.create_group("X")
        options: dict[str, Any] = {"shape": (0,), "maxshape": (None,), "chunks": (1 << 18,)}
        data = x.create_dataset("data", dtype="f4", **options)
        indices = x.create_dataset("indices", dtype="i4", **options)
        for k in range(-(-cells // CHUNK)):
            counts, group, batch = source.chunk(k)
            rows = min(CHUNK, cells - k * CHUNK)
            counts = counts[:rows]
            row, gene = np.nonzero(counts)
            end = written + row.size
            for dataset, values in ((data, counts[row, gene]), (indices, gene)):
                dataset.resize((end,))
                dataset[written:end] = values
            pointers.append(written + np.cumsum(np.bincount(row, minlength=rows)))
            groups.append(group[:rows])
            batches.append(batch[:rows])
            written = end
        x.create_dataset("indptr", data=np.concatenate(pointers))
        x.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        x.attrs["shape"] = np.array([cells, genes])
        var = pd.DataFrame(index=[f"g{i}" for i in range(genes)])
        obs = sample_table(np.concatenate(groups), np.concatenate(batches))
        anndata.io.write_elem(file, "obs", obs)
        anndata.io.write_elem(file, "var", var)
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    return written
