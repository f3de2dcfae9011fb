"""``countglm de``: from counts to tables of differential expression, one folder out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import first_few
from countglm._warn import recorded
from countglm.cli.contrast_table import read_contrasts
from countglm.cli.contrast_words import parse_contrast
from countglm.cli.de_products import write_de_products
from countglm.cli.ending import lines_of_tests, text_of_tests
from countglm.cli.inputs import (
    built_design,
    check_rewriting,
    checked_reading,
    given_design,
    read_tables,
    size_factors_of,
)
from countglm.cli.normalized import is_wanted, why_not
from countglm.cli.origin import origin_of
from countglm.cli.output import check_output, output_folder
from countglm.cli.preparation import (
    check_min_count,
    kept_genes,
    references_of,
    with_reference_levels,
)
from countglm.cli.products import dumps, table_suffix
from countglm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from countglm.counts import CountMatrix, Reading
    from countglm.deresult import DEResult
    from countglm.design import Design


@dataclass
class _Task:
    """Contrasts, by name, of one design."""

    model: Any
    contrasts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What is to be tested, read and checked: every mistake that can be seen before the fit."""

    raw: Any  # counts as stored
    obs: Any
    matrix: CountMatrix
    tasks: list[_Task]
    options: dict[str, Any]  # of `differential_expression`
    shrink: str | None
    dropped: int
    title: str

    def results(self) -> dict[str, DEResult]:
        """Return the results of all contrasts by name; each design is fitted once."""
        from countglm.workflows import differential_expression

        results: dict[str, DEResult] = {}
        for number, task in enumerate(self.tasks, 1):
            options = dict(self.options)
            if len(self.tasks) > 1 and options.get("checkpoint") is not None:
                # A checkpoint is of one design.
                options["checkpoint"] = options["checkpoint"] / f"design-{number}"
            # Without contrasts the last coefficient is tested.
            found = differential_expression(
                self.matrix, task.model, task.contrasts or None, progress=True,
                **options,
            )  # fmt: skip
            part = found if isinstance(found, dict) else {found.label: found}
            if self.shrink is not None:
                part = {name: result.shrink(method=self.shrink) for name, result in part.items()}
            results |= part
        return results


def run(
    *,
    counts: Path,
    output: Path,
    force: bool,
    as_json: bool,
    table_format: str,
    compress: bool,
    with_h5ad: bool,
    no_report: bool,
    normalized: str = "auto",
    verbose: bool = False,
    reading: Reading | None = None,
    check: Callable[[Prepared], None] | None = None,
    **given: Any,
) -> None:
    """Run the command; ``given`` is what `prepare` takes, and ``check`` may refuse what it found.

    Every mistake that can be seen before the fit is reported before it.
    """
    check_output(output, force=force)
    suffix = table_suffix(table_format, compress=compress)
    if reading is None:
        reading = checked_reading(counts, output, given)
    with recorded() as warned:
        asked = prepare(counts=counts, reading=reading, **given)
    if with_h5ad:
        check_rewriting(asked.raw, given["memory_limit"])
    with_normalized = is_wanted(normalized, asked.matrix, suffix)
    if check is not None:
        check(asked)
    with output_folder(output, force=force) as folder:
        results = {name: _with(warned, result) for name, result in asked.results().items()}
        facts = write_de_products(
            results, asked.matrix, folder, suffix=suffix, dropped=asked.dropped, title=asked.title,
            with_report=not no_report, h5ad_from=(asked.raw, asked.obs) if with_h5ad else None,
            normalized=with_normalized,
            origin=origin_of(counts, given["samples"], given, asked.dropped),
        )  # fmt: skip
    reading.done()
    left_out = [why_not(asked.matrix)] if normalized == "auto" and not with_normalized else []
    if as_json:
        click.echo(dumps(facts))
        return
    lines = [text_of_tests(results, asked.dropped)] if verbose else []
    click.echo("\n".join([*lines, *left_out, *lines_of_tests(results, facts, output)]))


