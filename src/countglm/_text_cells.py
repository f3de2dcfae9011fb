"""Cells of text tables as numbers, booleans or words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError

MISSING = frozenset({"", "NA", "N/A", "#N/A", "NaN", "nan"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_DECIMAL_COMMA = re.compile(r"\s*\d+,(0+|\d{1,2}|\d{4,})\s*", re.ASCII)


def as_numbers(cells: list[str]) -> NDArray[Any]:
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


def no_number(
    path: Path, columns: Sequence[str], rows: Sequence[tuple[int, str]], cells: list[str]
) -> InputError:
    """Name the first cell that is no number; ``rows`` are line and name of those in ``cells``."""
    at = next(i for i, cell in enumerate(cells) if not reads(float, cell))
    row, column = divmod(at, len(columns))
    line, name = rows[row]
    cell = cells[at]
    missing = cell.strip() in MISSING
    told = f"is missing ({cell!r})" if missing else f"is no number ({cell[:40]!r})"
    if missing:
        remedy = "every gene needs a count in every sample."
    elif _DECIMAL_COMMA.fullmatch(cell):
        remedy = "save the table with a decimal point, or as whole numbers."
    else:
        remedy = "keep only names and counts in such a column, without thousands separators."
    return InputError(
        f"{path}, line {line}: the count in row {name!r}, column {columns[column]!r} {told}; "
        f"{remedy}"
    )


def reads(read: Callable[[str], Any], cell: str) -> bool:
    """Whether a cell is a number of that kind."""
    if not _is_plain(cell):
        return False
    try:
        read(cell)
    except ValueError:
        return False
    return True


def _is_plain(text: str) -> bool:
    """Python's int and float also read 1_000 and digits of other scripts; a table means neither."""
    return text.isascii() and "_" not in text


def parsed(cells: Sequence[str]) -> Any:
    """One column of a table of samples or annotation as int64, float64, bool or text."""
    given = [cell for cell in cells if cell not in MISSING]
    complete = len(given) == len(cells)
    if given and all(_NUMBER.fullmatch(cell) for cell in given):
        if any(_LEADING_ZERO.match(cell) for cell in given):
            return _text(cells)
        if complete and all(reads(int, cell) and abs(int(cell)) < 2**63 for cell in cells):
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        return np.array([np.nan if c in MISSING else float(c) for c in cells], dtype=np.float64)
    if complete and given and {cell.lower() for cell in given} <= {"true", "false"}:
        return np.array([cell.lower() == "true" for cell in cells], dtype=np.bool_)
    return _text(cells)


def _text(cells: Sequence[str]) -> NDArray[np.object_]:
    return np.array([None if cell in MISSING else cell for cell in cells], dtype=object)
