"""Seconds and memory of penalised paths of all genes: six conditions, fifty penalties.

Each number of threads is a process of its own, which first makes one small call, so that imports
and compiled kernels are there; its counts are in memory before the clocks start. A digest of all
results says whether threads change a bit.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from crossing_worker import status
from machine import describe_machine, save_result, threads_agree
from table import write_page

GENES, SAMPLES, CONDITIONS, LAMBDAS = 20_000, 36, 6, 50
TARGET = 60.0


def simulate(genes: int) -> tuple[Any, Any, Any]:
    """Return counts, sample table and dispersions: a third of the effects differ from 0."""
    import pandas as pd

    rng = np.random.default_rng(1)
    level = np.repeat(np.arange(CONDITIONS), SAMPLES // CONDITIONS)
    mean = rng.lognormal(4.0, 1.5, genes)
    effect = rng.normal(0.0, 0.7, (CONDITIONS, genes)) * (rng.random((CONDITIONS, genes)) < 0.3)
    depth = rng.uniform(0.6, 1.6, SAMPLES)
    alpha = 0.05 + 1.0 / mean
    mu = mean * np.exp(effect[level]) * depth[:, None]
    counts = rng.negative_binomial(1.0 / alpha, 1.0 / (1.0 + alpha * mu)).astype(np.int32)
    return counts, pd.DataFrame({"condition": [f"c{k}" for k in level]}), alpha


def digest(path: Any) -> str:
    """Return a hash of every number of a path."""
    found = hashlib.blake2b(digest_size=8)
    parts = (path.lambdas, path.coefficients, path.gap, path.deviance, path.labels)
    for array in (*parts, path.refits.coefficients, path.refits.standard_errors):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def worker(genes: int, threads: int) -> None:
    """Measure one number of threads in this process; print the result."""
    from countglm import Status, fit_penalized
    from countglm.penalties import pairwise

    counts, obs, alpha = simulate(genes)

    def run(first: int) -> Any:
        return fit_penalized(
            counts[:, :first], "~ condition", pairwise("condition"), obs=obs,
            dispersion=alpha[:first], lambdas=LAMBDAS, threads=threads,
        )  # fmt: skip

    run(200)
    gc.collect()
    # Linux forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    before, begun, used = status("VmRSS"), time.perf_counter(), time.process_time()
    path = run(genes)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    fitted = path.status == Status.CONVERGED
    found = {
        "seconds": seconds,
        "cpu": cpu,
        "peak_mb": status("VmHWM") - before,
        "result_mb": kept_mb(path),
        "fitted": int(fitted.sum()),
        "relative_gap": float(path.relative_gap[fitted].max()),
        "steps": float(path.n_iter[fitted].mean()),
        "patterns": int(path.patterns.held.shape[0]),
        "digest": digest(path),
    }
    begun = time.perf_counter()
    path.cross_validate(5)
    print(json.dumps(found | {"folds_seconds": time.perf_counter() - begun}))


def kept_mb(path: Any) -> float:
    """Return the size of the result's arrays in MB."""
    refits = path.refits
    arrays = (path.lambdas, path.coefficients, path.gap, path.kkt_residual, path.deviance,
              path.n_iter, path.patterns.of, refits.coefficients, refits.standard_errors,
              refits.deviance, refits.status)  # fmt: skip
    return float(sum(array.nbytes for array in arrays) / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.genes, options.worker)
        return
    rows: dict[str, Any] = {}
    for threads in (1, 2):
        command = [sys.executable, str(Path(__file__).resolve()), "--genes", str(options.genes),
                   "--worker", str(threads)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        row = rows[str(threads)] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{threads} threads: {row['seconds']:.1f} s ({row['cpu']:.1f} s CPU), "
            f"{row['peak_mb']:.0f} MB at the peak of which {row['result_mb']:.0f} MB are the "
            f"result, {row['fitted']:,} of {options.genes:,} genes, largest relative gap "
            f"{row['relative_gap']:.1e}, {row['steps']:.2f} steps a fit, {row['patterns']} "
            f"patterns; five folds {row['folds_seconds']:.1f} s",
            flush=True,
        )
    same = threads_agree(rows)
    if options.trial:
        return
    found = {
        "genes": options.genes,
        "samples": SAMPLES,
        "conditions": CONDITIONS,
        "lambdas": LAMBDAS,
        "target": TARGET,
        "threads": rows,
        "same_bits": same,
        "machine": describe_machine(),
    }
    save_result("penalties", found)
    write_page()


if __name__ == "__main__":
    main()
