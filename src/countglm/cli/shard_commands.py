"""Declares ``countglm shard``, ``run-shard`` and ``merge``; what they do is in `shards`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import click

from countglm.cli.clusters import CLUSTER_OPTIONS
from countglm.cli.examples import OF_COMMAND
from countglm.cli.groups import GROUP_OPTIONS
from countglm.cli.help import OUTPUT, PLAN, RESOURCES, Command, Group, section
from countglm.cli.options import JSON, PATH, output, runs, summarises
from countglm.errors import InputError

# Options of `countglm de` that a plan does not have, and why.
_GROUPED = "a plan is of one test: plan each group by itself, or use countglm de"
_WITHOUT = {
    **dict.fromkeys(
        CLUSTER_OPTIONS, "the jobs that run shards are their own cluster: leave it out"
    ),
    **dict.fromkeys(GROUP_OPTIONS, _GROUPED),
    "threads": "each job has threads of its own: give them to countglm run-shard",
    "checkpoint": "the folder of the plan is the checkpoint of its jobs: leave it out",
    "verbose": "results are summarised when they are merged: give it to countglm merge",
}
_FOLDER = click.argument("folder", type=PATH, metavar="PLAN")


_of_plan = section(
    PLAN,
    click.option(
        "--shards",
        type=click.IntRange(min=1),
        required=True,
        metavar="N",
        help="How many jobs will share the work.",
    ),
    click.option(
        "-o", "--output", type=PATH, required=True, metavar="FOLDER", help="Folder for the plan."
    ),
)


def add_shard_commands(
    app: Group, de: click.Command, chosen: Callable[..., dict[str, Any]]
) -> None:
    """Add the commands to ``app``: a plan takes the options of ``de``, which ``chosen`` reads."""
    taken = [each for each in de.params if each.name != "output"]

    @_of_plan
    def planned(
        *, no_independent_filtering: bool, no_cooks: bool, reduced: str | None, **options: Any
    ) -> None:
        """Plan what `countglm de` would compute, for jobs that share a folder and nothing else.

        Takes the options of `countglm de` but for --by, --control and --across (a plan is of one
        test), --threads and --checkpoint (each job has its own), and those of clusters;
        `run-shard` computes, `merge` writes.
        """
        from countglm.cli.shards import shard

        _check_taken(taken, {name: options.pop(name) for name in _WITHOUT})
        shard(**chosen(no_independent_filtering, no_cooks, reduced), **options)

    app.command(
        "shard",
        params=[_hidden(each) if each.name in _WITHOUT else each for each in taken],
        short_help="Plan a test of every gene for an array of jobs.",
        examples=OF_COMMAND["shard"],
    )(planned)
    app.add_command(run_shard)
    app.add_command(merge)


def _hidden(option: click.Parameter) -> click.Parameter:
    """Return an option that is refused with its reason, and not in the help."""
    found = copy(option)
    vars(found)["hidden"] = True
    return found


def _check_taken(options: Sequence[click.Parameter], given: dict[str, Any]) -> None:
    for option in options:
        if option.name in _WITHOUT and given[option.name]:
            raise InputError(f"{option.opts[0]} is not for shards; {_WITHOUT[option.name]}.")


@click.command(
    "run-shard",
    cls=Command,
    short_help="Compute one shard of a plan.",
    examples=OF_COMMAND["run-shard"],
)
@_FOLDER
@click.argument("number", type=int, required=False, metavar="[SHARD]")
@section(OUTPUT, JSON)
@section(
    RESOURCES,
    click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="Threads of this job; all allowed cores if not given.",
    ),
)
def run_shard(folder: Path, number: int | None, threads: int | None, as_json: bool) -> None:
    """Compute a shard of PLAN, by default that of this job's place in its array.

    A job begins with its own genes, helps with what others leave undone, and ends when all genes
    are fitted; so shards may run in any order, and one that was killed need not run again.
    """
    from countglm.cli.shards import run_shard as run

    run(folder, number, threads=threads, as_json=as_json)


@click.command(
    cls=Command,
    short_help="Write the result of a plan whose shards have run.",
    examples=OF_COMMAND["merge"],
)
@_FOLDER
@output("Folder for the results.", required=True)
@summarises
@runs
@section(
    RESOURCES,
    click.option("--finish", is_flag=True, help="Compute here what the shards left undone."),
)
def merge(folder: Path, **options: Any) -> None:
    """Write what `countglm de` would have written, from the parts in PLAN."""
    from countglm.cli.shards import merge as run

    run(folder, **options)
