"""One run in a folder: the second is refused, the dead leave nothing that stops the living."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from countglm import _lock
from countglm._lock import FolderLock
from countglm.errors import CheckpointRefusedError

OF_ANOTHER = {"host": "elsewhere", "process": 17, "since": "2024-05-01T10:00:00+00:00"}


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    told = f"is in use by process {os.getpid()} on {platform.node()}"
    with pytest.raises(CheckpointRefusedError, match=told):
        FolderLock(tmp_path)
    first.release()
    FolderLock(tmp_path).release()


def test_what_a_dead_process_left_is_taken_over(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    left = {"host": platform.node(), "process": int(done.stdout), "since": "now"}
    (tmp_path / "lock").write_text(json.dumps(left))
    FolderLock(tmp_path).release()


@pytest.mark.parametrize("left", ["", "{", "[1]", '{"host": "elsewhere"}'])
def test_a_torn_lock_says_nothing(tmp_path: Path, left: str) -> None:
    (tmp_path / "lock").write_text(left)
    FolderLock(tmp_path).release()


def test_a_run_on_another_machine_is_left_alone_while_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text(json.dumps(OF_ANOTHER))
    renewed = path.stat().st_mtime_ns
    with pytest.raises(CheckpointRefusedError, match=r"process 17 on elsewhere .*delete"):
        FolderLock(tmp_path)
    # Asking is no sign of life.
    assert path.stat().st_mtime_ns == renewed
    os.utime(path, (0, 0))
    FolderLock(tmp_path).release()


def test_a_lock_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "SIGN", 0.01)
    lock = FolderLock(tmp_path)
    path = tmp_path / "lock"
    os.utime(path, (0, 0))
    for _ in range(500):
        if path.stat().st_mtime > 0.0:
            break
        lock._ended.wait(0.01)
    assert path.stat().st_mtime > 0.0
    lock.release()


def test_a_disk_without_locks_goes_by_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    path = tmp_path / "lock"
    FolderLock(tmp_path).release()
    path.write_text(json.dumps({"host": platform.node(), "process": os.getppid()}))
    with pytest.raises(CheckpointRefusedError, match="is in use by"):
        FolderLock(tmp_path)
