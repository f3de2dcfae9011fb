"""Adding counts up: technical replicates of a sample, cells of a sample and type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._containers import whole_elsewhere
from ._grouped_sums import (
    carried_columns,
    constant_columns,
    group_codes,
    least_cells,
    rows_of_groups,
    sums_of_cells,
    sums_of_samples,
)
from ._kinds import is_a
from ._names import first_few, match_table, plural
from ._sample_tables import as_sample_table
from ._warn import warn
from .counts import as_count_matrix
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from .counts import CountMatrix

Codes = NDArray[np.intp]
_JOINTS = ("_", "|", "::")


class Collapsed(NamedTuple):
    """Counts of samples whose technical replicates were added up, and their sample table."""

    counts: Any
    obs: pd.DataFrame


def collapse_replicates(
    counts: Any, groupby: Any, obs: Any = None, *, layer: str | None = None
) -> Any:
    """Add up the counts of technical replicates (runs, lanes) of the same sample.

    Biological replicates must not be added up: their differences are what a test needs.

    Parameters
    ----------
    counts : array_like, DataFrame, sparse matrix, AnnData or Dask array, (n_samples, n_genes)
        Counts as `fit_glm` takes them.
    groupby : str or (n_samples,) labels
        Column of the sample table, or the sample that each row belongs to.
    obs : DataFrame or dict, optional
        Sample table; AnnData's ``.obs`` by default.
    layer : str, optional
        Layer of an AnnData to use as counts.

    Returns
    -------
    AnnData or Collapsed
        One row per sample, in the order of categories or sorted: an AnnData where the counts were
        one, else counts (a DataFrame where they were one) and sample table.  The table keeps the
        columns that replicates agree on, ``n_replicates``, and in ``replicates`` their names.

    Raises
    ------
    InputError
        Invalid counts, an unknown column, a missing label.

    References
    ----------
    docs/math.md, 13.9.
    """
    matrix = as_count_matrix(counts, layer=layer)
    table = _sample_table(matrix, obs)
    codes, levels = group_codes(_labels(matrix, groupby, table), "groupby")
    summed = sums_of_samples(matrix, codes, len(levels))
    collapsed = _collapsed_table(matrix, table, codes, levels)
    if is_a(counts, "anndata", "AnnData"):
        from anndata import AnnData

        return AnnData(X=summed, obs=collapsed, var=counts.var.copy())
    if is_a(counts, "pandas", "DataFrame"):
        import pandas as pd

        return Collapsed(
            pd.DataFrame(summed, index=collapsed.index, columns=counts.columns), collapsed
        )
    return Collapsed(summed, collapsed)


def pseudobulk(
    adata: AnnData,
    sample_col: str,
    group_col: str | None = None,
    *,
    layer: str | None = None,
    min_cells: int = 10,
    min_counts: float = 0,
) -> AnnData:
    """Add up the counts of the cells of every sample and cell type.

    Parameters
    ----------
    adata : AnnData, (n_cells, n_genes)
        In memory or backed; its ``X`` is not changed, and sparse counts stay sparse.
    sample_col : str
        Column of ``adata.obs`` with the sample (donor, well) of every cell.
    group_col : str, optional
        Column with the cell type; None adds up all cells of a sample.
    layer : str, optional
        Layer with the raw counts; ``X`` by default.
    min_cells : int
        Leave out sums of fewer cells than this, at least 1.
    min_counts : float
        Leave out sums with fewer counts than this.

    Returns
    -------
    AnnData, (n_sums, n_genes)
        ``X`` int64 sums (CSR where the counts are sparse).  ``obs`` has ``sample_col``,
        ``group_col``, every column that has one value per sample or per cell type, and
        ``n_cells`` and ``n_counts``.  ``var`` is that of ``adata``.

    Raises
    ------
    InputError
        An unknown column or layer, a missing label, values that are no counts, nothing left; a
        column ``n_cells`` or ``n_counts`` that would be carried.

    Warns
    -----
    CountglmWarning
        Once, where sums are left out.

    References
    ----------
    docs/math.md, 13.9.  Squair et al. (2021), Nature Communications 12:5692.

    Examples
    --------
    >>> bulk = countglm.pseudobulk(adata, "donor", "cell_type")
    >>> monocytes = bulk[bulk.obs["cell_type"] == "monocyte"]
    """
    from anndata import AnnData

    values, least = _cell_counts(adata, layer), least_cells(min_cells, min_counts)
    samples, sample_levels = group_codes(_column(adata, sample_col), f"obs[{sample_col!r}]")
    keys, code = [samples], samples
    labels = [[level] for level in sample_levels]
    if group_col is not None:
        types, type_levels = group_codes(_column(adata, group_col), f"obs[{group_col!r}]")
        keys.append(types)
        code = samples * len(type_levels) + types
        labels = [[sample, kind] for sample in sample_levels for kind in type_levels]
    carried = carried_columns(adata.obs, keys, ("n_cells", "n_counts"))
    present, code = np.unique(code, return_inverse=True)
    labels = [labels[k] for k in present.tolist()]
    cells = np.bincount(code, minlength=present.size)
    enough = cells >= least
    code = np.where(enough[code], np.cumsum(enough)[code] - 1, -1)
    summed = sums_of_cells(values, code, int(enough.sum()), lambda: whole_elsewhere(adata, layer))
    n_counts = np.asarray(summed.sum(axis=1)).reshape(-1)
    rich = n_counts >= min_counts
    kept = np.flatnonzero(enough)[rich]
    _report_left_out([labels[k] for k in np.setdiff1d(np.arange(present.size), kept)],
                     present.size, min_cells, min_counts)  # fmt: skip
    obs = rows_of_groups(adata.obs, carried, code)[rich]
    obs["n_cells"], obs["n_counts"] = cells[kept], n_counts[rich]
    obs.index = _joined([labels[k] for k in kept.tolist()])
    return AnnData(X=summed[np.flatnonzero(rich)], obs=obs, var=adata.var.copy())


def _cell_counts(adata: Any, layer: str | None) -> Any:
    if not is_a(adata, "anndata", "AnnData"):
        raise InputError(
            f"pseudobulk needs an AnnData of cells, got {type(adata).__name__}; for a table of "
            "counts use collapse_replicates."
        )
    if layer is not None and layer not in adata.layers:
        raise InputError(
            f"The AnnData has no layer {layer!r}; its layers are "
            f"{first_few(adata.layers, 10) or 'none'}."
        )
    values = adata.X if layer is None else adata.layers[layer]
    if values is None:
        raise InputError(
            f"The AnnData has no X; name one of its layers with layer= "
            f"({first_few(adata.layers, 10) or 'it has none'})."
        )
    return values


def _column(adata: AnnData, name: str) -> Any:
    if name not in adata.obs:
        raise InputError(
            f"{name!r} is no column of adata.obs; it has {first_few(adata.obs.columns, 20)}."
        )
    return adata.obs[name].reset_index(drop=True)


def _joined(labels: list[list[Any]]) -> list[str]:
    """A name for every sum, the first way of joining that makes them differ."""
    for joint in _JOINTS:
        names = [joint.join(map(str, label)) for label in labels]
        if len(set(names)) == len(names):
            return names
    raise InputError(
        f"Samples and cell types give equal names such as {names[0]!r}; rename their levels."
    )


def _report_left_out(
    labels: list[list[Any]], total: int, min_cells: float, min_counts: float
) -> None:
    if len(labels) == total:
        raise InputError(
            f"None of {plural(total, 'sum')} has min_cells={min_cells} cells and "
            f"min_counts={min_counts} counts; lower these, or look at the columns of obs."
        )
    if labels:
        named = ("/".join(map(str, label)) for label in labels)
        warn(
            f"{len(labels)} of {plural(total, 'sum')} over cells have fewer than {min_cells} cells "
            f"or {min_counts} counts and are left out ({first_few(named)}); see min_cells."
        )


def _sample_table(counts: CountMatrix, obs: Any) -> Any:
    table = as_sample_table(obs, counts)
    if table is None:
        return None
    order = match_table(counts.sample_names, table.index, what="the sample table")
    if order is None and len(table) != counts.n_samples:
        raise InputError(
            f"The sample table has {plural(len(table), 'row')} and the counts "
            f"{plural(counts.n_samples, 'sample')}; give one row per sample."
        )
    return table if order is None else table.iloc[order]


def _labels(counts: CountMatrix, groupby: Any, table: Any) -> Any:
    if isinstance(groupby, str):
        if table is None or groupby not in table:
            has = "there is none" if table is None else f"it has {first_few(table.columns, 20)}"
            raise InputError(
                f"groupby={groupby!r} is no column of the sample table ({has}); pass obs=, or one "
                "label per sample."
            )
        return table[groupby].reset_index(drop=True)
    index = getattr(groupby, "index", None)
    labels = list(groupby)
    if len(labels) != counts.n_samples:
        raise InputError(
            f"groupby has {plural(len(labels), 'label')} for {plural(counts.n_samples, 'sample')};"
            " give one per sample."
        )
    if index is not None and not callable(index):
        order = match_table(counts.sample_names, index, what="groupby")
        groupby = groupby if order is None else groupby.iloc[order]
        return groupby.reset_index(drop=True)
    return groupby


def _collapsed_table(
    counts: CountMatrix, table: Any, codes: Codes, levels: list[Any]
) -> pd.DataFrame:
    import pandas as pd

    names = counts.sample_names
    if names is None:
        names = np.array([str(i) for i in range(counts.n_samples)], dtype=object)
    if table is None:
        out = pd.DataFrame(index=range(len(levels)))
    else:
        out = rows_of_groups(table, constant_columns(table, [codes]), codes)
    out.index = pd.Index([str(level) for level in levels])
    out["n_replicates"] = np.bincount(codes, minlength=len(levels))
    out["replicates"] = [",".join(names[codes == k]) for k in range(len(levels))]
    return out
