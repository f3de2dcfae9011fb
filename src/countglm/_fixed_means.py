"""Dispersions of all genes at means that are given (docs/math.md, 14.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._parallel import resolve_block_size, run_blocks
from .basis import make_basis, pad
from .kernels.fixed_means import fixed_means_block
from .kernels.gene import make_scratch

if TYPE_CHECKING:
    from ._fitting import Prior
    from .counts import GeneBlocks

Floats = NDArray[np.float64]


class FixedMeans(NamedTuple):
    """Dispersions (n_genes,), NaN where a mean is not a number, and how many maxima were met."""

    alpha: Floats
    maxima: NDArray[np.int32]


def dispersion_at_means(
    counts: GeneBlocks,
    mu: Floats,
    x: Floats,
    *,
    cap: float,
    adjust: bool = True,
    prior: Prior | None = None,
    threads: int = 1,
) -> FixedMeans:
    """Maximise the likelihood of each dispersion at fixed means, over the whole of [0, cap].

    Parameters
    ----------
    counts : GeneBlocks
    mu : (n_samples, n_genes) float64
        Means, positive; 0 only where the count is 0.
    x : (n_samples, p) float64
        Design matrix.
    cap : float
        Largest dispersion.
    adjust : bool
        Whether the Cox-Reid term of the design is part of the likelihood.
    prior : Prior, optional
        Normal prior of the log dispersion; with it the mode of the posterior is found.
    threads : int

    Returns
    -------
    FixedMeans

    References
    ----------
    docs/math.md, 5.1 to 5.5 and 14.2.  Cox and Reid (1987), J. R. Stat. Soc. B 49:1.
    """
    n_samples, n_genes = mu.shape
    basis = make_basis(x)
    columns = np.ascontiguousarray(basis.columns[: basis.columns.shape[0] if adjust else 0])
    weight = pad(np.ones((1, n_samples)))[0]
    centre = np.zeros(n_genes) if prior is None else prior.log_centre
    precision = 0.0 if prior is None else float(prior.precision)
    found = FixedMeans(np.full(n_genes, np.nan), np.zeros(n_genes, dtype=np.int32))

    def task(start: int, stop: int) -> None:
        means = np.ascontiguousarray(mu[:, start:stop].T)
        known = np.isfinite(means).all(axis=1) & np.isfinite(centre[start:stop])
        rows = np.flatnonzero(known)
        alpha, maxima = np.zeros(rows.size), np.zeros(rows.size, dtype=np.int32)
        fixed_means_block(
            pad(counts.block(start, stop)[rows]), pad(means[rows]), weight, columns, float(cap),
            np.ascontiguousarray(centre[start:stop][rows]), precision,
            make_scratch(weight.size, columns.shape[0]), alpha, maxima,
        )  # fmt: skip
        found.alpha[start + rows], found.maxima[start + rows] = alpha, maxima

    run_blocks(task, n_genes, block_size=resolve_block_size(None, n_samples), threads=threads)
    return found
