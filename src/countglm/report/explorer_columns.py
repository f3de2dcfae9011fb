"""The columns of a test table as the page shows them: which, under what name, as what text."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._gene_labels import is_symbol
from countglm._ranking import called, evidence, ranked
from countglm._samples import TABLE_COLUMNS, annotation_columns
from countglm.report.html import number
from countglm.status import Status

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

# Columns of the annotation that a page has room for; those that name a gene come first.
MOST_ANNOTATION = 4
_DESCRIPTIONS = ("description", "gene_description")
_WORDS = ("test", "status", "na_reason")
MEANING = {
    "baseMean": "mean of the counts divided by size factors, over all samples; weighted where "
    "the observations have weights",
    "log2FoldChange": "log2 of the fold change; infinite where a gene has no count in one group",
    "lfcSE": "standard error of log2FoldChange; of a shrunken one its posterior deviation",
    "stat": "statistic of the test",
    "pvalue": "p-value of the gene alone",
    "padj": "p-value adjusted for the number of genes: the false discovery rate that finds it",
    "svalue": "s-value: the expected share of wrong signs, or of changes below the threshold if "
    "one was given, among all genes with one as small",
    "ciLower": "lower end of the interval of log2FoldChange",
    "ciUpper": "upper end of the interval of log2FoldChange",
    "note": "why a value is missing, or what is special about the fit of the gene",
}


@dataclass(frozen=True)
class Columns:
    """What the table of a contrast shows, column by column."""

    annotation: list[str]
    numbers: list[str]
    words: list[str]
    evidence: str  # the column that genes are called by
    ranking: str  # the column that they are ranked by

    @property
    def shown(self) -> list[str]:
        """Names of the columns in their order."""
        return ["gene", *self.headings, *self.numbers, "note"]

    @property
    def headings(self) -> list[str]:
        """Names of the annotation as shown: none is that of a column of the page's own."""
        taken = {"gene", "note", *self.annotation}
        names = []
        for name in self.annotation:
            shown = name
            while shown in ("gene", "note") or (shown != name and shown in taken):
                shown = f"var_{shown}"
            taken.add(shown)
            names.append(shown)
        return names


def columns_of(result: DEResult) -> Columns:
    """Return the columns of a result; not all of its annotation where there is much."""
    table = result.table
    by, rank = evidence(table)
    known = [name for name in TABLE_COLUMNS if name in table]
    present = [name for name in annotation_columns(result.var) if name in table]
    first = [name for name in present if is_symbol(name) or name.lower() in _DESCRIPTIONS]
    chosen = [*first, *(name for name in present if name not in first)][:MOST_ANNOTATION]
    return Columns(
        annotation=chosen,
        numbers=[name for name in known if name not in _WORDS],
        words=[name for name in known if name in _WORDS],
        evidence=by,
        ranking=rank,
    )


def words_of(column: pd.Series) -> list[str]:
    """Return a column of words as text; nothing where there is none."""
    missing = column.isna().to_numpy()
    return [
        "" if gone else value.name if isinstance(value, Status) else str(value)
        for value, gone in zip(column.tolist(), missing.tolist(), strict=True)
    ]


def notes_of(table: pd.DataFrame) -> list[str]:
    """Return for every gene why a value is missing and what is special about its fit."""
    size = len(table)
    status = words_of(table["status"]) if "status" in table else [""] * size
    reason = words_of(table["na_reason"]) if "na_reason" in table else [""] * size
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)
    return [note(*each) for each in zip(status, reason, np.isinf(change).tolist(), strict=True)]


@cache
def note(status: str, reason: str, on_off: bool) -> str:
    """One gene's note; a gene that is plainly fitted and tested has none."""
    parts = ["on/off"] if on_off else []
    if status not in ("", Status.CONVERGED.name) and not on_off:
        parts.append(status)
    if reason and reason.upper() != status:
        parts.append(reason)
    return ", ".join(parts).replace("_", " ").lower()


def directions(table: pd.DataFrame, level: float) -> NDArray[np.int8]:
    """Return for every gene 1 (called, up), 2 (called, down), 3 (called, no direction) or 0."""
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)
    found = called(table, level)
    side = np.where(change > 0, 1, np.where(change < 0, 2, 3))
    return np.where(found, side, 0).astype(np.int8)


def gene_order(table: pd.DataFrame) -> NDArray[np.intp]:
    """Return the places of all genes: as ranked, then those without a p-value as they came."""
    first = ranked(table)
    rest = np.ones(len(table), dtype=np.bool_)
    rest[first] = False
    return np.concatenate([first, np.flatnonzero(rest)])


def text_of(name: str, value: Any, columns: Columns) -> str:
    """One value as the text of its cell: a number with few digits, annotation as it is."""
    if name in columns.numbers:
        return written(name, float(value))
    if value is None or value != value:
        return ""
    return f"{value:.15g}" if isinstance(value, (float, np.floating)) else str(value)


def written(name: str, value: float) -> str:
    """A number of the column ``name`` as the page writes it, with and without its script.

    At most 5 digits before the point; halves go up, as scripts round.
    """
    size = abs(value)
    if name in ("pvalue", "padj", "svalue") or not np.isfinite(value):
        return number(name, value)
    decimals = 2 - (size >= 1e3) - (size >= 1e4)
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    return f"{rounded:f}".replace("-", "\N{MINUS SIGN}")
