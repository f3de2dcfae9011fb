"""Workers as jobs of a batch system, through dask-jobqueue: SLURM, PBS, LSF."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from countglm.errors import InputError


class _Queue(NamedTuple):
    cluster: str  # class of dask_jobqueue
    submit: str  # the program that takes a job
    account: str  # what the class calls the account


QUEUES = {
    "slurm": _Queue("SLURMCluster", "sbatch", "account"),
    "pbs": _Queue("PBSCluster", "qsub", "account"),
    "lsf": _Queue("LSFCluster", "bsub", "project"),
}


# Between two looks for jobs that are lost.
LOOK_MILLISECONDS = 10_000


@dataclass(frozen=True)
class Jobs:
    """What to ask a batch system for; each job is one worker.

    Attributes
    ----------
    queue : {"slurm", "pbs", "lsf"}
    jobs : int
        How many.
    cores, memory, walltime : int, str, str, optional
        Of one job, such as 8, "32GB", "02:00:00"; the site's dask-jobqueue settings, if not given.
    partition, account : str, optional
        Queue (partition) and account to use.
    directives : tuple of str
        Further lines of the job's header, such as ``"--constraint=avx512"``.
    prologue : tuple of str
        Commands that run before the worker, such as ``"module load python"``.
    interface : str, optional
        Network between the nodes, such as ``"ib0"``.
    """

    queue: str
    jobs: int = 4
    cores: int | None = None
    memory: str | None = None
    walltime: str | None = None
    partition: str | None = None
    account: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    interface: str | None = None


@contextmanager
def workers_of_queue(jobs: Jobs) -> Iterator[Any]:
    """Yield a Dask client whose workers are jobs of a batch system; they end with the block.

    Jobs that wait in the queue join when they start, and jobs that are lost are asked for again.

    Raises
    ------
    InputError
        dask-jobqueue is not installed, there is no such batch system here, or it refuses the job.
    """
    from distributed import Client

    with _started(jobs) as cluster, Client(cluster) as client:
        yield client


@contextmanager
def _started(jobs: Jobs) -> Iterator[Any]:
    from distributed import Status
    from tornado.ioloop import PeriodicCallback

    cluster = _cluster(jobs)

    async def submitted() -> None:
        while len(cluster.worker_spec) < jobs.jobs:
            cluster.worker_spec.update(cluster.new_worker_spec())
        try:
            # Awaited, the refusal of a job is raised here; `scale` would leave it in a log.
            await cluster
        except BaseException:
            for job in cluster.workers.values():
                if job.job_id is None:
                    job.status = Status.failed
            raise

    with cluster:
        try:
            cluster.sync(submitted)
        except (RuntimeError, OSError, ValueError) as error:
            said = str(error).partition("stderr:")[2].strip() or str(error)
            raise InputError(f"{QUEUES[jobs.queue].submit} refused the job: {said}") from error
        # Asking for the same number again submits jobs in the place of those that are lost.
        again = PeriodicCallback(lambda: cluster.scale(jobs=jobs.jobs), LOOK_MILLISECONDS)
        cluster.loop.add_callback(again.start)
        try:
            yield cluster
        finally:
            cluster.loop.add_callback(again.stop)


def _cluster(jobs: Jobs) -> Any:
    queue = QUEUES[jobs.queue]
    try:
        import dask
        import dask_jobqueue
    except ImportError as error:
        raise InputError(
            f"--{jobs.queue} needs dask-jobqueue: pip install 'countglm[cluster]'."
        ) from error
    if shutil.which(queue.submit) is None:
        raise InputError(
            f"--{jobs.queue} needs {queue.submit}, which is not on the path here; run where jobs "
            "are submitted, or give --scheduler ADDRESS."
        )
    settings = dask.config.get(f"jobqueue.{jobs.queue}")
    missing = [
        f"--{name}"
        for name in ("cores", "memory")
        if getattr(jobs, name) is None and settings.get(name) is None
    ]
    if missing:
        raise InputError(
            f"--{jobs.queue} needs {' and '.join(missing)} of a job: nothing is set for this site."
        )
    given = {
        "cores": jobs.cores, "memory": jobs.memory, "walltime": jobs.walltime,
        "queue": jobs.partition, queue.account: jobs.account, "interface": jobs.interface,
        "job_extra_directives": list(jobs.directives), "job_script_prologue": list(jobs.prologue),
    }  # fmt: skip
    asked = {name: value for name, value in given.items() if value}
    try:
        # One process a job, whose threads share its memory; any free port will do for the pages.
        return getattr(dask_jobqueue, queue.cluster)(
            processes=1, scheduler_options={"dashboard_address": ":0"}, **asked
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"--{jobs.queue}: {error}; see the settings of dask-jobqueue.") from error
