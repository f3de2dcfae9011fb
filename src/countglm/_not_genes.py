"""Rows of a table of counts that are no genes, and gene names that a spreadsheet has changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._names import first_few, plural

# Counters that htseq-count and STAR write below or above the genes.
_COUNTERS = frozenset(
    {
        *("__no_feature", "__ambiguous", "__too_low_aQual", "__not_aligned"),
        *("__alignment_not_unique", "N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"),
        *("no_feature", "ambiguous", "too_low_aQual", "not_aligned", "alignment_not_unique"),
    }
)
_TOTALS = frozenset({"total", "totals", "grand total", "sum", "column total", "column sum"})
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_DATE = re.compile(rf"\d{{1,2}}[-./ ]({_MONTHS})|({_MONTHS})[-./ ]\d{{1,2}}", re.IGNORECASE)


def is_total(name: str) -> bool:
    """Whether a row or column is called a total."""
    return name.casefold().strip(" :.") in _TOTALS


class Aside(NamedTuple):
    """Rows that are no genes, why, in words, and names of totals that hold none and were kept."""

    rows: NDArray[np.bool_]
    why: list[str]
    kept: list[str]


def rows_aside(names: Sequence[str], values: NDArray[Any], what: str = "row") -> Aside:
    """Tell which genes, of ``values`` genes x samples, are none; ``what`` they stood in."""
    aside = np.zeros(len(names), dtype=np.bool_)
    why = []
    counters = [i for i, name in enumerate(names) if name in _COUNTERS]
    if counters:
        aside[counters] = True
        rows = f"the {what}" if len(counters) == 1 else f"the {what}s"
        why.append(f"{rows} {first_few(names[i] for i in counters)} (counters of a read counter)")
    named = [i for i, name in enumerate(names) if is_total(name) and not aside[i]]
    genes = ~aside
    genes[named] = False
    called = [i for i in named if _may_be_total(values[i], values[genes])]
    sums = [i for i in _sums(values) if i not in named and not aside[i]]
    for i in called + sums:
        aside[i] = True
        kind = "a total by its name" if i in called else f"the sum of all other {what}s"
        why.append(f"the {what} {names[i]!r} ({kind})")
    return Aside(aside, why, [names[i] for i in named if i not in called])


def _may_be_total(row: NDArray[Any], genes: NDArray[Any]) -> bool:
    """Whether no gene has more counts in a sample: rows are deleted below a total that stays."""
    if row.dtype.kind not in "iuf" or not genes.size:
        return True
    return bool((row >= genes.max(axis=0)).all())


def _sums(values: NDArray[Any]) -> list[int]:
    """Rows that are the sum of all others, of which more than one are not zero.

    A total stands first or last; in the middle a gene could be meant, however unlikely.
    """
    n = values.shape[0]
    if n < 3 or values.dtype.kind not in "if":
        return []
    with np.errstate(all="ignore"):
        whole = values.sum(axis=0)
        found = [i for i in (0, n - 1) if np.array_equal(values[i] * 2, whole) and whole.any()]
    return [i for i in found if np.count_nonzero(values.any(axis=1)) > 2]


def told_dates(names: Sequence[str]) -> str | None:
    """Say which gene names a spreadsheet has made dates of; None where there are none."""
    dates = [name for name in names if _DATE.fullmatch(name)]
    if not dates:
        return None
    return (
        f"{plural(len(dates), 'gene name')} {'is a date' if len(dates) == 1 else 'are dates'} "
        f"({first_few(dates)}), as spreadsheets make them of names like MARCH1 and SEPT2; take "
        "the names from the original file."
    )
