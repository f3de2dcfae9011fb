"""Exact objectives of the analysis' stages at any estimate, for all genes at once.

Adjusted profile likelihoods re-maximise the coefficients at every dispersion, through `fit_glm`;
log-likelihoods of given coefficients are summed in long double.  Only differences between two
estimates of one gene mean anything: constants are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from countglm import fit_glm
from tests.support.profile import adjusted_profile_grid

Long = np.longdouble
LN2 = np.log(2.0)


def live_samples(fit: Any) -> np.ndarray:
    """Samples whose mean is positive at the supremum (n_genes, n_samples)."""
    live = np.ones((fit.n_genes, fit.n_samples), dtype=bool)
    told = fit.separation_pattern >= 0
    live[told] = ~fit.separated_samples[fit.separation_pattern[told]]
    return live


def half_log_det(fit: Any) -> np.ndarray:
    """Half the log determinant of the expected information (n_genes,), NaN without a fit.

    Over the samples of positive mean, in an orthonormal basis of what they determine.
    """
    live = live_samples(fit)
    mu = fit.mu().T
    value = np.full(fit.n_genes, np.nan)
    patterns, of_gene = np.unique(live, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        genes = np.flatnonzero(of_gene.ravel() == number)
        u, size, _ = np.linalg.svd(fit.design.matrix[pattern], full_matrices=False)
        q = u[:, size > 1e-10 * size.max(initial=0.0)]
        at = mu[np.ix_(genes, pattern)]
        weight = at / (1.0 + fit.dispersion[genes, None] * at)
        information = np.einsum("gi,ij,ik->gjk", weight, q, q)
        value[genes] = np.linalg.slogdet(information)[1] / 2.0
    return value


def adjusted_profile(counts: Any, design: Any, size_factors: np.ndarray, alpha: np.ndarray) -> Any:
    """Cox-Reid adjusted profile log-likelihood (n_genes,) at ``alpha``; NaN without counts."""
    known = np.where(np.isnan(alpha), 1.0, alpha)
    fit = fit_glm(counts, design, size_factors=size_factors, dispersion=known)
    return np.where(np.isnan(alpha), np.nan, fit.log_likelihood - half_log_det(fit))


def log_prior(alpha: np.ndarray, trend: np.ndarray, prior_variance: float) -> np.ndarray:
    """Log density of the dispersions' prior, without its constant."""
    return -((np.log(alpha) - np.log(trend)) ** 2) / (2.0 * prior_variance)


def gain_in_long_double(
    counts: np.ndarray, design: np.ndarray, size_factors: np.ndarray, pair: tuple[float, float]
) -> float:
    """By how much the adjusted profile of one gene is higher at the first of two dispersions."""
    values = adjusted_profile_grid(counts, design, np.log(size_factors), np.array(pair))
    return float(values[0] - values[1])


def gain_in_likelihood(
    counts: np.ndarray,
    log_scale: np.ndarray,
    alpha: np.ndarray,
    ours: tuple[np.ndarray, np.ndarray],
    theirs: np.ndarray,
) -> np.ndarray:
    """By how much the log-likelihood (n_genes,) is higher at our predictors than at theirs.

    ``counts`` (n_genes, n_samples); ``ours`` holds predictors without ``log_scale`` and where the
    mean is positive, both of that shape; sums are in long double.
    """
    y, a = counts.astype(Long), alpha.astype(Long)[:, None]
    predictor, live = ours
    shift = log_scale.astype(Long)

    def terms(eta: np.ndarray) -> np.ndarray:
        eta = eta.astype(Long) + shift
        return y * eta - (y + 1 / a) * np.log1p(a * np.exp(eta))

    difference = np.where(live, terms(np.where(live, predictor, 0.0)), Long(0)) - terms(theirs)
    return difference.sum(axis=1).astype(float)


def predictors(design: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Linear predictors (n_genes, n_samples) in long double."""
    x, b = design.astype(Long), coefficients.astype(Long)
    return np.add.reduce(b[:, None, :] * x[None, :, :], axis=2)
