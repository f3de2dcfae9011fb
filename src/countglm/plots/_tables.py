"""What a plot reads from a result: its table, its level, words for its axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import check_share
from countglm._gene_labels import labels_of
from countglm._names import did_you_mean
from countglm._parallel import is_whole
from countglm._ranking import called, evidence, ranked
from countglm.deresult import DEResult
from countglm.errors import InputError
from countglm.plots._literal import printable

if TYPE_CHECKING:
    import pandas as pd

_LEVEL = 0.1
_LONGEST_LABEL = 40
CRITERION = {"padj": "adjusted p", "svalue": "s-value"}


def table_of(result: Any, *needed: str) -> pd.DataFrame:
    """Return the table of a result, or a table of `countglm.wald_test` as it is.

    Raises
    ------
    InputError
        Neither, or a table without one of the columns ``needed``.
    """
    table = result.table if isinstance(result, DEResult) else result
    if not hasattr(table, "columns") or not hasattr(table, "index"):
        several = " Pick one of its results, by name." if hasattr(result, "values") else ""
        raise InputError(
            f"An object of type {type(result).__name__} cannot be drawn; give the result of "
            f"differential_expression, or the table of a test.{several}"
        )
    missing = [name for name in needed if name not in table]
    if missing or not {"pvalue", "svalue"} & set(table):
        lacking = missing or ["pvalue"]
        word = "column" if len(lacking) == 1 else "columns"
        raise InputError(
            f"The table lacks the {word} {' and '.join(lacking)}; give the result of "
            "differential_expression, or a table of wald_test or likelihood_ratio_test."
        )
    return table


def require_result(result: Any) -> DEResult:
    """Return ``result``, which must be one of differential_expression."""
    if isinstance(result, DEResult):
        return result
    table_of(result)
    raise InputError(
        "This plot shows more than a table holds; give the result of differential_expression."
    )


def level_of(result: Any, alpha: float | None) -> float:
    """Return the level to call genes at: as given, or that of the analysis."""
    if alpha is None and isinstance(result, DEResult):
        alpha = result.settings["alpha"]
    return check_share(_LEVEL if alpha is None else alpha, "alpha", "the false discovery rate")


def threshold_of(result: Any) -> float:
    """Return the log2 fold change that was tested against, 0 where none was."""
    if not isinstance(result, DEResult):
        return 0.0
    if evidence(result.table)[0] == "svalue":
        return float(result.settings.get("shrinkage", {}).get("lfc_threshold") or 0.0)
    return float(result.settings.get("lfc_threshold") or 0.0)


def criterion(table: pd.DataFrame, level: float) -> str:
    """Return what genes are called by, in words."""
    return f"{CRITERION[evidence(table)[0]]} < {level:g}"


def change_label(result: Any) -> str:
    """Return the words for an axis of fold changes."""
    if not isinstance(result, DEResult):
        return "log2 fold change"
    shrunken = "shrunken " if result.settings.get("shrinkage") else ""
    words = f"{shrunken}log2 fold change"
    return f"{words}\n{printable(result.label)}" if len(result.label) <= _LONGEST_LABEL else words


def named_rows(table: pd.DataFrame, label: Any, level: float) -> NDArray[np.intp]:
    """Return the rows of the genes to be called by name: so many of the best, or those named.

    Of the best only those below ``level`` count; genes are named by the table's index, or by their
    symbols, which are what is drawn.

    Raises
    ------
    InputError
        Neither a number of genes nor genes of the table.
    """
    if label is None or label is False:
        return np.zeros(0, dtype=np.intp)
    if is_whole(label, 0):
        best = ranked(table)
        return best[called(table, level)[best]][: int(label)]
    wanted = [label] if isinstance(label, str) else label
    if isinstance(wanted, Iterable):
        items = list(wanted)
        if all(isinstance(item, str) for item in items):
            return _by_name(items, table)
        if all(is_whole(item, -len(table)) and item < len(table) for item in items):
            return np.array(items, dtype=np.intp) % len(table)
    shown = repr(label)
    raise InputError(
        f"label={shown if len(shown) <= _LONGEST_LABEL else type(label).__name__} must be how many "
        f"of the best genes to name, or a list of their names or of rows from 0 to "
        f"{len(table) - 1}."
    )


def _by_name(wanted: list[str], table: pd.DataFrame) -> NDArray[np.intp]:
    """Return the rows of genes; a name of the index goes before an equal symbol."""
    places: dict[str, list[int]] = {}
    for names in (table.index, labels_of(table)):
        found: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            found.setdefault(str(name), []).append(row)
        places = found | places
    missing = [name for name in wanted if name not in places]
    if missing:
        raise InputError(
            f"label: {len(missing)} of {len(wanted)} genes are not in the table, first "
            f"{missing[0]!r}{did_you_mean(missing[0], places)}."
        )
    for name in wanted:
        if len(places[name]) > 1:
            raise InputError(
                f"label: {len(places[name])} genes are called {name!r}; give the row of one."
            )
    return np.array([places[name][0] for name in wanted], dtype=np.intp)
