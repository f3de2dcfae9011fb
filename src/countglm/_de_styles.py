"""The table of a result under the column names of other tools."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._names import first_few
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .deresult import DEResult

_DESEQ2 = ("baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj")


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
    return styles[style](result)


def _deseq2(result: DEResult) -> pd.DataFrame:
    return result.table[[*_DESEQ2, *("svalue",) * ("svalue" in result.table.columns)]].copy()


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
        if value is not None
    }
    return pd.DataFrame(given, index=result.table.index)


def _edger(result: DEResult) -> pd.DataFrame:
    settings = result.settings
    stat = result.table["stat"].to_numpy(dtype=np.float64)
    columns: dict[str, Any] = {"logFC": "log2FoldChange", "logCPM": _log_cpm(result)}
    if settings["test"] == "lrt":
        columns["LR"] = stat
    elif not settings["lfc_threshold"] and settings["alternative"].startswith("greaterAbs"):
        # Only here is the p-value the upper tail of the square.
        columns["F" if settings["use_t"] else "LR"] = stat**2
    return _named(result, columns | {"PValue": "pvalue", "FDR": "padj"})


def _limma(result: DEResult) -> pd.DataFrame:
    t = "stat" if result.settings["test"] == "wald" else None
    columns = {
        "logFC": "log2FoldChange",
        "AveExpr": _log_cpm(result),
        "t": t,
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
    order = np.argsort(-frame["scores"].to_numpy(dtype=np.float64), kind="stable")
    return frame.iloc[order].reset_index(drop=True)


def significant(result: DEResult, level: float) -> pd.DataFrame:
    """Return the rows with an adjusted p below ``level``, the smallest p-value first."""
    table = result.table
    found = table[(table["padj"] < level).to_numpy()]
    order = np.lexsort((-found["stat"].abs().to_numpy(), found["pvalue"].to_numpy()))
    return found.iloc[order].copy()
