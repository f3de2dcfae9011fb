"""Time, memory and accuracy of every engine on every problem.

    python benchmarks/run.py [--genes N] [--problems airway,cohort] [--engines "countglm;glum"]

Each engine runs in a fresh process of its own. ``cold`` is the time from the start of that
process to its first result, imports and compilation (with an empty cache) included; ``second``
is the same for the next process; ``warm`` is the best repeat inside a process; ``memory`` is the
largest resident set. Accuracy is the distance of the coefficients to the optimum in standard
errors (benchmarks/reference.py). Engines that take one gene at a time are timed on fewer genes. A
problem's results are kept in benchmarks/results/engines.json
with the machine and the date of that run, and docs/benchmarks.md is written from that folder. A
run of chosen engines is printed and not kept: one table holds the engines of one run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import peers
from engines import ENGINES, genes_for, package_of
from machine import RESULTS, describe_machine, save_result
from problems import PROBLEMS, Problem
from reference import Reference
from table import write_page

HERE = Path(__file__).resolve().parent
R_ENGINES = ("glm.fit", "DESeq2 nbinomWaldTest", "edgeR glmFit", "glmGamPoi glm_gp")
REPEATS, SECONDS = 5, 4.0
# One thread each, so that time means work; engines with threads of their own are named so.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def write_problem(problem: Problem, folder: Path) -> None:
    n, genes = problem.counts.shape
    (folder / "size.txt").write_text(f"{n} {genes} {problem.design.shape[1]}\n")
    for name in ("counts", "design", "size_factors", "dispersion"):
        getattr(problem, name).astype(np.float64).tofile(folder / name)


def command(engine: str, folder: Path, interpreters: peers.Interpreters) -> list[str]:
    arguments = [engine, str(folder), str(REPEATS), str(SECONDS)]
    if engine in R_ENGINES:
        return ["Rscript", "--vanilla", str(HERE / "engines.R"), *arguments]
    return [interpreters.of(package_of(engine)), str(HERE / "worker.py"), *arguments]


def one_process(
    engine: str, folder: Path, cache: Path, interpreters: peers.Interpreters
) -> dict[str, Any]:
    """Run one engine in a fresh process; return its times, peak memory and version."""
    environment = os.environ | ONE_THREAD | {"NUMBA_CACHE_DIR": str(cache)}
    start = time.time()
    with open(folder / "log.txt", "w") as log:
        done = subprocess.run(
            command(engine, folder, interpreters),
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        return {"error": peers.last_error((folder / "log.txt").read_text())}
    report = json.loads((folder / "times.json").read_text())
    return report | {"start": report["done"] - start}


def accuracy(coefficients: NDArray[np.float64], reference: Reference) -> dict[str, Any]:
    """Return how far from the optimum the coefficients lie, over the genes, in standard errors."""
    finite = np.isfinite(coefficients).all(axis=1)
    distance = reference.distance(np.where(finite[:, None], coefficients, 0.0))
    distance[~finite] = np.inf
    return {
        "median": float(np.median(distance)),
        "max": float(distance.max()),
        "beyond_0.01": int((distance > 0.01).sum()),
        "not_finite": int((~finite).sum()),
    }


def measure(
    engine: str, problem: Problem, reference: Reference, interpreters: peers.Interpreters
) -> dict[str, Any]:
    """Measure one engine on as many genes as it can be asked for."""
    if engine not in R_ENGINES:
        why = interpreters.missing(package_of(engine), in_r=False)
        if why is not None:
            return {"error": why}
    n_genes = genes_for(engine, problem.counts.shape[1])
    problem, reference = problem.first(n_genes), reference.first(n_genes)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name), Path(name) / "cache"
        write_problem(problem, folder)
        first = one_process(engine, folder, cache, interpreters)
        if "error" in first:
            return first
        second = one_process(engine, folder, cache, interpreters)
        shape = (problem.counts.shape[1], problem.design.shape[1])
        coefficients = np.fromfile(folder / "coefficients").reshape(shape)
    return {
        "genes": n_genes,
        "cold": first["start"],
        "second": second["start"],
        "warm": min(first["warm"], second["warm"]),
        "memory_mb": second["memory_mb"],
        "version": second["version"],
        "distance": accuracy(coefficients, reference),
    }


def run_problem(
    name: str, n_genes: int, engines: list[str], interpreters: peers.Interpreters
) -> dict[str, Any]:
    problem = PROBLEMS[name](n_genes)
    reference = Reference(problem)
    print(f"{problem.description}; reference stands to {float(reference.last_step.max()):.0e} SE")
    results = {}
    for engine in engines:
        results[engine] = measure(engine, problem, reference, interpreters)
        print(f"  {engine}: {json.dumps(results[engine])}", flush=True)
    return {
        "description": problem.description,
        "n_genes": problem.counts.shape[1],
        "n_coef": problem.design.shape[1],
        "reference_last_step": float(reference.last_step.max()),
        "machine": describe_machine(),
        "engines": results,
    }


def available_engines() -> list[str]:
    r_engines = R_ENGINES if shutil.which("Rscript") else ()
    return [*ENGINES, *r_engines]


def main() -> None:
    parser = argparse.ArgumentParser(description="Benchmark engines on problems.")
    parser.add_argument("--genes", type=int, default=2000, help="genes of each problem")
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names, by commas")
    parser.add_argument("--engines", help="by semicolons; printed and not kept")
    peers.add_option(parser)
    options = parser.parse_args()
    interpreters = peers.Interpreters(options.python)
    engines = options.engines.split(";") if options.engines else available_engines()
    kept = RESULTS / "engines.json"
    found = json.loads(kept.read_text())["problems"] if kept.exists() else {}
    for name in options.problems.split(","):
        fresh = run_problem(name, options.genes, engines, interpreters)
        if options.engines is None:
            save_result("engines", {"problems": (found := found | {name: fresh})})
            write_page()


if __name__ == "__main__":
    main()
