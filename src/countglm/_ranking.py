"""Order of the genes of a test table, whichever columns a shrunken result has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def evidence(table: pd.DataFrame) -> tuple[str, str]:
    """Names of the columns that genes are called by and ranked by: p-values or s-values."""
    return ("padj", "pvalue") if "pvalue" in table else ("svalue", "svalue")


def called(table: pd.DataFrame, level: float) -> NDArray[np.bool_]:
    """Genes (n_genes,) with an adjusted p-value, or else an s-value, below ``level``."""
    below: NDArray[np.bool_] = (table[evidence(table)[0]] < level).to_numpy()
    return below


def ranked(table: pd.DataFrame) -> NDArray[np.intp]:
    """Places of the genes with a p-value, smallest first; ties by the statistic, then by place."""
    by = table[evidence(table)[1]].to_numpy(dtype=np.float64)
    tie = table["stat" if "stat" in table else "log2FoldChange"].abs().to_numpy(dtype=np.float64)
    order = np.lexsort((-tie, by))
    return np.asarray(order[: np.count_nonzero(~np.isnan(by))], dtype=np.intp)
