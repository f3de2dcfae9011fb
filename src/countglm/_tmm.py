"""Trimmed mean of M-values (Robinson and Oshlack 2010, Genome Biology 11:R25)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._columns import (
    column_groups,
    column_totals,
    require_counts,
    scale_to_unit_geometric_mean,
)
from countglm._exact_sum import exact_row_sums

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

Floats = NDArray[np.float64]

TRIM_M = 0.30
TRIM_A = 0.05
# Samples that are read whole at once where their sums are too near to each other.
_TOGETHER = 256


def tmm_size_factors(counts: CountMatrix, reference: int | None) -> Floats:
    """Return library size times TMM factor (n_samples,), scaled to geometric mean 1.

    ``reference`` is the sample that the others are compared with; None chooses the one whose
    upper quartile, per library size, is nearest to the mean of all.
    """
    library = column_totals(counts)
    require_counts(counts, library, "size factors by 'tmm'")
    if reference is None:
        reference = reference_sample(counts, library)
    ref = _columns_of(counts, np.array([reference]))[0]
    factor = np.empty(counts.n_samples)
    for first, genes, observed in column_groups(counts, ref > 0):
        own = slice(first, first + observed.shape[0])
        factor[own] = _trimmed_mean_ratios(observed, ref[genes], library[own], library[reference])
    return scale_to_unit_geometric_mean(library * scale_to_unit_geometric_mean(factor))


def reference_sample(counts: CountMatrix, library: Floats) -> int:
    """Return the index of the sample whose scaled upper quartile is nearest to the mean."""
    n_expressed = int(np.count_nonzero(counts.nonzero_sizes()))
    if _mostly_zero(counts, n_expressed):
        return _richest(counts)
    quartile = np.empty(counts.n_samples)
    for first, _, values in column_groups(counts):
        own = slice(first, first + values.shape[0])
        quartile[own] = _upper_quartiles(values, n_expressed) / library[own]
    if np.median(quartile) < 1e-20:
        return _richest(counts)
    return int(np.argmin(np.abs(quartile - math.fsum(quartile) / quartile.size)))


def _mostly_zero(counts: CountMatrix, n: int) -> bool:
    """Whether the upper quartile of ``n`` genes is zero in more than half of the samples."""
    positive = np.zeros(counts.n_samples, dtype=np.int64)
    for start, stop in counts.stretches():
        np.add.at(positive, counts.nonzeros(start, stop).samples, 1)
    zero = positive < n - min(math.floor(0.75 * (n - 1)) + 1, n - 1)
    return bool(2 * np.count_nonzero(zero) > zero.size)


def _richest(counts: CountMatrix) -> int:
    """Return the first sample with the largest exactly rounded sum of roots of counts.

    It is the reference of sparse data, in which most quartiles are zero.
    """
    rough = np.zeros(counts.n_samples)
    for start, stop in counts.stretches():
        found = counts.nonzeros(start, stop)
        np.add.at(rough, found.samples, np.sqrt(found.values))
    # A plain sum of positive numbers is right to ten digits and more.
    near = np.flatnonzero(rough >= (1.0 - 1e-9) * rough.max())
    sums = [
        math.fsum(np.sqrt(column))
        for first in range(0, near.size, _TOGETHER)
        for column in _columns_of(counts, near[first : first + _TOGETHER])
    ]
    return int(near[np.argmax(sums)])


def _upper_quartiles(values: Floats, n: int) -> Floats:
    """Interpolated 75% points of the ``n`` largest of each row, or of all with zeros besides.

    ``values`` (k, m) may be sorted.
    """
    width = values.shape[1]
    position = 0.75 * (n - 1)
    below = math.floor(position)
    if width - n + min(below + 1, n - 1) < 0:
        return np.zeros(values.shape[0])
    values.sort(axis=1)
    low, high = (
        values[:, width - n + rank] if width - n + rank >= 0 else np.zeros(values.shape[0])
        for rank in (below, min(below + 1, n - 1))
    )
    return np.asarray(low + (position - below) * (high - low))


def _columns_of(counts: CountMatrix, samples: NDArray[np.intp]) -> Floats:
    """Counts (k, n_genes) of some samples."""
    columns = np.zeros((samples.size, counts.n_genes))
    number = np.full(counts.n_samples, -1)
    number[samples] = np.arange(samples.size)
    for start, stop in counts.stretches():
        found = counts.nonzeros(start, stop)
        rows = number[found.samples]
        here = np.flatnonzero(rows >= 0)
        genes = np.searchsorted(found.pointers, here, side="right") - 1
        columns[rows[here], start + genes] = found.values[here]
    return columns


def _trimmed_mean_ratios(y: Floats, ref: Floats, n_y: Floats, n_ref: float) -> Floats:
    """Precision-weighted means of log ratios between the trimmed quantiles of M and A, as ratios.

    One for each row of ``y`` (k, m); all of ``ref``, (m,) or (k, m), is positive where ``y`` is.
    Genes with a zero in either have no M-value.
    """
    known = y > 0
    # What stands in for unknown ratios takes part in nothing.
    y, ref = np.where(known, y, 1.0), np.where(known, ref, 1.0)
    total = n_y[:, None]
    share, ref_share = y / total, ref / n_ref
    m = np.log2(share / ref_share)
    a = (np.log2(share) + np.log2(ref_share)) / 2
    variance = (total - y) / total / y + (n_ref - ref) / n_ref / ref
    size = np.count_nonzero(known, axis=1)
    keep = _between_quantiles(m, known, size, TRIM_M)
    keep &= _between_quantiles(a, known, size, TRIM_A)
    same = np.where(known, np.abs(m), 0.0).max(axis=1, initial=0.0) < 1e-6
    # Nothing left between the quantiles, or one gene holds the whole library.
    bare = ~keep.any(axis=1) | (keep & (variance == 0)).any(axis=1)
    weight = np.divide(1.0, variance, out=np.zeros_like(m), where=keep & (variance != 0))
    weighted = np.divide(m, variance, out=np.zeros_like(m), where=keep & (variance != 0))
    sums, precisions = exact_row_sums(weighted), exact_row_sums(weight)
    exponent = np.divide(sums, precisions, out=np.zeros_like(sums), where=~(same | bare))
    return np.array([2.0**value for value in exponent.tolist()])


def _between_quantiles(
    x: Floats, known: NDArray[np.bool_], size: NDArray[np.intp], trim: float
) -> NDArray[np.bool_]:
    """Which known values of each row (k, m), ``size`` of them, are left by trimming both ends.

    Those of rank ``floor(size * trim) + 1`` and more from either end, of equal ones the mean rank.
    """
    x = np.where(known, x, np.inf)
    ordered = np.sort(x, axis=1)
    low = np.floor(size * trim).astype(np.intp) + 1
    row = np.arange(size.size)
    kept = known
    for rank, above in ((low, True), (np.maximum(size + 1 - low, 1), False)):
        # Mean ranks rise with the values: what has this rank, or its equals, is the border.
        border = ordered[row, rank - 1][:, None]
        twice = np.count_nonzero(x < border, axis=1) + np.count_nonzero(x <= border, axis=1) + 1
        inside = (twice >= 2 * rank if above else twice <= 2 * rank)[:, None]
        beyond = x > border if above else x < border
        kept = kept & (beyond | (inside & (x == border)))
    return kept
