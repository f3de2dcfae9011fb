"""Folders of a process: gone with it, or with the next one of the same place."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from countglm._leftovers import OwnFolder

KILLED = """
import os, signal, sys
from pathlib import Path
from countglm._leftovers import OwnFolder
folder = OwnFolder(Path(sys.argv[1]), ".out.")
(folder.path / "part").write_text("x")
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_folder_goes_with_its_use(tmp_path: Path) -> None:
    with closing(OwnFolder(tmp_path, "a-")) as folder:
        (folder.path / "file").write_text("x")
    assert not list(tmp_path.iterdir())
    dropped = OwnFolder(tmp_path, "a-")
    assert dropped.path.is_dir()
    del dropped
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".out.other").mkdir()
    with closing(OwnFolder(tmp_path, ".out.")) as used:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL
        left = Path(done.stdout.strip())
        assert (left / "part").exists()
        with closing(OwnFolder(tmp_path, ".another.")):
            assert left.exists()
        with closing(OwnFolder(tmp_path, ".out.")) as following:
            assert not left.exists()
            assert used.path.is_dir()
            assert following.path.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [".out.other"]
