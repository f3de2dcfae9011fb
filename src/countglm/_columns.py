"""Passes over the samples of a gene-major count matrix in bounded memory.

Size factors need whole columns (medians, quantiles, sums over genes) of a matrix that is read by
blocks of genes.  Only the positive counts are gathered, for as many samples at a time as fit in a
budget; what is gathered for a sample does not depend on the block size or on the storage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._names import label
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix

# Entries of one block of genes and of one group of gathered samples: 8 MB and 96 MB.
_BLOCK_ENTRIES = 1 << 20
_GATHER_ENTRIES = 1 << 23
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
    sizes = np.zeros(counts.n_samples, dtype=np.int64)
    for start, block in gene_blocks(counts):
        sizes += (_selected(block, start, genes)[0] > 0).sum(axis=0)
    first = 0
    while first < counts.n_samples:
        reach = np.cumsum(sizes[first:])
        last = first + max(1, int(np.searchsorted(reach, _GATHER_ENTRIES, side="right")))
        yield from _gather(counts, genes, first, sizes[first:last])
        first = last


def _selected(
    block: NDArray[np.float64], start: int, genes: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if genes is None:
        return block, np.arange(start, start + block.shape[0])
    rows = np.flatnonzero(genes[start : start + block.shape[0]])
    return block[rows], start + rows


def _gather(
    counts: CountMatrix,
    genes: NDArray[np.bool_] | None,
    first: int,
    sizes: NDArray[np.int64],
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    ends = np.cumsum(sizes)
    fill = ends - sizes
    gene_of = np.empty(int(ends[-1]), dtype=np.int64)
    value_of = np.empty(int(ends[-1]))
    for start, block in gene_blocks(counts):
        rows, numbers = _selected(block, start, genes)
        columns = np.ascontiguousarray(rows[:, first : first + sizes.size].T)
        sample, gene = np.nonzero(columns > 0)
        found = np.bincount(sample, minlength=sizes.size)
        place = np.arange(sample.size) + np.repeat(fill - (np.cumsum(found) - found), found)
        gene_of[place] = numbers[gene]
        value_of[place] = columns[sample, gene]
        fill = fill + found
    for i, (end, size) in enumerate(zip(ends, sizes, strict=True)):
        yield first + i, gene_of[end - size : end], value_of[end - size : end]


def column_totals(
    counts: CountMatrix, genes: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return each sample's sum of counts (n_samples,), exactly rounded in any order of genes."""
    high = np.zeros(counts.n_samples, dtype=np.int64)
    low = np.zeros(counts.n_samples, dtype=np.int64)
    for start, block in gene_blocks(counts):
        rows = _selected(block, start, genes)[0]
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
