"""One call on a file of cells: ``million_worker.py CALL FILE LIMIT THREADS``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# This folder goes last: packages shall find Python's own modules, not a benchmark of that name.
sys.path.sort(key=str(Path(__file__).resolve().parent).__eq__)

from cells import CONTRAST, FORMULA
from crossing_worker import status

CALLS = ("fit_glm", "differential_expression")


def worker(call: str, path: Path, limit: str, threads: int) -> None:
    """Make one call in this process; print what it took."""
    begun = time.perf_counter()
    import countglm

    options: dict[str, Any] = {
        "size_factors": "library", "threads": threads, "memory_limit": limit,
    }  # fmt: skip
    if call == "fit_glm":
        fit = countglm.fit_glm(path, FORMULA, **options)
    else:
        fit = countglm.differential_expression(path, FORMULA, CONTRAST, **options).fit
    report = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time(),
        "memory_mb": status("VmHWM"),
        "converged": int(fit.converged.sum()),
        "by_rule": int(fit.zeros_by_rule.sum()),
    }
    print(json.dumps(report))


def measure(call: str, path: Path, limit: str, threads: int) -> dict[str, Any]:
    """Return what a call took in a fresh process of its own."""
    cores = sorted(os.sched_getaffinity(0))[:threads]
    command = [
        sys.executable, str(Path(__file__).resolve()), call, str(path), limit, str(threads),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


if __name__ == "__main__":
    worker(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
