"""Passes over the samples of a gene-major count matrix in bounded memory.

Size factors need whole columns (medians, quantiles, sums over genes) of a matrix that is read by
blocks of genes.  As many samples at a time are read as fit in a budget: whole rows where an array
holds them, else their nonzeros.  What comes of a sample does not depend on the group that it is
read in, or on the storage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._by_samples import dense_rows
from countglm._median import median_of_finite
from countglm._names import label
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

# Entries of one block of genes and of one group of samples: 1 and 2 MB, to stay in the processor's
# cache.
_BLOCK_ENTRIES = 1 << 17
_GATHER_ENTRIES = 1 << 18
_LOW_BITS = float(1 << 26)


def gene_blocks(counts: CountMatrix) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (first gene, block of genes x samples) over the whole matrix."""
    step = max(1, _BLOCK_ENTRIES // counts.n_samples)
    for start in range(0, counts.n_genes, step):
        yield start, counts.block(start, min(start + step, counts.n_genes))


def column_groups(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.float64]]]:
    """Yield (first sample, gene numbers (m,) or (k, m), counts (k, m)) of groups of samples.

    ``genes`` (n_genes,) restricts the genes.  The counts hold every positive count of a sample
    once, and besides some zeros; they may be changed.
    """
    if not counts.by_samples:
        for first, rows in counts.sample_rows(_GATHER_ENTRIES):
            for start, places, values in dense_rows(rows, genes, _GATHER_ENTRIES):
                yield first + start, places, values
        return
    numbers = np.arange(counts.n_genes) if genes is None else np.flatnonzero(genes)
    group = max(1, _GATHER_ENTRIES // max(1, numbers.size))
    for first in range(0, counts.n_samples, group):
        columns = counts.samples(first, min(first + group, counts.n_samples), numbers)
        yield first, numbers, columns


def median_ratios(counts: CountMatrix, log_means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median ratio (n_samples,) of each sample's positive counts to ``exp(log_means)``.

    Genes whose log mean (n_genes,) is not finite are left out; 0 for a sample without the others.
    """
    used = np.isfinite(log_means)
    ratios = np.zeros(counts.n_samples)
    for first, numbers, columns in column_groups(counts, used):
        if not numbers.size:
            break
        columns[columns == 0] = np.inf
        np.log(columns, out=columns)
        columns -= log_means[numbers]
        middle = median_of_finite(columns).tolist()
        ratios[first : first + len(middle)] = [math.exp(value) for value in middle]
    return ratios


def column_totals(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return each sample's sum of counts (n_samples,), exactly rounded in any order of genes."""
    high = np.zeros(counts.n_samples, dtype=np.int64)
    low = np.zeros(counts.n_samples, dtype=np.int64)
    for values, add in _parts_of_columns(counts, genes):
        if (values != np.floor(values)).any():
            columns = (column for _, _, group in column_groups(counts, genes) for column in group)
            return np.array([math.fsum(column) for column in columns])
        # Counts reach 2^53: two halves of 26 bits add up without rounding for 2^36 genes.
        upper = np.floor(values / _LOW_BITS)
        if upper.any():
            high += add(upper)
        low += add(values - upper * _LOW_BITS)
    return np.array([float((int(h) << 26) + int(w)) for h, w in zip(high, low, strict=True)])


def _parts_of_columns(
    counts: CountMatrix, genes: NDArray[np.bool_] | None
) -> Iterator[tuple[NDArray[np.float64], Callable[[NDArray[np.float64]], NDArray[np.int64]]]]:
    """Yield values of some genes with what adds whole numbers in their places up by samples."""
    if not counts.is_sparse:
        for start, block in gene_blocks(counts):
            chosen = slice(None) if genes is None else genes[start : start + block.shape[0]]
            yield block[chosen], lambda part: part.astype(np.int64).sum(axis=0)
        return
    for start, stop in counts.stretches():
        found = counts.nonzeros(start, stop)
        values, samples = found.values, found.samples
        if genes is not None:
            kept = np.repeat(genes[start:stop], np.diff(found.pointers))
            values, samples = values[kept], samples[kept]
        yield values, partial(_sums, samples, counts.n_samples)


def _sums(
    samples: NDArray[np.int32], n_samples: int, part: NDArray[np.float64]
) -> NDArray[np.int64]:
    # Below 2^26 each, and no more than genes: sums of float64 are exact.
    return np.bincount(samples, part, n_samples).astype(np.int64)


def require_counts(counts: CountMatrix, totals: NDArray[np.float64], what: str) -> None:
    """Raise InputError naming the first sample whose total over the genes in use is zero."""
    empty = np.flatnonzero(totals == 0)
    if empty.size:
        raise InputError(
            f"{what}: {sample_label(counts, int(empty[0]))} has no positive count "
            f"({empty.size} of {counts.n_samples} samples are like this), so its size factor would "
            "be zero; remove such samples or give size_factors as an array"
        )


def sample_label(counts: CountMatrix, i: int) -> str:
    """Return how messages call sample ``i``: by name where there is one, else by position."""
    return f"sample {label(counts.sample_names, i)}"


def scale_to_unit_geometric_mean(s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``s`` (n_samples,) divided by its geometric mean."""
    return s / math.exp(math.fsum(np.log(s)) / s.size)
