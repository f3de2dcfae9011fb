"""``countglm fit``: read, fit, test the contrasts, write the output folder."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import plural
from countglm.cli.output import check_output, output_folder, read_summary
from countglm.cli.products import dumps, table_suffix, write_products
from countglm.errors import InputError
from countglm.report import words

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from countglm.counts import CountMatrix
    from countglm.design import Design
    from countglm.results import GLMFit


def run(
    *,
    counts: Path,
    design: str,
    samples: Path | None,
    layer: str | None,
    contrasts: Sequence[str],
    output: Path,
    force: bool,
    as_json: bool,
    table_format: str,
    compress: bool,
    with_h5ad: bool,
    no_report: bool,
    **options: Any,
) -> None:
    """Run the command; ``options`` are those of `fit_glm`.

    Every mistake that can be seen before the fit is reported before it.
    """
    check_output(output, force=force)
    _check_input_is_kept(counts, output)
    suffix = table_suffix(table_format, compress=compress)
    _check_numbers(options["dispersion"], options["tol"])
    raw, matrix, model = read_inputs(
        counts,
        design,
        samples,
        layer=layer,
        allow_noninteger=options["allow_noninteger"],
        allow_saturated=options["dispersion"] is not None or options["family"] == "poisson",
    )
    wanted = [parse_contrast(text, model) for text in contrasts]
    options["size_factors"] = _size_factors(options["size_factors"], matrix)
    with output_folder(output, force=force) as folder:
        from countglm.glm import fit_glm

        fit = fit_glm(matrix, model, progress=sys.stderr.isatty(), **options)
        tables = contrast_tables(fit, wanted)
        facts = write_products(
            fit,
            tables,
            folder,
            command="fit",
            title=f"{counts.name}: {design}",
            suffix=suffix,
            with_report=not no_report,
            h5ad_from=raw if with_h5ad else None,
        )
    click.echo(dumps(facts) if as_json else _told(fit, tables, facts, output))


def _told(fit: GLMFit, tables: dict[str, pd.DataFrame], facts: dict[str, Any], output: Path) -> str:
    lines = [repr(fit), "", *words.certificate_sentences(fit)]
    lines += [f"{label}: {words.contrast_sentence(table)}" for label, table in tables.items()]
    if tables:
        lines += words.dispersion_caution(fit)
    else:
        lines.append("No --contrast was given, so nothing was tested.")
    return "\n".join([*lines, "", f"Written to {output}: {', '.join(facts['files'])}"])


def read_inputs(
    counts: Path,
    design: str,
    samples: Path | None,
    *,
    layer: str | None,
    allow_noninteger: bool,
    allow_saturated: bool,
) -> tuple[Any, CountMatrix, Design]:
    """Read the counts, as stored and as a matrix, and the design, matched by sample names."""
    from countglm._stored_counts import kind_of
    from countglm.counts import as_count_matrix
    from countglm.design import as_design
    from countglm.readers import read_counts, read_samples

    model: Any = design if "~" in design else _design_table(design)
    # The rows of a design table name the samples as well as a sample table does.
    table = None if isinstance(model, str) else model
    if samples is not None:
        table = read_samples(samples)
    if table is None and kind_of(counts) == "text":
        raise InputError(
            f"{counts} is a text table, whose samples stand in rows or columns; give the sample "
            "table with --samples, its names tell."
        )
    # A layer of an AnnData is picked afterwards, so that X stays what it was.
    inside = kind_of(counts) in ("h5ad", "zarr")
    raw, obs = read_counts(counts, samples=table, layer=None if inside else layer)
    if isinstance(model, str) and obs is None:
        raise InputError(
            f"{counts} brings no sample table, so {design!r} has no columns to use; give one "
            "with --samples."
        )
    matrix = as_count_matrix(
        raw, layer=layer if inside else None, allow_noninteger=allow_noninteger
    )
    built = as_design(model, matrix, obs=obs, allow_saturated=True)
    if len(built.names) == matrix.n_samples and not allow_saturated:
        raise InputError(
            f"The design has as many columns as samples ({matrix.n_samples}), which leaves nothing "
            "to estimate the dispersion from; use fewer terms, or give --dispersion."
        )
    return raw, matrix, built


def _check_input_is_kept(counts: Path, output: Path) -> None:
    """Refuse counts that the new output would replace or clear away."""
    known = {"result.h5ad", *read_summary(output).get("files", [])}
    if counts.resolve().parent == output.resolve() and counts.name in known:
        raise InputError(
            f"{counts} is part of the output that this run would replace; name another folder "
            "with -o."
        )


def _design_table(design: str) -> pd.DataFrame:
    from countglm.readers import read_samples

    if not Path(design).is_file():
        raise InputError(
            f"--design {design!r} is neither a formula (it has no ~) nor a file; write for "
            'example --design "~ condition".'
        )
    return read_samples(Path(design))


def parse_contrast(text: str, design: Design) -> Any:
    """Check one ``--contrast`` against the design; return what `wald_test` takes.

    Raises
    ------
    InputError
        Neither a coefficient's name, nor factor,tested,reference, nor one number each.
    """
    if text in design.names:
        return text
    parts = [part.strip() for part in text.split(",")]
    contrast: Any = text
    if len(parts) > 1:
        contrast = _numbers(parts) or parts
    design.contrast(contrast)
    return contrast


def _numbers(parts: list[str]) -> list[float] | None:
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None


def contrast_tables(fit: GLMFit, contrasts: Sequence[Any]) -> dict[str, pd.DataFrame]:
    """Wald tables by the contrasts' labels, which are numbered where two contrasts share one."""
    from countglm.inference import wald_test

    tables: dict[str, pd.DataFrame] = {}
    tested: set[tuple[float, ...]] = set()
    for contrast in contrasts:
        vector, label = fit.design.contrast(contrast)
        if tuple(vector) in tested:
            continue
        tested.add(tuple(vector))
        # Labels round numbers, so different contrasts may read the same.
        names = (label if i == 1 else f"{label} ({i})" for i in itertools.count(1))
        tables[next(name for name in names if name not in tables)] = wald_test(fit, contrast)
    return tables


def _check_numbers(dispersion: float | None, tol: float) -> None:
    if dispersion is not None and not (math.isfinite(dispersion) and dispersion >= 0):
        raise InputError(f"--dispersion {dispersion:g} must be a finite number >= 0.")
    if not (math.isfinite(tol) and tol > 0):
        raise InputError(f"--tol {tol:g} must be a finite number > 0.")


def _size_factors(given: str, counts: CountMatrix) -> str | NDArray[np.float64]:
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
