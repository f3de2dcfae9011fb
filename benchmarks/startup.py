"""What a user waits for: imports, the first call ever, the first call of a later process.

    python benchmarks/startup.py [--rounds N] [--print]

Every figure is a fresh process. A round runs each of them once, so that what else the machine is
doing meets all alike; medians over rounds. The first call ever has an empty folder of kernels each
time. CPU seconds stand beside wall seconds: they depend less on the rest of the machine.

The differential expression is that of the embedded airway study, 64,102 genes of which 33,469 have
a count, with default options. The bare imports beside it are those of the packages that its user
loads in any case: what holds the data, and what the package is built on.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from machine import describe_machine, save_result
from table import write_page

Seconds = dict[str, float]

FIT = """
import numpy as np
import countglm
rng = np.random.default_rng(1)
counts = rng.negative_binomial(5, 0.05, (8, 500))
design = np.column_stack([np.ones(8), np.repeat([0, 1], 4), np.tile([0, 1], 4)])
fit = countglm.fit_glm(counts, design)
assert fit.converged.mean() > 0.9
"""
BARE = "import anndata, formulaic, numba, numpy, pandas, scipy.sparse, scipy.special"
TEST = """
import countglm
adata = countglm.datasets.airway()
result = countglm.differential_expression(adata, "~ cell + dex", ["dex", "trt", "untrt"])
assert len(result.significant()) > 1000
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def command_line(folder: Path, *options: str) -> list[str]:
    """``countglm de`` on the study's two files as they are."""
    data = files("countglm") / "data"
    counts, samples = str(data / "airway_counts.csv.gz"), str(data / "airway_samples.csv")
    return [
        *(sys.executable, "-m", "countglm", "de", counts, "--samples", samples),
        *("--design", "~ cell + dex", "--contrast", "dex,trt,untrt"),
        *("--output", str(folder / "out"), "--force", *options),
    ]


def one_process(command: list[str], kernels: Path) -> Seconds:
    """Return wall and CPU seconds of a fresh process with this folder of kernels."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(kernels)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu}


def later_processes(rounds: int, folder: Path) -> dict[str, list[Seconds]]:
    """Time everything that finds its kernels on disk."""
    commands = {
        "an empty Python process": python("pass"),
        "`import countglm`": python("import countglm"),
        f"`{BARE}`": python(BARE),
        "`differential_expression` on airway, later process": python(TEST),
        "import and `fit_glm`, later process": python(FIT),
        "`countglm de` on airway without report, later process": command_line(
            folder, "--no-report"
        ),
        "`countglm de` on airway with report, later process": command_line(folder),
    }
    kernels = folder / "kernels"
    # These fill the folder of kernels, the system's file cache and the caches of other packages.
    for command in commands.values():
        one_process(command, kernels)
    found: dict[str, list[Seconds]] = {label: [] for label in commands}
    for _ in range(rounds):
        for label, command in commands.items():
            found[label].append(one_process(command, kernels))
    return found


def first_processes(rounds: int) -> dict[str, list[Seconds]]:
    """Time what compiles: each process has an empty folder of kernels."""
    commands = {
        "`differential_expression` on airway, first process, empty cache": python(TEST),
        "import and `fit_glm`, first process, empty cache": python(FIT),
        "`countglm precompile`, empty cache": [sys.executable, "-m", "countglm", "precompile"],
    }
    found: dict[str, list[Seconds]] = {label: [] for label in commands}
    for _ in range(rounds):
        for label, command in commands.items():
            with tempfile.TemporaryDirectory() as name:
                found[label].append(one_process(command, Path(name)))
    return found


def above(calls: list[Seconds], imports: list[Seconds]) -> list[Seconds]:
    """Return round by round what a call takes beyond the bare imports."""
    return [
        {clock: call[clock] - bare[clock] for clock in call}
        for call, bare in zip(calls, imports, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure imports and first calls.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="keep nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = later_processes(options.rounds, Path(name))
    call = "`differential_expression` on airway, later process"
    found[f"{call}, above the bare imports"] = above(found[call], found[f"`{BARE}`"])
    found |= first_processes(max(1, options.rounds // 2))
    figures = {
        label: {clock: statistics.median(each[clock] for each in rows) for clock in rows[0]}
        for label, rows in found.items()
    }
    for label, value in figures.items():
        print(f"{value['wall']:6.2f} s wall {value['cpu']:6.2f} s CPU  {label}")
    if not options.print:
        save_result("startup", {"machine": describe_machine(), "seconds": figures})
        write_page()


if __name__ == "__main__":
    main()
