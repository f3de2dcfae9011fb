"""Tests on coefficients of a fit: Wald, likelihood ratio at the supremum, multiplicity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import is_number
from ._contrast_fit import constrained_log_likelihood, contrast_values
from ._families import GAUSSIAN, named_for, unit_of
from .errors import InputError
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
_STATUS_NAMES = np.array([status.name for status in sorted(Status)], dtype=object)
COLUMNS = (
    *("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj"),
    *("test", "status", "na_reason"),
)
ALTERNATIVES = ("greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less")


def benjamini_hochberg(pvalue: ArrayLike) -> Floats:
    """Return p-values adjusted for the false discovery rate; NaN stays NaN and is not counted.

    Parameters
    ----------
    pvalue : (m,) array_like
        In [0, 1] or NaN.

    Returns
    -------
    (m,) float64

    References
    ----------
    Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57:289.
    """
    return step_up(np.asarray(pvalue, dtype=np.float64))


def step_up(p: Floats, dependent: bool = False) -> Floats:
    """Return p-values (m,) adjusted by Benjamini and Hochberg, for any dependence by Yekutieli.

    NaN stays NaN and is not counted.
    """
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    ascending = p[order]
    if ascending.size and not (ascending[0] >= 0.0 and ascending[-1] <= 1.0):
        raise InputError("pvalue has entries outside [0, 1]; pass p-values, or NaN for none.")
    rank = np.arange(1, order.size + 1)
    ascending *= order.size / rank
    if dependent:
        ascending *= np.add.reduce(1.0 / rank)
    # No p-value may be adjusted to more than a larger one is.
    descending = ascending[::-1]
    np.minimum.accumulate(descending, out=descending)
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(ascending, 1.0)
    return adjusted


def wald_test(
    fit: GLMFit,
    contrast: Any,
    *,
    lfc_threshold: float = 0.0,
    alternative: str = "greaterAbs",
    use_t: bool = False,
    counts: Any = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Test one coefficient or contrast in every gene.

    Where the contrast has no finite estimate (a group without counts) the Wald test has no
    value: the p-value is then that of the likelihood ratio at the supremum, for the same
    hypothesis and dispersion, ``stat`` its signed root, and ``test`` says ``LRT``.

    Parameters
    ----------
    fit : GLMFit
    contrast : str, [factor, tested, reference] or (n_coef,) array_like
        Coefficient, comparison of two levels, or weights of the coefficients.
    lfc_threshold : float
        Bound of the null hypothesis, log2 (no counts: in units of the estimate), >= 0.
    alternative : {"greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less"}
        Larger than the threshold in absolute value (DESeq2's rule since 1.43, or before), smaller
        in absolute value, above, below minus the threshold.
    use_t : bool
        Student's t with ``n - p`` degrees of freedom (effective number of samples under weights)
        in place of the normal distribution. Without any, no gene has a p-value.
    counts : optional
        The counts of the fit, samples x genes; only needed after `GLMFit.load`, for ``LRT`` rows.
    threads : int, optional
        For ``LRT`` rows; None uses every core of the process's affinity.

    Returns
    -------
    DataFrame
        One row per gene: ``baseMean, log2FoldChange, lfcSE, stat, pvalue, padj, test, status,
        na_reason``; fold changes and their errors are log2, ``padj`` is Benjamini-Hochberg's,
        ``na_reason`` a word for every p-value that is NaN.  Where the responses are no counts the
        first three are ``mean, estimate, se``, in log odds or units of the response.

    Raises
    ------
    InputError
        Unknown contrast or alternative, negative threshold, counts missing.

    References
    ----------
    docs/math.md, section 7.
    """
    check_threshold(lfc_threshold, alternative)
    vector, _ = fit.design.contrast(contrast)
    columns = wald_columns(
        fit, vector, float(lfc_threshold), alternative, use_t, lambda: fit.require_counts(counts),
        threads,
    )  # fmt: skip
    return contrast_frame(fit, columns)


