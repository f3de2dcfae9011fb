"""The child process: started, waited for, and ended whatever happens here."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from countglm.adapters.r._exchange import FOLDER_PREFIX, read_tree, write_tree
from countglm.adapters.r._failures import died, failure, late

_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "MC_CORES"),
)
# What a user's start files may change; the libraries of packages (R_LIBS...) stay.
_PROFILES = ("R_PROFILE", "R_PROFILE_USER", "R_DEFAULT_PACKAGES", "R_HISTFILE")


def ask_child(
    engine: str, request: dict[str, Any], timeout: float | None, threads: int
) -> tuple[dict[str, Any], str]:
    """Return R's answer and log.

    Raises
    ------
    InputError, RError
        What R or the way to it reports; a child that died or took too long.
    """
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as name:
        folder = Path(name)
        write_tree(folder, "request", request)
        log_file = folder / "log.txt"
        with open(log_file, "wb") as log_out:
            child = _start(folder, threads, log_out)
        try:
            status: int | None = child.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(child)
        log = log_file.read_text(encoding="utf-8", errors="replace")
        answer = read_tree(folder, "answer")
    if answer is None:
        if status is None:
            raise late(engine, timeout or 0.0, log)
        raise died(engine, status, log)
    if answer["kind"] != "done":
        raise failure(engine, answer, log)
    return answer, log


def _start(folder: Path, threads: int, log_out: BinaryIO) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C of the terminal reaches the caller, who ends the child.
    return subprocess.Popen(
        [sys.executable, "-m", "countglm.adapters.r._child", str(folder)],
        cwd=folder, env=_environment(folder, threads), start_new_session=True,
        stdin=subprocess.PIPE, stdout=log_out, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _environment(folder: Path, threads: int) -> dict[str, str]:
    environment = {name: v for name, v in os.environ.items() if name not in _PROFILES}
    environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    # R's temporary files go with the folder; its text and the order of its sorting are fixed.
    environment.update(TMPDIR=str(folder), LC_ALL="C.UTF-8", LANGUAGE="en")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_source(), os.getenv("PYTHONPATH")]))
    return environment


def _source() -> str:
    """Where the child finds this very package, wherever the caller has it from."""
    return str(Path(__file__).resolve().parents[3])


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and all that it started, and leave no zombie."""
    # Some systems refuse to signal a group of which only a dead process is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, 9)
    child.wait()
    if child.stdin is not None:
        with suppress(BrokenPipeError):
            child.stdin.close()
