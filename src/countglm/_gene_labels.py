"""What people call a gene: its symbol, where the annotation has one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# Titles of such columns in lower case, words joined by _.
_SYMBOLS = frozenset(
    {
        *("symbol", "symbols", "gene_symbol", "gene_symbols", "genesymbol", "gene_name"),
        *("genename", "gene_names", "hgnc_symbol", "mgi_symbol", "external_name"),
        *("external_gene_name", "official_gene_symbol"),
    }
)


def is_symbol(title: object) -> bool:
    """Whether a column of that title holds symbols: ``gene_name``, ``Gene Symbol``."""
    return re.sub(r"[\W_]+", "_", str(title).lower()).strip("_") in _SYMBOLS


def labels_of(table: pd.DataFrame) -> NDArray[np.object_]:
    """Return a name for every gene: its symbol where the table has one, or else its own."""
    own = np.array([str(name) for name in table.index], dtype=object)
    for column in table.columns:
        if is_symbol(column):
            symbol = table[column].astype(object)
            given = symbol.notna().to_numpy() & (symbol.astype(str) != "").to_numpy()
            return np.where(given, symbol.astype(str).to_numpy(), own)
    return own
