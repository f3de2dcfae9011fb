"""Counts from anywhere: one object that yields gene-major float64 blocks, validated once."""

from __future__ import annotations

from typing import Any

from countglm._backed import Reading, Unread, read_unread
from countglm._containers import no_layers, open_counts
from countglm._count_checks import CountCheck, check_counts
from countglm._count_matrix import (
    CountMatrix,
    GeneBlocks,
    given_names,
    warn_of_repeated_genes,
)
from countglm._names import check_unique_samples, plural, positions_as_names
from countglm.errors import InputError

__all__ = ["CountMatrix", "GeneBlocks", "Reading", "as_count_matrix"]


def as_count_matrix(
    counts: Any,
    *,
    layer: str | None = None,
    gene_names: Any = None,
    sample_names: Any = None,
    allow_noninteger: bool = False,
    min_samples: int = 2,
    reading: Reading | None = None,
) -> CountMatrix:
    """Read counts (samples x genes) from any supported container and validate them.

    Parameters
    ----------
    counts : ndarray, list of lists, DataFrame, SciPy sparse, AnnData, path, Dask array, CountMatrix
        Whole numbers from 0 to 2^53 in any real dtype. A CountMatrix is returned as it is. An
        AnnData may be backed; a path names an h5ad file, a zarr store or a MatrixMarket folder.
    layer : str, optional
        Layer of an AnnData to read instead of ``X``.
    gene_names : sequence of str (n_genes,), optional
        Replaces the names that the container carries.
    sample_names : sequence of str (n_samples,), optional
        The same of the samples.
    allow_noninteger : bool
        Accept fractions (estimated counts).
    min_samples : int
        1 where nothing is compared within these counts; a CountMatrix is not asked again.
    reading : Reading, optional
        How much memory may be taken by counts in a file, and where a scratch file goes.

    Returns
    -------
    CountMatrix

    Raises
    ------
    InputError
        A value that is no count (the first is named), a shape other than two-dimensional, fewer
        than ``min_samples`` samples, no gene, repeated sample names, an unknown layer or container.

    Warns
    -----
    CountglmWarning
        Once, where gene names repeat; the genes are kept.
    """
    if isinstance(counts, CountMatrix):
        if layer is not None:
            raise no_layers(layer, "a CountMatrix")
        return counts if gene_names is None else counts.renamed(gene_names)
    opened = open_counts(counts, layer, reading or Reading())
    n_samples, n_genes = opened.source.shape
    _check_shape(n_samples, n_genes, min_samples)
    samples = opened.sample_names
    if sample_names is not None:
        samples = given_names(sample_names, n_samples, "sample_names", "sample", "row")
    check_unique_samples(samples, "the counts")
    names = opened.gene_names
    if gene_names is not None:
        names = given_names(gene_names, n_genes, "gene_names", "gene", "column")
    elif names is None:
        names = positions_as_names(n_genes)
    source = opened.source
    if isinstance(source, Unread):
        source = read_unread(
            source, CountCheck(source.shape, samples, names, allow_noninteger, opened.elsewhere)
        )
    else:
        check_counts(
            source, samples, names, allow_noninteger=allow_noninteger, elsewhere=opened.elsewhere
        )
    if opened.gene_names is not None or gene_names is not None:
        warn_of_repeated_genes(names)
    return CountMatrix(source, samples, names, opened.obs, opened.var)


def _check_shape(n_samples: int, n_genes: int, min_samples: int) -> None:
    if n_samples == 0 or n_genes == 0:
        raise InputError(
            f"The counts are empty ({plural(n_samples, 'sample')} x {plural(n_genes, 'gene')}); "
            "look where the table was read or filtered."
        )
    if n_samples < min_samples:
        raise InputError(
            f"The counts have one sample (shape (1, {n_genes})), and a comparison needs at least "
            "two; rows are samples, columns are genes."
        )
