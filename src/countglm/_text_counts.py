"""Counts from a text table as people keep them: either way round, annotation and totals beside."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._columns_beside import Beside, sort_columns
from countglm._names import check_unique_samples, first_few, match_samples, name_array, plural
from countglm._not_genes import rows_aside, told_dates
from countglm._spellings import respelled, told
from countglm._stored_counts import _without_name_warnings
from countglm._text_cells import as_numbers, no_number, parsed
from countglm._text_tables import TextTable, open_table
from countglm._warn import warn
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_CELLS_AT_ONCE = 200_000


class _Read(NamedTuple):
    """A table as it stands: names of its rows, numbers of some columns, the others as text."""

    rows: list[str]
    lines: list[int]
    columns: list[str]
    values: NDArray[Any]
    others: list[str]
    texts: list[list[str]]


def read_text_counts(path: Path, table: pd.DataFrame) -> pd.DataFrame | AnnData:
    """Return the counts, samples x genes, by names as the sample table writes them.

    Columns of annotation become the ``var`` of an AnnData; without any the counts are a
    DataFrame. Rows and columns that are neither genes nor samples are left out, which one
    warning tells.
    """
    known = name_array(table.index)
    try:
        with open_table(path) as text:
            here = respelled(text.columns, known)
            read = _read(text, {*known, *here})
    except InputError:
        _check_known(path, table)
        raise
    meant = {**respelled(read.rows, known), **here}
    rows = {meant.get(name, name) for name in read.rows}
    columns = {meant.get(name, name) for name in (*read.columns, *read.others)}
    samples_are_rows = _samples_are_rows(columns, rows, table, path)
    if samples_are_rows:
        read = _turned(_whole(read, path))
    beside = sort_columns(read.others, read.texts, read.values)
    # A name is respelled only where it names a sample.
    meant = {name: meant[name] for name in read.columns if name in meant}
    samples = [meant.get(name, name) for name in read.columns]
    check_unique_samples(name_array(samples), str(path))
    _check_samples(path, table, samples, beside)
    what = "column" if samples_are_rows else "row"
    aside, why, kept = rows_aside(read.rows, read.values, what)
    why += [f"the column {name!r} (a total)" for name in beside.totals]
    genes = [name for name, left in zip(read.rows, aside, strict=True) if not left]
    beyond = _left_out(path, why) + _taken(path, beside.numbers, kept, what)
    _tell(path, beyond, meant, genes)
    annotation = {n: _kept(cells, aside) for n, cells in beside.annotation.items()}
    return _container(read.values[~aside], samples, genes, annotation)


def _read(text: TextTable, samples: set[str]) -> _Read:
    """Read columns of samples as numbers and others as text; all as numbers if none is known."""
    chosen = [j for j, name in enumerate(text.columns, 1) if name in samples]
    others = [j for j in range(1, len(text.columns) + 1) if text.columns[j - 1] not in samples]
    if not chosen:
        chosen, others = others, []
    columns = [text.columns[j - 1] for j in chosen]
    pick = None if not others else itemgetter(*chosen)
    names: list[str] = []
    lines: list[int] = []
    cells: list[str] = []
    texts: list[list[str]] = [[] for _ in others]
    parts: list[NDArray[Any]] = []

    def convert() -> None:
        try:
            parts.append(as_numbers(cells))
        except ValueError:
            n = len(cells) // len(columns)
            rows = list(zip(lines[-n:], names[-n:], strict=True))
            raise no_number(text.path, columns, rows, cells) from None
        cells.clear()

    for line, fields in text.rows:
        names.append(fields[0].strip())
        lines.append(line)
        if pick is None:
            cells.extend(fields[1:])
        else:
            picked = pick(fields)
            cells.extend((picked,) if len(chosen) == 1 else picked)
            for column, j in zip(texts, others, strict=True):
                column.append(fields[j].strip())
        if len(cells) >= _CELLS_AT_ONCE:
            convert()
    convert()
    values = np.concatenate(parts).reshape(len(names), len(columns))
    beside = [text.columns[j - 1] for j in others]
    return _Read(names, lines, columns, values, beside, texts)


def _whole(read: _Read, path: Path) -> _Read:
    """All columns as numbers: of a table whose rows are the samples, though a gene is called so."""
    columns, values = read.columns, [read.values]
    for name, cells in zip(read.others, read.texts, strict=True):
        try:
            values.append(as_numbers(cells)[:, None])
        except ValueError:
            rows = list(zip(read.lines, read.rows, strict=True))
            raise no_number(path, [name], rows, cells) from None
        columns = [*columns, name]
    return _Read(read.rows, read.lines, columns, np.hstack(values), [], [])


def _turned(read: _Read) -> _Read:
    return _Read(read.columns, [], read.rows, read.values.T, [], [])


def _check_known(path: Path, table: pd.DataFrame) -> None:
    """Raise InputError where no name is a sample's: that explains cells that are no numbers."""
    known = name_array(table.index)
    with open_table(path) as text:
        names = [*text.columns, *(fields[0].strip() for _, fields in text.rows)]
    if not (set(names) & set(known) or respelled(names, known)):
        _samples_are_rows(set(text.columns), set(names[len(text.columns) :]), table, path)


