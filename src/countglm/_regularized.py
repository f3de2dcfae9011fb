"""The regularised logarithm as an object: its values, and the transformation of new samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._columns import gene_blocks
from ._frozen import reference_means, scale_of_new_samples
from ._rlog import LN2, effect_variance, effects_at, replayed_effects, sample_effects
from ._scaling import Scale, gene_means, like, normalized
from .counts import CountMatrix, as_count_matrix
from .errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegularizedLog:
    """Regularised logarithms of a table of counts; made by `fit_rlog`.

    Attributes
    ----------
    dispersion : (n_genes,)
        Dispersion of the trend at each gene's mean; NaN for genes without counts.
    intercept : (n_genes,)
        Log2 level of each gene around which its samples are shrunken; NaN without counts.
    prior_variance : float
        Variance of the prior of a sample's log2 effect.
    mode : {"exact", "replay"}
    values : (n_samples, n_genes) or None
        Log2 values of the samples it was made with; 0 for genes without counts.
    trend : Trend, callable or None
    log_means : (n_genes,) or None
        Log geometric means of the genes, against which size factors of new samples are found.
    gene_names : (n_genes,) or None
    """

    dispersion: Floats
    intercept: Floats
    prior_variance: float
    mode: str = "exact"
    values: Floats | None = None
    trend: Any = None
    log_means: Floats | None = None
    gene_names: Any = None

    def transform(
        self,
        counts: Any,
        *,
        size_factors: Any = None,
        normalization_factors: ArrayLike | None = None,
        layer: str | None = None,
    ) -> Any:
        """Transform counts (n_new_samples, n_genes) of other samples, with all else kept.

        Parameters
        ----------
        counts, layer
            As in `rlog`.
        size_factors, normalization_factors
            As in `rlog`; by default against the geometric means of the earlier samples.

        Returns
        -------
        (n_new_samples, n_genes) float64, a DataFrame where the counts were one
            0 for genes without an intercept.

        Raises
        ------
        InputError
            Other genes, invalid counts, or size factors that cannot be found.
        """
        matrix = as_count_matrix(counts, layer=layer, min_samples=1)
        scale = scale_of_new_samples(
            matrix, self.log_means, self.gene_names, size_factors, normalization_factors
        )
        if self.intercept.shape != (matrix.n_genes,):
            raise InputError(
                f"This transformation has {self.intercept.size} genes, the counts have "
                f"{matrix.n_genes}; give the same genes in the same order."
            )
        known = np.isfinite(self.intercept) & (self.dispersion > 0.0)
        out = np.zeros((matrix.n_samples, matrix.n_genes))
        ridge = _ridge(self.prior_variance)
        for start, block in gene_blocks(matrix):
            stop = start + block.shape[0]
            rows = known[start:stop]
            factors = np.broadcast_to(scale.rows(start, stop), block.shape)[rows]
            level, alpha = self.intercept[start:stop][rows] * LN2, self.dispersion[start:stop][rows]
            if self.mode == "replay":
                effects = replayed_effects(block[rows], factors, alpha, ridge, level)[1]
            else:
                effects = effects_at(block[rows], factors, alpha, ridge, level)
            out[:, start + np.flatnonzero(rows)] = ((level[:, None] + effects) / LN2).T
        return like(counts, out)


def regularize(
    counts: CountMatrix,
    scale: Scale,
    trend: Any,
    *,
    prior_variance: float | None,
    mode: str,
    size_factors: Any,
) -> RegularizedLog:
    """Return the regularised logarithms of a table of counts."""
    q = normalized(counts, scale)
    mean = gene_means(q)
    genes = np.flatnonzero(mean > 0.0)
    if not genes.size:
        raise InputError("No sample has a count, so there is nothing to take a logarithm of.")
    alpha = np.full(counts.n_genes, np.nan)
    alpha[genes] = trend(mean[genes])
    if prior_variance is None:
        prior_variance = effect_variance(q[:, genes], mean[genes], alpha[genes])
    ridge = _ridge(prior_variance)
    fit = replayed_effects if mode == "replay" else sample_effects
    intercept = np.full(counts.n_genes, np.nan)
    # The normalised counts are not needed any more: their array takes the result.
    values = q
    values[:] = 0.0
    for start, block in gene_blocks(counts):
        stop = start + block.shape[0]
        rows = np.flatnonzero(mean[start:stop] > 0.0)
        factors = np.broadcast_to(scale.rows(start, stop), block.shape)[rows]
        level, effects = fit(block[rows], factors, alpha[start + rows], ridge)
        intercept[start + rows] = level / LN2
        values[:, start + rows] = ((level[:, None] + effects) / LN2).T
    return RegularizedLog(
        dispersion=alpha, intercept=intercept, prior_variance=float(prior_variance), mode=mode,
        values=values, trend=trend, log_means=reference_means(counts, size_factors, scale),
        gene_names=counts.gene_names,
    )  # fmt: skip


def _ridge(prior_variance: float) -> float:
    """Penalty of natural-log effects from the prior variance of log2 effects."""
    if not 0.0 < prior_variance < np.inf:
        raise InputError(
            f"prior_variance={prior_variance!r} must be positive and finite (of the samples' log2 "
            "effects)."
        )
    return 1.0 / (prior_variance * LN2**2)
