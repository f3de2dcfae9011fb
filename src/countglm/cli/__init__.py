"""Command line: ``countglm de | fit | compare | diagnose | demo | ...``.

This file only declares commands; what they do is imported when one runs, so that ``--help`` is
quick. Exit status: 0 done, 2 wrong use or wrong input (one line on stderr), 1 failure.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import click

from countglm.cli import suggestions
from countglm.cli.clusters import distributes
from countglm.cli.examples import OF_COMMAND, PROGRAM
from countglm.cli.groups import groups_samples
from countglm.cli.help import METHOD, MODEL, OUTPUT, RESOURCES, Group, section
from countglm.cli.options import (
    CONTRAST,
    NO_REPORT,
    PATH,
    analyses,
    design,
    output,
    reads,
    runs,
    scales,
    summarises,
    writes,
)
from countglm.cli.shard_commands import add_shard_commands
from countglm.cli.tool_commands import completion, demo, diagnose, precompile, report


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from countglm._version import __version__

    click.echo(f"countglm {__version__}")
    context.exit()


@click.group(
    cls=Group,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=PROGRAM,
)
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


def _chosen(no_independent_filtering: bool, no_cooks: bool, reduced: str | None) -> dict[str, Any]:
    """Flags as `differential_expression` takes them."""
    return {
        "test": "wald" if reduced is None else "lrt",
        "reduced": reduced,
        "independent_filtering": not no_independent_filtering,
        "cooks_cutoff": False if no_cooks else None,
    }


@app.command(short_help="Fit every gene of a count table.", examples=OF_COMMAND["fit"])
@reads
@design(required=True)
@writes
@section(
    MODEL,
    click.option(
        "--family",
        type=click.Choice(["nb", "poisson"]),
        default="nb",
        show_default=True,
        help="Negative binomial, or Poisson.",
    ),
)
@section(
    METHOD,
    click.option(
        "--dispersion",
        type=float,
        metavar="NUMBER",
        help="Use this dispersion for all genes instead of an estimate per gene.",
    ),
    click.option(
        "--solver",
        type=click.Choice(["irls", "newton"]),
        default="irls",
        show_default=True,
        help="Way to the optimum, which is the same.",
    ),
    click.option(
        "--tol",
        type=float,
        default=1e-8,
        show_default=True,
        metavar="NUMBER",
        help="Distance to the optimum at which a fit ends, in standard errors.",
    ),
    click.option(
        "--max-iter",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        metavar="N",
        help="Most iterations of a gene.",
    ),
)
@summarises
@runs
@scales
@distributes
def fit(**options: Any) -> None:
    """Fit a model to every gene, each with a dispersion of its own.

    COUNTS is an h5ad file, a zarr store, a CSV or TSV table (gzipped, too) or a MatrixMarket
    folder. For differential expression, `countglm de` shares dispersions between genes.
    """
    from countglm.cli.clusters import on_cluster
    from countglm.cli.fit import run

    with on_cluster(options):
        run(**options)


@app.command(short_help="Test every gene for differential expression.", examples=OF_COMMAND["de"])
@reads
@design(required=False)
@writes
@section(
    MODEL,
    click.option(
        "--contrasts",
        "contrast_file",
        type=PATH,
        metavar="FILE",
        help="Table of contrasts: variable, reference, target, blocking[, id]; the design is "
        "~ blocking + variable if none is given.",
    ),
)
@section(
    METHOD,
    click.option(
        "--shrink",
        type=click.Choice(["apeglm", "normal", "ash"]),
        help="Shrink fold changes of genes that say little.",
    ),
    click.option("--interval", type=click.Choice(["wald", "profile"]), help="Add 95% intervals."),
)
@section(
    OUTPUT,
    click.option(
        "--normalized",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        help="Write the table of normalised counts; auto leaves out one of more than 10 million "
        "entries.",
    ),
)
@analyses
@summarises
@runs
@groups_samples
@scales
@distributes
def de(
    *, no_independent_filtering: bool, no_cooks: bool, reduced: str | None, **options: Any
) -> None:
    """Test every gene for differential expression: tables, fit and report in one folder.

    COUNTS is an h5ad file, a zarr store, a CSV or TSV table (gzipped, too) or a MatrixMarket
    folder. Samples are matched by name.
    """
    from countglm.cli.clusters import on_cluster
    from countglm.cli.groups import run_de

    with on_cluster(options):
        run_de(**_chosen(no_independent_filtering, no_cooks, reduced), **options)


add_shard_commands(app, de, _chosen)


@app.command(
    short_help="Test every gene here and in R, and tell why the two differ.",
    examples=OF_COMMAND["compare"],
)
@reads
@design(required=True)
@section(
    MODEL,
    click.option(
        "--contrast",
        metavar="CONTRAST",
        shell_complete=suggestions.contrasts,
        help=f"{CONTRAST}; the last coefficient if not given.",
    ),
)
@section(
    METHOD,
    click.option(
        "--with",
        "engine",
        metavar="DESeq2",
        required=True,
        help="The package of R to compare with.",
    ),
    click.option(
        "--tolerance",
        type=float,
        default=1e-6,
        show_default=True,
        metavar="NUMBER",
        help="Relative size of a difference that is none.",
    ),
)
@section(
    RESOURCES,
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Stop R after so long.",
    ),
)
@output("Folder for tables and report; none is written if not given.")
@section(OUTPUT, NO_REPORT)
@analyses
@runs
def compare(
    *, no_independent_filtering: bool, no_cooks: bool, reduced: str | None, **options: Any
) -> None:
    """Test every gene of COUNTS here and by the real package in R, and tell why they differ.

    Needs R with the package, and rpy2. Exit status 1 if a difference has no reason.
    """
    from countglm.cli.compare import run

    run(**_chosen(no_independent_filtering, no_cooks, reduced), **options)


for each in (demo, diagnose, report, precompile, completion):
    app.add_command(each)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    from countglm.cli.outcome import run_command

    # Imports make a hundred thousand objects that stay: a look for garbage every 700 costs a tenth
    # of the start.
    gc.set_threshold(200_000)
    sys.exit(run_command(app, arguments))