def wald_columns(
    fit: GLMFit,
    vector: Floats,
    bound: float,
    alternative: str,
    use_t: bool,
    counts: Callable[[], CountMatrix],
    threads: int | None,
) -> dict[str, Any]:
    """Return the columns of `wald_test` but the adjusted p-values; for ``LRT`` rows the counts."""
    estimate, error = contrast_values(fit, vector)
    unit = unit_of(fit)
    lfc, se = estimate / unit, error / unit
    df = residual_df(fit) if use_t else None
    stat, pvalue = wald_statistics(lfc, se, bound, alternative, df)
    pvalue[fit.status == Status.MAX_ITER] = np.nan
    test = np.full(fit.n_genes, "Wald", dtype=object)
    tested = ~np.isnan(fit.dispersion) & (True if df is None else df > 0.0)
    infinite = np.flatnonzero(np.isinf(lfc) & tested)
    if infinite.size:
        test[infinite] = "LRT"
        sign = np.sign(lfc[infinite])
        root = _signed_root(fit, counts(), infinite, vector, sign * bound * unit, threads)
        stat[infinite], pvalue[infinite] = _at_infinity(root, sign, alternative)
    return contrast_columns(fit, lfc, se, stat, pvalue, test, df)


def check_threshold(lfc_threshold: float, alternative: str) -> None:
    """Raise InputError unless the two make a hypothesis."""
    if alternative not in ALTERNATIVES:
        raise InputError(
            f"alternative={alternative!r} is not known; choose from {', '.join(ALTERNATIVES)}."
        )
    if not is_number(lfc_threshold) or not 0.0 <= lfc_threshold < np.inf:
        raise InputError(f"lfc_threshold={lfc_threshold!r} must be a log2 fold change >= 0.")
    if alternative == "lessAbs" and lfc_threshold == 0.0:
        raise InputError("alternative='lessAbs' needs lfc_threshold > 0: nothing is less than 0.")


def contrast_columns(
    fit: GLMFit,
    lfc: Floats,
    se: Floats,
    stat: Floats,
    pvalue: Floats,
    test: Any,
    df: Floats | None = None,
) -> dict[str, Any]:
    """Return the columns of a test but the adjusted p-values, with a word for every NaN.

    ``df`` are residual degrees of freedom where the test needs them.
    """
    return {
        "baseMean": fit.base_mean,
        "log2FoldChange": lfc,
        "lfcSE": se,
        "stat": stat,
        "pvalue": pvalue,
        "test": test,
        "status": _STATUS_NAMES[fit.status],
        "na_reason": reasons(fit, lfc, pvalue, df),
    }


