"""What only fresh processes show: start-up time, plain-Python kernels, an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.accept.table import Table

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("pandas", "anndata", "formulaic", "dask", "scipy.stats", "h5py", "matplotlib")

BARE = "import numba, numpy, scipy"
IMPORT = "import countglm"
FIT = """
import numpy as np
import countglm
rng = np.random.default_rng(0)
counts = rng.poisson(50.0, (8, 200))
design = np.column_stack([np.ones(8), np.arange(8) % 2])
fit = countglm.fit_glm(counts, design)
assert fit.converged.all()
"""
LONG_FIT = """
import signal
import numpy as np
import countglm
# A shell in the background hands its children an ignored interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
counts = rng.negative_binomial(2, 0.02, (200, 20000))
design = np.column_stack([np.ones(200), np.arange(200) % 2, rng.normal(size=(200, 4))])
countglm.fit_glm(counts[:, :64], design, size_factors="library")
print("started", flush=True)
while True:
    countglm.fit_glm(counts, design, size_factors="library")
"""


def _environment(cache: str | None = None) -> dict[str, str]:
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(ROOT / "src")
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = cache
    return environment


def processor_time() -> float:
    """Seconds of processor time of the finished child processes."""
    spent = os.times()
    return spent.children_user + spent.children_system


def seconds(code: str, cache: str | None = None) -> float:
    """Wall time of a fresh interpreter that runs ``code``."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=_environment(cache))
    return time.perf_counter() - begin


def check_start(table: Table) -> None:
    """Import and first fit in fresh processes, with an empty and with a filled cache."""
    repeats = 2 if table.quick else 5
    nothing = min(seconds("pass") for _ in range(repeats))
    imported = min(seconds(IMPORT) for _ in range(repeats)) - nothing
    table.row("import countglm", "<= 0.8 s", f"{imported:.2f} s", imported <= 0.8)
    loaded = subprocess.run(
        [sys.executable, "-c", f"{IMPORT}\nimport sys\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        env=_environment(),
    ).stdout.split()
    found = [name for name in FORBIDDEN if name in loaded]
    table.row("import countglm loads", "none of " + ", ".join(FORBIDDEN), str(found), not found)
    with tempfile.TemporaryDirectory() as cache:
        spent = processor_time()
        first = seconds(FIT, cache)
        spent = processor_time() - spent
        later = min(seconds(FIT, cache) for _ in range(repeats))
    measured = f"{first:.1f} s, {spent:.1f} s of them processor time"
    table.row("first fit, empty cache", "<= 8 s with imports", measured, first <= 8)
    bare = min(seconds(BARE) for _ in range(repeats))
    table.row(
        "first fit of a later process",
        "<= 1 s above import of numba, numpy, scipy",
        f"{later - bare:.2f} s ({later:.2f} - {bare:.2f})",
        later - bare <= 1.0,
    )


def check_plain_python(table: Table) -> None:
    """The unit tests hold without the compiler."""
    environment = _environment() | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if " passed" in line or " failed" in line]
    summary = lines[-1].strip("= ") if lines else f"exit status {done.returncode}"
    table.row("NUMBA_DISABLE_JIT=1 pytest tests/unit", "passes", summary, done.returncode == 0)
    if done.returncode:
        table.detail("\n".join(done.stdout.splitlines()[-12:]))


def check_interrupt(table: Table) -> None:
    """Ctrl-C in the middle of a long fit."""
    waited = []
    for delay in (0.3, 0.8) if table.quick else (0.2, 0.5, 0.8, 1.1, 1.4):
        process = subprocess.Popen(
            [sys.executable, "-c", LONG_FIT],
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "started"
        time.sleep(delay)
        begin = time.perf_counter()
        process.send_signal(signal.SIGINT)
        try:
            _, stderr = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            waited.append(30.0)
            continue
        stopped = time.perf_counter() - begin
        waited.append(stopped if "KeyboardInterrupt" in stderr else 30.0)
    table.row(
        "Ctrl-C during a long fit",
        "stops within 1 s",
        f"slowest of {len(waited)}: {max(waited):.2f} s",
        max(waited) <= 1.0,
    )


def check(table: Table) -> None:
    """Fill the table with what fresh processes show."""
    check_start(table)
    check_interrupt(table)
    check_plain_python(table)