def _samples_are_rows(header: set[str], rows: set[str], table: pd.DataFrame, path: Path) -> bool:
    """Which side carries the sample names; a side that carries them exactly wins."""
    known = set(name_array(table.index))
    exact = (rows == known, header == known)
    shared = (len(rows & known), len(header & known))
    if shared == (0, 0):
        raise InputError(
            f"None of the samples of the sample table ({first_few(table.index)}) is a column or "
            f"row of {path} (columns {first_few(sorted(header))})"
            f"{_hint_of_column(table, header | rows)}."
        )
    if exact == (True, True) or (not any(exact) and shared[0] == shared[1]):
        raise InputError(
            f"The rows and the columns of {path} both carry the sample names, so these do not tell "
            "which are the genes; rename the genes."
        )
    return exact[0] if any(exact) else shared[0] > shared[1]


def _hint_of_column(table: pd.DataFrame, names: set[str]) -> str:
    if names & {str(column) for column in table.columns}:
        return "; counts and sample table look exchanged"
    for column in table.columns:
        values = {str(value) for value in table[column]}
        if len(values) == len(table) and values <= names:
            return f", but its column {str(column)!r} holds such names and should stand first"
    return "; write the names alike in both"


def _check_samples(path: Path, table: pd.DataFrame, samples: list[str], beside: Beside) -> None:
    """Raise InputError for samples on one side only."""
    known = name_array(table.index)
    if beside.unknown and set(known) <= set(samples):
        columns = plural(len(beside.unknown), "column").removeprefix("1 ")
        raise InputError(
            f"{path} has the {columns} {first_few(beside.unknown)} of numbers, "
            f"{'which is no sample' if len(beside.unknown) == 1 else 'which are no samples'} of "
            "the sample table; add a row there for each sample, and delete what is none."
        )
    wanted = name_array([*samples, *beside.unknown])
    match_samples(wanted, known, what="the sample table", counts=path.name)


def _left_out(path: Path, why: list[str]) -> list[str]:
    return [f"{path.name} holds more than counts: left out {', '.join(why)}."] if why else []


def _taken(path: Path, numbers: list[str], kept: list[str], what: str) -> list[str]:
    """Say what was decided by a name alone and may be meant otherwise."""
    parts = []
    if numbers:
        columns = "column" if len(numbers) == 1 else "columns"
        parts.append(
            f"{path.name} holds numbers in the {columns} {first_few(numbers)}, taken as annotation "
            "by name; if it is a sample, add it to the sample table."
        )
    if kept:
        parts.append(
            f"The {what} {first_few(kept)} of {path.name} was kept as a gene: it is called a "
            "total, but other genes have more counts; delete it if it is none."
        )
    return parts


def _tell(path: Path, parts: list[str], meant: dict[str, str], genes: list[str]) -> None:
    if meant:
        parts.append(told(meant, path.name))
    dates = told_dates(genes)
    if dates is not None:
        parts.append(f"In {path.name} {dates}")
    if parts:
        warn(" ".join(parts))


def _kept(cells: list[str], aside: NDArray[np.bool_]) -> list[str]:
    return [cell for cell, left in zip(cells, aside, strict=True) if not left]


def _container(
    values: NDArray[Any], samples: list[str], genes: list[str], annotation: dict[str, list[str]]
) -> pd.DataFrame | AnnData:
    """Counts (genes x samples) as samples x genes, whose genes lie together in memory."""
    import pandas as pd

    rows, columns = pd.Index(samples, dtype=object), pd.Index(genes, dtype=object)
    if not annotation:
        return pd.DataFrame(values.T, index=rows, columns=columns)
    from anndata import AnnData

    var = pd.DataFrame({name: parsed(cells) for name, cells in annotation.items()}, index=columns)
    with _without_name_warnings():
        return AnnData(values.T, obs=pd.DataFrame(index=rows), var=var)
