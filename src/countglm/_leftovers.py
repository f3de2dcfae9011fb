"""Folders for as long as a process uses them: what a killed one left goes when the next begins."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

# Locked while the folder is in use; it gets this name when it is, so that none is swept too early.
_IN_USE = ".in-use"


class OwnFolder:
    """A new folder ``path`` in ``parent``, removed by `close`, or with this object.

    Its name begins with ``stem``.  Folders of that stem that killed processes of this machine left
    in ``parent`` are removed first.
    """

    def __init__(self, parent: Path, stem: str) -> None:
        prefix = f"{stem}{re.sub(r'[^A-Za-z0-9-]', '-', platform.node())}."
        _sweep(parent, prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        handle = os.open(self.path / f"{_IN_USE}.new", os.O_RDWR | os.O_CREAT, 0o600)
        # Without locks on this disk the folder stays, should the process be killed.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(self.path / f"{_IN_USE}.new", self.path / _IN_USE)
        self._finalizer = weakref.finalize(self, _remove, self.path, handle)

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        self._finalizer()


def _remove(path: Path, handle: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)


def _sweep(parent: Path, prefix: str) -> None:
    """Remove folders whose process has died: the system gave up its lock."""
    with suppress(OSError):
        for path in parent.iterdir():
            if path.name.startswith(prefix) and path.lstat().st_uid == os.getuid():
                _remove_unused(path)


def _remove_unused(path: Path) -> None:
    with suppress(OSError):
        handle = os.open(path / _IN_USE, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(handle)
