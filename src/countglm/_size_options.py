"""Arguments of the size factors, turned into arrays in the order of the counts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from countglm._names import match_table
from countglm._parallel import is_whole
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix


def given_log_means(counts: CountMatrix, geo_means: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(geo_means, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "geo_means cannot be read as numbers; give one geometric mean per gene"
        ) from None
    if values.shape != (counts.n_genes,):
        raise InputError(
            f"geo_means has shape {values.shape}, but the counts have {counts.n_genes} genes; "
            "give one value per gene"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise InputError(
            f"geo_means must be finite and >= 0, but is {values[bad[0]]:g} for gene "
            f"{str(counts.gene_names[bad[0]])!r} ({bad.size} of {values.size} values are invalid); "
            "use 0 for genes to leave out"
        )
    return np.log(values, where=values > 0, out=np.full(values.size, -np.inf))


def gene_mask(counts: CountMatrix, genes: Any) -> NDArray[np.bool_]:
    """Turn names, indices or a mask of genes into a mask (n_genes,) with at least one gene."""
    chosen = np.asarray(genes)
    mask = np.zeros(counts.n_genes, dtype=bool)
    if chosen.dtype == bool:
        if chosen.shape != mask.shape:
            raise InputError(
                f"control_genes is a mask of shape {chosen.shape}, but the counts have "
                f"{counts.n_genes} genes; give one value per gene"
            )
        mask |= chosen
    elif np.issubdtype(chosen.dtype, np.integer):
        outside = chosen[(chosen < 0) | (chosen >= counts.n_genes)]
        if outside.size:
            raise InputError(
                f"control_genes holds index {outside.flat[0]} ({outside.size} like it), but the "
                f"counts have {counts.n_genes} genes; use 0 to {counts.n_genes - 1}"
            )
        mask[chosen] = True
    elif chosen.size:
        names = [str(name) for name in chosen.ravel()]
        known = np.array([str(name) for name in counts.gene_names])
        missing = [name for name in names if name not in set(known)]
        if missing:
            raise InputError(
                f"control_genes names {missing[0]!r} ({len(missing)} of {len(names)} names are "
                "unknown), which is no gene of the counts; use the counts' gene names"
            )
        mask |= np.isin(known, names)
    if not mask.any():
        raise InputError("control_genes selects no gene; name at least one")
    return mask


def sample_index(counts: CountMatrix, reference: int | str | None) -> int | None:
    if isinstance(reference, str):
        names = [] if counts.sample_names is None else [str(name) for name in counts.sample_names]
        if reference not in names:
            raise InputError(
                f"reference={reference!r} is no sample of the counts; use a sample's name or index"
            )
        return names.index(reference)
    if reference is None:
        return None
    if not is_whole(reference, 0) or reference >= counts.n_samples:
        raise InputError(
            f"reference={reference!r} is no whole number from 0 to {counts.n_samples - 1}; use a "
            "sample's name or index"
        )
    return int(reference)


def by_sample_name(counts: CountMatrix, size_factors: Any) -> Any:
    """Reorder a named Series to the counts' samples; anything else stays as it is."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(size_factors, pandas.Series):
        return size_factors
    order = match_table(counts.sample_names, size_factors.index, what="size_factors")
    return size_factors if order is None else size_factors.to_numpy()[order]
