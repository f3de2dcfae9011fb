"""Normalisation factors of every gene and sample, from the lengths of transcripts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import shaped
from ._columns import gene_blocks
from ._names import label
from ._scaling import Scale, like, normalized, resolve_scale
from .counts import CountMatrix, as_count_matrix
from .errors import InputError
from .size_factors import estimate_size_factors, log_geometric_means

Floats = NDArray[np.float64]
# What tximport can put into its counts.
ABUNDANCES = ("no", "scaledTPM", "lengthScaledTPM")
# Rules for the sequencing depth that can be had from counts divided by relative lengths.
DEPTH_RULES = ("ratio", "poscounts", "tmm", "library", "none")


class TximportCounts(NamedTuple):
    """What quantification gave, ready for a fit.

    Attributes
    ----------
    counts : (n_samples, n_genes)
        Estimated counts rounded to whole numbers; a DataFrame where the counts were one.
    normalization_factors : (n_samples, n_genes) or None
        Depth and relative length; None where the counts hold the lengths already, and size
        factors do.
    """

    counts: Any
    normalization_factors: Any


def from_tximport(
    counts: Any,
    lengths: ArrayLike | None = None,
    *,
    counts_from_abundance: str = "no",
    method: str = "ratio",
    layer: str | None = None,
) -> TximportCounts:
    """Round estimated counts and turn transcript lengths into normalisation factors.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix or AnnData, (n_samples, n_genes)
        Estimated counts per gene (tximport's ``counts``, transposed to samples x genes).
    lengths : (n_samples, n_genes), optional
        Average effective transcript lengths in bases (tximport's ``length``, transposed).  Zero or
        NaN is missing: see `estimate_normalization_factors`.
    counts_from_abundance : {"no", "scaledTPM", "lengthScaledTPM"}
        How the counts were made.  Scaled abundances hold the lengths already: ``lengths`` are then
        not used.
    method : str
        Rule for the depth, as in `estimate_normalization_factors`.
    layer : str, optional
        Layer of an AnnData with the estimated counts.

    Returns
    -------
    TximportCounts

    Raises
    ------
    InputError
        Invalid counts or lengths; no lengths with ``counts_from_abundance="no"``.

    References
    ----------
    docs/math.md, 13.6.  Soneson, Love and Robinson (2015), F1000Research 4:1521.
    """
    if counts_from_abundance not in ABUNDANCES:
        raise InputError(
            f"counts_from_abundance={counts_from_abundance!r} is not known; choose from "
            f"{', '.join(map(repr, ABUNDANCES))}."
        )
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=True)
    rounded = np.empty((matrix.n_samples, matrix.n_genes), dtype=np.int64)
    for start, y in gene_blocks(matrix):
        rounded[:, start : start + y.shape[0]] = np.rint(y).T
    whole = like(counts, rounded)
    if counts_from_abundance != "no":
        return TximportCounts(whole, None)
    if lengths is None:
        raise InputError(
            "Counts that are no scaled abundances need lengths (n_samples, n_genes): longer "
            "transcripts give more reads. Pass tximport's length, or make the counts with "
            "countsFromAbundance='lengthScaledTPM' and say so."
        )
    # Names go with the rounded counts: lengths are matched by them.
    factors = estimate_normalization_factors(matrix.with_values(rounded), lengths, method)
    return TximportCounts(whole, like(counts, factors))


def estimate_normalization_factors(
    counts: Any,
    lengths: ArrayLike,
    method: str = "ratio",
    *,
    size_factors: ArrayLike | None = None,
    layer: str | None = None,
    allow_noninteger: bool = False,
) -> Any:
    """Estimate what counts are divided by: sequencing depth times relative transcript length.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix or AnnData, (n_samples, n_genes)
        Counts as `fit_glm` takes them.
    lengths : (n_samples, n_genes)
        Average transcript lengths > 0 in any unit: only ratios within a gene matter.  A length of
        0 or NaN is missing and becomes the geometric mean of the gene's lengths in the other
        samples; a gene without any length has the same one in every sample.
    method : {"ratio", "poscounts", "tmm", "library", "none"}
        Rule for the depth, applied to counts divided by relative lengths.
    size_factors : (n_samples,), optional
        Depths > 0 to use instead of a rule.
    layer, allow_noninteger
        As in `fit_glm`.

    Returns
    -------
    (n_samples, n_genes) float64
        Positive factors with geometric mean 1 in every gene, so that normalised counts stay on
        the scale of the counts; a DataFrame where the counts were one.  Fits take their logarithm
        as ``offset`` with ``size_factors="none"``.

    Raises
    ------
    InputError
        Lengths of another shape, negative or infinite; a rule that cannot be had.

    References
    ----------
    docs/math.md, 13.6.  Love, Huber and Anders (2014), Genome Biology 15:550.
    """
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger)
    relative = _relative(filled_lengths(lengths, matrix))
    if size_factors is None:
        depth = _depth(matrix, relative, method)
    else:
        depth = resolve_scale(matrix, size_factors, None).per_sample
    factors = relative * depth[:, None]
    factors /= _geometric_means(factors)
    return like(counts, factors)


def filled_lengths(lengths: Any, counts: CountMatrix) -> Floats:
    """Lengths with missing ones filled by their gene's geometric mean; NaN without any."""
    given = shaped(lengths, "lengths", counts)
    if given.ndim != 2:
        raise InputError(
            f"lengths has shape {given.shape}; it must be ({counts.n_samples}, "
            f"{counts.n_genes}), samples x genes. A length per gene alone changes no comparison."
        )
    bad = (given < 0.0) | np.isinf(given)
    if bad.any():
        i, j = (int(k) for k in np.argwhere(bad)[0])
        raise InputError(
            f"lengths must be positive, but is {given[i, j]:g} for sample "
            f"{label(counts.sample_names, i)} and gene {str(counts.gene_names[j])!r} "
            f"({int(bad.sum())} of {bad.size} are invalid); use NaN where a length is unknown."
        )
    known = given > 0.0
    number = known.sum(axis=0)
    mean = _column_sums(np.log(np.where(known, given, 1.0))) / np.maximum(number, 1)
    return np.where(known, given, np.where(number > 0, np.exp(mean), np.nan))


def depth_beside_lengths(counts: CountMatrix, lengths: Floats, method: str) -> Floats:
    """Size factors (n_samples,) of counts over the relative lengths (docs/math.md, 13.6)."""
    return _depth(counts, _relative(lengths), method)


def _relative(lengths: Floats) -> Floats:
    """Filled lengths over their geometric mean in each gene, 1 where there is none."""
    known = np.where(np.isnan(lengths), 1.0, lengths)
    return known / _geometric_means(known)


def _depth(counts: CountMatrix, relative: Floats, method: str) -> Floats:
    if method not in DEPTH_RULES:
        raise InputError(
            f"method={method!r} is not known here; choose from {', '.join(DEPTH_RULES)}, or give "
            "size_factors=."
        )
    q = normalized(counts, Scale(relative))
    adjusted = counts.with_values(q)
    if method == "poscounts":
        # The geometric means are those of the counts themselves, as in DESeq2.
        means = np.exp(log_geometric_means(counts, zeros_as_ones=True))
        return estimate_size_factors(adjusted, "ratio", geo_means=means, allow_noninteger=True)
    return estimate_size_factors(adjusted, method, allow_noninteger=True)


def _geometric_means(values: Floats) -> Floats:
    return np.asarray(np.exp(_column_sums(np.log(values)) / values.shape[0]))


def _column_sums(values: Floats) -> Floats:
    """Sums over samples (n_genes,), each gene by itself."""
    return np.asarray(np.add.reduce(np.ascontiguousarray(values.T), axis=1))
