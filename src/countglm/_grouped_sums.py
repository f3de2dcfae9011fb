"""Sums of counts over groups of samples or cells, without a dense copy of sparse counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import lies_within
from ._kinds import is_a
from ._names import first_few
from .counts import CountMatrix
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.intp]

# Rows or columns of a sparse matrix, or entries of a dense one, that are taken at once.
_ROWS, _COLUMNS, _ENTRIES = 16_384, 1_024, 1 << 22
_LARGEST = 2.0**53


def sums_of_cells(
    values: Any, codes: Codes, n_groups: int, elsewhere: Callable[[], str] = str
) -> Any:
    """Add up the rows of ``values`` (n_cells, n_genes) that share a code >= 0.

    Parameters
    ----------
    values : SciPy sparse, AnnData's matrix in a file, Dask or NumPy array
        Whole numbers >= 0.
    codes : (n_cells,)
        Group of every row; -1 leaves a row out.
    elsewhere : callable
        Says, should values be no counts, where there are some.

    Returns
    -------
    (n_groups, n_genes) int64
        A CSR matrix where the values are sparse, else an array.

    Raises
    ------
    InputError
        Values that are no counts.
    """
    if getattr(values, "format", "") == "csc":
        return _sums_by_columns(values, codes, n_groups, elsewhere)
    total: Any = None
    for first, rows in _panels(values):
        part = codes[first : first + rows.shape[0]]
        if hasattr(rows, "tocoo"):
            added = _sparse_sums(rows, part, n_groups, (first, 0), elsewhere)
        else:
            added = _dense_sums(np.asarray(rows), part, n_groups, first, elsewhere)
        total = added if total is None else total + added
    return total


def _panels(values: Any) -> Iterator[tuple[int, Any]]:
    """Yield (first row, rows) in memory."""
    n, width = values.shape
    sparse = hasattr(values, "tocsr") or hasattr(values, "to_memory")
    step = _ROWS if sparse else max(1, _ENTRIES // max(1, width))
    if hasattr(values, "tocsr") and values.format != "csr":
        values = values.tocsr()
    for first in range(0, n, step):
        rows = values[first : first + step]
        yield first, rows.compute() if is_a(rows, "dask.array", "Array") else rows


def _sums_by_columns(values: Any, codes: Codes, n_groups: int, elsewhere: Callable[[], str]) -> Any:
    """The same for a matrix that is stored by columns."""
    from scipy import sparse

    parts = [
        _sparse_sums(values[:, first : first + _COLUMNS], codes, n_groups, (0, first), elsewhere)
        for first in range(0, values.shape[1], _COLUMNS)
    ]
    return sparse.hstack(parts, format="csr")


def _sparse_sums(
    rows: Any, codes: Codes, n_groups: int, corner: tuple[int, int], elsewhere: Callable[[], str]
) -> Any:
    from scipy import sparse

    triples = rows.tocoo()
    _check(
        triples.data,
        lambda k: (corner[0] + int(triples.row[k]), corner[1] + int(triples.col[k])),
        elsewhere,
    )
    group = codes[triples.row]
    kept = group >= 0
    data = triples.data[kept].astype(np.int64)
    places = (group[kept], triples.col[kept])
    return sparse.coo_array((data, places), shape=(n_groups, rows.shape[1])).tocsr()


def _dense_sums(
    rows: NDArray[Any], codes: Codes, n_groups: int, first: int, elsewhere: Callable[[], str]
) -> NDArray[np.int64]:
    width = rows.shape[1]
    _check(rows.reshape(-1), lambda k: (first + k // width, k % width), elsewhere)
    out = np.zeros((n_groups, width), dtype=np.int64)
    for group in np.unique(codes[codes >= 0]).tolist():
        out[group] = np.add.reduce(rows[codes == group].astype(np.int64), axis=0)
    return out


def _check(values: NDArray[Any], place: Any, elsewhere: Callable[[], str]) -> None:
    """Raise InputError naming the first value that is no count."""
    if values.dtype.kind not in "biuf":
        raise InputError(f"The counts are of type {values.dtype}; give numbers.")
    if values.dtype.kind in "bu":
        return
    bad = values < 0
    if values.dtype.kind == "f":
        bad = ~((values >= 0) & (values <= _LARGEST) & (np.floor(values) == values))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        cell, gene = place(k)
        advice = elsewhere() or "Name the layer that holds raw counts with layer=."
        raise InputError(
            f"{int(bad.sum()):,} values are no counts, first {values[k]!s} at cell {cell} and gene "
            f"{gene} (counted from 0): sums need whole numbers >= 0. {advice}"
        )


def sums_of_samples(counts: CountMatrix, codes: Codes, n_groups: int) -> NDArray[np.int64]:
    """Add up the samples of a validated table that share a code: (n_groups, n_genes)."""
    out = np.zeros((n_groups, counts.n_genes), dtype=np.int64)
    step = max(1, _ENTRIES // counts.n_samples)
    for start in range(0, counts.n_genes, step):
        block = counts.block(start, min(start + step, counts.n_genes)).astype(np.int64)
        for group in range(n_groups):
            members = np.ascontiguousarray(block[:, codes == group])
            out[group, start : start + block.shape[0]] = np.add.reduce(members, axis=1)
    return out


def group_codes(labels: Any, what: str) -> tuple[Codes, list[Any]]:
    """Return a code per row and the levels: categories in their order, else sorted values.

    Raises
    ------
    InputError
        A missing label.
    """
    import pandas as pd

    series = pd.Series(labels)
    missing = np.flatnonzero(series.isna().to_numpy())
    if missing.size:
        raise InputError(
            f"{what} has no value for row {int(missing[0])} (counted from 0; {missing.size:,} of "
            f"{series.size:,} are missing); fill it in or leave these rows out."
        )
    if isinstance(series.dtype, pd.CategoricalDtype):
        used = series.cat.remove_unused_categories()
        return used.cat.codes.to_numpy().astype(np.intp), used.cat.categories.tolist()
    try:
        codes, levels = pd.factorize(series, sort=True)
    except TypeError:  # values of types that do not compare
        codes, levels = pd.factorize(series.astype(str), sort=True)
    return codes.astype(np.intp), list(levels)


def constant_columns(obs: pd.DataFrame, keys: list[Codes]) -> list[Any]:
    """Columns of a table that one of the codes determines: one value, or none, per group."""
    import pandas as pd

    found = []
    for column in obs.columns:
        values = obs[column]
        try:
            seen = pd.factorize(values)[0]
        except TypeError:  # lists and the like, whose values are not compared
            continue
        for codes in keys:
            pairs = pd.DataFrame({"group": codes, "value": seen}).drop_duplicates()
            if not pairs["group"].duplicated().any():
                found.append(column)
                break
    return found


def rows_of_groups(obs: pd.DataFrame, columns: list[Any], codes: Codes) -> pd.DataFrame:
    """The columns' values in the first row of every code >= 0, unused levels dropped."""
    import pandas as pd

    groups, rows = np.unique(codes, return_index=True)
    first = rows[groups >= 0]
    table = obs[columns].iloc[first].copy()
    for column in table.columns:
        if isinstance(table[column].dtype, pd.CategoricalDtype):
            table[column] = table[column].cat.remove_unused_categories()
    return table


def least_cells(min_cells: int, min_counts: float) -> int:
    """Check both bounds; return the first as a whole number."""
    if not lies_within(min_cells, 1, np.inf):
        raise InputError(f"min_cells={min_cells!r} must be a number, at least 1.")
    if not lies_within(min_counts, 0, np.inf):
        raise InputError(f"min_counts={min_counts!r} must be a finite number >= 0.")
    return int(np.ceil(min_cells))


def carried_columns(obs: pd.DataFrame, keys: list[Codes], own: tuple[str, ...]) -> list[Any]:
    """Constant columns; raise if one is among ``own``, which the sums get anyhow."""
    columns = constant_columns(obs, keys)
    taken = [name for name in own if name in columns]
    if taken:
        raise InputError(
            f"adata.obs has {first_few(taken)}, which pseudobulk writes itself and would overwrite;"
            " rename or drop it in adata.obs."
        )
    return columns
