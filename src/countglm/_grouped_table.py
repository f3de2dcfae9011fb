"""Tables over groups: all rows in one, the significant ones, p-values adjusted over all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._de_summary import REASONS, checked_alpha
from ._p_adjust import adjustment
from ._ranking import evidence, ranked
from ._samples import TABLE_COLUMNS
from .status import Status

if TYPE_CHECKING:
    import pandas as pd

    from ._grouped import GroupedResult
    from .deresult import DEResult

Floats = NDArray[np.float64]
ACROSS = "padj_across"


def tidy_table(grouped: GroupedResult) -> pd.DataFrame:
    """Return the tables of all groups below each other."""
    import pandas as pd

    # A word for each of millions of rows would take more memory than all numbers.
    words = {
        "test": pd.CategoricalDtype(["Wald", "LRT"]),
        "status": pd.CategoricalDtype(list(Status)),
        "na_reason": pd.CategoricalDtype(list(REASONS)),
    }
    parts, genes = [], []
    for result in grouped.results.values():
        part = result.table
        genes.append(part.index.to_numpy())
        parts.append(part.astype({name: words[name] for name in words if name in part}))
    sizes = [len(part) for part in parts]
    table = pd.concat(parts, ignore_index=True)
    if grouped.across is not None:
        place = list(table.columns).index("padj")
        adjusted = [grouped.across[group] for group in grouped.results]
        table.insert(place + 1, ACROSS, np.concatenate(adjusted))
    table.insert(0, "gene", pd.Series(_as_levels(genes)))
    names = column_names(grouped)
    for place, name in enumerate(names):
        labels = [group[place] if len(names) > 1 else group for group in grouped.results]
        levels = {label: number for number, label in enumerate(dict.fromkeys(labels))}
        codes = np.repeat([levels[label] for label in labels], sizes)
        values = pd.Categorical.from_codes(codes, categories=pd.Index(list(levels)))
        table.insert(place, name, pd.Series(values))
    return table


def _as_levels(genes: list[NDArray[Any]]) -> pd.Categorical[Any]:
    """Return the names of genes, group after group; mostly they are the same in all."""
    import pandas as pd

    first = genes[0]
    if len(set(first)) == first.size and all(np.array_equal(first, each) for each in genes):
        codes = np.tile(np.arange(first.size), len(genes))
        return pd.Categorical.from_codes(codes, categories=pd.Index(first))
    return pd.Categorical(np.concatenate(genes))


def column_names(grouped: GroupedResult) -> list[str]:
    """Return the names of the groups' columns."""
    # All groups have the annotation of the same genes.
    annotated = next(iter(grouped.results.values())).table.columns
    taken = {"gene", ACROSS, *TABLE_COLUMNS, *annotated}
    names: list[str] = []
    for name in grouped.by:
        label = name
        while label in taken or label in names:
            label = f"by_{label}"
        names.append(label)
    return names


def significant_rows(grouped: GroupedResult, alpha: float | None) -> pd.DataFrame:
    """Return the rows below ``alpha``, smallest p-value first."""
    level = checked_alpha(alpha, next(iter(grouped.results.values())).settings)
    table = tidy_table(grouped)
    column = ACROSS if ACROSS in table else evidence(table)[0]
    below = table[column].to_numpy(dtype=np.float64) < level
    order = ranked(table)
    return table.iloc[order[below[order]]]


def adjusted_across(results: Mapping[Any, DEResult], p_adjust: Any) -> dict[Any, Floats]:
    """Return p-values adjusted over the tests of all groups.

    Tests that took no part in the adjustment of their own group, such as those of genes of low
    mean, take none in this.
    """
    taking_part = []
    for result in results.values():
        p = result.table["pvalue"].to_numpy(dtype=np.float64)
        taking_part.append(np.where(np.isnan(result.table["padj"]), np.nan, p))
    adjusted = adjustment(p_adjust)(np.concatenate(taking_part))
    ends = np.cumsum([part.size for part in taking_part])
    return dict(zip(results, np.split(adjusted, ends[:-1]), strict=True))
