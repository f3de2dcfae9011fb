"""``countglm de --by COLUMN``: the same test in every group of samples, one folder out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countglm.cli import suggestions
from countglm.cli.help import GROUPS, section
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from countglm._grouped import GroupedResult
    from countglm.cli.origin import Origin
    from countglm.counts import CountMatrix


# What only a test in groups takes.
GROUP_OPTIONS = ("by", "control", "p_adjust_across")


def _replicates(
    _context: click.Context, _option: click.Parameter, given: str | None
) -> str | bool | None:
    return False if given == "none" else given


# Of the command that can test in every group of samples.
groups_samples = section(
    GROUPS,
    click.option(
        "--by",
        multiple=True,
        metavar="COLUMN",
        shell_complete=suggestions.columns,
        help="Test in every group of samples that this column of the sample table makes, such as "
        "cell types; may be repeated.",
    ),
    click.option(
        "--control",
        metavar="LEVEL",
        help="With --by: compare every other level of its (last) column with this.",
    ),
    click.option(
        "--across",
        "p_adjust_across",
        type=click.Choice(["BH", "BY"]),
        help="With --by: adjust p-values over all groups, too.",
    ),
    click.option(
        "--replicates",
        metavar="COLUMN",
        shell_complete=suggestions.columns,
        callback=_replicates,
        help="What a condition is given to, such as donors: warn where their cells are tested one "
        "by one; 'none' for rows that are replicates.",
    ),
)


def run_de(*, by: Sequence[str], **options: Any) -> None:
    """Run ``countglm de``, in groups where there are any."""
    if by:
        run(by=list(by), **options)
        return
    from countglm.cli.de import run as run_whole

    run_whole(**options)


def run(
    *,
    counts: Path,
    design: str | None,
    samples: Path | None,
    layer: str | None,
    contrasts: Sequence[str],
    reference: Sequence[str],
    size_factors: str,
    allow_noninteger: bool,
    min_count: float | None,
    shrink: str | None,
    output: Path,
    force: bool,
    as_json: bool,
    table_format: str,
    compress: bool,
    no_report: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Run the command; ``options`` are those of `differential_expression`."""
    from countglm.cli import inputs, preparation, products
    from countglm.cli.ending import SUMMARY_TEXT
    from countglm.cli.ending_of_groups import lines_of_groups
    from countglm.cli.origin import origin_of
    from countglm.cli.output import check_output, output_folder

    check_output(output, force=force)
    asked = {"layer": layer, "min_count": min_count, "size_factors": size_factors}
    suffix = products.table_suffix(table_format, compress=compress)
    preparation.check_min_count(min_count)
    model = inputs.given_design(_design(design, shrink, options))
    reading = inputs.checked_reading(counts, output, options)
    _, matrix, obs = inputs.read_tables(
        counts, samples, design=None if isinstance(model, str) else model, layer=layer,
        allow_noninteger=allow_noninteger, reading=reading,
    )  # fmt: skip
    references = preparation.references_of(reference)
    options["obs"] = preparation.with_reference_levels(obs, references, [model])
    kept = preparation.kept_genes(matrix, [], None, min_count, False)
    if not kept.all():
        matrix = matrix.take_genes(kept.nonzero()[0])
    options["size_factors"] = inputs.size_factors_of(size_factors, matrix)
    options["allow_noninteger"] = allow_noninteger
    with output_folder(output, force=force) as folder:
        grouped = _results(matrix, model, contrasts, options, shrink)
        facts = _write(
            grouped, folder, suffix=suffix, dropped=int((~kept).sum()), with_report=not no_report,
            title=f"{counts.name}: {design} by {', '.join(options['by'])}",
            origin=origin_of(counts, samples, asked, int((~kept).sum())),
        )  # fmt: skip
    reading.done()
    if as_json:
        click.echo(products.dumps(facts))
        return
    lines = [(output / SUMMARY_TEXT).read_text(encoding="utf-8")] if verbose else []
    click.echo("\n".join([*lines, *lines_of_groups(facts, output)]))


