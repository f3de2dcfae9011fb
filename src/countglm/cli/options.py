"""Options that commands share, in groups."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
DESIGN = 'Formula such as "~ batch + condition", or a table of a numeric design.'
CONTRAST = "factor,tested,reference, a coefficient's name, or numbers"
_METHODS = "ratio, poscounts, iterate, tmm, library, none, or a table of sample and factor"


def _with(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in options:
        command = option(command)
    return command


def runs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that fits."""
    return _with(
        command,
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
        click.option("--force", is_flag=True, help="Replace an earlier output."),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            help="Threads; all allowed cores if not given. Results do not depend on it.",
        ),
    )


def reads(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads counts."""
    return _with(
        command,
        click.option("--size-factors", default="ratio", show_default=True, help=f"{_METHODS}."),
        click.option("--layer", help="Layer of an h5ad or zarr that holds the counts."),
        click.option("--samples", type=PATH, help="Sample table; needed for text counts."),
        click.argument("counts", type=PATH),
    )


def writes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that fills a folder with tables."""
    return _with(
        command,
        click.option("--no-report", is_flag=True, help="Leave out report.html."),
        click.option(
            "--h5ad",
            "with_h5ad",
            is_flag=True,
            help="Write result.h5ad: the counts with all that came with them, and the result.",
        ),
        click.option("--gzip", "compress", is_flag=True, help="Compress tables of text."),
        click.option(
            "--format",
            "table_format",
            type=click.Choice(["tsv", "csv", "parquet"]),
            default="tsv",
            show_default=True,
            help="Of the tables; parquet needs pyarrow.",
        ),
        click.option("--allow-noninteger", is_flag=True, help="Accept counts that are not whole."),
        click.option(
            "--contrast",
            "contrasts",
            multiple=True,
            help=f"{CONTRAST}; may be repeated.",
        ),
        click.option("-o", "--output", type=PATH, required=True, help="Folder for the results."),
    )


def _bytes(_context: click.Context, _option: click.Parameter, given: str | None) -> int | None:
    from countglm._resources import resolve_memory_limit

    return resolve_memory_limit(given)


def scales(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that may take long, or much memory."""
    return _with(
        command,
        click.option(
            "--zeros",
            type=click.Choice(["auto", "visit"]),
            default="auto",
            show_default=True,
            help="visit takes every zero alone, where a rule would stand for those of a group.",
        ),
        click.option(
            "--checkpoint",
            type=PATH,
            metavar="FOLDER",
            help="Keep finished genes here; the same command goes on from where it was stopped.",
        ),
        click.option(
            "--memory-limit",
            metavar="SIZE",
            callback=_bytes,
            help="Stay below this much memory, such as 4GB or 512MB.",
        ),
    )


def analyses(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that tests for differential expression."""
    return _with(
        command,
        click.option("--no-cooks", is_flag=True, help="Neither flag nor replace outlying counts."),
        click.option("--no-independent-filtering", is_flag=True, help="Adjust over all genes."),
        click.option("--filter-by-expression", "by_expression", is_flag=True, help="edgeR's rule."),
        click.option(
            "--min-count", type=float, metavar="N", help="Drop genes with fewer counts in all."
        ),
        click.option(
            "--fit-type",
            type=click.Choice(["parametric", "local", "mean"]),
            default="parametric",
            show_default=True,
            help="Trend of the dispersion.",
        ),
        click.option(
            "--mode",
            type=click.Choice(["exact", "replay"]),
            default="exact",
            show_default=True,
            help="replay reproduces DESeq2 1.38.",
        ),
        click.option(
            "--alpha",
            type=click.FloatRange(0, 1, min_open=True, max_open=True),
            default=0.1,
            show_default=True,
            help="False discovery rate that the filtering is tuned to and the summary counts at.",
        ),
        click.option(
            "--alternative",
            type=click.Choice(["greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less"]),
            default="greaterAbs",
            show_default=True,
        ),
        click.option("--lfc-threshold", type=click.FloatRange(min=0), default=0.0, help="log2."),
        click.option(
            "--lrt", "reduced", metavar="REDUCED", help="Likelihood ratio test of this formula."
        ),
        click.option("--reference", multiple=True, help="variable=level; may be repeated."),
    )
