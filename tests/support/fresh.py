"""Run Python in a fresh process with a package folder, home and caches of the test's choosing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = REPOSITORY / "src"

FIT = """
import numpy as np
import countglm

counts = np.array([[11, 0, 250], [8, 3, 301], [25, 1, 199], [31, 9, 240], [14, 2, 280]])
design = np.column_stack([np.ones(5), [0, 0, 1, 1, 1]])
fit = countglm.fit_glm(counts, design, dispersion=0.1, size_factors="none")
print(repr(fit.coefficients.tolist()), repr(fit.log_likelihood.tolist()))
"""


def environment_of(source: Path = SOURCE, **environment: str) -> dict[str, str]:
    """The variables of a fresh process: the package from ``source``, and what the caller names."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NUMBA_", "XDG_", "PYTHON", "COVERAGE"))
    }
    return inherited | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"} | environment


def run_python(
    code: str, *, source: Path = SOURCE, cwd: Path | None = None, **environment: str
) -> str:
    """Return what ``code`` prints; the package comes from ``source``, variables from the caller."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment_of(source, **environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
