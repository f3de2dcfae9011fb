"""What a user waits for: import, the first call ever, the first call of a later process.

Every figure is a fresh process; medians over repeats, the first call with an empty cache each time.
"""

from __future__ import annotations

import argparse
import os
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
BARE = "import numba, numpy, scipy"


def seconds(code: str, cache: Path) -> float:
    """Return the wall time of a fresh process that runs ``code``."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    return time.perf_counter() - start


def median(code: str, cache: Path, repeats: int) -> float:
    return statistics.median(seconds(code, cache) for _ in range(repeats))


def first_calls(repeats: int) -> float:
    times = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            times.append(seconds(FIT, Path(name)))
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure import and first calls.")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        seconds(FIT, cache)  # fills the cache and the system's file cache
        empty = median("pass", cache, repeats)
        bare = median(BARE, cache, repeats)
        later = median(FIT, cache, repeats)
        figures = {
            "an empty Python process": empty,
            "`import numba, numpy, scipy`": bare,
            "`import countglm`": median("import countglm", cache, repeats),
            "import and `fit_glm`, later process": later,
            "later process above the bare imports": later - bare,
        }
    figures["import and `fit_glm`, first process, empty cache"] = first_calls(max(1, repeats // 2))
    for label, value in figures.items():
        print(f"{value:6.2f} s  {label}")
    save_result("startup", {"machine": describe_machine(), "seconds": figures})
    write_page()


if __name__ == "__main__":
    main()
