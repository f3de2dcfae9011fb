"""The table of normalised counts, written some genes at once: all may be more than memory holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm.cli.delimited import numbers
from countglm.cli.products import open_stream, write_table
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import CountMatrix
    from countglm.results import GLMFit

# Entries of the largest table that nobody has asked for: beyond, it fills disks and is not read.
MOST_ENTRIES = 10_000_000
# Entries that are text at once: 25 MB of Python's strings.
_ENTRIES_AT_ONCE = 1 << 18


def is_wanted(choice: str, counts: CountMatrix, suffix: str) -> bool:
    """Return whether the table is written: ``choice`` is of --normalized.

    Raises
    ------
    InputError
        A large table as parquet, which is written from memory.
    """
    small = counts.n_samples * counts.n_genes <= MOST_ENTRIES
    if choice == "always" and suffix == ".parquet" and not small:
        raise InputError(
            f"--normalized always would hold {_entries(counts)} in memory for --format parquet; "
            "use --format tsv or csv, which are written gene by gene."
        )
    return choice == "always" or (choice == "auto" and small)


def why_not(counts: CountMatrix) -> str:
    """Return what tells that the table was too large."""
    return (
        f"Normalised counts were left out: {_entries(counts)}, more than {MOST_ENTRIES:,}; "
        "--normalized always writes them."
    )


def _entries(counts: CountMatrix) -> str:
    return f"{counts.n_samples * counts.n_genes:,} entries"


def write_normalized(fit: GLMFit, counts: CountMatrix, path: Path) -> None:
    """Write counts over size factors, genes x samples, before any replacement of outliers."""
    import pandas as pd

    names = range(fit.n_samples) if fit.sample_names is None else fit.sample_names
    samples = [str(name) for name in names]
    if path.suffix == ".parquet":
        # No more entries than `MOST_ENTRIES`: `is_wanted` has seen to it.
        values = np.concatenate([values for _, values in _blocks(fit, counts)])
        genes = pd.Index(fit.gene_names, name="gene")
        write_table(pd.DataFrame(values, index=genes, columns=samples), path)
        return
    separator = "," if path.name.removesuffix(".gz").endswith(".csv") else "\t"
    with open_stream(path) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        writer.writerow(["gene", *samples])
        for start, values in _blocks(fit, counts):
            cells = numbers(values.ravel(), "NA")
            for row in range(len(values)):
                own = cells[row * fit.n_samples : (row + 1) * fit.n_samples]
                writer.writerow([fit.gene_names[start + row], *own])


def _blocks(fit: GLMFit, counts: CountMatrix) -> Iterator[tuple[int, NDArray[np.float64]]]:
    step = max(1, _ENTRIES_AT_ONCE // fit.n_samples)
    for start in range(0, fit.n_genes, step):
        yield start, counts.block(start, min(start + step, fit.n_genes)) / fit.size_factors
