"""Command line: ``countglm demo | fit | de | compare | diagnose | precompile``.

This file only declares commands; what they do is imported when one runs, so that ``--help`` is
quick. Exit status: 0 done, 2 wrong use or wrong input (one line on stderr), 1 failure.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from countglm.cli.clusters import distributes
from countglm.cli.groups import groups_samples
from countglm.cli.options import CONTRAST, DESIGN, PATH, analyses, reads, runs, scales, writes
from countglm.cli.shard_commands import add_shard_commands


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


@app.command(short_help="Fit the embedded airway study.")
@click.option(
    "-o",
    "--output",
    type=PATH,
    default=Path("countglm-demo"),
    show_default=True,
    help="Folder for report and tables; an earlier demo there is replaced.",
)
@runs
def demo(**options: Any) -> None:
    """Fit every gene of the embedded airway study and print the genes that respond."""
    from countglm.cli.demo import run

    run(**options)


def _chosen(no_independent_filtering: bool, no_cooks: bool, reduced: str | None) -> dict[str, Any]:
    """Flags as `differential_expression` takes them."""
    return {
        "test": "wald" if reduced is None else "lrt",
        "reduced": reduced,
        "independent_filtering": not no_independent_filtering,
        "cooks_cutoff": False if no_cooks else None,
    }


@app.command(short_help="Fit every gene of a count table.")
@reads
@writes
@click.option(
    "--design",
    required=True,
    help=DESIGN,
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
@runs
@scales
@distributes
def fit(**options: Any) -> None:
    """Fit a model to every gene of COUNTS (h5ad, zarr, CSV/TSV[.gz] or a MatrixMarket folder)."""
    from countglm.cli.clusters import on_cluster
    from countglm.cli.fit import run

    with on_cluster(options):
        run(**options)


@app.command(short_help="Test every gene of a count table for differential expression.")
@reads
@writes
@click.option(
    "--design",
    help=DESIGN,
)
@click.option(
    "--contrasts",
    "contrast_file",
    type=PATH,
    help="Table of contrasts: variable, reference, target, blocking[, id]; the design is "
    "~ blocking + variable if none is given.",
)
@click.option(
    "--shrink", type=click.Choice(["apeglm", "normal", "ash"]), help="Shrink fold changes."
)
@click.option("--interval", type=click.Choice(["wald", "profile"]), help="Add 95% intervals.")
@click.option(
    "--normalized",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Write the table of normalised counts; auto leaves out one of more than 10 million.",
)
@analyses
@runs
@groups_samples
@scales
@distributes
def de(
    *, no_independent_filtering: bool, no_cooks: bool, reduced: str | None, **options: Any
) -> None:
    """Test every gene of COUNTS for differential expression: tables, fit and report."""
    from countglm.cli.clusters import on_cluster
    from countglm.cli.groups import run_de

    with on_cluster(options):
        run_de(**_chosen(no_independent_filtering, no_cooks, reduced), **options)


add_shard_commands(app, de, _chosen)


@app.command(short_help="Test every gene here and in R, and tell why the two differ.")
@reads
@click.option("--design", required=True, help=DESIGN)
@click.option("--contrast", help=f"{CONTRAST}; the last coefficient if not given.")
@click.option(
    "--with",
    "engine",
    metavar="DESeq2",
    required=True,
    help="The package of R to compare with.",
)
@click.option(
    "--tolerance",
    type=float,
    default=1e-6,
    show_default=True,
    help="Relative size of a difference that is none.",
)
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Stop R then."
)
@click.option("-o", "--output", type=PATH, help="Folder for tables and report.")
@click.option("--no-report", is_flag=True, help="Leave out report.html.")
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


@app.command(short_help="Tell how the genes of a saved fit ended.")
@click.argument("fit_file", metavar="FIT.h5", type=PATH)
@click.option("--gene", "genes", multiple=True, help="Tell about this gene; may be repeated.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Genes named per status that needs attention.",
)
@click.option("-o", "--output", type=PATH, help="Write the table of all genes (TSV) here.")
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

    # Imports make a hundred thousand objects that stay: a look for garbage every 700 costs a tenth
    # of the start.
    gc.set_threshold(200_000)
    sys.exit(run_command(app, arguments))