def contrast_frame(fit: GLMFit, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return the table of `contrast_columns`: one row per gene, Benjamini-Hochberg if not given."""
    import pandas as pd

    table = {"padj": None, **columns}
    if table["padj"] is None:
        table["padj"] = benjamini_hochberg(table["pvalue"])
    ordered = named_for(fit, {name: table[name] for name in COLUMNS})
    return pd.DataFrame(ordered, index=pd.Index(fit.gene_names, name="gene"))


def residual_df(fit: GLMFit) -> Floats:
    """Return residual degrees of freedom (n_genes,), the samples counted by relative weight.

    Of a Gaussian, whose weights are inverse variances, every sample of positive weight is one.
    """
    effective = np.full(fit.n_genes, float(fit.n_samples))
    if fit.weights is not None and fit.family == GAUSSIAN:
        used = np.count_nonzero(fit.weights.reshape(fit.n_samples, -1) > 0.0, axis=0)
        effective = np.broadcast_to(used.astype(np.float64), (fit.n_genes,))
    elif fit.weights is not None:
        by_gene = fit.weights.reshape(fit.n_samples, -1)
        largest = np.max(by_gene, axis=0)
        scaled = by_gene / np.where(largest > 0.0, largest, 1.0)
        effective = np.broadcast_to(np.add.reduce(scaled, axis=0), (fit.n_genes,))
    return np.asarray(effective - len(fit.coef_names))


def _upper_tail(z: Floats, df: Floats | None) -> Floats:
    from scipy.special import ndtr, stdtr

    if df is None:
        return np.asarray(ndtr(-z))
    with np.errstate(invalid="ignore"):
        return np.where(df > 0.0, stdtr(np.where(df > 0.0, df, 1.0), -z), np.nan)


def wald_statistics(
    lfc: Floats, se: Floats, bound: float, alternative: str, df: Floats | None
) -> tuple[Floats, Floats]:
    """Return statistic and p-value (docs/math.md, eqs. 7.1 to 7.5)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = (np.abs(lfc) - bound) / se
        if alternative == "greaterAbs":
            near = _upper_tail(distance, df)
            far = near if bound == 0.0 else _upper_tail((np.abs(lfc) + bound) / se, df)
            return lfc / se, np.minimum(1.0, near + far)
        if alternative == "greaterAbs2014":
            stat = np.sign(lfc) * np.maximum(distance, 0.0)
            return stat, np.minimum(1.0, 2.0 * _upper_tail(distance, df))
        if alternative == "greater":
            above = (lfc - bound) / se
            return np.maximum(above, 0.0), _upper_tail(above, df)
        if alternative == "less":
            below = (-bound - lfc) / se
            return np.minimum(-below, 0.0), _upper_tail(below, df)
        low, high = (bound - lfc) / se, (bound + lfc) / se
        stat = np.minimum(np.maximum(low, 0.0), np.maximum(high, 0.0))
        return stat, np.maximum(_upper_tail(low, df), _upper_tail(high, df))


def _signed_root(
    fit: GLMFit,
    counts: CountMatrix,
    genes: NDArray[np.intp],
    vector: Floats,
    value: Floats,
    threads: int | None,
) -> Floats:
    """Return the square root of the likelihood ratio against ``vector @ beta == value``."""
    root = np.zeros(genes.size)
    for bound in np.unique(value):
        here = np.flatnonzero(value == bound)
        null = constrained_log_likelihood(fit, counts, genes[here], vector, float(bound), threads)
        gain = fit.log_likelihood[genes[here]] - null
        root[here] = np.sqrt(np.maximum(2.0 * gain, 0.0))
    return root


def _at_infinity(root: Floats, sign: Floats, alternative: str) -> tuple[Floats, Floats]:
    """Return statistic and p-value of infinite estimates (docs/math.md, eq. 7.6)."""
    stat, tail = sign * root, _upper_tail(root, None)
    if alternative in ("greaterAbs", "greaterAbs2014"):
        return stat, 2.0 * tail
    # One-sided hypotheses: an infinite estimate inside the null speaks for it.
    outside = {"greater": sign > 0.0, "less": sign < 0.0}.get(alternative, sign == 0.0)
    return np.where(outside, stat, 0.0), np.where(outside, tail, 1.0)


def reasons(
    fit: GLMFit, lfc: Floats, pvalue: Floats, df: Floats | None = None
) -> NDArray[np.object_]:
    """Return the word for every value (n_genes,) that is NaN, None for the others."""
    reason = np.full(fit.n_genes, None, dtype=object)
    missing = np.isnan(pvalue)
    reason[missing] = "not_estimable"
    unfinished = (fit.status == Status.MAX_ITER) | np.isnan(fit.log_likelihood) | np.isinf(lfc)
    reason[missing & unfinished & ~np.isnan(fit.dispersion)] = "not_converged"
    if df is not None:
        finished = (fit.status != Status.MAX_ITER) & ~np.isnan(fit.log_likelihood)
        reason[missing & finished & ~np.isnan(lfc) & ~(df > 0.0)] = "no_residual_df"
    reason[missing & (fit.status == Status.ALL_ZERO)] = "all_zero"
    reason[missing & (fit.status == Status.INVALID)] = "no_weight"
    return reason
