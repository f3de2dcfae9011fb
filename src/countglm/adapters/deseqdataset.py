"""What a DESeqDataSet holds of a result, as plain arrays for the R package to put in its places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._covariance import fisher_weight
from countglm._replaced import given_counts
from countglm._trimmed_moments import samples_in_cells
from countglm.analysis import analysis_of
from countglm.cooks import cooks_distances, leverages, max_cooks
from countglm.replay._regression import MIN_MU
from countglm.trend import Trend

if TYPE_CHECKING:
    from countglm._model import Model
    from countglm.analysis import Analysis
    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult

Floats = NDArray[np.float64]
LN2 = float(np.log(2.0))
# What a test of one coefficient alone takes, whatever the result tested.
_PLAIN: dict[str, Any] = {
    "test": "wald",
    "lfc_threshold": 0.0,
    "alternative": "greaterAbs",
    "independent_filtering": False,
    "filter_statistic": None,
    "p_adjust": "none",
    "interval": None,
    "cooks_cutoff": False,
}


def dataset_arrays(result: DEResult, *, assays: bool = True) -> dict[str, Any]:
    """Return the arrays that DESeq2 keeps in the object it has fitted.

    Parameters
    ----------
    result : DEResult
        With its counts at hand.
    assays : bool
        Also the matrices of one value per sample and gene.

    Returns
    -------
    dict
        ``rows``: (n_genes,) arrays under DESeq2's names; ``coefficients``, ``standard_errors``,
        ``stat``, ``pvalue``: (n_genes, n_coef), the first two in log2, the others None for a
        likelihood ratio; ``trend``: kind and numbers of the dispersion trend; ``variances``:
        residual and prior variance of the log dispersion; ``replaceable``: (n_samples,);
        ``assays``: (n_genes, n_samples) arrays in Fortran order.

    Notes
    -----
    Cook's distances compare the counts as given with the final fit, also for genes whose outliers
    were replaced.
    """
    analysis = analysis_of(result)
    fit, outliers = result.fit, result.outliers
    wald = result.settings["test"] == "wald"
    stat, pvalue = _tests_of_columns(result) if wald else (None, None)
    matrices = _matrices(analysis, given_counts(result))
    replaceable = _replaceable(result)
    rows = _rows(result)
    left = np.where(replaceable, 0.0, matrices["cooks"])
    rows["maxCooks"] = np.full(fit.n_genes, np.nan)
    if not replaceable.all():
        rows["maxCooks"] = max_cooks(left, fit.design.matrix)
    shown: dict[str, Floats] = matrices if assays else {}
    if assays and outliers is not None and outliers.replaced_gene.size:
        shown["replaceCounts"] = _gene_major(given_counts(result))
        where = outliers.replaced_gene, outliers.replaced_sample
        shown["replaceCounts"][where] = outliers.replaced_count
    return {
        "rows": rows,
        "coefficients": fit.coefficients / LN2,
        "standard_errors": fit.standard_errors / LN2,
        "stat": stat,
        "pvalue": pvalue,
        "trend": _trend(result),
        "variances": [result.dispersion.residual_variance, result.dispersion.prior_variance],
        "replaceable": replaceable,
        "assays": shown,
    }


def same_counts(result: DEResult, counts: CountMatrix, genes: Any = None) -> bool:
    """Whether counts are those that a result was given, of all genes or of some.

    Parameters
    ----------
    result : DEResult
        With its counts at hand.
    counts : (n_samples, n_genes)
        In the order of the result's samples and of ``genes``.
    genes : (n_genes,), optional
        Places in the result, counted from 0.
    """
    own = given_counts(result)
    if genes is not None:
        own = own.take_genes(np.asarray(genes, dtype=np.intp))
    return counts.fingerprint() == own.fingerprint()


def dispersion_arrays(result: DEResult) -> dict[str, NDArray[Any]]:
    """Return the stages of the dispersion (n_genes,) under DESeq2's names."""
    stages = result.dispersion
    return {
        "baseMean": stages.base_mean,
        "baseVar": stages.base_variance,
        "dispGeneEst": stages.genewise,
        "dispFit": stages.trend,
        "dispMAP": stages.map,
        "dispersion": stages.final,
        "dispOutlier": stages.outlier,
    }


