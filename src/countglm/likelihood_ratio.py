"""Likelihood ratio test of a design against a smaller one, at the dispersions of the fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._contrast_fit import contrast_values, positive_weights
from ._gram_schmidt import gram_schmidt
from ._reduced import reduced_design
from ._refit import Refitter, reached
from .inference import LN2, contrast_frame
from .kernels import blocks
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]


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

    Both models are fitted to their optimum at the same dispersion.  Where no finite optimum
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
        freedom as the designs differ in rank (on the samples of positive weight).

    Raises
    ------
    InputError
        A reduced design that cannot be read, has columns outside the full one, or is not smaller;
        counts missing.

    References
    ----------
    docs/math.md, eqs. 7.7 and 7.8; Wilks (1938), Ann. Math. Statist. 9:60.
    """
    from scipy.special import gammaincc

    matrix = fit.require_counts(counts)
    smaller = reduced_design(fit, reduced, obs=obs, counts=matrix)
    vector = np.eye(len(fit.coef_names))[-1]
    if contrast is not None:
        vector, _ = fit.design.contrast(contrast)
    estimate, error = contrast_values(fit, vector)
    stat = _statistics(fit, smaller.matrix, matrix, threads)
    df = _degrees_of_freedom(fit, smaller.matrix)
    stat[df == 0] = np.nan
    pvalue = np.asarray(gammaincc(np.maximum(df, 1) / 2.0, stat / 2.0))
    return contrast_frame(fit, estimate / LN2, error / LN2, stat, pvalue, "LRT")


def _statistics(fit: GLMFit, design: Floats, counts: CountMatrix, threads: int | None) -> Floats:
    """Return twice the gain in log-likelihood (n_genes,), NaN where either fit is unfinished."""
    stat = np.full(fit.n_genes, np.nan)
    finished = ~np.isnan(fit.log_likelihood) & ~np.isnan(fit.dispersion)
    unfit = (Status.ALL_ZERO, Status.INVALID, Status.MAX_ITER)
    genes = np.flatnonzero(finished & ~np.isin(fit.status, unfit))
    problem = Refitter(fit, design, threads)(counts.take_genes(genes), genes)
    # Deviances and not likelihoods: the part of these that both share is large and rounded.
    gain = np.maximum(problem.stats[:, blocks.DEVIANCE] - fit.deviance[genes], 0.0)
    stat[genes] = np.where(reached(problem), gain, np.nan)
    return stat


def _degrees_of_freedom(fit: GLMFit, design: Floats) -> NDArray[np.intp]:
    """Return by how much the ranks of the two designs differ, per gene (n_genes,)."""
    df = np.full(fit.n_genes, fit.design.matrix.shape[1] - design.shape[1])
    known: dict[bytes, int] = {}
    for gene in np.flatnonzero(fit.status == Status.SINGULAR).tolist():
        weighted = positive_weights(fit, gene)
        key = weighted.tobytes()
        if key not in known:
            ranks = [gram_schmidt(x[weighted])[2].sum() for x in (fit.design.matrix, design)]
            known[key] = int(ranks[0] - ranks[1])
        df[gene] = known[key]
    return df
