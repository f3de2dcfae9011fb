"""Workers as jobs of a batch system, whose programs are stand-ins that start the jobs here."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import pytest

import countglm
from countglm.adapters import cluster_jobs
from countglm.adapters.cluster_jobs import Jobs, workers_of_queue
from countglm.cli import app
from countglm.cli.outcome import run_command
from countglm.deresult import DEResult
from countglm.errors import InputError
from tests.support.clusters import same_bits

# Keeps the job's script; starts it, in a session of its own, where the folder says so.
SUBMIT = """#!/bin/sh
[ -e {folder}/refuse ] && {{ echo "Batch job submission failed: Invalid account" >&2; exit 1; }}
script=$(mktemp {folder}/job.XXXXXX)
cat ${{1:--}} > $script
[ -e {folder}/start ] && setsid sh $script > $script.log 2>&1 &
echo "job $!"
"""
CANCEL = """#!/bin/sh
kill -- -$1 2> {folder}/cancel.log
exit 0
"""
PROGRAMS = {"slurm": ("sbatch", "scancel"), "pbs": ("qsub", "qdel"), "lsf": ("bsub", "bkill")}
ASKED: dict[str, Any] = {
    "jobs": 1, "cores": 1, "memory": "500MB", "walltime": "00:10:00", "partition": "short",
    "account": "lab", "directives": ("--extra=1",), "prologue": ("true prepared",),
}  # fmt: skip
HEADERS = {
    "slurm": ["#SBATCH -p short", "#SBATCH -A lab", "#SBATCH --cpus-per-task=1",
              "#SBATCH --mem=477M", "#SBATCH -t 00:10:00", "#SBATCH --extra=1"],
    "pbs": ["#PBS -q short", "#PBS -A lab", "#PBS -l select=1:ncpus=1:mem=477MB",
            "#PBS -l walltime=00:10:00", "#PBS --extra=1"],
    "lsf": ["#BSUB -q short", '#BSUB -P "lab"', "#BSUB -n 1", "#BSUB -W 00:10:00",
            "#BSUB --extra=1"],
}  # fmt: skip


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is first on the path and has the programs of all batch systems."""
    folder = tmp_path / "site"
    folder.mkdir()
    for submit, cancel in PROGRAMS.values():
        for name, text in ((submit, SUBMIT), (cancel, CANCEL)):
            (folder / name).write_text(text.format(folder=folder))
            (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    # The settings of distributed are there once it is imported.
    assert distributed.__version__
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "0.1s"}):
        yield folder


def scripts(site: Path) -> list[str]:
    """The jobs that were submitted."""
    return [path.read_text() for path in site.glob("job.??????")]


@pytest.mark.parametrize("queue", PROGRAMS)
def test_what_is_asked_of_each_batch_system(site: Path, queue: str) -> None:
    with workers_of_queue(Jobs(queue, **ASKED | {"jobs": 2})):
        submitted = scripts(site)
    assert len(submitted) == 2
    lines = submitted[0].splitlines()
    assert [line for line in HEADERS[queue] if line not in lines] == []
    assert lines.index("true prepared") < len(lines) - 1
    assert re.search(
        rf"{sys.executable} -m distributed.cli.dask_worker tcp://\S+ .*--nthreads 1 .*--nanny",
        submitted[0],
    )


@pytest.mark.compiled
def test_countglm_de_in_jobs(site: Path, tmp_path: Path) -> None:
    (site / "start").touch()
    study = countglm.datasets.pasilla()[:, :200].copy()
    study.write_h5ad(tmp_path / "study.h5ad")
    design = ["--design", "~ condition", "--no-report"]
    jobs = ["--slurm", "--jobs", "2", "--cores", "1", "--memory", "1GB"]
    ran = []
    for name, more in (("here", []), ("jobs", jobs)):
        asked = ["de", str(tmp_path / "study.h5ad"), *design, *more, "-o", str(tmp_path / name)]
        assert run_command(app, asked) == 0
        ran.append(DEResult.load(next((tmp_path / name).glob("result_*.h5"))))
    assert same_bits(ran[0].fit, ran[1].fit) == []
    assert len(scripts(site)) == 2


def test_a_job_that_is_lost_is_submitted_again(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_jobs, "LOOK_MILLISECONDS", 100)
    (site / "start").touch()
    with workers_of_queue(Jobs("slurm", **ASKED)) as client:
        client.wait_for_workers(1, timeout=300)
        client.run(os.getppid)
        [group] = client.run(_end_of_job, wait=True, on_error="return").values()
        assert isinstance(group, OSError)  # the worker ended before it could answer
        for _ in range(3000):
            if len(scripts(site)) > 1:
                break
            time.sleep(0.1)
        client.wait_for_workers(1, timeout=300)
    assert len(scripts(site)) == 2


def _end_of_job() -> None:
    """End the whole job of this worker, its nanny included."""
    import signal

    os.killpg(os.getpgid(0), signal.SIGKILL)


def test_a_job_that_is_refused(site: Path) -> None:
    (site / "refuse").touch()
    with (
        pytest.raises(InputError, match="refused the job: Batch job submission failed: Inval"),
        workers_of_queue(Jobs("slurm", **ASKED)),
    ):
        pytest.fail("no job, no client")


def test_no_such_batch_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="--lsf needs bsub, which is not on the path here"):
        workers_of_queue(Jobs("lsf", **ASKED)).__enter__()


def test_without_dask_jobqueue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(InputError, match=r"--pbs needs dask-jobqueue: pip install 'countglm\[cl"):
        workers_of_queue(Jobs("pbs", **ASKED)).__enter__()


def test_jobs_without_a_size(site: Path) -> None:
    with pytest.raises(InputError, match="--slurm needs --cores and --memory of a job"):
        workers_of_queue(Jobs("slurm")).__enter__()
    assert scripts(site) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--slurm", "--pbs"], "--slurm and --pbs are two clusters"),
        (["--scheduler", "tcp://a:1", "--lsf"], "--scheduler and --lsf are two clusters"),
        (["--cores", "4"], "--cores is of jobs that this command submits"),
        (["--scheduler", "tcp://a:1", "--queue", "short"], "--queue is of jobs that this command"),
        (["--slurm", "--mode", "replay"], "--mode replay repeats a published analysis"),
    ],
)
def test_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    asked = ["de", str(tmp_path / "no.h5ad"), "--design", "~ a", "-o", str(tmp_path / "out")]
    assert run_command(app, [*asked, *options]) == 2
    assert told in capsys.readouterr().err