def factor_arrays(result: DEResult) -> dict[str, Any]:
    """Return size factors (n_samples,) or, with an offset, factors (n_genes, n_samples)."""
    fit = result.fit
    if fit.offset is None:
        return {"size_factors": fit.size_factors, "normalization_factors": None}
    # Powers of e of either shape of an offset: by sample, or by sample and gene.
    shift = np.exp(fit.offset if fit.offset.ndim == 2 else fit.offset[:, None])
    shape = (fit.n_samples, fit.n_genes)
    factors = np.broadcast_to(fit.size_factors[:, None] * shift, shape)
    return {"size_factors": fit.size_factors, "normalization_factors": factors.copy().T}


def _rows(result: DEResult) -> dict[str, NDArray[Any]]:
    """Columns that DESeq2 keeps per gene; a missing dispersion is NaN."""
    fit, outliers = result.fit, result.outliers
    replaced = np.zeros(fit.n_genes, dtype=np.bool_) if outliers is None else outliers.refitted
    return {
        **dispersion_arrays(result),
        "allZero": result.dispersion.base_mean == 0.0,
        "betaConv": fit.converged,
        "betaIter": fit.n_iter.astype(np.float64),
        "deviance": -2.0 * fit.log_likelihood,
        "replace": replaced,
    }


def _tests_of_columns(result: DEResult) -> tuple[Floats, Floats]:
    """Statistic and p-value (n_genes, n_coef) of every coefficient against 0."""
    shape = result.fit.coefficients.shape
    stat, pvalue = np.empty(shape), np.empty(shape)
    for j, unit in enumerate(np.eye(shape[1])):
        table = result.test(unit, use_t=result.settings["use_t"], **_PLAIN).table
        stat[:, j], pvalue[:, j] = table["stat"], table["pvalue"]
    return stat, pvalue


def _matrices(analysis: Analysis, counts: CountMatrix) -> dict[str, Floats]:
    """Fitted means, leverages and Cook's distances (n_genes, n_samples)."""
    fit, model, replay = analysis.fit, analysis.steps.model, analysis.steps.replay
    x = model.design.matrix
    out = {name: _empty(model) for name in ("mu", "H", "cooks")}

    def task(start: int, stop: int) -> None:
        y, rows = counts.block(start, stop), slice(start, stop)
        scale = np.broadcast_to(model.scale(start, stop), y.shape)
        mu = np.ascontiguousarray(fit.mu(rows).T)
        # What DESeq2 computes from clamped means is followed where its fit is.
        information = fisher_weight(
            np.maximum(mu, MIN_MU) if replay else mu, fit.dispersion[rows, None]
        )
        weights = model.weight_rows(start, stop)
        if weights is not None:
            information = information * weights
        fitted = np.isfinite(information)
        hat = leverages(x, np.where(fitted, information, 0.0))
        hat = np.where(fitted, hat, np.nan)
        distance = cooks_distances(y, scale, mu, hat, x, weights=None if replay else weights)
        out["mu"][rows], out["H"][rows], out["cooks"][rows] = mu, hat, distance

    model.each_block(task)
    return out


def _empty(model: Model) -> Floats:
    """An array genes x samples as R stores one."""
    return np.empty((model.n_samples, model.n_genes)).T


def _gene_major(counts: CountMatrix) -> Floats:
    """The counts genes x samples, as R stores them."""
    out = np.empty((counts.n_samples, counts.n_genes)).T
    for start in range(0, counts.n_genes, 1024):
        stop = min(start + 1024, counts.n_genes)
        out[start:stop] = counts.block(start, stop)
    return out


def _replaceable(result: DEResult) -> NDArray[np.bool_]:
    """Samples with enough replicates that an outlier among them is replaced."""
    least = result.settings["min_replicates_for_replacement"]
    if least is None or result.outliers is None:
        return np.zeros(result.fit.n_samples, dtype=np.bool_)
    return np.asarray(samples_in_cells(result.fit.design.matrix, least))


def _trend(result: DEResult) -> dict[str, Any]:
    stages = result.dispersion
    function = stages.trend_function
    if isinstance(function, Trend):
        return dict(function.to_arrays())
    return {"kind": stages.trend_kind, "coefficients": stages.trend_coefficients}
