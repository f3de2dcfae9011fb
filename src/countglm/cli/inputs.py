"""What commands read: counts with their samples, designs, contrasts, size factors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._names import plural
from countglm.cli.earlier import read_summary
from countglm.cli.output import check_checkpoint
from countglm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from countglm.counts import CountMatrix, Reading
    from countglm.design import Design


# Memory of a study that is loaded, annotated and written, in its own size.
_TIMES_LOADED = 2


@dataclass(frozen=True)
class StudyFile:
    """An h5ad file or zarr store of counts, loaded as it is only where it is written again."""

    path: Path
    kept: NDArray[np.bool_] | None = None

    def __getitem__(self, index: tuple[slice, NDArray[np.bool_]]) -> StudyFile:
        """The same file with some of its genes, for all samples."""
        return StudyFile(self.path, index[1])

    def load(self) -> Any:
        """Return the AnnData."""
        from countglm._stored_counts import kind_of, read_anndata_file

        data = read_anndata_file(self.path, kind_of(self.path))
        return data if self.kept is None else data[:, self.kept]


def read_tables(
    counts: Path,
    samples: Path | None,
    *,
    design: pd.DataFrame | None,
    layer: str | None,
    allow_noninteger: bool,
    reading: Reading | None = None,
) -> tuple[Any, CountMatrix, pd.DataFrame | None]:
    """Read the counts, as stored and as a matrix, and their sample table.

    The rows of ``design``, a design given as a table, name the samples as well as a sample table
    does. An h5ad file or zarr store is read as ``reading`` says, and comes as a `StudyFile`.
    """
    from countglm._stored_counts import kind_of
    from countglm.counts import as_count_matrix
    from countglm.readers import in_sample_order, read_counts, read_samples

    if samples is not None and counts.resolve() == samples.resolve():
        raise InputError(f"{counts} is given as counts and as --samples; they are two files.")
    table = design if samples is None else read_samples(samples)
    kind = kind_of(counts)
    if table is None and kind == "text":
        raise InputError(
            f"{counts} needs a table of its samples: give a CSV or TSV with --samples, one row per "
            "sample, their names in its first column as in the counts."
        )
    if kind in ("h5ad", "zarr"):
        matrix = as_count_matrix(
            counts, layer=layer, allow_noninteger=allow_noninteger, reading=reading
        )
        obs = in_sample_order(table, matrix.obs, counts)
        return StudyFile(counts), matrix, obs
    try:
        raw, obs = read_counts(counts, samples=table, layer=layer)
    except InputError:
        if samples is not None and kind == "text":
            _require_not_exchanged(counts, samples, table)
        raise
    return raw, as_count_matrix(raw, allow_noninteger=allow_noninteger), obs


def _require_not_exchanged(counts: Path, samples: Path, table: Any) -> None:
    """Raise InputError where the file of counts is the sample table, and perhaps the reverse."""
    from countglm._text_tables import open_table

    with open_table(counts) as text:
        rows = {fields[0] for _, fields in text.rows}
    if rows and rows <= {str(name) for name in table.columns}:
        raise InputError(
            f"{counts} and {samples} look exchanged: the rows of the first are columns of the "
            f"second. Give the counts first, and --samples {counts}."
        )


def check_rewriting(raw: Any, memory_limit: int | None) -> None:
    """Raise InputError where --h5ad would load more than ``memory_limit`` to write it again."""
    if memory_limit is None or not isinstance(raw, StudyFile):
        return
    from countglm._memory import in_words, resident_memory
    from countglm._open_file import stored_bytes

    loaded = stored_bytes(raw.path)
    if resident_memory() + _TIMES_LOADED * loaded > memory_limit:
        raise InputError(
            f"--h5ad loads {raw.path} into memory ({in_words(loaded)}, and as much to write it), "
            f"which --memory-limit {in_words(memory_limit)} does not allow; leave out one of the "
            "two."
        )


def checked_reading(counts: Path, output: Path, options: Mapping[str, Any]) -> Reading:
    """Refuse folders that are in each other's way; return how a command reads its counts.

    A scratch file is kept with a checkpoint, or put beside the output for as long as the command
    runs.
    """
    from countglm.counts import Reading

    memory_limit, checkpoint = options["memory_limit"], options["checkpoint"]
    check_input_is_kept(counts, output)
    check_checkpoint(checkpoint, output)
    if checkpoint is not None:
        return Reading(memory_limit, checkpoint, keep=True)
    beside = next(folder for folder in output.resolve().parents if folder.is_dir())
    return Reading(memory_limit, beside)


def given_design(design: str) -> Any:
    """Return a formula as it is, and a design table read from its file."""
    return design if "~" in design else _design_table(design)


def built_design(
    model: Any,
    counts: Path,
    matrix: CountMatrix,
    obs: Any,
    *,
    allow_saturated: bool,
    remedy: str = "add samples",
) -> Design:
    """Return the design of a formula or table, matched to the counts by sample names."""
    from countglm.design import as_design

    if isinstance(model, str) and obs is None:
        raise InputError(
            f"{counts} brings no sample table, so {model!r} has no columns to use; give one "
            "with --samples."
        )
    built = as_design(model, matrix, obs=obs, allow_saturated=True)
    if len(built.names) == matrix.n_samples and not allow_saturated:
        raise InputError(
            f"The design has as many columns as samples ({matrix.n_samples}), which leaves nothing "
            f"to estimate the dispersion from; use fewer terms, or {remedy}."
        )
    return built


def check_input_is_kept(counts: Path, output: Path) -> None:
    """Refuse counts that the new output would replace or clear away."""
    known = {"result.h5ad", *read_summary(output).get("files", [])}
    if counts.resolve().parent == output.resolve() and counts.name in known:
        raise InputError(
            f"{counts} is part of the output that this run would replace; name another folder "
            "with -o."
        )


def _as_formula(design: str) -> str:
    if Path(design) == Path.home():
        # What a shell makes of a ~ without quotes.
        return 'the formula in quotes, such as --design "~ condition"'
    shown = design if re.fullmatch(r"[\w.]+( *[+*:] *[\w.]+)*", design) else "condition"
    return f'--design "~ {shown}"'


def _design_table(design: str) -> pd.DataFrame:
    from countglm.readers import read_samples

    if not Path(design).is_file():
        raise InputError(
            f"--design {design!r} is neither a formula (it has no ~) nor a file; write "
            f"{_as_formula(design)}."
        )
    return read_samples(Path(design))


def size_factors_of(given: str, counts: CountMatrix) -> str | NDArray[np.float64]:
    """Return the method named by ``--size-factors``, or the factors of a table of that name."""
    from countglm.size_factors import METHODS

    if given in METHODS:
        return given
    if not Path(given).is_file():
        raise InputError(
            f"--size-factors {given!r} is neither a method ({', '.join(METHODS)}) nor a file."
        )
    import numpy as np

    from countglm.readers import read_samples

    table = read_samples(Path(given))
    names = counts.sample_names
    if names is None or table.shape[1] != 1:
        raise InputError(
            f"--size-factors {given} needs two columns, sample and factor, and counts with "
            "sample names."
        )
    missing = [str(name) for name in names if str(name) not in table.index]
    if missing:
        raise InputError(
            f"--size-factors {given} lacks {plural(len(missing), 'sample')}, first {missing[0]!r}."
        )
    column = table.iloc[:, 0].loc[[str(name) for name in names]]
    try:
        return np.asarray(column, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"--size-factors {given}: {error}; factors must be numbers.") from error
