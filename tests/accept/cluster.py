"""The same bits on clusters and from arrays of jobs, whoever is killed on the way."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from countglm import differential_expression
from countglm.deresult import DEResult
from countglm.errors import ClusterError, InputError
from tests.accept.table import Table
from tests.support import cases
from tests.support.clusters import Killing, cluster, same_bits

ROOT = Path(__file__).resolve().parents[2]
SIZES = (64, 200, 1000)
DESIGN, CONTRAST = "~ type + condition", ["condition", "treated", "untreated"]
# A call in a process of its own, to be killed: counts, scheduler, checkpoint, result.
CALL = """
import sys, anndata
from countglm import differential_expression
counts, scheduler, checkpoint, out = sys.argv[1:]
if __name__ == "__main__":
    result = differential_expression(
        anndata.read_h5ad(counts), "~ type + condition", ["condition", "treated", "untreated"],
        client=scheduler, checkpoint=checkpoint, block_size=64,
    )
    result.save(out)
"""
OTHER_VERSION = "import countglm._version; countglm._version.__version__ = '0.0.1'"


def differing(result: Any, reference: Any) -> str:
    """Name what differs in two results."""
    names = same_bits(result.fit, reference.fit)
    for name in ("genewise", "trend", "map", "final"):
        pair = (getattr(each.dispersion, name) for each in (result, reference))
        if not np.array_equal(*pair, equal_nan=True):
            names.append(name)
    if not result.table.equals(reference.table):
        names.append("table")
    return ", ".join(names)


def check(table: Table) -> None:
    """Fill the table for one study."""
    study = cases.study("pasilla")
    assert study is not None
    import anndata

    n_genes = 1500 if table.quick else 6000
    counts = study.counts.iloc[:, :n_genes]
    adata = anndata.AnnData(counts.to_numpy().astype(np.float64), obs=study.obs)
    adata.obs_names, adata.var_names = counts.index.astype(str), counts.columns.astype(str)

    def run(**options: Any) -> DEResult:
        result: DEResult = differential_expression(adata, DESIGN, CONTRAST, **options)
        return result

    reference = run(threads=2)
    check_bits(table, run, reference)
    with tempfile.TemporaryDirectory() as folder:
        adata.write_h5ad(Path(folder) / "counts.h5ad")
        check_kills(table, run, reference)
        check_client(table, Path(folder), reference)
        check_version(table, run)
        check_scheduler(table, run, Path(folder), reference)
        check_shards(table, Path(folder), reference)


def check_bits(table: Table, run: Callable[..., DEResult], reference: DEResult) -> None:
    """1, 2 and 4 workers, three sizes of parts."""
    ran, broken = [], []
    for workers in (1, 2, 4):
        with cluster(workers) as client:
            for size in SIZES:
                wrong = differing(run(client=client, block_size=size), reference)
                ran.append(f"{workers} x {size}")
                if wrong:
                    broken.append(f"{ran[-1]}: {wrong}")
    table.row(
        "cluster: workers x genes of a part", "same bits as here", "; ".join(broken or ran),
        not broken,
    )  # fmt: skip


def check_kills(table: Table, run: Callable[..., DEResult], reference: DEResult) -> None:
    """SIGKILL to a worker, ten times at random."""
    times = 3 if table.quick else 10
    parts = 3 * (reference.fit.n_genes // 64)
    rng = random.Random(7)
    when = rng.sample(range(1, parts), times)
    with cluster(3) as client:
        killing = Killing(client, when, pause=rng.uniform(0.0, 0.1))
        begin = time.perf_counter()
        wrong = differing(run(client=killing, block_size=64), reference)
    seconds = time.perf_counter() - begin
    table.row(
        f"cluster: {times} workers killed", "same bits",
        wrong or f"same, {killing.killed} killed, {seconds:.0f} s",
        not wrong and killing.killed == times,
    )  # fmt: skip


def check_client(table: Table, folder: Path, reference: DEResult) -> None:
    """SIGKILL to the calling process, then the same call again."""
    checkpoint, out = folder / "checkpoint", folder / "result.h5"
    with cluster(2) as client:
        words = [sys.executable, "-c", CALL, folder / "counts.h5ad", client.scheduler.address]
        command = [str(word) for word in [*words, checkpoint, out]]
        process = subprocess.Popen(command, env=environment())
        wait_for_parts(checkpoint / "parts", 20, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = finished_parts(checkpoint / "parts")
        killed = not out.exists()
        subprocess.run(command, check=True, env=environment())
    wrong = differing(DEResult.load(out), reference)
    table.row(
        "cluster: client killed, called again", "same bits, from what was kept",
        wrong or f"same, {kept} parts kept", not wrong and killed and kept >= 20,
    )  # fmt: skip


def check_version(table: Table, run: Callable[..., DEResult]) -> None:
    """A worker that says it has another version."""
    from distributed import Client, LocalCluster

    told = "accepted"
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", preload=[OTHER_VERSION],
            host="127.0.0.1", silence_logs=50,
        ) as made,
        Client(made, set_as_default=False) as client,
    ):  # fmt: skip
        try:
            run(client=client)
        except InputError as error:
            told = str(error)
    table.row(
        "cluster: worker of another version", "refused by name",
        told.split(".")[0] if "has countglm" not in told else told[:80],
        "has countglm 0.0.1" in told,
    )  # fmt: skip


def check_scheduler(
    table: Table, run: Callable[..., DEResult], folder: Path, reference: DEResult
) -> None:
    """The scheduler ends in the middle; the same call goes on elsewhere."""
    from distributed import Client

    # Its clients tell at length that they cannot connect again.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

    checkpoint = folder / "after-scheduler"
    file = folder / "scheduler.json"

    def start(program: str, *options: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *options]
        words += ["--scheduler-file", str(file)]
        return subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL, cwd=folder)

    scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    while not file.exists():
        time.sleep(0.1)
    worker = start("dask_worker", "--nthreads", "1", "--death-timeout", "5")
    told = "no error"
    with Client(scheduler_file=str(file), timeout=5) as client:
        client.wait_for_workers(1, timeout=60)

        class Ending(Killing):
            def _kill(self) -> None:
                scheduler.send_signal(signal.SIGKILL)

        try:
            run(client=Ending(client, (20,)), block_size=64, checkpoint=str(checkpoint))
        except ClusterError as error:
            told = str(error)
        finally:
            scheduler.kill()
    scheduler.wait()
    worker.wait(timeout=120)
    kept = finished_parts(checkpoint / "parts")
    wrong = differing(run(block_size=64, checkpoint=str(checkpoint)), reference)
    table.row(
        "cluster: scheduler killed", "told, then same bits from what was kept",
        wrong or f"{told[:40]}; {kept} parts kept",
        not wrong and "scheduler" in told and kept >= 19,
    )  # fmt: skip


def check_shards(table: Table, folder: Path, reference: DEResult) -> None:
    """Four jobs of an array, two of them killed, merged."""
    countglm = [sys.executable, "-m", "countglm"]
    plan, merged = folder / "plan", folder / "merged"
    subprocess.run(
        [*countglm, "shard", str(folder / "counts.h5ad"), "--design", DESIGN, "--contrast",
         ",".join(CONTRAST), "--shards", "4", "-o", str(plan)],
        check=True, env=environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    run_shard = [*countglm, "run-shard", str(plan), "--threads", "1"]
    jobs = [
        subprocess.Popen([*run_shard, str(k)], env=environment(), stdout=subprocess.DEVNULL)
        for k in range(1, 5)
    ]
    for k, parts in ((0, 2), (2, 8)):
        wait_for_parts(plan / "parts", parts, jobs[k])
        jobs[k].send_signal(signal.SIGKILL)
        jobs[k].wait()
    ends = [job.wait() for job in jobs]
    subprocess.run(
        [*countglm, "merge", str(plan), "-o", str(merged)],
        check=True, env=environment(), stdout=subprocess.DEVNULL,
    )  # fmt: skip
    [path] = merged.glob("result_*.h5")
    wrong = differing(DEResult.load(path), reference)
    table.row(
        "shards: 4 jobs, 2 killed, merged", "same bits", wrong or f"same; jobs ended {ends}",
        not wrong and ends == [-9, 0, -9, 0],
    )  # fmt: skip


def environment() -> dict[str, str]:
    """The environment of a process that uses these sources."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def finished_parts(folder: Path) -> int:
    """How many parts a folder has."""
    if not folder.is_dir():
        return 0
    return sum(not path.name.startswith(".") for path in folder.iterdir())


def wait_for_parts(folder: Path, number: int, process: subprocess.Popen[Any]) -> None:
    """Wait until a folder has so many parts."""
    while finished_parts(folder) < number and process.poll() is None:
        time.sleep(0.01)
