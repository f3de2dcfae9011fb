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
from countglm._trimmed import GeneFits, maximise_trimmed
from countglm.basis import make_basis, pad
from countglm.errors import InputError
from countglm.kernels import blocks
from countglm.kernels.gene import make_scratch
from countglm.kernels.solver import NEWTON

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
        change = maximise_trimmed(GeneFits(y[:, : log_s.size], mu, fits.alpha, fits.log_likelihood))
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
    """Return the counts (n_genes, padded n_samples) of the genes that are not all zero."""
    kept = [block[(block > 0).any(axis=1)] for _, block in gene_blocks(counts)]
    return pad(np.concatenate(kept))


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
    n = s.size
    basis = make_basis(np.ones((n, 1)))
    offset, weight = pad(np.log(s)[None, :]), pad(np.ones((1, n)))
    n_genes = y.shape[0]
    coef, errors = np.zeros((n_genes, 1)), np.zeros((n_genes, 1))
    stats = np.zeros((n_genes, blocks.N_STATS))
    counters = np.zeros((n_genes, blocks.N_COUNTERS), dtype=np.int32)
    centre = np.full(n_genes, prior_log)

    def fit(start: int, stop: int) -> None:
        rows = slice(start, stop)
        blocks.fit_block(
            y[rows], offset, weight, np.zeros(stop - start), basis.columns, basis.raw,
            basis.to_coef, basis.skeel, False, True, float(max(10, n)),
            centre[rows], prior_precision,
            NEWTON, 1e-8, 100.0, make_scratch(y.shape[1], 1),
            coef[rows], errors[rows], stats[rows], counters[rows],
            np.zeros((stop - start, 1, 1)), np.zeros((stop - start, 0, 5)),
        )  # fmt: skip

    run_blocks(fit, n_genes, block_size=resolve_block_size(None, n), threads=threads)
    return InterceptFits(
        coef[:, 0].copy(),
        stats[:, blocks.DISPERSION].copy(),
        stats[:, blocks.LOG_LIKELIHOOD].copy(),
    )
