"""Whole pipelines, from counts to adjusted p-values, of every engine on every study.

    python benchmarks/pipelines.py [--studies 20000x8,airway] [--data FOLDER] [--python PATH]

Each engine runs in a fresh process of its own, pinned to the same cores, with as many threads.
``cold`` is the time from the start of that process to its first table, imports and compilation
(with an empty cache) included; ``second`` the same of the next process of an engine that compiles;
``warm`` the best run inside a process, of several where they are short. A peer that would take
longer than ``--limit`` seconds is run on two numbers of genes and extrapolated along the line
through both. Beside the time stand the false discovery rate and the power at padj < 0.1 where the
truth is known, and how far an engine's coefficients lie from the optimum at its own dispersions and
size factors (benchmarks/reference.py), in standard errors. A study's results are kept together in
benchmarks/results/pipelines.json; a run of chosen engines is printed and not kept, unless
``--again`` puts them in the place of what was disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import peers
from machine import RESULTS, describe_machine, save_result
from pipeline_engines import ENGINES
from problems import Problem
from reference import Reference
from studies import Study, simulate, studies
from table import write_page

HERE = Path(__file__).resolve().parent
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
FDR = 0.1
SECONDS = 15.0
# Genes judged in extended precision, and the entries that this may take.
JUDGED, ENTRIES = 200, 100_000
# Dispersions that the reference can hold; beyond these a fit is Poisson or nothing.
SMALLEST, LARGEST = 1e-7, 1e3


class Runner:
    """Runs engines on studies with the cores, interpreters and patience of one benchmark run."""

    def __init__(self, interpreters: peers.Interpreters, cores: int, limit: float) -> None:
        self.interpreters = interpreters
        self.cores = sorted(os.sched_getaffinity(0))[:cores]
        self.limit = limit

    def process(self, engine: str, folder: Path, seconds: float) -> dict[str, Any]:
        """Run one engine in a fresh process; return its times, or why there are none."""
        about = ENGINES[engine]
        cores = self.cores[:1] if about.one_core else self.cores
        arguments = [engine, str(folder), str(len(cores)), str(seconds)]
        command = [
            self.interpreters.of(about.package),
            str(HERE / "pipeline_worker.py"),
            *arguments,
        ]
        if about.run is None:
            command = ["Rscript", "--vanilla", str(HERE / "pipelines.R"), *arguments]
        environment = os.environ | {f"{name}_NUM_THREADS": str(len(cores)) for name in THREADS}
        environment["NUMBA_CACHE_DIR"] = str(folder / "cache")
        begun = time.time()
        with (folder / "log.txt").open("w") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )  # fmt: skip
            try:
                code = process.wait(timeout=1.5 * self.limit + 60.0)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return {"late": True}
        if code != 0:
            return {"error": peers.last_error((folder / "log.txt").read_text())}
        report: dict[str, Any] = json.loads((folder / "times.json").read_text())
        return report | {"start": report["done"] - begun}

    def on(self, engine: str, study: Study, folder: Path) -> dict[str, Any]:
        """Measure an engine on a study, as it is or by fewer genes."""
        about = ENGINES[engine]
        why = self.interpreters.missing(about.package, about.run is None)
        if why is not None:
            return {"error": why}
        expected = self.extrapolated(engine, study) if about.slow else None
        if expected is not None and ("error" in expected or expected["warm"] > self.limit):
            return expected
        study.write(folder)
        first = self.process(engine, folder, SECONDS)
        if "late" in first:
            return self.extrapolated(engine, study)
        if "error" in first:
            return first
        found = {
            "cold": first["start"],
            "warm": min(first["times"]),
            "runs": len(first["times"]),
            "memory_mb": first["memory_mb"],
            "version": first["version"],
            **judge(study, folder),
        }
        if about.compiles:
            second = self.process(engine, folder, SECONDS)
            if "error" in second or "late" in second:
                return second | {"error": second.get("error", "the second process did not end")}
            found["second"] = second["start"]
            found["warm"] = min(found["warm"], *second["times"])
            found["runs"] += len(second["times"])
            found["memory_mb"] = second["memory_mb"]
        return found

    def extrapolated(self, engine: str, study: Study) -> dict[str, Any]:
        """Measure an engine on two numbers of genes, and draw the line through both."""
        n_genes = study.counts.shape[1]
        sizes = [max(500, n_genes // 40), max(1000, n_genes // 20)]
        seconds, starts = [], []
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                folder, part = Path(name), study.take(min(size, n_genes))
                part.write(folder)
                report = self.process(engine, folder, 0.0)
                if "error" in report or "late" in report:
                    return report | {"error": report.get("error", f"too slow on {size} genes")}
                seconds.append(min(report["times"]))
                starts.append(report["start"])
                judged = judge(part, folder)
        slope = max(0.0, seconds[1] - seconds[0]) / (sizes[1] - sizes[0])
        more = slope * (n_genes - sizes[1])
        return {
            "extrapolated_from": sizes,
            "cold": starts[1] + more,
            "warm": seconds[1] + more,
            "runs": 1,
            "memory_mb": report["memory_mb"],
            "version": report["version"],
            **judged,
        }


def judge(study: Study, folder: Path) -> dict[str, Any]:
    """Return what the table of an engine is worth: calls, error rate, power, distance."""
    genes = study.counts.shape[1]
    called = np.fromfile(folder / "found_padj") < FDR
    found: dict[str, Any] = {"called": int(called.sum())}
    if study.changed is not None:
        false = int((called & ~study.changed).sum())
        found["fdr"] = false / max(int(called.sum()), 1)
        found["power"] = int((called & study.changed).sum()) / int(study.changed.sum())
    if (folder / "found_coefficients").exists():
        coefficients = np.fromfile(folder / "found_coefficients").reshape(genes, -1)
        dispersion = np.fromfile(folder / "found_dispersion")
        size_factors = np.exp(np.fromfile(folder / "found_offset"))
        found["distance"] = distance(study, coefficients, dispersion, size_factors)
    return found


def estimable(counts: NDArray[np.int32], design: NDArray[np.float64]) -> bool:
    """Return whether positive counts alone determine the coefficients, so that all are finite."""
    return bool(np.linalg.matrix_rank(design[counts > 0]) == design.shape[1])


def distance(
    study: Study,
    coefficients: NDArray[np.float64],
    dispersion: NDArray[np.float64],
    size_factors: NDArray[np.float64],
) -> dict[str, Any]:
    """Return how far coefficients lie from the optimum at their dispersions, over some genes."""
    design, _ = study.design()
    n, genes = study.counts.shape
    wanted = int(np.clip(ENTRIES // n, 10, JUDGED))
    usable = np.isfinite(coefficients).all(axis=1)
    usable &= (dispersion > SMALLEST) & (dispersion < LARGEST)
    chosen: list[int] = []
    for gene in np.random.default_rng(1).permutation(genes):
        if len(chosen) < wanted and usable[gene] and estimable(study.counts[:, gene], design):
            chosen.append(int(gene))
    if not chosen:
        return {"genes": 0}
    problem = Problem(
        study.name, "", study.counts[:, chosen].astype(float), design, size_factors,
        dispersion[chosen],
    )  # fmt: skip
    try:
        far = Reference(problem).distance(coefficients[chosen])
    except ArithmeticError as error:
        return {"genes": 0, "remark": str(error)}
    return {
        "genes": len(chosen),
        "median": float(np.median(far)),
        "max": float(far.max()),
        "beyond_0.01": int((far > 0.01).sum()),
    }


def run_study(runner: Runner, study: Study, engines: list[str]) -> dict[str, Any]:
    """Measure engines on one study; what one core does is asked of simulated ones alone."""
    if study.changed is None:
        engines = [engine for engine in engines if not ENGINES[engine].one_core]
    results: dict[str, Any] = {}
    print(study.description, flush=True)
    for engine in engines:
        with tempfile.TemporaryDirectory() as folder:
            results[engine] = runner.on(engine, study, Path(folder))
        print(f"  {engine}: {json.dumps(results[engine])}", flush=True)
    return {
        "description": study.description,
        "formula": study.formula,
        "tested": study.tested,
        "simulated": study.changed is not None,
        "cores": len(runner.cores),
        "limit": runner.limit,
        "machine": describe_machine(),
        "engines": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", help="names or GENESxSAMPLES, by commas; default all")
    parser.add_argument("--engines", help="by semicolons; printed and not kept")
    parser.add_argument("--data", type=Path, default=os.environ.get("COUNTGLM_TEST_DATA"))
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--limit", type=float, default=900.0, help="seconds; longer: extrapolate")
    parser.add_argument(
        "--again", action="store_true",
        help="put chosen engines in the place of what is kept of them, as where one was disturbed",
    )  # fmt: skip
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    peers.add_option(parser)
    options = parser.parse_args()
    known = studies(None if options.data is None else Path(options.data))
    names = options.studies.split(",") if options.studies else list(known)
    engines = options.engines.split(";") if options.engines else list(ENGINES)
    runner = Runner(peers.Interpreters(options.python), options.cores, options.limit)
    kept = RESULTS / "pipelines.json"
    found = json.loads(kept.read_text())["studies"] if kept.exists() else {}
    for name in names:
        study = known[name]() if name in known else simulate(*map(int, name.split("x")))
        fresh = run_study(runner, study, engines)
        if options.again and name in found:
            engines_of = found[name]["engines"] | fresh["engines"]
            fresh = found[name] | {"engines": engines_of}
        if (options.engines is None or options.again) and not options.trial:
            save_result("pipelines", {"studies": (found := found | {name: fresh})})
            write_page()


if __name__ == "__main__":
    main()