def prepare(
    *,
    counts: Path,
    design: str | None,
    samples: Path | None,
    layer: str | None,
    contrasts: Sequence[str],
    contrast_file: Path | None,
    reference: Sequence[str],
    size_factors: str,
    allow_noninteger: bool,
    min_count: float | None,
    by_expression: bool,
    shrink: str | None,
    reading: Reading | None = None,
    **options: Any,
) -> Prepared:
    """Read and check everything; ``options`` are those of `differential_expression`."""
    from countglm._reduced import nested_design

    references = references_of(reference)
    check_min_count(min_count)
    _check_options(shrink, options["interval"])
    if contrast_file is not None and contrasts:
        raise InputError("Give --contrast or --contrasts, not both: add a row to the table.")
    tasks = _tasks(design, contrast_file)
    table = next((t.model for t in tasks if not isinstance(t.model, str)), None)
    raw, matrix, obs = read_tables(
        counts, samples, design=table, layer=layer, allow_noninteger=allow_noninteger,
        reading=reading,
    )  # fmt: skip
    options["allow_noninteger"] = allow_noninteger
    options["size_factors"] = size_factors_of(size_factors, matrix)
    models = [task.model for task in tasks]
    options["obs"] = with_reference_levels(obs, references, models)
    for task in tasks:
        model = built_design(task.model, counts, matrix, options["obs"], allow_saturated=False)
        for text in contrasts:
            contrast = parse_contrast(text, model, options["obs"])
            task.contrasts.setdefault(model.contrast(contrast)[1], contrast)
        vectors = [model.contrast(contrast) for contrast in task.contrasts.values()]
        if shrink is not None:
            _check_shrinkage(shrink, options["mode"], model, vectors)
        if options["reduced"] is not None:
            nested_design(model, options["reduced"], lambda: matrix, obs=options["obs"])
    kept = kept_genes(matrix, models, options["obs"], min_count, by_expression)
    if not kept.all():
        matrix = matrix.take_genes(kept.nonzero()[0])
        raw = raw.loc[:, kept] if hasattr(raw, "columns") else raw[:, kept]
    title = f"{counts.name}: {' and '.join(_words(task.model) for task in tasks)}"
    return Prepared(raw, obs, matrix, tasks, options, shrink, int((~kept).sum()), title)


def _with(warned: list[str], result: DEResult) -> DEResult:
    """Return the result with what was warned of before the analysis, for its report."""
    every = [*warned, *result.provenance.get("warnings", [])]
    return replace(result, provenance={**result.provenance, "warnings": every})


def _words(model: Any) -> str:
    return model if isinstance(model, str) else "given design"


def _check_options(shrink: str | None, interval: str | None) -> None:
    if shrink is not None and interval is not None:
        raise InputError(
            "--interval gives intervals of estimates that are not shrunken; leave out --interval "
            "or --shrink."
        )


def _check_shrinkage(
    method: str, mode: str, model: Design, vectors: list[tuple[NDArray[np.float64], str]]
) -> None:
    """Raise for a contrast that the method does not shrink; single coefficients always can be."""
    from countglm._normal_prior import can_expand

    names = first_few(model.names, 10)
    for vector, label in vectors:
        if (vector != 0).sum() == 1 and vector.max() == 1.0:
            continue
        if method == "apeglm" and mode == "replay":
            raise InputError(
                f"--shrink apeglm with --mode replay shrinks one coefficient ({names}), and "
                f"{label!r} is none; take --mode exact or --shrink ash."
            )
        if method == "normal" and not can_expand(model):
            raise InputError(
                f"--shrink normal shrinks only coefficients ({names}) in a design with "
                f"interactions or without factors, and {label!r} is none; take apeglm or ash."
            )


def _tasks(design: str | None, contrast_file: Path | None) -> list[_Task]:
    """Return the designs with the contrasts that the table of contrasts asks of each."""
    model = None if design is None else given_design(design)
    if contrast_file is None:
        if model is None:
            raise InputError(
                'Give --design "~ batch + condition" or the like; only a table --contrasts makes '
                "a design of its own."
            )
        return [_Task(model)]
    if not (model is None or isinstance(model, str)):
        raise InputError("--contrasts needs a formula in --design, or none; it was given a table.")
    tasks: dict[str, _Task] = {}
    for row in read_contrasts(contrast_file):
        formula = row.design(model)
        tasks.setdefault(formula, _Task(formula)).contrasts[row.name] = row.contrast
    return list(tasks.values())
