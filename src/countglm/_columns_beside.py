"""Columns beside the samples of a table of counts: annotation, totals, or samples not known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._not_genes import is_total
from countglm._text_cells import MISSING, reads

# Titles under which programs and people put numbers that are no counts.
_NUMBERS = frozenset(
    {
        *("chr", "chrom", "chromosome", "start", "end", "strand", "length", "width", "size"),
        *("gene length", "transcript length", "exon length", "effective length", "gene start"),
        *("gene end", "gc", "gc content", "gene gc content", "entrez", "entrezid", "entrez id"),
        *("entrez gene", "entrez gene id", "entrezgene", "entrezgene id", "ncbi gene id"),
        *("gene id", "geneid", "hgnc id", "row", "index", "no", "nr", "number"),
    }
)
# Of these, words that a sample may be called, unless others of the first line stand beside them.
_COMPANY = frozenset({"chr", "chrom", "chromosome", "start", "end", "strand"})
_WORDS = frozenset({"size", "width", "row", "index", "no", "nr", "number"})
_UNITS = re.compile(r"\(.*?\)|\[.*?\]|%")


class Beside(NamedTuple):
    """Columns that are no known sample.

    ``annotation`` by name; ``totals`` are names of sums over the samples; ``unknown`` hold numbers
    that may be counts of samples which the sample table lacks. ``numbers`` are the annotation
    that its title alone tells from such samples.
    """

    annotation: dict[str, list[str]]
    totals: list[str]
    unknown: list[str]
    numbers: list[str]


def sort_columns(
    names: Sequence[str], columns: Sequence[list[str]], values: NDArray[np.generic]
) -> Beside:
    """Tell what the columns are, of a table whose samples have ``values`` (rows, samples)."""
    beside = Beside({}, [], [], [])
    for name, cells in zip(names, columns, strict=True):
        given = [cell for cell in cells if cell not in MISSING]
        numeric = [cell for cell in given if reads(float, cell)]
        if not given and not name:
            continue
        few = 2 * len(numeric) < len(given) or not given
        if few or _is_annotation(name):
            if not few and _may_be_sample(name, names):
                beside.numbers.append(name)
            beside.annotation[_free(name or "annotation", beside.annotation)] = cells
        elif is_total(name) or _is_sum(cells, values):
            beside.totals.append(name)
        else:
            beside.unknown.append(name)
    return beside


def _is_annotation(name: str) -> bool:
    return _title(name) in _NUMBERS


def _title(name: str) -> str:
    return re.sub(r"[\W_]+", " ", _UNITS.sub("", name.casefold())).strip()


def _may_be_sample(name: str, names: Sequence[str]) -> bool:
    """Whether a title of annotation could also be a sample's: a word, without its usual company."""
    title, there = _title(name), {_title(each) for each in names}
    if title in _COMPANY:
        return not (_COMPANY - {title}) & there
    return title in _WORDS


def _is_sum(cells: list[str], values: NDArray[np.generic]) -> bool:
    if values.shape[1] < 2 or not all(reads(float, cell) for cell in cells):
        return False
    column = np.array([float(cell) for cell in cells])
    return bool(column.any() and np.array_equal(column, values.sum(axis=1, dtype=np.float64)))


def _free(name: str, taken: dict[str, list[str]]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
