"""Command line: ``countglm demo | fit | de | diagnose | precompile``.

This file only declares commands; what they do is imported when one runs, so that ``--help`` is
quick. Exit status: 0 done, 2 wrong use or wrong input (one line on stderr), 1 failure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_METHODS = "ratio, poscounts, iterate, tmm, library, none, or a table of sample and factor"


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from countglm._version import __version__

    click.echo(f"countglm {__version__}")
    context.exit()


@click.group(no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def app() -> None:
    """Exact, certified negative binomial and Poisson GLMs for every gene of a count matrix."""


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that fits."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
        click.option("--force", is_flag=True, help="Replace an earlier output."),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            metavar="N",
            help="Threads; all allowed cores if not given. Results do not depend on it.",
        ),
    ):
        command = option(command)
    return command


@app.command(short_help="Fit the embedded airway study.")
@click.option(
    "-o",
    "--output",
    type=_PATH,
    default=Path("countglm-demo"),
    show_default=True,
    help="Folder for report and tables; an earlier demo there is replaced.",
)
@_common
def demo(**options: Any) -> None:
    """Fit every gene of the embedded airway study and print the genes that respond."""
    from countglm.cli.demo import run

    run(**options)


def _reads_and_writes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that reads counts and fills a folder."""
    for option in (
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
        click.option("--size-factors", default="ratio", show_default=True, help=f"{_METHODS}."),
        click.option("--layer", help="Layer of an h5ad or zarr that holds the counts."),
        click.option(
            "--contrast",
            "contrasts",
            multiple=True,
            help="factor,tested,reference, a coefficient's name, or numbers; may be repeated.",
        ),
        click.option("--samples", type=_PATH, help="Sample table; needed for text counts."),
        click.option("-o", "--output", type=_PATH, required=True, help="Folder for the results."),
        click.argument("counts", type=_PATH),
    ):
        command = option(command)
    return command


@app.command(short_help="Fit every gene of a count table.")
@_reads_and_writes
@click.option(
    "--design",
    required=True,
    help='Formula such as "~ batch + condition", or a table of a numeric design.',
)
@click.option("--family", type=click.Choice(["nb", "poisson"]), default="nb", show_default=True)
@click.option("--solver", type=click.Choice(["irls", "newton"]), default="irls", show_default=True)
@click.option(
    "--dispersion",
    type=float,
    help="Use this dispersion for all genes instead of an estimate per gene.",
)
@click.option("--tol", type=float, default=1e-8, show_default=True, help="In standard errors.")
@click.option("--max-iter", type=click.IntRange(min=1), default=100, show_default=True)
@_common
def fit(**options: Any) -> None:
    """Fit a model to every gene of COUNTS (h5ad, zarr, CSV/TSV[.gz] or a MatrixMarket folder)."""
    from countglm.cli.fit import run

    run(**options)


@app.command(short_help="Test every gene of a count table for differential expression.")
@_reads_and_writes
@click.option(
    "--design",
    help='Formula such as "~ batch + condition", or a table of a numeric design.',
)
@click.option(
    "--contrasts",
    "contrast_file",
    type=_PATH,
    help="Table of contrasts: variable, reference, target, blocking[, id]; the design is "
    "~ blocking + variable if none is given.",
)
@click.option("--reference", multiple=True, help="variable=level; may be repeated.")
@click.option("--lrt", "reduced", metavar="REDUCED", help="Likelihood ratio test of this formula.")
@click.option(
    "--shrink", type=click.Choice(["apeglm", "normal", "ash"]), help="Shrink fold changes."
)
@click.option("--lfc-threshold", type=click.FloatRange(min=0), default=0.0, help="log2.")
@click.option(
    "--alternative",
    type=click.Choice(["greaterAbs", "greaterAbs2014", "lessAbs", "greater", "less"]),
    default="greaterAbs",
    show_default=True,
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="False discovery rate that the filtering is tuned to and the summary counts at.",
)
@click.option(
    "--mode",
    type=click.Choice(["exact", "replay"]),
    default="exact",
    show_default=True,
    help="replay reproduces DESeq2 1.38.",
)
@click.option(
    "--fit-type",
    type=click.Choice(["parametric", "local", "mean"]),
    default="parametric",
    show_default=True,
    help="Trend of the dispersion.",
)
@click.option("--min-count", type=float, metavar="N", help="Drop genes with fewer counts in all.")
@click.option("--filter-by-expression", "by_expression", is_flag=True, help="edgeR's rule.")
@click.option("--no-independent-filtering", is_flag=True, help="Adjust over all genes.")
@click.option("--no-cooks", is_flag=True, help="Neither flag nor replace outlying counts.")
@click.option("--interval", type=click.Choice(["wald", "profile"]), help="Add 95% intervals.")
@_common
def de(
    *, no_independent_filtering: bool, no_cooks: bool, reduced: str | None, **options: Any
) -> None:
    """Test every gene of COUNTS for differential expression: tables, fit and report."""
    from countglm.cli.de import run

    run(
        test="wald" if reduced is None else "lrt",
        reduced=reduced,
        independent_filtering=not no_independent_filtering,
        cooks_cutoff=False if no_cooks else None,
        **options,
    )


@app.command(short_help="Tell how the genes of a saved fit ended.")
@click.argument("fit_file", metavar="FIT.h5", type=_PATH)
@click.option("--gene", "genes", multiple=True, help="Tell about this gene; may be repeated.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Genes named per status that needs attention.",
)
@click.option("-o", "--output", type=_PATH, help="Write the table of all genes (TSV) here.")
@click.option("--force", is_flag=True, help="Overwrite an existing table.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def diagnose(**options: Any) -> None:
    """Tell how the genes of a saved fit ended, and what is notable in its design."""
    from countglm.cli.diagnose import run

    run(**options)


@app.command(short_help="Compile and keep all kernels.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def precompile(as_json: bool) -> None:
    """Compile all kernels now and keep them on disk, so that the first fit is quick."""
    from countglm.cli.precompile import run

    run(as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    from countglm.cli.outcome import run_command

    sys.exit(run_command(app, arguments))
