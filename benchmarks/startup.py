"""What a user waits for: import, the first call ever, the first call of a later process.

Every figure is a fresh process; medians over repeats, the first call with an empty cache each time.
CPU seconds stand beside wall seconds: they depend less on what else the machine is doing.
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
from pathlib import Path

from machine import describe_machine, save_result
from table import write_page

FIT = """
import numpy as np
import countglm
rng = np.random.default_rng(1)
counts = rng.negative_binomial(5, 0.05, (8, 500))
design = np.column_stack([np.ones(8), np.repeat([0, 1], 4), np.tile([0, 1], 4)])
fit = countglm.fit_glm(counts, design)
assert fit.converged.mean() > 0.9
"""
IMPORT = "import countglm"
BARE = "import numba, numpy, scipy"


def one_process(code: str, cache: Path) -> tuple[float, float]:
    """Return wall and CPU seconds of a fresh process that runs ``code``."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


def measure(code: str, repeats: int, cache: Path | None = None) -> dict[str, float]:
    """Return median wall and CPU seconds; without ``cache`` each process has an empty one."""
    pairs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            pairs.append(one_process(code, cache or Path(name)))
    wall, cpu = zip(*pairs, strict=True)
    return {"wall": statistics.median(wall), "cpu": statistics.median(cpu)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure import and first calls.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        one_process(FIT, cache)  # fills the cache and the system's file cache
        figures = {
            "an empty Python process": measure("pass", repeats, cache),
            "`import numba, numpy, scipy`": measure(BARE, repeats, cache),
            "`import countglm`": measure(IMPORT, repeats, cache),
            "import and `fit_glm`, later process": measure(FIT, repeats, cache),
        }
    figures["import and `fit_glm`, first process, empty cache"] = measure(FIT, repeats // 2 or 1)
    for label, value in figures.items():
        print(f"{value['wall']:6.2f} s wall {value['cpu']:6.2f} s CPU  {label}")
    save_result("startup", {"machine": describe_machine(), "seconds": figures})
    write_page()


if __name__ == "__main__":
    main()
