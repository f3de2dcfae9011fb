"""Confidence intervals of a coefficient or contrast: Wald, or by the profile likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._contrast_fit import contrast_values
from ._families import GAUSSIAN, named_for, unit_of
from ._profile_bounds import Ends, profile_ends
from .errors import InputError
from .inference import reasons, residual_df
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .results import GLMFit

Floats = NDArray[np.float64]
METHODS = ("wald", "profile")


def confidence_intervals(
    fit: GLMFit,
    contrast: Any,
    *,
    level: float = 0.95,
    method: str = "wald",
    use_t: bool = False,
    counts: Any = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return a confidence interval of one coefficient or contrast in every gene.

    The profile likelihood interval holds the values that a likelihood ratio test at ``1 - level``
    does not reject, with the dispersion of the fit.  It follows the likelihood where that is not
    symmetric, is the same in every coding, and exists where the estimate is infinite: such genes
    have an infinite end, and the other end by profile likelihood under either method.

    Parameters
    ----------
    fit : GLMFit
    contrast : str, [factor, tested, reference] or (n_coef,) array_like
        As `wald_test` takes it.
    level : float
        Coverage, in (0, 1).
    method : {"wald", "profile"}
        Estimate plus and minus a multiple of its standard error, or profile likelihood.
    use_t : bool
        Quantiles of Student's t with ``n - p`` degrees of freedom (effective number of samples
        under weights) in place of the normal distribution's.
    counts : optional
        The counts of the fit, samples x genes; only needed after `GLMFit.load`, for profiles.
    threads : int, optional
        None uses every core of the process's affinity.

    Returns
    -------
    DataFrame
        One row per gene: ``baseMean, log2FoldChange, lower, upper, method, status, na_reason``.
        Ends are log2; ``method`` is ``Wald`` or ``profile``; ``na_reason`` a word for every
        interval that is NaN.  Where the responses are no counts the first two are ``mean,
        estimate``, and ends are log odds or units of the response.

    Raises
    ------
    InputError
        Unknown contrast or method, level outside (0, 1), counts missing.

    References
    ----------
    docs/math.md, eqs. 7.9 to 7.11; Venzon and Moolgavkar (1988), Appl. Statist. 37:87.
    """
    import pandas as pd

    if method not in METHODS:
        raise InputError(f"method={method!r} is not known; choose from {', '.join(METHODS)}.")
    if method == "profile" and fit.family == GAUSSIAN:
        raise InputError(
            "method='profile' adds nothing to a Gaussian fit, whose likelihood is a parabola; use "
            "method='wald' with use_t=True, which is exact."
        )
    if not isinstance(level, int | float | np.number) or not 0.0 < level < 1.0:
        raise InputError(f"level={level!r} must lie between 0 and 1; 0.95 is usual.")
    vector, _ = fit.design.contrast(contrast)
    estimate, error = contrast_values(fit, vector)
    df = residual_df(fit) if use_t else None
    quantile = interval_quantiles(fit.n_genes, float(level), df)
    unfinished = (fit.status == Status.MAX_ITER) | np.isnan(fit.dispersion)
    lower, upper = estimate - quantile * error, estimate + quantile * error
    lower[unfinished] = upper[unfinished] = np.nan
    usable = ~unfinished & ~np.isnan(estimate) & np.isfinite(quantile)
    usable &= ~np.isnan(fit.log_likelihood)
    profiled = usable & (np.isinf(estimate) | ((method == "profile") & (error > 0.0)))
    if profiled.any():
        genes = np.flatnonzero(profiled)
        at = fit.finite_coefficients[genes] * vector
        ends = _ends(genes, estimate[genes], error[genes], np.add.reduce(at, axis=1), quantile)
        values = profile_ends(fit, fit.require_counts(counts), vector, ends, threads)
        lower[genes], upper[genes] = -np.inf, np.inf
        down = ends.side < 0.0
        lower[ends.genes[down]], upper[ends.genes[~down]] = values[down], values[~down]
    lost = np.isnan(lower) | np.isnan(upper)
    lower[lost] = upper[lost] = np.nan
    unit = unit_of(fit)
    table = {
        "baseMean": fit.base_mean,
        "log2FoldChange": estimate / unit,
        "lower": lower / unit,
        "upper": upper / unit,
        "method": np.where(profiled, "profile", method.replace("wald", "Wald")),
        "status": [Status(code).name for code in fit.status],
        "na_reason": _reasons(fit, estimate, lower, profiled, df),
    }
    return pd.DataFrame(named_for(fit, table), index=pd.Index(fit.gene_names, name="gene"))


def interval_quantiles(n_genes: int, level: float, df: Floats | None) -> Floats:
    """Return the multiple (n_genes,) of the standard error in a Wald interval (eq. 7.9).

    Of Student's t with ``df`` degrees of freedom (n_genes,), NaN where there are none; of the
    normal distribution where ``df`` is None.
    """
    from scipy.special import ndtri, stdtrit

    # The lower tail keeps its digits at levels near 1.
    tail = 0.5 * (1.0 - level)
    if df is None:
        return np.full(n_genes, -float(ndtri(tail)))
    return np.where(df > 0.0, -stdtrit(np.where(df > 0.0, df, 1.0), tail), np.nan)


def _ends(
    genes: NDArray[np.intp], estimate: Floats, error: Floats, at: Floats, quantile: Floats
) -> Ends:
    """Return the finite ends to be found: both, or the one that an infinite estimate leaves."""
    rows, sides = [], []
    for side in (-1.0, 1.0):
        wanted = np.flatnonzero(estimate != side * np.inf)
        rows.append(wanted)
        sides.append(np.full(wanted.size, side))
    row, outward = np.concatenate(rows), np.concatenate(sides)
    z = quantile[genes[row]]
    step = np.where(np.isnan(error[row]), 0.0, z * error[row])
    return Ends(genes[row], outward, estimate[row], at[row] + outward * step, z * z)


def _reasons(
    fit: GLMFit,
    estimate: Floats,
    lower: Floats,
    profiled: NDArray[np.bool_],
    df: Floats | None,
) -> NDArray[np.object_]:
    reason = reasons(fit, estimate, lower, df)
    reason[profiled & np.isnan(lower)] = "not_converged"
    return reason
