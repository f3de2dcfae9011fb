"""``countglm fit``: read, fit, test the contrasts, write the output folder."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm.cli.contrast_words import parse_contrast
from countglm.cli.ending import lines_of_fit, text_of_fit
from countglm.cli.inputs import (
    built_design,
    check_rewriting,
    checked_reading,
    given_design,
    read_tables,
    size_factors_of,
)
from countglm.cli.output import check_output, output_folder
from countglm.cli.products import dumps, table_suffix, write_products
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from countglm.counts import CountMatrix, Reading
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
    verbose: bool,
    **options: Any,
) -> None:
    """Run the command; ``options`` are those of `fit_glm`.

    Every mistake that can be seen before the fit is reported before it.
    """
    check_output(output, force=force)
    suffix = table_suffix(table_format, compress=compress)
    _check_numbers(options["dispersion"], options["tol"])
    reading = checked_reading(counts, output, options)
    raw, matrix, model = read_inputs(
        counts,
        design,
        samples,
        layer=layer,
        allow_noninteger=options["allow_noninteger"],
        allow_saturated=options["dispersion"] is not None or options["family"] == "poisson",
        reading=reading,
    )
    if with_h5ad:
        check_rewriting(raw, options["memory_limit"])
    wanted = [parse_contrast(text, model) for text in contrasts]
    options["size_factors"] = size_factors_of(options["size_factors"], matrix)
    with output_folder(output, force=force) as folder:
        from countglm.glm import fit_glm

        fit = fit_glm(matrix, model, progress=True, **options)
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
    reading.done()
    if as_json:
        click.echo(dumps(facts))
        return
    lines = [text_of_fit(fit, tables)] if verbose else []
    click.echo("\n".join([*lines, *lines_of_fit(fit, tables, facts, output)]))


def read_inputs(
    counts: Path,
    design: str,
    samples: Path | None,
    *,
    layer: str | None,
    allow_noninteger: bool,
    allow_saturated: bool,
    reading: Reading | None = None,
) -> tuple[Any, CountMatrix, Design]:
    """Read the counts, as stored and as a matrix, and the design, matched by sample names."""
    model = given_design(design)
    raw, matrix, obs = read_tables(
        counts, samples, design=None if isinstance(model, str) else model, layer=layer,
        allow_noninteger=allow_noninteger, reading=reading,
    )  # fmt: skip
    return (
        raw,
        matrix,
        built_design(
            model, counts, matrix, obs, allow_saturated=allow_saturated, remedy="give --dispersion"
        ),
    )


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
