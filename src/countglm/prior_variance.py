"""How much true log dispersions scatter about their trend (docs/math.md, section 9)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._median import median
from ._prior_few_df import continuous_minimiser, observed_density, simulated_minimiser
from .errors import InputError

Floats = NDArray[np.float64]

# Smallest prior variance, and smallest gene-wise dispersion whose residual is used.
FLOOR = 0.25
LEAST_DISPERSION = 1e-6
# Degrees of freedom up to which the sampling distribution is too skewed for a normal rule.
_FEW = 3
# Median absolute deviation of a normal variable to its standard deviation, as R rounds it.
_MAD = 1.4826


def prior_variance(
    dispersion: ArrayLike, trend_values: ArrayLike, df: float, *, replay: bool = False
) -> tuple[float, float]:
    """Estimate the variance of the prior of the log dispersion.

    Parameters
    ----------
    dispersion : (n_genes,) array
        Gene-wise dispersions; NaN genes and those below 1e-6 are left out.
    trend_values : (n_genes,) array
        Trend of the dispersion at the genes' means.
    df : float
        Residual degrees of freedom, samples minus coefficients, 0 and more.
    replay : bool
        At three degrees or fewer use DESeq2's simulated histograms and smoothing (1, 2 or 3
        degrees only) instead of the continuous minimum.

    Returns
    -------
    prior_variance : float
        Above 3 degrees the robust variance of the log residuals minus their sampling variance;
        at 3 or fewer the variance of the normal noise that, added to a log chi-squared variable,
        comes nearest to their histogram; at least 0.25.  At 0 degrees the robust variance itself.
    residual_variance : float
        Robust variance of the log residuals: squared median absolute deviation, scaled.

    Without any usable gene the answer is (0.25, 0.0).

    Raises
    ------
    InputError
        If the vectors differ in length, or ``df`` is negative, or not whole where the simulation
        needs it.

    Notes
    -----
    docs/math.md, 9.1-9.6; Love, Huber and Anders (2014), Genome Biology 15:550, for more than
    three degrees.  The order of the genes does not change a bit of the result.
    """
    dispersions = np.asarray(dispersion, dtype=np.float64)
    trend = np.asarray(trend_values, dtype=np.float64)
    if dispersions.ndim != 1 or dispersions.shape != trend.shape:
        raise InputError(
            "The prior variance needs one dispersion and one trend value a gene, "
            f"got shapes {dispersions.shape} and {trend.shape}."
        )
    if not df >= 0:
        raise InputError(f"Residual degrees of freedom must be 0 or more, got {df}.")
    residual = _log_residuals(dispersions, trend)
    if residual.size == 0:
        return FLOOR, 0.0
    robust = robust_variance(residual)
    if df == 0:
        return robust, robust
    if df > _FEW:
        return beyond_sampling(robust, df), robust
    if replay and df != int(df):
        raise InputError(f"The simulation knows 1, 2 and 3 degrees of freedom, got {df}.")
    density = observed_density(residual)
    if density is None:
        return FLOOR, robust
    fitted = simulated_minimiser(density, int(df)) if replay else continuous_minimiser(density, df)
    return max(fitted, FLOOR), robust


def robust_variance(residual: Floats) -> float:
    """Return the squared and scaled median absolute deviation (9.1); 0 of nothing."""
    if residual.size == 0:
        return 0.0
    return float((_MAD * median(np.abs(residual - median(residual)))) ** 2)


def beyond_sampling(variance: float, df: float) -> float:
    """Return a variance of log residuals without that of log chi-squared noise (9.1)."""
    from scipy.special import polygamma

    return max(variance - float(polygamma(1, df / 2)), FLOOR)


def _log_residuals(dispersion: Floats, trend_values: Floats) -> Floats:
    """Return the log ratios of the usable genes; only medians and counts are taken of them."""
    with np.errstate(invalid="ignore"):
        used = (dispersion >= LEAST_DISPERSION) & (trend_values > 0)
    used &= np.isfinite(dispersion) & np.isfinite(trend_values)
    return np.asarray(np.log(dispersion[used]) - np.log(trend_values[used]))
