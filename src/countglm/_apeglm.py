"""Shrinkage of one contrast by a Cauchy prior at its exact mode (docs/math.md, 12.1 to 12.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._cauchy_mode import Modes, choose, find_modes
from ._contrast_lines import ContrastLines
from ._parallel import resolve_threads, run_blocks
from .status import Status

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
# Entries of a block: temporaries stay in the cache.
ENTRIES = 2**15


def apeglm_exact(
    fit: GLMFit,
    counts: CountMatrix,
    vector: Floats,
    estimate: Floats,
    scale: float,
    threads: int | None = None,
) -> Modes:
    """Return the global posterior mode of ``vector @ beta`` under a Cauchy prior.

    The prior is flat on everything that leaves the contrast as it is, so the posterior is the
    profile likelihood of the contrast times the prior, whatever the coding of the design.

    Parameters
    ----------
    fit : GLMFit
        Gives design, dispersions, size factors, offsets, weights.
    counts : CountMatrix
        Of the fit.
    vector : (n_coef,) float64
    estimate : (n_genes,) float64
        Maximum likelihood estimates of the contrast, natural logarithm; +-inf where the
        likelihood has none; genes with NaN are not estimable and stay NaN.
    scale : float
        Of the prior, natural logarithm.
    threads : int, optional

    Returns
    -------
    Modes
        Arrays (n_genes,), natural logarithm.
    """
    lines = ContrastLines(fit, counts, vector)
    genes = np.flatnonzero(~np.isnan(estimate) & ~np.isnan(fit.dispersion))
    # Where the fit stopped early its estimate tells nothing about where the modes lie.
    unfinished = (fit.status == Status.MAX_ITER) | np.isnan(fit.log_likelihood)
    known = np.where(unfinished, np.nan, estimate)
    out = empty_modes(fit.n_genes)

    def task(start: int, stop: int) -> None:
        rows = genes[start:stop]
        modes = find_modes(lines.lines(rows), known[rows], scale)
        for whole, part in zip(out, choose(modes, rows.size), strict=True):
            np.asarray(whole)[rows] = np.asarray(part)

    run_blocks(
        task, genes.size, block_size=max(1, ENTRIES // lines.points),
        threads=resolve_threads(threads),
    )  # fmt: skip
    return discarded(out)


def empty_modes(size: int) -> Modes:
    """Return arrays to be filled: NaN, no mode, not converged."""
    missing = [np.full(size, np.nan) for _ in range(4)]
    return Modes(
        missing[0], missing[1], missing[2], np.zeros(size, dtype=np.int32), missing[3],
        np.zeros(size, dtype=np.bool_),
    )  # fmt: skip


def discarded(modes: Modes) -> Modes:
    """Take back the values of genes whose mode was not reached."""
    modes.t[~modes.converged] = np.nan
    modes.sd[~modes.converged] = np.nan
    return modes


def normal_tail_rates(estimate: Floats, sd: Floats, threshold: float = 0.0) -> Floats:
    """Return the probability (g,) of a false sign, or of an effect below ``threshold`` (12.10).

    Of a normal posterior with the mode's standard deviation.
    """
    from scipy.special import ndtr

    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ndtr((threshold - np.abs(estimate)) / sd))