def _results(
    matrix: CountMatrix,
    model: Any,
    contrasts: Sequence[str],
    options: dict[str, Any],
    shrink: str | None,
) -> dict[str, GroupedResult]:
    """Return the results of all contrasts by name; each group is fitted once."""
    from countglm.workflows import differential_expression

    asked: Any = None if not contrasts else _contrast(contrasts[0])
    if len(contrasts) > 1:
        asked = {text: _contrast(text) for text in contrasts}
    found = differential_expression(matrix, model, asked, progress=True, **options)
    grouped = found if len(contrasts) > 1 else {found.label: found}
    if shrink is not None:
        grouped = {name: each.shrink(method=shrink) for name, each in grouped.items()}
    return grouped


def _design(design: str | None, shrink: str | None, options: dict[str, Any]) -> str:
    """Return the design; raise for what a test in groups does not take."""
    for name, word in (
        ("contrast_file", "--contrasts"),
        ("by_expression", "--filter-by-expression"),
        ("with_h5ad", "--h5ad"),
    ):
        if options.pop(name):
            raise InputError(f"{word} is of one test over all samples; leave it out with --by.")
    if options.pop("normalized") == "always":
        raise InputError("--normalized is of one test over all samples; leave it out with --by.")
    if shrink is not None and options["interval"] is not None:
        raise InputError("--interval is of estimates that are not shrunken; leave out --shrink.")
    if design is None:
        raise InputError('Give --design "~ condition" or the like with --by.')
    return design


def _contrast(text: str) -> Any:
    """A coefficient's name, [factor, tested, reference], or numbers."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 or "(" in text:
        return text
    try:
        return [float(part) for part in parts]
    except ValueError:
        return parts


def _write(
    grouped: Mapping[str, GroupedResult],
    folder: Path,
    *,
    suffix: str,
    dropped: int,
    with_report: bool,
    title: str,
    origin: Origin,
) -> dict[str, Any]:
    """Fill ``folder`` with tables, results, report and summary; return the summary."""
    from countglm._provenance import in_common
    from countglm._result_shelf import ResultShelf
    from countglm._version import __version__
    from countglm.cli.ending import SUMMARY_TEXT
    from countglm.cli.origin import INPUT
    from countglm.cli.products import free_name, plain_name, write_summary, write_table
    from countglm.report import write_groups_report

    contrasts = []
    for name, each in grouped.items():
        table = free_name(folder, f"test_{plain_name(name)}", suffix)
        stem = table.removeprefix("test_").removesuffix(suffix)
        write_table(each.table.set_index(each.group_columns[0]), folder / table)
        summary = each.summary()
        write_table(summary.frame, folder / f"groups_{stem}{suffix}")
        result = None
        if not (isinstance(each.results, ResultShelf) and each.results.overflows):
            # A file of more results than memory holds could not be read again.
            result = f"result_{stem}.h5"
            each.save(folder / result)
        contrasts.append({"name": name, "file": table, "result": result, **summary.facts})
    first = next(iter(grouped.values()))
    (folder / SUMMARY_TEXT).write_text(_in_words(grouped, dropped), encoding="utf-8")
    if first.control is None:
        write_table(_samples(first), folder / f"samples{suffix}")
    if with_report:
        write_groups_report(grouped, folder / "report.html", title=title, about=origin.about())
    fit = next(iter(first.results.values())).fit
    facts = {
        "countglm": __version__,
        "command": "de",
        "by": list(first.by),
        "title": title,
        INPUT: origin.facts(),
        "n_genes": fit.n_genes,
        "n_dropped": dropped,
        "design": fit.design.formula,
        "contrasts": contrasts,
        "provenance": in_common([each.fit.provenance for each in first.results.values()]),
    }
    return write_summary(facts, folder)


def _samples(grouped: GroupedResult) -> pd.DataFrame:
    """Group and size factor of every sample that was fitted."""
    import pandas as pd

    from countglm._group_names import group_text

    parts = []
    for group, result in grouped.results.items():
        fit = result.fit
        names = range(fit.n_samples) if fit.sample_names is None else fit.sample_names
        values = {"group": group_text(group), "size_factor": fit.size_factors}
        parts.append(pd.DataFrame(values, index=pd.Index(list(map(str, names)), name="sample")))
    return pd.concat(parts)


def _in_words(grouped: Mapping[str, GroupedResult], dropped: int) -> str:
    """All that the results say of themselves, for summary.txt."""
    from countglm._names import plural
    from countglm.cli.plain import plain_lines

    lines = [f"{plural(dropped, 'gene')} dropped before the fit.\n"] if dropped else []
    return plain_lines("\n".join([*lines, *(f"{each.summary()}\n" for each in grouped.values())]))
