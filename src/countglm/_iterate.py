"""Size factors by alternating between a model of every gene and the trimmed likelihood."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm import prior_variance, trend
from countglm._columns import (
    column_totals,
    gene_blocks,
    require_counts,
    scale_to_unit_geometric_mean,
)
from countglm._parallel import resolve_block_size, resolve_threads, run_blocks
from countglm._tiles import Task, make_filled, make_layout, make_learnt, run_kernels
from countglm._trimmed import GeneFits, maximise_trimmed
from countglm.basis import make_basis
from countglm.errors import InputError
from countglm.kernels import columns

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

Floats = NDArray[np.float64]

MAX_ROUNDS = 100
# Largest change of a log size factor in the last round.
TOLERANCE = 1e-7
# Largest step of the extrapolation, in lengths of the last round's.
_MAX_EXTRAPOLATION = 4.0


class InterceptFits(NamedTuple):
    """Log mean, dispersion and log-likelihood of every gene (n_genes,)."""

    log_mean: Floats
    alpha: Floats
    log_likelihood: Floats


def iterate_size_factors(counts: CountMatrix, threads: int | None) -> Floats:
    """Return size factors (n_samples,) of geometric mean 1 that maximise the trimmed likelihood.

    Every round models each gene with an intercept only: its mean, and its dispersion shrunken
    towards the mean dispersion of all genes.  The size factors then maximise the likelihood of the
    95% of genes that fit best.  Rounds go on until the size factors stay where they are.  One
    floating copy of the genes with counts is held.
    """
    require_counts(counts, column_totals(counts), "size factors by 'iterate'")
    y = _genes_with_counts(counts)
    pool = resolve_threads(threads)
    log_s = np.zeros(counts.n_samples)
    last_log_s, last_change = log_s, log_s
    for _ in range(MAX_ROUNDS):
        fits = _shrunken_fits(y, np.exp(log_s), pool)
        mu = np.exp(fits.log_mean[:, None] + log_s)
        change = maximise_trimmed(GeneFits(y, mu, fits.alpha, fits.log_likelihood))
        if np.abs(change).max() <= TOLERANCE:
            return scale_to_unit_geometric_mean(np.exp(log_s + change))
        back = _extrapolation(change, last_change)
        # Rounds alone shrink the change by a half or so; two of them tell where they lead.
        moved = log_s + change - back * (log_s + change - last_log_s - last_change)
        last_log_s, last_change, log_s = log_s, change, moved
    raise InputError(
        f"size factors by 'iterate' did not settle: the last of {MAX_ROUNDS} rounds still moved "
        f"one by a factor of {math.exp(np.abs(change).max()):.6g}; use 'poscounts' or 'library'"
    )


def _extrapolation(change: Floats, last_change: Floats) -> float:
    """Weight of the last round's end in the next start (Anderson 1965, with a depth of one)."""
    difference = change - last_change
    size = math.fsum(difference * difference)
    if size == 0 or not last_change.any():
        return 0.0
    return min(max(math.fsum(change * difference) / size, -_MAX_EXTRAPOLATION), 0.5)


def _genes_with_counts(counts: CountMatrix) -> Floats:
    """Return the counts (n_genes, n_samples) of the genes that are not all zero."""
    kept = [block[(block > 0).any(axis=1)] for _, block in gene_blocks(counts)]
    return np.concatenate(kept)


def _shrunken_fits(y: Floats, s: Floats, threads: int) -> InterceptFits:
    """Fit every gene with its own dispersion, then with one drawn towards the mean of all."""
    free = _fit_intercepts(y, s, threads, 0.0, 0.0)
    if not (free.alpha > trend.LEAST_DISPERSION).any():
        # No gene varies more than Poisson counts, so there is nothing to shrink towards.
        return free
    log_centre = math.log(trend.mean_dispersion(free.alpha))
    usable = free.alpha[free.alpha >= prior_variance.LEAST_DISPERSION]
    spread = prior_variance.robust_variance(np.log(usable) - log_centre)
    prior = prior_variance.beyond_sampling(spread, s.size - 1)
    drawn = _fit_intercepts(y, s, threads, log_centre, 1.0 / prior)
    outlying = free.alpha > math.exp(log_centre + 2.0 * math.sqrt(spread))
    return InterceptFits(*(np.where(outlying, a, b) for a, b in zip(free, drawn, strict=True)))


def _fit_intercepts(
    y: Floats, s: Floats, threads: int, prior_log: float, prior_precision: float
) -> InterceptFits:
    """Fit mean and dispersion of every gene under the size factors ``s``."""
    n, n_genes = s.size, y.shape[0]
    layout = make_layout(make_basis(np.ones((n, 1))), None)
    offset, weight = np.log(s)[None, :], np.ones((1, n))
    task = Task(screened=False, estimate=True, cap=float(max(10, n)), precision=prior_precision)
    fits = InterceptFits(np.zeros(n_genes), np.zeros(n_genes), np.zeros(n_genes))

    def fit(start: int, stop: int) -> None:
        size = stop - start
        filled = make_filled(size, 1)
        run_kernels(
            y[start:stop], offset, weight, np.zeros(size), np.full(size, prior_log), layout, task,
            make_learnt(size, 1), filled,
        )  # fmt: skip
        fits.log_mean[start:stop] = filled.coef[:, 0]
        fits.alpha[start:stop] = filled.stats[:, columns.DISPERSION]
        fits.log_likelihood[start:stop] = filled.stats[:, columns.LOG_LIKELIHOOD]

    run_blocks(fit, n_genes, block_size=resolve_block_size(None, n), threads=threads)
    return fits
