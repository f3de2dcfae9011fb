"""Options that commands share, in the sections of the help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from countglm.cli import suggestions
from countglm.cli.help import INPUT, METHOD, MODEL, OUTPUT, RESOURCES, Decorator, section

PATH = click.Path(path_type=Path)
DESIGN = 'Formula such as "~ batch + condition", or a file with a numeric design.'
CONTRAST = "column,tested,reference, or a coefficient's name, or a number for each coefficient"
_METHODS = "ratio, poscounts, iterate, tmm, library, none, or a table of sample and factor"

FORCE = click.option("--force", is_flag=True, help="Replace the output of an earlier run.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
THREADS = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads; all allowed cores if not given. Results do not depend on it.",
)
NO_REPORT = click.option("--no-report", is_flag=True, help="Leave out report.html.")


def design(*, required: bool) -> Decorator:
    """Return --design."""
    return section(
        MODEL, click.option("--design", required=required, metavar="FORMULA", help=DESIGN)
    )


def output(told: str, **more: Any) -> Decorator:
    """Return -o, with what the folder is for."""
    return section(
        OUTPUT, click.option("-o", "--output", type=PATH, metavar="FOLDER", help=told, **more)
    )


def _both(*parts: Decorator) -> Decorator:
    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for part in reversed(parts):
            command = part(command)
        return command

    return added


# Of every command that fits.
runs = _both(section(OUTPUT, JSON, FORCE), section(RESOURCES, THREADS))

# Of every command that ends in a few lines of what it found.
summarises = section(
    OUTPUT,
    click.option(
        "-v", "--verbose", is_flag=True, help="Print all of summary.txt before the last lines."
    ),
)

# Of every command that reads counts.
reads = _both(
    click.argument("counts", type=PATH),
    section(
        INPUT,
        click.option(
            "--samples",
            type=PATH,
            metavar="FILE",
            help="Table of the samples (CSV or TSV), their names in its first column; text counts "
            "need it.",
        ),
        click.option(
            "--layer", metavar="NAME", help="Layer of an h5ad or zarr that holds the counts."
        ),
    ),
    section(
        METHOD,
        click.option(
            "--size-factors",
            default="ratio",
            show_default=True,
            metavar="METHOD",
            shell_complete=suggestions.size_factors,
            help=f"{_METHODS}.",
        ),
    ),
)

# Of every command that fills a folder with tables.
writes = _both(
    section(
        INPUT,
        click.option("--allow-noninteger", is_flag=True, help="Accept counts that are not whole."),
    ),
    section(
        MODEL,
        click.option(
            "--contrast",
            "contrasts",
            multiple=True,
            metavar="CONTRAST",
            shell_complete=suggestions.contrasts,
            help=f"{CONTRAST}. May be repeated.",
        ),
    ),
    output("Folder for the results.", required=True),
    section(
        OUTPUT,
        click.option(
            "--format",
            "table_format",
            type=click.Choice(["tsv", "csv", "parquet"]),
            default="tsv",
            show_default=True,
            help="Of the tables; parquet needs pyarrow.",
        ),
        click.option("--gzip", "compress", is_flag=True, help="Compress tables of text."),
        click.option(
            "--h5ad",
            "with_h5ad",
            is_flag=True,
            help="Write result.h5ad: the counts with all that came with them, and the result.",
        ),
        NO_REPORT,
    ),
)


def _bytes(_context: click.Context, _option: click.Parameter, given: str | None) -> int | None:
    from countglm._resources import resolve_memory_limit

    return resolve_memory_limit(given)


# Of every command that may take long, or much memory.
scales = section(
    RESOURCES,
    click.option(
        "--memory-limit",
        metavar="SIZE",
        callback=_bytes,
        help="Stay below this much memory, such as 4GB or 512MB.",
    ),
    click.option(
        "--checkpoint",
        type=PATH,
        metavar="FOLDER",
        help="Keep finished genes here; the same command goes on from where it was stopped.",
    ),
    click.option(
        "--zeros",
        type=click.Choice(["auto", "visit"]),
        default="auto",
        show_default=True,
        help="visit takes every zero alone, where a rule would stand for those of a group.",
    ),
)

# Of every command that tests for differential expression.
analyses = _both(
    section(
        INPUT,
        click.option(
            "--min-count",
            type=float,
            metavar="N",
            help="Drop genes with fewer counts in all samples together.",
        ),
        click.option(
            "--filter-by-expression",
            "by_expression",
            is_flag=True,
            help="Drop genes by edgeR's rule: too few counts in too many samples.",
        ),
    ),
    section(
        MODEL,
        click.option(
            "--reference",
            multiple=True,
            metavar="COLUMN=LEVEL",
            help="Level that others are compared with, else the first by alphabet. May be "
            "repeated.",
        ),
        click.option(
            "--lrt",
            "reduced",
            metavar="FORMULA",
            help="Likelihood ratio test against this smaller formula, such as "
            '"~ batch"; no Wald test.',
        ),
        click.option(
            "--lfc-threshold",
            type=click.FloatRange(min=0),
            default=0.0,
            metavar="LOG2",
            help="Test for fold changes beyond this, in log2.",
        ),
        click.option(
            "--alternative",
            type=click.Choice(["greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less"]),
            default="greaterAbs",
            show_default=True,
            metavar="RULE",
            help="Fold changes beyond the threshold either way (greaterAbs, greaterAbs2014), "
            "within it (lessAbs), above it (greater), or below (less).",
        ),
    ),
    section(
        METHOD,
        click.option(
            "--alpha",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.1,
            show_default=True,
            metavar="FDR",
            help="False discovery rate that the filtering is tuned to and the summary counts at.",
        ),
        click.option(
            "--mode",
            type=click.Choice(["exact", "replay"]),
            default="exact",
            show_default=True,
            help="exact solves every step to its optimum; replay reproduces DESeq2 1.38.",
        ),
        click.option(
            "--fit-type",
            type=click.Choice(["parametric", "local", "mean"]),
            default="parametric",
            show_default=True,
            help="Trend of the dispersion over the mean.",
        ),
        click.option(
            "--no-independent-filtering",
            is_flag=True,
            help="Adjust p-values over all genes, low counts too.",
        ),
        click.option("--no-cooks", is_flag=True, help="Neither flag nor replace outlying counts."),
    ),
)
