"""Declares ``countglm demo``, ``diagnose``, ``report``, ``precompile`` and ``completion``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from countglm.cli.completion import SHELLS
from countglm.cli.examples import OF_COMMAND
from countglm.cli.help import INPUT, OUTPUT, Command, section
from countglm.cli.options import FORCE, JSON, PATH, output, runs


@click.command(
    cls=Command, short_help="Analyse the embedded airway study.", examples=OF_COMMAND["demo"]
)
@output(
    "Folder for report and tables; an earlier demo there is replaced.",
    default=Path("countglm-demo"),
    show_default=True,
)
@runs
def demo(**options: Any) -> None:
    """Test every gene of the embedded airway study and print those that respond."""
    from countglm.cli.demo import run

    run(**options)


@click.command(
    cls=Command,
    short_help="Tell how the genes of a saved fit ended.",
    examples=OF_COMMAND["diagnose"],
)
@click.argument("fit_file", metavar="FIT.h5", type=PATH)
@section(
    OUTPUT,
    click.option(
        "--gene",
        "genes",
        multiple=True,
        metavar="NAME",
        help="Tell about this gene alone; may be repeated.",
    ),
    click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=20,
        show_default=True,
        metavar="N",
        help="Genes named per status that needs attention.",
    ),
    click.option(
        "-o",
        "--output",
        type=PATH,
        metavar="FILE",
        help="Write the table of all genes (TSV) here.",
    ),
    JSON,
    FORCE,
)
def diagnose(**options: Any) -> None:
    """Tell how the genes of a saved fit ended, and what is notable in its design.

    FIT.h5 is fit.h5 of `countglm fit`, or a result_*.h5 of `countglm de`.
    """
    from countglm.cli.diagnose import run

    run(**options)


@click.command(
    cls=Command,
    short_help="Write the report of an output folder again.",
    examples=OF_COMMAND["report"],
)
@click.argument("folder", metavar="DIR", type=PATH)
@section(
    INPUT,
    click.option(
        "--counts",
        type=PATH,
        metavar="COUNTS",
        help="The counts of the analysis, where they moved since; figures of samples need them.",
    ),
)
@section(
    OUTPUT,
    click.option(
        "-o",
        "--output",
        type=PATH,
        metavar="FILE",
        help="The page; report.html in DIR if not given.",
    ),
    FORCE,
)
def report(**options: Any) -> None:
    """Write the page about results that lie in a folder; nothing is computed again.

    DIR is an output folder of `countglm de` or `countglm demo`. The counts are read from where the
    analysis found them, or else made of the normalised counts in DIR.
    """
    from countglm.cli.report import run

    run(**options)


@click.command(
    cls=Command, short_help="Compile and keep all kernels.", examples=OF_COMMAND["precompile"]
)
@section(OUTPUT, JSON)
def precompile(as_json: bool) -> None:
    """Compile all kernels now and keep them on disk, so that the first fit is quick."""
    from countglm.cli.precompile import run

    run(as_json=as_json)


@click.command(
    cls=Command,
    short_help="Let the shell complete commands, options and files.",
    examples=OF_COMMAND["completion"],
)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what teaches a shell to complete what you type, by the Tab key."""
    from countglm.cli.completion import script

    click.echo(script(shell, click.get_current_context().find_root().command))
