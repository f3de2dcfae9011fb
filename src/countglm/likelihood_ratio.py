"""Likelihood ratio test of a design against a smaller one, at the dispersions of the fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._contrast_fit import contrast_values
from ._families import GAUSSIAN, unit_of
from ._gram_schmidt import gram_schmidt
from ._points import positive_weights
from ._reduced import reduced_design
from ._refit import Refitter, reached
from .inference import contrast_columns, contrast_frame
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from ._session import Session
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def likelihood_ratio_test(
    fit: GLMFit,
    reduced: Any,
    *,
    obs: Any = None,
    contrast: Any = None,
    counts: Any = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Test in every gene all that a smaller design leaves out, several coefficients at once.

    Both models are fitted to their optimum at the same dispersion; of a Gaussian each at the
    variance that maximises its likelihood (docs/math.md, eq. 17.13).  Where no finite optimum
    exists (a group without counts) the suprema of the likelihoods are compared, so such genes
    keep their p-value.

    Parameters
    ----------
    fit : GLMFit
        Of the full design.
    reduced : formula, array, DataFrame, Design or list of str
        The smaller design, whose columns are combinations of the full design's: a formula such as
        ``"~ batch"``; a matrix (n_samples, n_reduced); or names of the columns to keep, or, each
        with ``-`` before it, of the columns to leave out: ``["-condition[T.treated]"]``.
    obs : DataFrame, optional
        Sample table for a formula.  Without it the table of the AnnData that was fitted is used,
        or else the columns that the same terms have in the full design.
    contrast : str, list or (n_coef,) array_like, optional
        What ``log2FoldChange`` and ``lfcSE`` report, from the full model; the last coefficient by
        default.  It has no part in the test.
    counts : optional
        The counts of the fit, samples x genes; only needed after `GLMFit.load`.
    threads : int, optional
        None uses every core of the process's affinity.

    Returns
    -------
    DataFrame
        One row per gene with the columns of `wald_test`; ``stat`` is twice the gain in
        log-likelihood, ``pvalue`` from the chi-squared distribution with as many degrees of
        freedom as the designs differ in rank (on the samples of positive weight). NaN, word
        ``not_estimable``, where the counts cannot tell the designs apart, as of two silent groups.

    Raises
    ------
    InputError
        A reduced design that cannot be read, has columns outside the full one, or is not smaller;
        counts missing.

    References
    ----------
    docs/math.md, eqs. 7.7 and 7.8; Wilks (1938), Ann. Math. Statist. 9:60.
    """
    matrix = fit.require_counts(counts)
    vector = np.eye(len(fit.coef_names))[-1]
    if contrast is not None:
        vector, _ = fit.design.contrast(contrast)
    return contrast_frame(fit, likelihood_ratio_columns(fit, reduced, obs, vector, matrix, threads))


def likelihood_ratio_columns(
    fit: GLMFit,
    reduced: Any,
    obs: Any,
    vector: Floats,
    counts: CountMatrix,
    threads: int | None,
    session: Session | None = None,
) -> dict[str, Any]:
    """Return the columns of `likelihood_ratio_test` but the adjusted p-values."""
    from scipy.special import gammaincc

    smaller = reduced_design(fit, reduced, obs=obs, counts=counts)
    estimate, error = contrast_values(fit, vector)
    stat, gone = _statistics(fit, smaller.matrix, counts, threads, session)
    df = _degrees_of_freedom(fit, smaller.matrix, gone)
    pvalue = np.asarray(gammaincc(np.maximum(df, 1) / 2.0, stat / 2.0))
    nothing = ~np.isnan(stat) & (df == 0)
    stat[nothing] = pvalue[nothing] = np.nan
    unit = unit_of(fit)
    columns = contrast_columns(fit, estimate / unit, error / unit, stat, pvalue, "LRT")
    # Where both designs say the same of a gene, its infinite fold change is no failure.
    columns["na_reason"][nothing] = "not_estimable"
    return columns


def _statistics(
    fit: GLMFit,
    design: Floats,
    counts: CountMatrix,
    threads: int | None,
    session: Session | None,
) -> tuple[Floats, dict[int, Mask]]:
    """Return twice the gain in log-likelihood (n_genes,), NaN where either fit is unfinished.

    And the samples (n,) whose mean tends to 0 in the smaller design, by gene, where there are any.
    """
    stat = np.full(fit.n_genes, np.nan)
    # Infinite where a Gaussian fit leaves no residuals.
    finished = np.isfinite(fit.log_likelihood) & ~np.isnan(fit.dispersion)
    unfit = (Status.ALL_ZERO, Status.INVALID, Status.MAX_ITER)
    genes = np.flatnonzero(finished & ~np.isin(fit.status, unfit))
    problem = Refitter(fit, design, threads, session)(counts.take_genes(genes), genes)
    # Deviances and not likelihoods: the part of these that both share is large and rounded.
    gain = np.maximum(problem.stats[:, columns.DEVIANCE] - fit.deviance[genes], 0.0)
    if fit.family == GAUSSIAN:
        gain = _samples_of_weight(fit, genes) * np.log1p(gain / fit.deviance[genes])
    stat[genes] = np.where(reached(problem), gain, np.nan)
    gone = zip(genes.tolist(), problem.separated, strict=True)
    return stat, {gene: samples for gene, samples in gone if samples is not None}


def _samples_of_weight(fit: GLMFit, genes: NDArray[np.intp]) -> Floats:
    """Return how many samples count (g,)."""
    return np.array([np.count_nonzero(positive_weights(fit, gene)) for gene in genes.tolist()])


def _degrees_of_freedom(fit: GLMFit, design: Floats, gone: dict[int, Mask]) -> NDArray[np.intp]:
    """Return by how much the ranks of the two designs differ, per gene (n_genes,).

    Of separated genes that is the nominal difference, but 0 where the designs are one on the
    samples that the smaller leaves a mean above 0: then both have the same supremum.
    """
    df = np.full(fit.n_genes, fit.design.matrix.shape[1] - design.shape[1])
    known: dict[bytes, int] = {}

    def difference(samples: Mask) -> int:
        key = samples.tobytes()
        if key not in known:
            ranks = [gram_schmidt(x[samples])[2].sum() for x in (fit.design.matrix, design)]
            known[key] = int(ranks[0] - ranks[1])
        return known[key]

    for gene in np.flatnonzero(fit.status == Status.SINGULAR).tolist():
        df[gene] = difference(positive_weights(fit, gene))
    for gene, samples in gone.items():
        if difference(positive_weights(fit, gene) & ~samples) == 0:
            df[gene] = 0
    return df
