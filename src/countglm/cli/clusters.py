"""Options of commands that can run on a cluster, and the connection that they ask for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from countglm._names import plural
from countglm.cli.help import CLUSTER, JOBS, section
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm._chunks import Executor, Finished, Part, Shared

_QUEUES = {"slurm": "SLURM", "pbs": "PBS", "lsf": "LSF"}
# Options of one job: name on the command line, and what `Jobs` calls it.
_OF_JOBS = {
    "jobs": "jobs", "cores": "cores", "memory": "memory", "walltime": "walltime",
    "queue": "partition", "account": "account", "directive": "directives",
    "prologue": "prologue", "interface": "interface",
}  # fmt: skip
CLUSTER_OPTIONS = ("scheduler", *_QUEUES, *_OF_JOBS)


# Of every command whose fits can run on a cluster.
_cluster = section(
    CLUSTER,
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Fit on the cluster of this Dask scheduler, such as tcp://10.0.0.1:8786.",
    ),
    *(
        click.option(f"--{name}", is_flag=True, help=f"Fit in jobs of {title}.")
        for name, title in _QUEUES.items()
    ),
    click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N", help="How many jobs; 4 if not given."
    ),
)
_job = section(
    JOBS,
    click.option("--cores", type=click.IntRange(min=1), metavar="N", help="Its cores."),
    click.option("--memory", metavar="SIZE", help="Its memory, such as 32GB."),
    click.option("--walltime", metavar="TIME", help="Its time, such as 02:00:00."),
    click.option("--queue", metavar="NAME", help="Its queue or partition."),
    click.option("--account", metavar="NAME", help="Its account or project."),
    click.option(
        "--directive", multiple=True, metavar="TEXT",
        help="A further line of its header; may be repeated.",
    ),
    click.option(
        "--prologue", multiple=True, metavar="COMMAND",
        help="Run this before the worker; may be repeated.",
    ),
    click.option("--interface", metavar="NAME", help="Network to use, such as ib0."),
)  # fmt: skip


def distributes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command whose fits can run on a cluster."""
    return _cluster(_job(command))


@contextmanager
def on_cluster(options: dict[str, Any]) -> Iterator[None]:
    """Take the options of `distributes` out of ``options`` and put ``client`` there instead.

    A scheduler is asked at once; jobs are submitted when the input has been checked and the first
    fit asks for them.
    """
    given = {name: options.pop(name) for name in CLUSTER_OPTIONS}
    chosen = [name for name in ("scheduler", *_QUEUES) if given[name]]
    if len(chosen) > 1:
        raise InputError(f"--{chosen[0]} and --{chosen[1]} are two clusters; give one of them.")
    if chosen and options.get("mode") == "replay":
        raise InputError(
            f"--mode replay repeats a published analysis on this machine; leave out --{chosen[0]}."
        )
    of_jobs = {name: given[name] for name in _OF_JOBS if given[name]}
    if of_jobs and (not chosen or chosen == ["scheduler"]):
        raise InputError(
            f"--{next(iter(of_jobs))} is of jobs that this command submits; add --slurm, --pbs or "
            "--lsf."
        )
    with ExitStack() as stack:
        options["client"] = None
        if chosen:
            options["client"] = _opened(stack, chosen[0], given["scheduler"], of_jobs)
        yield


def _opened(
    stack: ExitStack, chosen: str, address: str | None, of_jobs: dict[str, Any]
) -> Executor:
    from countglm._cluster import executor_of

    if chosen == "scheduler":
        return stack.enter_context(executor_of(address))
    opening = _in_jobs(chosen, {_OF_JOBS[name]: value for name, value in of_jobs.items()})
    return _Deferred(lambda: stack.enter_context(opening))


@contextmanager
def _in_jobs(chosen: str, of_jobs: dict[str, Any]) -> Iterator[Executor]:
    from countglm._cluster import executor_of
    from countglm.adapters.cluster_jobs import Jobs, workers_of_queue

    jobs = Jobs(chosen, **of_jobs)
    with (
        workers_of_queue(jobs) as client,
        # However long the jobs have to queue.
        executor_of(client, patience=float("inf")) as executor,
    ):
        if sys.stderr.isatty():
            name = _QUEUES[chosen]
            click.echo(f"countglm: {plural(jobs.jobs, 'job')} submitted to {name}.", err=True)
        yield executor


class _Deferred:
    """An executor that is opened when its first part is to run (`Executor`)."""

    def __init__(self, opened: Callable[[], Executor]) -> None:
        self._opened = opened
        self._executor: Executor | None = None

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        from countglm._chunks import genes_of_part

        return genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        if self._executor is None:
            self._executor = self._opened()
        return self._executor.run(shared, parts)
