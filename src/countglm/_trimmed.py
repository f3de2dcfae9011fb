"""Size factors that maximise the likelihood of the best fitting genes, other parameters fixed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Genes with the lowest likelihood that the size factors do not have to fit.
TRIMMED_SHARE = 0.05
_MAX_NEWTON = 100
_MAX_HALVINGS = 40
_STEP_TOL = 1e-11
_MAX_SELECTIONS = 100


@dataclass(frozen=True)
class GeneFits:
    """Counts with what was fitted under the size factors ``s``: one row a gene."""

    y: Floats  # (n_genes, n_samples) counts
    mu: Floats  # (n_genes, n_samples) fitted means
    alpha: Floats  # (n_genes,) dispersions
    log_likelihood: Floats  # (n_genes,)


def order_free_sums(x: Floats) -> Floats:
    """Return the column sums of ``x`` (m, n), with the same bits for every order of the rows.

    Each entry is split at two grids that are so coarse, by the largest entry of its column, that
    sums of grid points are exact; what lies below the second grid is left out, about 2^-80 of the
    largest entry for a million rows (Demmel and Nguyen 2013, pre-rounded summation).
    """
    if x.shape[0] == 0:
        return np.zeros(x.shape[1])
    room = 2.0 ** (math.ceil(math.log2(x.shape[0])) + 2)
    total = np.zeros(x.shape[1])
    rest = x
    for _ in range(2):
        largest = np.abs(rest).max(axis=0)
        shift = 1.5 * room * 2.0 ** np.ceil(np.log2(np.where(largest > 0, largest, 1.0)))
        coarse = (rest + shift) - shift
        rest = rest - coarse
        total = total + coarse.sum(axis=0)
    return total


def maximise_trimmed(fits: GeneFits) -> Floats:
    """Return the change of the log size factors (n_samples,), of sum 0, at a maximum.

    Maximises the sum of the gene log-likelihoods above their own 5% quantile.  For given genes the
    likelihood is concave and separates into samples; choosing the genes anew never lowers the sum,
    so alternating both ends after finitely many choices (as in least trimmed squares).
    """
    change = np.zeros(fits.y.shape[1])
    kept = np.zeros(fits.alpha.size, dtype=bool)
    for _ in range(_MAX_SELECTIONS):
        likelihood = fits.log_likelihood + likelihood_change(fits, change)
        chosen = likelihood > np.quantile(likelihood, TRIMMED_SHARE)
        if not chosen.any():
            # All genes tie, as a single gene does with itself.
            chosen[:] = True
        if np.array_equal(chosen, kept):
            break
        kept = chosen
        change = _maximise_over(
            GeneFits(fits.y[kept], fits.mu[kept], fits.alpha[kept], fits.log_likelihood[kept]),
            change,
        )
    return change


def likelihood_change(fits: GeneFits, change: Floats) -> Floats:
    """Return each gene's gain of log-likelihood (n_genes,) as log size factors move by ``change``.

    With p = alpha mu / (1 + alpha mu) the gain of a count is
    y d - (y + 1/alpha) log(1 + p expm1(d)); at alpha = 0 it is y d - mu expm1(d).
    """
    return np.asarray(_gain(fits, change).sum(axis=1))


def _gain(fits: GeneFits, change: Floats) -> Floats:
    alpha = fits.alpha[:, None]
    growth = np.expm1(change)
    log_ratio = np.log1p(alpha * fits.mu / (1 + alpha * fits.mu) * growth)
    linear = fits.mu * growth
    # Below 1e-14 the two forms agree to rounding and the division would only lose digits.
    curved = np.divide(log_ratio, alpha, out=linear.copy(), where=alpha * fits.mu > 1e-14)
    return fits.y * (change - log_ratio) - curved


def _maximise_over(fits: GeneFits, change: Floats) -> Floats:
    """Newton's method on the sum over all genes of ``fits``, log size factors of fixed sum."""
    value = math.fsum(order_free_sums(_gain(fits, change)))
    for _ in range(_MAX_NEWTON):
        mu = fits.mu * np.exp(change)
        spread = 1 + fits.alpha[:, None] * mu
        score = order_free_sums((fits.y - mu) / spread)
        curvature = order_free_sums(mu * (1 + fits.alpha[:, None] * fits.y) / spread**2)
        # The multiplier of the constraint makes the step sum to zero.
        multiplier = math.fsum(score / curvature) / math.fsum(1 / curvature)
        step = (score - multiplier) / curvature
        for _ in range(_MAX_HALVINGS):
            moved = change + step
            gained = math.fsum(order_free_sums(_gain(fits, moved)))
            if gained >= value or np.abs(step).max() < 1e-7:
                break
            step = step / 2
        change, value = moved, gained
        if np.abs(step).max() <= _STEP_TOL:
            break
    return change - math.fsum(change) / change.size
