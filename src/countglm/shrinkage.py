"""Shrunken fold changes and s-values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._normal_prior import can_expand
from ._shrinkers import Shrunk, Task, by_cauchy, by_mixture, by_normal, maximum_likelihood
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .deresult import DEResult

Floats = NDArray[np.float64]
LN2 = float(np.log(2.0))
METHODS = ("apeglm", "ash", "normal")
MODES = ("exact", "replay")


def svalues(rate: ArrayLike) -> Floats:
    """Return s-values: the expected share of false signs among all genes that are as sure.

    Parameters
    ----------
    rate : (m,) array_like
        Local false sign rates, in [0, 1]; NaN stays NaN and is not counted.

    Returns
    -------
    (m,) float64
        The mean of all rates that are no larger; equal rates get equal s-values.

    Raises
    ------
    InputError
        A rate outside [0, 1].

    References
    ----------
    Stephens (2017), Biostatistics 18:275; docs/math.md, eq. 12.16.
    """
    rates = np.asarray(rate, dtype=np.float64)
    out = np.full(rates.shape, np.nan)
    known = ~np.isnan(rates)
    values = rates[known]
    if ((values < 0.0) | (values > 1.0)).any():
        raise InputError("rate has entries outside [0, 1]; pass local false sign rates.")
    ordered = np.sort(values)
    running = np.cumsum(ordered) / np.arange(1, ordered.size + 1)
    out[known] = running[np.searchsorted(ordered, values, side="right") - 1]
    return out


def shrink(
    result: DEResult,
    *,
    coef: str | None = None,
    contrast: Any = None,
    method: str = "apeglm",
    lfc_threshold: float = 0.0,
    svalue: bool = False,
    counts: Any = None,
    threads: int | None = None,
    mode: str | None = None,
    prior_scale: float | None = None,
) -> DEResult:
    """Shrink the log fold changes of a result, more so the less the counts tell.

    Parameters
    ----------
    result : DEResult
    coef : str, optional
        Column of the design; or:
    contrast : str, [factor, tested, reference] or (n_coef,) array_like, optional
        By default what ``result`` tests. Another contrast is tested anew from the same fit.
    method : {"apeglm", "ash", "normal"}
        ``"apeglm"``: mode of the posterior under a Cauchy prior, which leaves large effects
        alone. Its scale is matched to all genes. The exact mode takes any contrast, with a flat
        prior on all that leaves the contrast as it is, and depends on no coding of the design.
        ``"ash"``: posterior mean under a mixture of normals around 0 that is learnt from
        estimates and standard errors.
        ``"normal"``: mode under normal priors, one for each level of every factor, which depends
        on no choice of reference; or, with ``coef=`` and in designs without factors or with
        interactions, one for each column of the design.
    lfc_threshold : float
        Log2, >= 0. With ``svalue``: rates of a false sign or an effect smaller than this.
    svalue : bool
        Give s-values in place of ``pvalue`` and ``padj``; not for ``"normal"``.
    counts : optional
        The counts of the analysis, samples x genes; only needed after `DEResult.load`.
    threads : int, optional
        None uses every core of the process's affinity.
    mode : {"exact", "replay"}, optional
        As the result by default. Replay takes R's priors on all other coefficients, its clamps
        and stopping rules, and for ``"apeglm"`` one coefficient only.
    prior_scale : float, optional
        Scale of the Cauchy prior, natural logarithm, > 0, in place of the matched one.

    Returns
    -------
    DEResult
        The same with ``log2FoldChange`` and ``lfcSE`` (standard deviation of the posterior)
        shrunken, finite also where the estimate is not. ``stat`` and intervals, which belong to
        the unshrunken estimates, are left out (``"normal"`` keeps ``stat``). Prior and
        certificate stand in ``settings["shrinkage"]``.

    Raises
    ------
    InputError
        Unknown method, coefficient or contrast; options that do not go together; no gene from
        which to learn the prior; counts missing.

    References
    ----------
    docs/math.md, section 12. Zhu, Ibrahim and Love (2019), Bioinformatics 35:2084; Stephens
    (2017), Biostatistics 18:275; Love, Huber and Anders (2014), Genome Biology 15:550.
    """
    mode = result.settings["mode"] if mode is None else mode
    _check(method, mode, lfc_threshold, svalue, prior_scale, coef, contrast)
    asked = contrast if coef is None else coef
    vector = result.contrast if asked is None else result.fit.design.contrast(asked)[0]
    if not np.array_equal(vector, result.contrast):
        result = result.test(asked, counts=counts, threads=threads)
    elif not _shown(method, svalue) <= set(result.table.columns):
        again = result.test(vector, counts=counts, threads=threads)
        result = replace(again, label=result.label)
    fit, matrix, replay = result.fit, result.require_counts(counts), mode == "replay"
    estimate, error = maximum_likelihood(fit, matrix, vector, replay)
    task = Task(fit, matrix, vector, estimate, error, replay, threads, _precision(result))
    if method == "apeglm":
        shrunk = by_cauchy(task, prior_scale, lfc_threshold * LN2)
    elif method == "ash":
        shrunk = by_mixture(task, lfc_threshold * LN2)
    else:
        single = np.count_nonzero(vector) == 1 and vector.max() == 1.0
        expanded = coef is None and (contrast is not None or not single or can_expand(fit.design))
        shrunk = _with_zero_contrasts(by_normal(task, expanded), result, replay)
    table = _table(result.table, shrunk, method, svalue)
    record = {
        "method": method, "mode": mode, "lfc_threshold": float(lfc_threshold), "svalue": svalue,
        **shrunk.record,
    }  # fmt: skip
    return replace(result, table=table, settings={**result.settings, "shrinkage": record})


def _check(
    method: str,
    mode: str,
    lfc_threshold: float,
    svalue: bool,
    prior_scale: float | None,
    coef: str | None,
    contrast: Any,
) -> None:
    """Raise for the first option that is wrong or does not go with the others."""
    if method not in METHODS:
        raise InputError(f"method={method!r} is not known; choose from {', '.join(METHODS)}.")
    if mode not in MODES:
        raise InputError(f"mode={mode!r} is not known; choose 'exact' or 'replay'.")
    if coef is not None and contrast is not None:
        raise InputError("coef and contrast were both given; give one of them.")
    if coef is not None and not isinstance(coef, str):
        raise InputError(f"coef={coef!r} must be the name of a column; use contrast= for others.")
    if not isinstance(lfc_threshold, int | float | np.number) or not 0.0 <= lfc_threshold < np.inf:
        raise InputError(f"lfc_threshold={lfc_threshold!r} must be a log2 fold change >= 0.")
    if method == "normal" and svalue:
        raise InputError("method='normal' has no s-values; use method='apeglm' or 'ash'.")
    if lfc_threshold > 0.0 and not svalue:
        raise InputError(
            "lfc_threshold changes s-values only; add svalue=True, or give it to "
            "differential_expression for p-values against a threshold."
        )
    if prior_scale is not None:
        if method != "apeglm":
            raise InputError("prior_scale belongs to method='apeglm'; leave it out.")
        if not isinstance(prior_scale, int | float | np.number) or not 0.0 < prior_scale < np.inf:
            raise InputError(f"prior_scale={prior_scale!r} must be positive (natural logarithm).")


def _precision(result: DEResult) -> Floats:
    """Return 1/(1/mean + trend) (n_genes,): how precise a log fold change of a gene is (12.11)."""
    dispersion = result.fit.dispersion
    trend = np.where(np.isnan(result.dispersion.trend), dispersion, result.dispersion.trend)
    mean = result.fit.base_mean
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = 1.0 / (1.0 / mean + trend)
    return np.where(np.isfinite(precision) & (mean > 0.0), precision, 0.0)


def _with_zero_contrasts(shrunk: Shrunk, result: DEResult, replay: bool) -> Shrunk:
    """Set to 0, in replay, what the result has at 0 because no compared sample has a count."""
    if replay:
        table = result.table
        zero = (table["log2FoldChange"] == 0.0) & (table["stat"] == 0.0)
        shrunk.estimate[zero.to_numpy()] = 0.0
    return shrunk


def _shown(method: str, svalue: bool) -> set[str]:
    """Return the columns of tests that the table keeps; a shrunken one may lack them."""
    return ({"stat"} if method == "normal" else set()) | (set() if svalue else {"pvalue", "padj"})


def _table(table: pd.DataFrame, shrunk: Shrunk, method: str, svalue: bool) -> pd.DataFrame:
    """Return the table with shrunken columns."""
    gone = ["ciLower", "ciUpper"] + ([] if method == "normal" else ["stat"])
    table = table.drop(columns=[name for name in gone if name in table])
    table["log2FoldChange"], table["lfcSE"] = shrunk.estimate / LN2, shrunk.error / LN2
    reason = table["na_reason"].to_numpy(copy=True)
    missing = np.isnan(shrunk.estimate)
    if svalue and shrunk.rate is not None:
        gone = [name for name in ("svalue", "pvalue", "padj") if name in table]
        place = list(table.columns).index(gone[0])
        table = table.drop(columns=gone)
        table.insert(place, "svalue", svalues(shrunk.rate))
        # Reasons of adjusted p-values do not concern s-values.
        reason[~missing] = None
    unexplained = missing & np.array([word is None for word in reason])
    reason[unexplained] = "not_converged"
    table["na_reason"] = reason
    return table
