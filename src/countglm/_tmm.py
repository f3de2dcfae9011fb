"""Trimmed mean of M-values (Robinson and Oshlack 2010, Genome Biology 11:R25)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._columns import (
    column_totals,
    gene_blocks,
    positive_columns,
    require_counts,
    scale_to_unit_geometric_mean,
)

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

TRIM_M = 0.30
TRIM_A = 0.05


def tmm_size_factors(counts: CountMatrix, reference: int | None) -> NDArray[np.float64]:
    """Return library size times TMM factor (n_samples,), scaled to geometric mean 1.

    ``reference`` is the sample that the others are compared with; None chooses the one whose
    upper quartile, per library size, is nearest to the mean of all.
    """
    library = column_totals(counts)
    require_counts(counts, library, "size factors by 'tmm'")
    if reference is None:
        reference = reference_sample(counts, library)
    ref = _column(counts, reference)
    factor = np.empty(counts.n_samples)
    for i, genes, observed in positive_columns(counts, ref > 0):
        factor[i] = _trimmed_mean_ratio(observed, ref[genes], library[i], library[reference])
    return scale_to_unit_geometric_mean(library * scale_to_unit_geometric_mean(factor))


def reference_sample(counts: CountMatrix, library: NDArray[np.float64]) -> int:
    """Return the index of the sample whose scaled upper quartile is nearest to the mean."""
    n_expressed = sum(int((block > 0).any(axis=1).sum()) for _, block in gene_blocks(counts))
    quartile = np.empty(counts.n_samples)
    root_sum = np.empty(counts.n_samples)
    for i, _, values in positive_columns(counts):
        quartile[i] = _upper_quartile(values, n_expressed - values.size) / library[i]
        root_sum[i] = math.fsum(np.sqrt(values))
    if np.median(quartile) < 1e-20:
        # Most quartiles are zero in sparse data; the richest sample is then the reference.
        return int(np.argmax(root_sum))
    return int(np.argmin(np.abs(quartile - math.fsum(quartile) / quartile.size)))


def _upper_quartile(positive: NDArray[np.float64], n_zero: int) -> float:
    """Interpolated 75% point of ``positive`` together with ``n_zero`` zeros."""
    position = 0.75 * (positive.size + n_zero - 1)
    below = math.floor(position)
    ranks = [below - n_zero, min(below + 1, positive.size + n_zero - 1) - n_zero]
    ordered = np.partition(positive, [max(rank, 0) for rank in ranks])
    low, high = (float(ordered[rank]) if rank >= 0 else 0.0 for rank in ranks)
    return low + (position - below) * (high - low)


def _column(counts: CountMatrix, i: int) -> NDArray[np.float64]:
    column = np.empty(counts.n_genes)
    for start, block in gene_blocks(counts):
        column[start : start + block.shape[0]] = block[:, i]
    return column


def _trimmed_mean_ratio(
    y: NDArray[np.float64], ref: NDArray[np.float64], n_y: float, n_ref: float
) -> float:
    """Precision-weighted mean of log ratios between the trimmed quantiles of M and A, as a ratio.

    All of ``y`` and ``ref`` are positive: genes with a zero in either have no M-value.
    """
    share, ref_share = y / n_y, ref / n_ref
    m = np.log2(share / ref_share)
    if m.size == 0 or np.abs(m).max() < 1e-6:
        return 1.0
    a = (np.log2(share) + np.log2(ref_share)) / 2
    variance = (n_y - y) / n_y / y + (n_ref - ref) / n_ref / ref
    keep = _between(_average_ranks(m), TRIM_M) & _between(_average_ranks(a), TRIM_A)
    if not keep.any() or (variance[keep] == 0).any():
        # Nothing left between the quantiles, or one gene holds the whole library.
        return 1.0
    precision = math.fsum(1 / variance[keep])
    return float(2 ** (math.fsum(m[keep] / variance[keep]) / precision))


def _between(ranks: NDArray[np.float64], trim: float) -> NDArray[np.bool_]:
    low = math.floor(ranks.size * trim) + 1
    return (ranks >= low) & (ranks <= ranks.size + 1 - low)


def _average_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, ties = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(ties) - (ties - 1) / 2)[inverse]
