"""Gene annotation, normalisation and contrasts as workflows take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._contrasts import find_level
from ._scaling import resolve_scale
from .design import is_mean_only
from .errors import InputError
from .size_factors import estimate_size_factors

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix
    from .design import Design

Floats = NDArray[np.float64]
# Columns that a table has, or that intervals and shrinkage give it.
TABLE_COLUMNS = (
    *("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj", "svalue"),
    *("test", "status", "na_reason", "ciLower", "ciUpper"),
)


def gene_annotation(counts: Any, n_genes: int) -> pd.DataFrame | None:
    """Return the columns of ``.var`` of an AnnData, None where there are none."""
    var = getattr(counts, "var", None)
    if var is None or not hasattr(var, "columns") or len(var) != n_genes or not len(var.columns):
        return None
    annotation: pd.DataFrame = var.copy()
    return annotation


def with_annotation(table: pd.DataFrame, var: pd.DataFrame | None) -> pd.DataFrame:
    """Return the table with the annotation's columns behind its own, of the same genes in order."""
    if var is None:
        return table
    for place, label in enumerate(annotation_columns(var)):
        table[label] = var.iloc[:, place].array
    return table


def annotation_columns(var: pd.DataFrame | None) -> list[str]:
    """Return the names of the annotation's columns in a table: with ``var_`` before those taken."""
    names = [] if var is None else [str(name) for name in var.columns]
    labels: list[str] = []
    for name in names:
        label = name
        while label in TABLE_COLUMNS or label in labels or (label != name and label in names):
            label = f"var_{label}"
        labels.append(label)
    return labels


def resolve_normalization(
    counts: CountMatrix,
    size_factors: Any,
    normalization_factors: Any,
    offset: Any,
    threads: int | None,
    options: Mapping[str, Any],
) -> tuple[Any, Any]:
    """Return size factors and offset of what the caller chose.

    Normalisation factors replace the size factors: their logarithm is an offset.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if normalization_factors is None:
        if given and not isinstance(size_factors, str):
            raise InputError(
                f"{' and '.join(given)} belong to a method of size factors; size_factors are given."
            )
        if given:
            return estimate_size_factors(counts, size_factors, threads=threads, **given), offset
        return size_factors, offset
    if offset is not None or given:
        raise InputError(
            "normalization_factors already hold sequencing depth and all else; leave offset and "
            "the options of size factors out."
        )
    scale = resolve_scale(counts, size_factors, normalization_factors)
    return "none", np.log(scale.values)


def compared_samples(design: Design, contrast: Any) -> NDArray[np.bool_] | None:
    """Return which samples (n,) have one of the two levels that a factor's contrast compares.

    None for numbers and combinations, no sample for a column by name.
    """
    if isinstance(contrast, str):
        # A column by name keeps its estimate whatever the counts, as results(name=) does.
        return np.zeros(design.matrix.shape[0], dtype=np.bool_)
    parts = list(contrast)
    if len(parts) != 3 or not isinstance(parts[0], str) or parts[0] not in design.codings:
        return None
    coding = design.codings[parts[0]]
    main = np.flatnonzero((coding != 0.0).any(axis=0))
    found = np.zeros(design.matrix.shape[0], dtype=np.bool_)
    for level in parts[1:]:
        place = find_level(level, design.factors[parts[0]])
        if place is not None:
            found |= (design.matrix[:, main] == coding[place, main]).all(axis=1)
    return found


def named_contrasts(contrast: Any, design: Design) -> dict[str, Any]:
    """Return contrasts by name: the entries of a dict, one otherwise, the last column for None."""
    if contrast is None:
        if is_mean_only(design.matrix):
            raise InputError(
                "The design has an intercept only, so there is no difference to test; add a term, "
                f"or name contrast={design.names[0]!r} to test whether the mean is 1."
            )
        return {design.names[-1]: design.names[-1]}
    if isinstance(contrast, Mapping):
        if not contrast:
            raise InputError("contrast is an empty dict; name at least one contrast.")
        chosen = {str(name): each for name, each in contrast.items()}
        if len(chosen) < len(contrast):
            texts = [str(name) for name in contrast]
            twice = next(name for i, name in enumerate(texts) if name in texts[:i])
            raise InputError(
                f"The dict of contrasts names {twice!r} more than once: names are text, and some "
                "keys read alike. Give each contrast a name of its own."
            )
    else:
        chosen = {"": contrast}
    for each in chosen.values():
        design.contrast(each)
    return chosen
