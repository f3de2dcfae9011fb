"""Size factors of new samples against the genes of earlier ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._scaling import Scale, reference_size_factors, resolve_scale
from .errors import InputError
from .size_factors import log_geometric_means

if TYPE_CHECKING:
    from .counts import CountMatrix

Floats = NDArray[np.float64]


def reference_means(counts: CountMatrix, size_factors: Any, scale: Scale) -> Floats | None:
    """Log geometric means (n_genes,) that new samples can be compared with, None without a rule."""
    if scale.by_gene or not (isinstance(size_factors, str) and size_factors == "ratio"):
        return None
    return log_geometric_means(counts, zeros_as_ones=False)


def scale_of_new_samples(
    counts: CountMatrix,
    log_means: Floats | None,
    gene_names: Any,
    size_factors: Any,
    normalization_factors: Any,
) -> Scale:
    """Return the scale of new samples, by default against the genes' earlier means."""
    if gene_names is not None:
        _check_genes(counts, gene_names)
    if size_factors is not None:
        return resolve_scale(counts, size_factors, normalization_factors)
    if normalization_factors is not None:
        return resolve_scale(counts, "none", normalization_factors)
    if log_means is None:
        raise InputError(
            "This transformation was not made with size factors by 'ratio', so it cannot find "
            "those of new samples; pass size_factors= or normalization_factors=."
        )
    return Scale(reference_size_factors(counts, log_means))


def _check_genes(counts: CountMatrix, gene_names: Any) -> None:
    if counts.n_genes != len(gene_names):
        raise InputError(
            f"The new samples have {counts.n_genes} genes, but the transformation was made with "
            f"{len(gene_names)}; give the same genes in the same order."
        )
    wrong = np.flatnonzero(counts.gene_names != gene_names)
    if wrong.size:
        raise InputError(
            f"{wrong.size} of {counts.n_genes} genes of the new samples are not those of the "
            f"transformation, first {counts.gene_names[wrong[0]]!r} where it has "
            f"{gene_names[wrong[0]]!r}; give the same genes in the same order."
        )
