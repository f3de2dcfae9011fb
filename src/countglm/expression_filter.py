"""Which genes have counts enough, in samples enough, to be worth a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import lies_within
from ._columns import column_totals, require_counts, sample_label
from ._gram_schmidt import gram_schmidt
from ._names import match_table
from ._size_options import by_sample_name
from .counts import as_count_matrix
from .design import Design, as_design
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix

# Numbers of samples come from leverages; this much below the bound is rounding.
_ROUNDING = 1e-14
# Entries of genes that are looked at together.
_ENTRIES = 1 << 22


def filter_by_expression(
    counts: Any,
    design: Any = None,
    *,
    group: Any = None,
    obs: pd.DataFrame | None = None,
    layer: str | None = None,
    min_count: float = 10.0,
    min_total_count: float = 15.0,
    large_n: float = 10.0,
    min_prop: float = 0.7,
    lib_size: ArrayLike | None = None,
    allow_noninteger: bool = False,
) -> NDArray[np.bool_]:
    """Say which genes have ``min_count`` counts or more in enough samples (edgeR's rule).

    A gene is kept if its counts per million reach ``min_count`` per median library in at least as
    many samples as the smallest group has, and if it has ``min_total_count`` counts in all.  The
    design, not the outcome of a test, decides what a group is, so the filter does not bias tests.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix, AnnData or Dask array, (n_samples, n_genes)
        Counts as `fit_glm` takes them.
    design : (n_samples, n_coef) array, DataFrame or formula, optional
        The smallest group is 1 / (largest leverage of a sample), an intercept included.
    group : (n_samples,) labels or the name of a column of ``obs``, optional
        Groups instead of a design; with neither, all samples are one group.
    obs : DataFrame, optional
        Sample table for a formula or a column's name; AnnData's ``.obs`` by default.
    layer : str, optional
        Layer of an AnnData to use as counts.
    min_count : float
        Counts >= 0 that a sample of the median library size needs.
    min_total_count : float
        Counts >= 0 that a gene needs over all samples.
    large_n : float
        Groups of more samples than this need not be expressed in full:
    min_prop : float
        of the samples beyond ``large_n`` only this share, 0 to 1, must reach the count.
    lib_size : (n_samples,), optional
        Library sizes > 0, such as effective ones; the total counts by default.
    allow_noninteger : bool
        Accept estimated counts.

    Returns
    -------
    (n_genes,) bool
        True for genes to keep.

    Raises
    ------
    InputError
        Invalid counts or design; both a design and groups; a sample without counts or a label;
        an option out of its range.

    References
    ----------
    docs/math.md, 13.7.  Chen, Lun and Smyth (2016), F1000Research 5:1438.

    Examples
    --------
    >>> adata = countglm.datasets.pasilla()
    >>> kept = adata[:, countglm.filter_by_expression(adata, "~ type + condition")]
    """
    _check_options(min_count, min_total_count, large_n, min_prop)
    matrix = as_count_matrix(counts, layer=layer, allow_noninteger=allow_noninteger)
    smallest = _smallest_group(matrix, design, group, obs)
    if smallest > large_n:
        smallest = large_n + (smallest - large_n) * min_prop
    sizes = _library_sizes(matrix, lib_size)
    # Both sides of the inequality are products, so that a count on the bound is on it exactly.
    median = float(np.median(sizes))
    # A count of 0 reaches the bound where there is none.
    of_zeros = bool(min_count == 0.0)
    kept = np.zeros(matrix.n_genes, dtype=np.bool_)
    step = max(1, _ENTRIES // matrix.n_samples)
    for start in range(0, matrix.n_genes, step):
        stop = min(start + step, matrix.n_genes)
        pointers, places, values = matrix.nonzeros(start, stop)
        gene = np.repeat(np.arange(stop - start), np.diff(pointers))
        reached = values * median >= min_count * sizes[places]
        samples = np.bincount(gene[reached], minlength=stop - start)
        if of_zeros:
            samples += matrix.n_samples - np.diff(pointers)
        total = np.bincount(gene, weights=values, minlength=stop - start)
        kept[start:stop] = (samples >= smallest * (1.0 - _ROUNDING)) & (total >= min_total_count)
    return kept


def _check_options(
    min_count: float, min_total_count: float, large_n: float, min_prop: float
) -> None:
    given = {"min_count": min_count, "min_total_count": min_total_count, "large_n": large_n}
    for name, value in given.items():
        if not lies_within(value, 0.0, np.inf):
            raise InputError(f"{name}={value!r} must be a finite number >= 0.")
    if not lies_within(min_prop, 0.0, 1.0):
        raise InputError(f"min_prop={min_prop!r} must be a number and lie between 0 and 1.")


def _smallest_group(counts: CountMatrix, design: Any, group: Any, obs: Any) -> float:
    """Number of samples of the smallest group, or what a design has instead."""
    if group is not None:
        if design is not None:
            raise InputError("Give either design or group to filter_by_expression, not both.")
        labels = _labels(counts, group, obs)
        return float(min(labels.count(label) for label in set(labels)))
    if design is None:
        return float(counts.n_samples)
    model: Design = as_design(design, counts, obs=obs, allow_saturated=True)
    # edgeR's leverages are those of the design with an intercept, whether it has one or not.
    q, _, _ = gram_schmidt(np.column_stack([np.ones(counts.n_samples), model.matrix]))
    leverage = np.add.reduce(np.ascontiguousarray(q) ** 2, axis=1)
    return float(1.0 / leverage.max())


def _labels(counts: CountMatrix, group: Any, obs: Any) -> list[str]:
    if isinstance(group, str):
        table = counts.obs if obs is None else obs
        if table is None or group not in table:
            choices = "" if table is None else f" (it has {', '.join(map(str, table))})"
            raise InputError(
                f"group={group!r} is no column of the sample table{choices}; pass obs=, or one "
                "label per sample."
            )
        group = table[group]
    index = getattr(group, "index", None)
    values = np.asarray(group, dtype=object)
    if values.shape != (counts.n_samples,):
        raise InputError(
            f"group has shape {values.shape}, but the counts have {counts.n_samples} samples; give "
            "one label per sample."
        )
    if index is not None and not callable(index):
        order = match_table(counts.sample_names, index, what="group")
        values = values if order is None else values[order]
    missing = [i for i, value in enumerate(values) if value is None or value != value]
    if missing:
        raise InputError(
            f"group has no label for {sample_label(counts, missing[0])} ({len(missing)} of "
            f"{values.size} are missing); give every sample one."
        )
    return [str(value) for value in values]


def _library_sizes(counts: CountMatrix, lib_size: Any) -> NDArray[np.float64]:
    if lib_size is None:
        totals = column_totals(counts)
        require_counts(counts, totals, "Filtering by expression")
        return totals
    sizes = np.asarray(by_sample_name(counts, lib_size), dtype=np.float64)
    if sizes.shape != (counts.n_samples,) or not (np.isfinite(sizes) & (sizes > 0.0)).all():
        raise InputError(
            f"lib_size must hold one positive finite number for each of the {counts.n_samples} "
            f"samples; got shape {sizes.shape}, "
            f"{int((~(np.isfinite(sizes) & (sizes > 0.0))).sum())} not positive and finite."
        )
    return sizes
