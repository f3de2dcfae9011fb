"""Counts on the scale of a common depth: normalised, per million, per kilobase and million."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import as_real_array
from ._columns import column_totals, require_counts
from ._names import match_samples, sample_names_of
from ._scaling import Scale, like, normalized, resolve_scale
from .counts import CountMatrix, as_count_matrix
from .errors import InputError
from .normalization import depth_beside_lengths, filled_lengths

Floats = NDArray[np.float64]


def normalized_counts(
    counts: Any,
    *,
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    layer: str | None = None,
    allow_noninteger: bool = False,
) -> Any:
    """Divide counts by size factors or normalisation factors.

    Parameters
    ----------
    counts, size_factors, layer, allow_noninteger
        As in `fit_glm`.
    normalization_factors : (n_samples, n_genes), optional
        Positive factors instead of size factors, see `estimate_normalization_factors`.

    Returns
    -------
    (n_samples, n_genes) float64
        In units of counts; a DataFrame where the counts were one.

    Raises
    ------
    InputError
        Invalid counts or factors.

    References
    ----------
    docs/math.md, 13.8.
    """
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger, min_samples=1)
    return like(
        counts, normalized(matrix, resolve_scale(matrix, size_factors, normalization_factors))
    )


def fpm(
    counts: Any,
    *,
    robust: bool = True,
    size_factors: str | ArrayLike = "ratio",
    normalization_factors: ArrayLike | None = None,
    layer: str | None = None,
    allow_noninteger: bool = False,
) -> Any:
    """Fragments per million mapped fragments.

    Parameters
    ----------
    counts, size_factors, normalization_factors, layer, allow_noninteger
        As in `normalized_counts`; factors serve ``robust=True`` only.
    robust : bool
        A sample's depth is its size factor times the geometric mean of all library sizes, which a
        few high genes do not move; otherwise it is the sample's total count.

    Returns
    -------
    (n_samples, n_genes) float64, a DataFrame where the counts were one

    Raises
    ------
    InputError
        Invalid counts or factors; a sample without counts.

    References
    ----------
    docs/math.md, 13.8.
    """
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger, min_samples=1)
    totals = _library_sizes(matrix)
    if robust:
        scale = resolve_scale(matrix, size_factors, normalization_factors)
        depth = Scale(scale.values * _geometric_mean(totals))
    else:
        _refuse_factors(size_factors, normalization_factors)
        depth = Scale(totals)
    return like(counts, 1e6 * normalized(matrix, depth))


def fpkm(
    counts: Any,
    lengths: ArrayLike,
    *,
    robust: bool = True,
    size_factors: str | ArrayLike = "ratio",
    layer: str | None = None,
    allow_noninteger: bool = False,
) -> Any:
    """Fragments per kilobase and million mapped fragments.

    Parameters
    ----------
    counts, size_factors, layer, allow_noninteger
        As in `normalized_counts`; size factors serve ``robust=True`` only.
    lengths : (n_genes,) or (n_samples, n_genes)
        Lengths > 0 in bases.  With one per sample and gene a method of size factors is applied to
        the counts over relative lengths, and missing lengths (0 or NaN) are filled, as in
        `estimate_normalization_factors`.
    robust : bool
        As in `fpm`.

    Returns
    -------
    (n_samples, n_genes) float64, a DataFrame where the counts were one
        NaN for genes without any length.

    Raises
    ------
    InputError
        Invalid counts, lengths or factors; a sample without counts.

    References
    ----------
    docs/math.md, 13.8.  Mortazavi et al. (2008), Nature Methods 5:621.
    """
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger, min_samples=1)
    totals = _library_sizes(matrix)
    bases = _lengths_of(lengths, matrix)
    if not robust:
        _refuse_factors(size_factors, None)
        depth = totals
    else:
        if isinstance(size_factors, str) and bases.ndim == 2:
            factors = depth_beside_lengths(matrix, bases, size_factors)
        else:
            factors = resolve_scale(matrix, size_factors, None).values
        depth = factors * _geometric_mean(totals)
    return like(counts, 1e9 * normalized(matrix, Scale(depth)) / bases)


def _library_sizes(counts: CountMatrix) -> Floats:
    totals = column_totals(counts)
    require_counts(counts, totals, "Fragments per million")
    return totals


def _geometric_mean(values: Floats) -> float:
    return math.exp(math.fsum(np.log(values)) / values.size)


def _refuse_factors(size_factors: Any, normalization_factors: Any) -> None:
    default = isinstance(size_factors, str) and size_factors == "ratio"
    if normalization_factors is not None or not default:
        raise InputError(
            "robust=False divides by total counts; leave size_factors and normalization_factors "
            "out, or use robust=True."
        )


def _lengths_of(lengths: Any, counts: CountMatrix) -> Floats:
    """Lengths (n_genes,) or, filled, (n_samples, n_genes)."""
    array = as_real_array(lengths, "lengths")
    if array.ndim == 2:
        return filled_lengths(lengths, counts)
    if array.shape != (counts.n_genes,):
        raise InputError(
            f"lengths has shape {array.shape}; it must be ({counts.n_genes},), one per gene, or "
            f"({counts.n_samples}, {counts.n_genes}), samples x genes."
        )
    index = getattr(lengths, "index", None)
    if index is not None and not callable(index):
        order = match_samples(
            counts.gene_names, sample_names_of(index), what="lengths", counts="the counts' genes"
        )
        array = array if order is None else array[order]
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0.0)))
    if bad.size:
        raise InputError(
            f"lengths must be positive and finite, but is {array[bad[0]]:g} for gene "
            f"{str(counts.gene_names[bad[0]])!r} ({bad.size} of {array.size} are invalid)."
        )
    return array
