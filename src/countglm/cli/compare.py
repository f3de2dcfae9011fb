"""``countglm compare``: an analysis beside the same one in R, with a reason a gene."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm._names import plural
from countglm.cli.contrast_words import parse_contrast
from countglm.cli.ending import SUMMARY_TEXT, where
from countglm.cli.inputs import (
    built_design,
    check_input_is_kept,
    given_design,
    read_tables,
    size_factors_of,
)
from countglm.cli.outcome import FailedError
from countglm.cli.output import check_output, output_folder
from countglm.cli.preparation import (
    check_min_count,
    kept_genes,
    references_of,
    with_reference_levels,
)
from countglm.cli.products import dumps, summary, write_summary, write_table
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.adapters.parity import ParityCertificate
    from countglm.counts import CountMatrix
    from countglm.deresult import DEResult

_ENGINES = ("DESeq2",)


def run(
    *,
    counts: Path,
    design: str,
    samples: Path | None,
    layer: str | None,
    contrast: str | None,
    engine: str,
    reference: Sequence[str],
    size_factors: str,
    min_count: float | None,
    by_expression: bool,
    tolerance: float,
    timeout: float | None,
    output: Path | None,
    force: bool,
    as_json: bool,
    no_report: bool,
    **options: Any,
) -> None:
    """Run the command; ``options`` are those of `differential_expression`.

    Raises
    ------
    InputError
        A mistake that can be seen before the fit, or an analysis that R cannot repeat.
    FailedError
        R, or what leads to it, is missing or failed; or a gene deviates without a reason, which
        is told after everything else was written.
    """
    engine = _engine(engine)
    _check(counts, output, force, no_report, tolerance)
    check_min_count(min_count)
    references = references_of(reference)
    model = given_design(design)
    table = None if isinstance(model, str) else model
    _, matrix, obs = read_tables(counts, samples, design=table, layer=layer, allow_noninteger=False)
    options["size_factors"] = size_factors_of(size_factors, matrix)
    options["obs"] = with_reference_levels(obs, references, [model])
    options["contrast"] = _checked_contrast(model, contrast, counts, matrix, options)
    kept = kept_genes(matrix, [model], options["obs"], min_count, by_expression)
    if not kept.all():
        matrix = matrix.take_genes(kept.nonzero()[0])
    _look_for(engine)
    result, certificate = _compared(matrix, model, engine, options, tolerance, timeout)
    facts = summary(result.fit, "compare") | {
        "n_dropped": int((~kept).sum()), "parity": certificate.to_dict(),
    }  # fmt: skip
    told = [str(certificate)]
    if output is not None:
        title = f"{counts.name}: {design if table is None else 'given design'} against {engine}"
        with output_folder(output, force=force) as folder:
            facts = _write(certificate, result, folder, facts, None if no_report else title)
        told += ["", *where(facts, output, ["parity_genes.tsv"])]
    click.echo(dumps(facts) if as_json else "\n".join(told))
    if not certificate.passed:
        raise FailedError(
            f"for {plural(certificate.unexplained, 'gene')} of {len(certificate.reasons):,} no "
            f"reason was found why {engine} gives another value, at the stages "
            f"{', '.join(certificate.unexplained_stages)}; such genes come first in the table."
        )


def _engine(given: str) -> str:
    found = {name.lower(): name for name in _ENGINES}.get(given.strip().lower())
    if found is None:
        raise InputError(f"--with {given!r} is not known; choose {' or '.join(_ENGINES)}.")
    return found


def _look_for(engine: str) -> None:
    """Fail now if R or the engine is missing: the fit may take minutes."""
    from countglm.adapters.r import RError, require

    try:
        require(engine)
    except RError as error:
        raise FailedError(str(error)) from error


def _check(
    counts: Path, output: Path | None, force: bool, no_report: bool, tolerance: float
) -> None:
    if not 0.0 < tolerance < 1.0:
        raise InputError(f"--tolerance {tolerance:g} must lie between 0 and 1, such as 1e-6.")
    if output is not None:
        check_output(output, force=force)
        check_input_is_kept(counts, output)
        return
    idle = [name for name, given in (("--no-report", no_report), ("--force", force)) if given]
    if idle:
        raise InputError(f"{idle[0]} is about the folder of -o, which was not given; add -o DIR.")


def _checked_contrast(
    model: Any, text: str | None, counts: Path, matrix: CountMatrix, options: dict[str, Any]
) -> Any:
    """Return the contrast; it, the design and a reduced one are checked before the fit."""
    from countglm._reduced import nested_design

    built = built_design(model, counts, matrix, options["obs"], allow_saturated=False)
    if options["reduced"] is not None:
        nested_design(built, options["reduced"], lambda: matrix, obs=options["obs"])
    return None if text is None else parse_contrast(text, built, options["obs"])


def _compared(
    matrix: CountMatrix,
    model: Any,
    engine: str,
    options: dict[str, Any],
    tolerance: float,
    timeout: float | None,
) -> tuple[DEResult, ParityCertificate]:
    from countglm.adapters.parity import compare
    from countglm.adapters.r import RError
    from countglm.workflows import differential_expression

    contrast = options.pop("contrast")
    watched = sys.stderr.isatty()
    result = differential_expression(matrix, model, contrast, progress=watched, **options)
    if watched:
        click.echo(f"countglm: now {engine} in R, on one core ...", err=True)
    try:
        return result, compare(result, engine, tolerance=tolerance, timeout=timeout)
    except RError as error:
        raise FailedError(str(error)) from error


def _write(
    certificate: ParityCertificate,
    result: DEResult,
    folder: Path,
    facts: dict[str, Any],
    title: str | None,
) -> dict[str, Any]:
    """Fill the folder; return the summary. Without a title there is no report."""
    write_table(certificate.stages, folder / "parity_stages.tsv")
    write_table(certificate.genes().rename_axis("gene"), folder / "parity_genes.tsv")
    (folder / SUMMARY_TEXT).write_text(f"{certificate}\n", encoding="utf-8")
    if title is not None:
        from countglm.report import write_parity_report

        write_parity_report(certificate, result, folder / "report.html", title=title)
    return write_summary(facts, folder)
