"""The table of a result under the column names of other tools."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import first_few
from ._ranking import called, ranked
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .deresult import DEResult

_DESEQ2 = ("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj", "svalue")


def in_style(result: DEResult, style: str) -> pd.DataFrame:
    """Return the table as ``style`` names its columns."""
    styles = {
        "deseq2": _deseq2,
        "edger": _edger,
        "limma": _limma,
        "pertpy": _pertpy,
        "scanpy": _scanpy,
    }
    if style not in styles:
        raise InputError(f"style={style!r} is not known; choose from {first_few(styles, 9)}.")
    if style != "deseq2" and "pvalue" not in result.table:
        raise InputError(
            f"The table holds s-values, for which {style!r} has no column; use style='deseq2' or "
            "shrink without svalue=True."
        )
    return styles[style](result)


def _deseq2(result: DEResult) -> pd.DataFrame:
    return result.table[[name for name in _DESEQ2 if name in result.table]].copy()


def _log_cpm(result: DEResult) -> Any:
    """log2 of the mean normalised count per million of all, (G,); -inf for a mean of 0."""
    mean = result.table["baseMean"].to_numpy(dtype=np.float64)
    total = math.fsum(value for value in mean if value == value)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log2(mean / total * 1e6)


def _named(result: DEResult, columns: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    given = {
        name: result.table[value] if isinstance(value, str) else value
        for name, value in columns.items()
        if not isinstance(value, str) or value in result.table
    }
    return pd.DataFrame(given, index=result.table.index)


def _edger(result: DEResult) -> pd.DataFrame:
    settings, table = result.settings, result.table
    columns: dict[str, Any] = {"logFC": "log2FoldChange", "logCPM": _log_cpm(result)}
    two_sided = settings["alternative"].startswith("greaterAbs") and not settings["lfc_threshold"]
    if settings["test"] == "lrt":
        columns["LR"] = "stat"
    elif two_sided and "stat" in table:
        # Only here is the p-value the upper tail of the square.
        square = table["stat"].to_numpy(dtype=np.float64) ** 2
        columns["F" if settings["use_t"] else "LR"] = square
    return _named(result, columns | {"PValue": "pvalue", "FDR": "padj"})


def _limma(result: DEResult) -> pd.DataFrame:
    columns = {
        "logFC": "log2FoldChange",
        "AveExpr": _log_cpm(result),
        "t": "stat" if result.settings["test"] == "wald" else "",
        "P.Value": "pvalue",
        "adj.P.Val": "padj",
    }
    return _named(result, columns)


def _pertpy(result: DEResult) -> pd.DataFrame:
    columns = {
        "variable": result.table.index.to_numpy(),
        "baseMean": "baseMean",
        "log_fc": "log2FoldChange",
        "lfcSE": "lfcSE",
        "stat": "stat",
        "p_value": "pvalue",
        "adj_p_value": "padj",
        "contrast": np.full(len(result.table), result.label, dtype=object),
    }
    return _named(result, columns).reset_index(drop=True)


def _scanpy(result: DEResult) -> pd.DataFrame:
    columns = {
        "names": result.table.index.to_numpy(),
        "scores": "stat",
        "logfoldchanges": "log2FoldChange",
        "pvals": "pvalue",
        "pvals_adj": "padj",
    }
    frame = _named(result, columns).reset_index(drop=True)
    by = -frame["scores"] if "scores" in frame else frame["pvals"]
    order = np.argsort(by.to_numpy(dtype=np.float64), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def significant(result: DEResult, level: float) -> pd.DataFrame:
    """Return the rows with an adjusted p below ``level``, the smallest p-value first."""
    found = result.table[called(result.table, level)]
    return found.iloc[ranked(found)].copy()
