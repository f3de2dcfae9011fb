"""Passes over the samples of a gene-major count matrix in bounded memory.

Size factors need whole columns (medians, quantiles, sums over genes) of a matrix that is read by
blocks of genes.  The counts of as many samples at a time are gathered as fit in a budget; what is
gathered for a sample does not depend on the block size or on the storage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._median import median_of_finite
from countglm._names import label
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

# Entries of one block of genes and of one group of gathered samples: 1 MB, to stay in the
# processor's cache, and 8 MB.  Where every group costs a pass over all counts, perhaps of a file,
# few passes are worth 64 MB.
_BLOCK_ENTRIES = 1 << 17
_GATHER_ENTRIES = 1 << 20
_PASS_ENTRIES = 1 << 23
_LOW_BITS = float(1 << 26)


def gene_blocks(counts: CountMatrix) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (first gene, block of genes x samples) over the whole matrix."""
    step = max(1, _BLOCK_ENTRIES // counts.n_samples)
    for start in range(0, counts.n_genes, step):
        yield start, counts.block(start, min(start + step, counts.n_genes))


def positive_columns(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """Yield (sample, gene numbers, counts) of every sample's positive counts, genes ascending.

    ``genes`` (n_genes,) restricts the genes.  A sample without positive counts yields empty arrays.
    """
    for first, numbers, columns in column_groups(counts, genes):
        for i, values in enumerate(columns, first):
            found = np.flatnonzero(values > 0)
            yield i, numbers[found], values[found]


def column_groups(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """Yield (first sample, gene numbers (m,), counts (k, m)) of groups of samples, to be changed.

    ``genes`` (n_genes,) restricts the genes.
    """
    numbers = np.arange(counts.n_genes) if genes is None else np.flatnonzero(genes)
    entries = _GATHER_ENTRIES if counts.by_samples else _PASS_ENTRIES
    group = max(1, entries // max(1, numbers.size))
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


def _rows(block: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return some rows of a block; all of them without a copy."""
    return block if rows.size == block.shape[0] else block[rows]


def column_totals(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return each sample's sum of counts (n_samples,), exactly rounded in any order of genes."""
    high = np.zeros(counts.n_samples, dtype=np.int64)
    low = np.zeros(counts.n_samples, dtype=np.int64)
    for start, block in gene_blocks(counts):
        if genes is None:
            rows = block
        else:
            rows = _rows(block, np.flatnonzero(genes[start : start + block.shape[0]]))
        if (rows != np.floor(rows)).any():
            columns = positive_columns(counts, genes)
            return np.array([math.fsum(values) for _, _, values in columns])
        # Counts reach 2^53: two halves of 26 bits add up without rounding for 2^36 genes.
        upper = np.floor(rows / _LOW_BITS)
        high += upper.astype(np.int64).sum(axis=0)
        low += (rows - upper * _LOW_BITS).astype(np.int64).sum(axis=0)
    return np.array([float((int(h) << 26) + int(w)) for h, w in zip(high, low, strict=True)])


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
