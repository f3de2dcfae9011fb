"""Dispersions of all genes at means that are given (docs/math.md, 14.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._parallel import resolve_block_size, run_blocks
from ._tiles import Task, make_filled, make_layout, make_learnt, run_kernels
from .basis import Basis, make_basis
from .kernels import columns

if TYPE_CHECKING:
    from ._fitting import Prior
    from .counts import GeneBlocks

Floats = NDArray[np.float64]


class FixedMeans(NamedTuple):
    """Dispersions (n_genes,), NaN where a mean is not a number, and how many maxima were met."""

    alpha: Floats
    maxima: NDArray[np.int32]


# A larger dispersion leaves nothing to tell.
MOST = 1e10


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
    layout = make_layout(_adjusting(make_basis(x), adjust), None)
    weight = np.ones((1, n_samples))
    centre = np.zeros(n_genes) if prior is None else prior.log_centre
    precision = 0.0 if prior is None else float(prior.precision)
    task = Task(
        screened=False,
        estimate=True,
        cap=min(float(cap), MOST),
        precision=precision,
        fixed=True,
        finish=False,
    )
    found = FixedMeans(np.full(n_genes, np.nan), np.zeros(n_genes, dtype=np.int32))

    def search(start: int, stop: int) -> None:
        means = np.ascontiguousarray(mu[:, start:stop].T)
        known = np.isfinite(means).all(axis=1) & np.isfinite(centre[start:stop])
        rows = np.flatnonzero(known)
        with np.errstate(divide="ignore"):
            offset = np.log(means[rows])
        if rows.size == 0:
            return
        filled = make_filled(rows.size, layout.at.p)
        run_kernels(
            np.ascontiguousarray(counts.block(start, stop)[rows]), offset, weight,
            np.zeros(rows.size), np.ascontiguousarray(centre[start:stop][rows]), layout, task,
            make_learnt(rows.size, layout.at.rank), filled,
        )  # fmt: skip
        found.alpha[start + rows] = filled.stats[:, columns.DISPERSION]
        found.maxima[start + rows] = filled.counters[:, columns.MAXIMA]

    run_blocks(search, n_genes, block_size=resolve_block_size(None, n_samples), threads=threads)
    return found


def _adjusting(basis: Basis, adjust: bool) -> Basis:
    """The basis of the Cox-Reid term: without columns there is none."""
    if adjust:
        return basis
    return replace(basis, columns=basis.columns[:0], to_coef=basis.to_coef[:, :0])
