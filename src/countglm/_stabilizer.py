"""A variance stabilising transformation as an object, for samples that come later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._frozen import reference_means, scale_of_new_samples
from ._scaling import Scale, gene_means, like, normalized
from ._vst import Curve, stabilizing_curve
from .counts import CountMatrix, as_count_matrix

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VarianceStabilizer:
    """A variance stabilising transformation; made by `fit_vst`.

    Attributes
    ----------
    trend : Trend or callable
        Dispersion over the mean that it was made for.
    curve : callable
        From normalised counts of any shape to log2-like values; calling the object does the same.
    log_means : (n_genes,) or None
        Log geometric means of the genes, against which size factors of new samples are found.
    gene_names : (n_genes,) or None
    """

    trend: Any
    curve: Curve
    log_means: Floats | None = None
    gene_names: Any = None

    def __call__(self, normalized_counts: ArrayLike) -> Floats:
        """Transform normalised counts of any shape, also those of a single sample."""
        return self.curve(np.asarray(normalized_counts, dtype=np.float64))

    def transform(
        self,
        counts: Any,
        *,
        size_factors: Any = None,
        normalization_factors: ArrayLike | None = None,
        layer: str | None = None,
    ) -> Any:
        """Transform counts (n_new_samples, n_genes) of other samples of the same genes.

        Parameters
        ----------
        counts, layer
            As in `vst`.
        size_factors, normalization_factors
            As in `vst`; by default each sample's size factor is its median ratio to the genes'
            geometric means in the samples that the transformation was made with.

        Returns
        -------
        (n_new_samples, n_genes) float64, a DataFrame where the counts were one

        Raises
        ------
        InputError
            Other genes, invalid counts, or size factors that cannot be found.
        """
        matrix = as_count_matrix(counts, layer=layer, min_samples=1)
        scale = scale_of_new_samples(
            matrix, self.log_means, self.gene_names, size_factors, normalization_factors
        )
        return like(counts, self.curve(normalized(matrix, scale)))


def curve_for(trend: Any, q: Floats, scale: Scale, mode: str) -> Curve:
    """Return the transformation for a trend; ``q`` are the normalised counts it is scaled by."""
    noise = float(np.add.reduce(np.sort(1.0 / scale.per_sample)) / q.shape[0])
    return stabilizing_curve(trend, q, gene_means(q), noise, replay=mode == "replay")


def make_stabilizer(
    counts: CountMatrix, scale: Scale, trend: Any, size_factors: Any, mode: str
) -> VarianceStabilizer:
    """Return the transformation of a table of counts."""
    return VarianceStabilizer(
        trend=trend,
        curve=curve_for(trend, normalized(counts, scale), scale, mode),
        log_means=reference_means(counts, size_factors, scale),
        gene_names=counts.gene_names,
    )
