"""Counts on scales for clustering, plots and comparison: log-like, normalised, per million."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._depth import fpkm, fpm, normalized_counts
from ._regularized import RegularizedLog, regularize
from ._scaling import like, normalized, resolve_scale
from ._stabilizer import VarianceStabilizer, curve_for, make_stabilizer
from ._trend_of_counts import trend_of_counts
from .counts import as_count_matrix

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

__all__ = [
    "RegularizedLog",
    "VarianceStabilizer",
    "fit_rlog",
    "fit_vst",
    "fpkm",
    "fpm",
    "normalized_counts",
    "rlog",
    "vst",
]


def vst(
    counts: Any,
    *,
    design: Any = None,
    blind: bool = True,
    fit_type: Any = "parametric",
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    n_subset: int | None = None,
    mode: str = "exact",
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    threads: int | None = None,
) -> Any:
    """Transform counts to a log2-like scale on which the variance hardly depends on the mean.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix, AnnData or Dask array, (n_samples, n_genes)
        Counts as `fit_glm` takes them.
    design : (n_samples, n_coef) array, DataFrame or formula, optional
        With ``blind=False``: differences that the dispersion shall not hold.
    blind : bool
        Take all differences between samples for dispersion.
    fit_type : {"parametric", "local", "mean"} or callable
        Kind of dispersion trend, or the trend of another fit (its ``trend_function``).
    size_factors : {"ratio", "poscounts", "iterate", "tmm", "library", "none"} or (n_samples,)
        As in `fit_glm`.
    normalization_factors : (n_samples, n_genes), optional
        Positive factors instead of size factors, see `estimate_normalization_factors`.
    n_subset : int, optional
        Fit the trend on this many genes with means above 5, evenly spaced in the rank of the
        mean (DESeq2's `vst` takes 1000); None, or too few such genes, takes all genes.
    mode : {"exact", "replay"}
        Dispersions and trend at their optimum, or as DESeq2 1.38 computes them.
    obs : DataFrame, optional
        Variables of a formula.
    layer : str, optional
        Layer of an AnnData to use as counts.
    threads : int, optional
        None uses every core of the process's affinity.

    Returns
    -------
    (n_samples, n_genes) float64
        Log2-like values; a DataFrame where the counts were one.  Genes without counts have the
        value of a count of zero.

    Raises
    ------
    InputError
        Invalid counts, factors or options.

    References
    ----------
    docs/math.md, 13.1-13.3.  Anders and Huber (2010), Genome Biology 11:R106; Love, Huber and
    Anders (2014), Genome Biology 15:550.

    Examples
    --------
    >>> adata = countglm.datasets.pasilla()
    >>> adata.layers["vst"] = countglm.vst(adata)
    """
    matrix = as_count_matrix(counts, layer=layer)
    scale = resolve_scale(matrix, size_factors, normalization_factors)
    trend = trend_of_counts(
        matrix, scale, design=design, blind=blind, fit_type=fit_type, mode=mode,
        n_subset=n_subset, obs=obs, threads=threads,
    )  # fmt: skip
    q = normalized(matrix, scale)
    return like(counts, curve_for(trend, q, scale, mode)(q))


def fit_vst(
    counts: Any,
    *,
    mode: str = "exact",
    design: Any = None,
    blind: bool = True,
    fit_type: Any = "parametric",
    n_subset: int | None = None,
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    threads: int | None = None,
) -> VarianceStabilizer:
    """Make the transformation of `vst` without applying it, for samples that come later.

    Parameters
    ----------
    counts, mode, design, blind, fit_type, n_subset, size_factors, normalization_factors, obs, \
    layer, threads
        As in `vst`.

    Returns
    -------
    VarianceStabilizer

    Raises
    ------
    InputError
        As `vst`.

    References
    ----------
    docs/math.md, 13.1-13.3.

    Examples
    --------
    >>> stabilizer = countglm.fit_vst(adata)
    >>> values = stabilizer.transform(new_adata)
    """
    matrix = as_count_matrix(counts, layer=layer)
    scale = resolve_scale(matrix, size_factors, normalization_factors)
    trend = trend_of_counts(
        matrix, scale, design=design, blind=blind, fit_type=fit_type, mode=mode,
        n_subset=n_subset, obs=obs, threads=threads,
    )  # fmt: skip
    return make_stabilizer(matrix, scale, trend, size_factors, mode)


def rlog(
    counts: Any,
    *,
    design: Any = None,
    blind: bool = True,
    fit_type: Any = "parametric",
    prior_variance: float | None = None,
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    mode: str = "exact",
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    threads: int | None = None,
) -> Any:
    """Log2 of normalised counts, samples shrunken towards their gene where counts say little.

    Parameters
    ----------
    counts, design, blind, fit_type, size_factors, normalization_factors, obs, layer, threads
        As in `vst`.
    prior_variance : float, optional
        Variance > 0 of the prior of a sample's log2 effect; None estimates it.
    mode : {"exact", "replay"}
        The maximum of the penalised likelihood, or DESeq2 1.38's fit: means of at least 0.5 and an
        early stop.

    Returns
    -------
    (n_samples, n_genes) float64
        Log2 values; a DataFrame where the counts were one; 0 for genes without counts.

    Raises
    ------
    InputError
        Invalid counts, factors or options.

    References
    ----------
    docs/math.md, 13.4, 13.5 and 13.10.  Love, Huber and Anders (2014), Genome Biology 15:550.

    Examples
    --------
    >>> adata = countglm.datasets.pasilla()
    >>> adata.layers["rlog"] = countglm.rlog(adata)
    """
    fitted = fit_rlog(
        counts, prior_variance=prior_variance, design=design, blind=blind, fit_type=fit_type,
        size_factors=size_factors, normalization_factors=normalization_factors, mode=mode,
        obs=obs, layer=layer, threads=threads,
    )  # fmt: skip
    return like(counts, fitted.values)


def fit_rlog(
    counts: Any,
    *,
    mode: str = "exact",
    prior_variance: float | None = None,
    design: Any = None,
    blind: bool = True,
    fit_type: Any = "parametric",
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    threads: int | None = None,
) -> RegularizedLog:
    """Fit `rlog` and keep what samples that come later need.

    Parameters
    ----------
    counts, mode, prior_variance, design, blind, fit_type, size_factors, normalization_factors, \
    obs, layer, threads
        As in `rlog`.

    Returns
    -------
    RegularizedLog

    Raises
    ------
    InputError
        As `rlog`.

    References
    ----------
    docs/math.md, 13.4 and 13.5.
    """
    matrix = as_count_matrix(counts, layer=layer)
    scale = resolve_scale(matrix, size_factors, normalization_factors)
    trend = trend_of_counts(
        matrix, scale, design=design, blind=blind, fit_type=fit_type, mode=mode, obs=obs,
        threads=threads,
    )  # fmt: skip
    return regularize(
        matrix, scale, trend, prior_variance=prior_variance, mode=mode, size_factors=size_factors
    )
