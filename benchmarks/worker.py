"""Measure one Python engine on one problem: ``worker.py ENGINE FOLDER REPEATS SECONDS``."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

# This folder goes last: packages shall find Python's own modules, not a benchmark of that name.
sys.path.sort(key=str(Path(__file__).resolve().parent).__eq__)

import numpy as np

from engines import package_of, run
from problems import Problem


def read_problem(folder: Path) -> Problem:
    n, genes, p = (int(size) for size in (folder / "size.txt").read_text().split())

    def read(name: str, *shape: int) -> np.ndarray:
        return np.fromfile(folder / name).reshape(shape)

    return Problem(
        name=folder.name,
        description="",
        counts=read("counts", n, genes),
        design=read("design", n, p),
        size_factors=read("size_factors", n),
        dispersion=read("dispersion", genes),
    )


def peak_memory() -> float:
    """Return the largest resident set in MB, of this program alone.

    ``getrusage`` would also count the parent's, which a fork hands down.
    """
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    engine, folder, repeats, seconds = sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:])
    problem = read_problem(folder)
    coefficients = run(engine, problem)
    done = time.time()
    times: list[float] = []
    while len(times) < repeats and sum(times) <= seconds:
        start = time.perf_counter()
        run(engine, problem)
        times.append(time.perf_counter() - start)
    coefficients.astype(np.float64).tofile(folder / "coefficients")
    package = package_of(engine)
    report = {
        "done": done,
        "warm": min(times),
        "memory_mb": peak_memory(),
        "version": f"{package} {version(package)}",
    }
    (folder / "times.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
