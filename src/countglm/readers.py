"""Reading counts and sample tables from files; samples are matched by name, never by position."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._names import check_unique_samples, first_few, match_samples, name_array
from countglm._stored_counts import kind_of, read_anndata_file, read_matrix_market
from countglm._text_tables import TextTable, open_table
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_CELLS_AT_ONCE = 200_000
_MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")


def read_counts(
    path: str | os.PathLike[str],
    *,
    samples: pd.DataFrame | str | os.PathLike[str] | None = None,
    layer: str | None = None,
) -> tuple[pd.DataFrame | AnnData, pd.DataFrame | None]:
    """Read a count matrix as samples x genes, with its sample table.

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
    path = Path(path)
    table = _table(samples)
    kind = kind_of(path)
    if kind in ("text", "mtx") and layer is not None:
        raise InputError(f"{path} has no layers (layer={layer!r}); leave layer out.")
    if kind == "text":
        return _read_text_counts(path, table)
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

    Sample names stay text as they stand. Other columns become numbers or booleans where all of
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
        rows = [fields for _, fields in text.rows]
    repeated = [name for i, name in enumerate(text.columns) if name in text.columns[:i]]
    if repeated or "" in text.columns:
        what = f"several columns named {repeated[0]!r}" if repeated else "a column without a name"
        raise InputError(f"The sample table {path} has {what}; give each column its own name.")
    names = name_array(row[0] for row in rows)
    check_unique_samples(names, f"the sample table {path}")
    columns = {
        name: _parsed([row[j] for row in rows]) for j, name in enumerate(text.columns, start=1)
    }
    return pd.DataFrame(columns, index=pd.Index(names, name=text.corner or "sample"))


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


def _read_text_counts(
    path: Path, table: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    import pandas as pd

    if table is None:
        raise InputError(
            f"{path} does not say whether its rows are genes or samples; give the sample table "
            "too, whose names tell."
        )
    known = set(name_array(table.index))
    with open_table(path) as text:
        header = set(text.columns)
        try:
            rows, values = _read_numbers(text)
        except InputError:
            # Columns of annotation are better named as such than by the first word in them.
            if header & known and header - known:
                _in_order(table, name_array(text.columns), path)
            raise
    samples_are_rows = _samples_are_rows(header, set(rows), table, path)
    names, genes = (rows, text.columns) if samples_are_rows else (text.columns, rows)
    check_unique_samples(name_array(names), str(path))
    counts = pd.DataFrame(
        values if samples_are_rows else values.T,
        index=pd.Index(names, dtype=object),
        columns=pd.Index(genes, dtype=object),
    )
    return counts, _in_order(table, name_array(names), path)


def _samples_are_rows(header: set[str], rows: set[str], table: pd.DataFrame, path: Path) -> bool:
    """Which side carries the sample names; a side that carries them exactly wins."""
    known = set(name_array(table.index))
    exact = (rows == known, header == known)
    shared = (len(rows & known), len(header & known))
    if shared == (0, 0):
        raise InputError(
            f"None of the samples of the sample table ({first_few(table.index)}) is a column or "
            f"row of {path} (columns {first_few(sorted(header))})"
            f"{_hint_of_column(table, header | rows)}; write the names alike in both."
        )
    if exact == (True, True) or (not any(exact) and shared[0] == shared[1]):
        raise InputError(
            f"The rows and the columns of {path} both carry the sample names, so these do not tell "
            "which are the genes; rename the genes."
        )
    return exact[0] if any(exact) else shared[0] > shared[1]


def _hint_of_column(table: pd.DataFrame, names: set[str]) -> str:
    for column in table.columns:
        values = {str(value) for value in table[column]}
        if len(values) == len(table) and values <= names:
            return f", but its column {str(column)!r} holds such names and should stand first"
    return ""


def _read_numbers(text: TextTable) -> tuple[list[str], NDArray[Any]]:
    """Row names and a matrix (rows x columns), int64 as long as every value is a whole number."""
    names: list[str] = []
    lines: list[int] = []
    cells: list[str] = []
    parts: list[NDArray[Any]] = []
    width = len(text.columns)

    def convert() -> None:
        try:
            parts.append(_as_numbers(cells))
        except ValueError:
            raise _no_number(text, cells, names, lines) from None
        cells.clear()
        lines.clear()

    for line, fields in text.rows:
        names.append(fields[0])
        lines.append(line)
        cells.extend(fields[1:])
        if len(cells) >= _CELLS_AT_ONCE:
            convert()
    convert()
    return names, np.concatenate(parts).reshape(len(names), width)


def _as_numbers(cells: list[str]) -> NDArray[Any]:
    """int64 where Python's int reads every cell, else float64, rounded correctly by float."""
    if not _is_plain("".join(cells)):
        raise ValueError("not a number")
    for read, dtype in ((int, np.int64), (float, np.float64)):
        try:
            return np.fromiter(map(read, cells), dtype=dtype, count=len(cells))
        except OverflowError:
            continue  # beyond int64: a float can say so, and the count check will refuse it
        except ValueError:
            if read is float:
                raise
    raise ValueError("not a number")


def _no_number(text: TextTable, cells: list[str], names: list[str], lines: list[int]) -> InputError:
    width = len(text.columns)
    at = next(i for i, cell in enumerate(cells) if not _reads(float, cell))
    row, column = divmod(at, width)
    name = names[len(names) - len(lines) + row]
    cell = cells[at]
    missing = cell.strip() in _MISSING
    told = f"is missing ({cell!r})" if missing else f"is no number ({cell[:40]!r})"
    remedy = (
        "every gene needs a count in every sample."
        if missing
        else "keep only names and counts, without annotation columns or thousands separators."
    )
    return InputError(
        f"{text.path}, line {lines[row]}: the count in row {name!r}, column "
        f"{text.columns[column]!r} {told}; {remedy}"
    )


def _is_plain(text: str) -> bool:
    """Python's int and float also read 1_000 and digits of other scripts; a table means neither."""
    return text.isascii() and "_" not in text


def _reads(read: Callable[[str], Any], cell: str) -> bool:
    if not _is_plain(cell):
        return False
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _parsed(cells: list[str]) -> Any:
    """One column of a sample table as int64, float64, bool or text."""
    given = [cell for cell in cells if cell not in _MISSING]
    complete = len(given) == len(cells)
    if given and all(_NUMBER.fullmatch(cell) for cell in given):
        if any(_LEADING_ZERO.match(cell) for cell in given):
            return _text(cells)
        if complete and all(_reads(int, cell) and abs(int(cell)) < 2**63 for cell in cells):
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        return np.array([np.nan if c in _MISSING else float(c) for c in cells], dtype=np.float64)
    if complete and given and {cell.lower() for cell in given} <= {"true", "false"}:
        return np.array([cell.lower() == "true" for cell in cells], dtype=np.bool_)
    return _text(cells)


def _text(cells: list[str]) -> NDArray[np.object_]:
    return np.array([None if cell in _MISSING else cell for cell in cells], dtype=object)
