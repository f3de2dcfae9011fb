"""Reading counts and sample tables from files; samples are matched by name, never by position."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._names import check_unique_samples, first_few, match_samples, name_array
from countglm._stored_counts import kind_of, read_anndata_file, read_matrix_market
from countglm._text_cells import parsed
from countglm._text_counts import read_text_counts
from countglm._text_tables import open_table
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def read_counts(
    path: str | os.PathLike[str],
    *,
    samples: pd.DataFrame | str | os.PathLike[str] | None = None,
    layer: str | None = None,
) -> tuple[pd.DataFrame | AnnData, pd.DataFrame | None]:
    """Read a count matrix as samples x genes, with its sample table.

    A text table may hold more than counts. Columns of annotation (text, and numbers under titles
    such as ``Length``) become the ``.var`` of an AnnData. Rows and columns of totals, and the
    counters that htseq-count and STAR write, are left out; sample names that differ from those
    of the sample table in case, spaces or punctuation only are taken as these. One warning tells.

    Parameters
    ----------
    path : path-like
        CSV or TSV (also gzipped; genes x samples or samples x genes, the first column and row
        being names), h5ad, zarr, or a MatrixMarket folder.
    samples : DataFrame indexed by sample name, or path-like, optional
        Sample table (see `read_samples`). Text counts need it: its names tell which way round
        they stand.
    layer : str, optional
        Layer of an h5ad or zarr file to read instead of ``X``.

    Returns
    -------
    counts : DataFrame or AnnData
        For `countglm.counts.as_count_matrix`, which validates the values.
    obs : DataFrame or None
        The sample table in the order of the counts.

    Raises
    ------
    InputError
        A missing, damaged or foreign file, ragged rows, cells that are no numbers, samples that
        do not match, or an orientation that cannot be told.
    """
    import pandas as pd

    path = Path(path)
    table = _table(samples)
    kind = kind_of(path)
    if kind in ("text", "mtx") and layer is not None:
        raise InputError(f"{path} has no layers (layer={layer!r}); leave layer out.")
    if kind == "text":
        if table is None:
            raise InputError(
                f"{path} does not say whether its rows are genes or samples; give the sample table "
                "too, whose names tell."
            )
        counts = read_text_counts(path, table)
        names = counts.index if isinstance(counts, pd.DataFrame) else counts.obs_names
        return counts, _in_order(table, name_array(names), path)
    data = read_matrix_market(path) if kind == "mtx" else read_anndata_file(path, kind)
    if layer is not None:
        if layer not in data.layers:
            raise InputError(
                f"{path} has no layer {layer!r}; its layers are "
                f"{first_few(data.layers, 10) or 'none'}."
            )
        data.X = data.layers[layer]
    return data, in_sample_order(table, data.obs, path)


def read_samples(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a sample table: CSV or TSV, one row per sample, sample names in the first column.

    Spaces around names and values are dropped, and so are empty columns without a name. Sample
    names stay text. Other columns become numbers or booleans where all of
    their values are; numbers with leading zeros are taken for labels and stay text. Empty cells
    and ``NA`` are missing, while ``None`` and ``null`` are text (levels of a treatment).

    Returns
    -------
    DataFrame
        Indexed by sample name.

    Raises
    ------
    InputError
        A missing or damaged file, ragged rows, or names of samples or columns that repeat.
    """
    import pandas as pd

    path = Path(path)
    if path.is_dir():
        raise InputError(f"The sample table {path} is a folder; give a CSV or TSV file.")
    with open_table(path) as text:
        rows = [[field.strip() for field in fields] for _, fields in text.rows]
    # Spreadsheets save columns that once held something.
    columns = {
        j: name
        for j, name in enumerate(text.columns, start=1)
        if name or any(row[j] for row in rows)
    }
    titles = list(columns.values())
    repeated = [name for i, name in enumerate(titles) if name in titles[:i]]
    if repeated or "" in titles:
        what = f"several columns named {repeated[0]!r}" if repeated else "a column without a name"
        raise InputError(f"The sample table {path} has {what}; give each column its own name.")
    names = name_array(row[0] for row in rows)
    check_unique_samples(names, f"the sample table {path}")
    parts = {name: parsed([row[j] for row in rows]) for j, name in columns.items()}
    return pd.DataFrame(parts, index=pd.Index(names, name=text.corner or "sample"))


def in_sample_order(
    table: pd.DataFrame | None, obs: pd.DataFrame | None, path: Path
) -> pd.DataFrame | None:
    """Return the sample table of counts in ``path``: as given, or ``obs`` that came with them."""
    if obs is None:
        return table
    if table is None:
        return obs if obs.shape[1] else None
    return _in_order(table, name_array(obs.index), path)


def _table(samples: Any) -> pd.DataFrame | None:
    import pandas as pd

    if samples is None or isinstance(samples, pd.DataFrame):
        return samples
    return read_samples(samples)


def _in_order(table: pd.DataFrame, names: NDArray[np.object_], path: Path) -> pd.DataFrame:
    order = match_samples(
        names, name_array(table.index), what="the sample table", counts=f"{path.name}"
    )
    return table if order is None else table.iloc[order]
