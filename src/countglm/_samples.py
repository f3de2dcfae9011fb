"""Sample tables, gene annotation and normalisation as workflows take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import as_real_array
from ._names import first_few
from .errors import InputError
from .size_factors import estimate_size_factors

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix
    from .design import Design

Floats = NDArray[np.float64]


def with_references(obs: Any, reference: Mapping[str, Any] | None) -> Any:
    """Return the sample table with the named levels as the first of their factors.

    Raises
    ------
    InputError
        An unknown variable or level; no sample table.
    """
    if not reference:
        return obs
    import pandas as pd

    if obs is None:
        raise InputError("reference= needs a sample table: pass obs=, or counts with an .obs.")
    table = obs.copy()
    for variable, level in reference.items():
        if variable not in table.columns:
            raise InputError(
                f"reference names the variable {variable!r}, which the sample table does not "
                f"have; its columns are {first_few(list(map(str, table.columns)), 20)}."
            )
        column = table[variable]
        present = set(column.dropna().astype(str))
        if isinstance(column.dtype, pd.CategoricalDtype):
            levels = [value for value in column.cat.categories if str(value) in present]
        else:
            levels = sorted(column.dropna().unique())
        first = [value for value in levels if str(value) == str(level)]
        if not first:
            raise InputError(
                f"reference={variable}={level} is no level of {variable!r}; its levels are "
                f"{first_few(list(map(str, levels)), 20)}."
            )
        others = [value for value in levels if value != first[0]]
        table[variable] = pd.Categorical(column, categories=first + others)
    return table


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
    for name in var.columns:
        label = str(name) if str(name) not in table.columns else f"var_{name}"
        table[label] = var[name].array
    return table


def annotation_columns(table: pd.DataFrame, var: pd.DataFrame | None) -> list[str]:
    """Return the names that `with_annotation` gave to the annotation's columns."""
    names = [] if var is None else [str(name) for name in var.columns]
    return [f"var_{name}" if f"var_{name}" in table.columns else name for name in names]


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
    if (
        offset is not None
        or given
        or not (isinstance(size_factors, str) and size_factors in ("ratio", "none"))
    ):
        raise InputError(
            "normalization_factors already hold sequencing depth and all else; leave "
            "size_factors, offset and their options out."
        )
    values = as_real_array(normalization_factors, "normalization_factors")
    bad = ~(np.isfinite(values) & (values > 0.0))
    if bad.any():
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"normalization_factors has {int(bad.sum())} value(s) that are not positive and "
            f"finite; the first is {values[first]} at {first} (sample, gene, counted from 0)."
        )
    if hasattr(normalization_factors, "index"):
        return "none", np.log(normalization_factors)
    return "none", np.log(values)


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
    levels = [str(level) for level in design.factors[parts[0]]]
    main = np.flatnonzero((coding != coding[0]).any(axis=0) | (coding != 0.0).any(axis=0))
    rows = [coding[levels.index(str(level))][main] for level in parts[1:] if str(level) in levels]
    found = np.zeros(design.matrix.shape[0], dtype=np.bool_)
    for row in rows:
        found |= (design.matrix[:, main] == row).all(axis=1)
    return found


def named_contrasts(contrast: Any, design: Design) -> dict[str, Any]:
    """Return contrasts by name: the entries of a dict, one otherwise, the last column for None."""
    if contrast is None:
        return {design.names[-1]: design.names[-1]}
    if isinstance(contrast, Mapping):
        if not contrast:
            raise InputError("contrast is an empty dict; name at least one contrast.")
        chosen = {str(name): each for name, each in contrast.items()}
    else:
        chosen = {"": contrast}
    for each in chosen.values():
        design.contrast(each)
    return chosen
