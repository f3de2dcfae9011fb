"""One process at a time in a folder: a lock that ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .errors import CheckpointRefusedError

NAME = "lock"
# Seconds between two signs of life, and of silence after which another machine's is dead.
SIGN, SILENCE = 20.0, 600.0
_BUSY = (errno.EACCES, errno.EAGAIN)


class FolderLock:
    """Holds a folder from its making until `release`.

    The system's lock on the file tells the processes of one machine apart, and what stands in the
    file those of other machines, to whom a shared disk may not show the system's lock.  What a dead
    process of this machine left is taken over, and what one of another has not renewed for long.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take()
        except BaseException:
            os.close(self._handle)
            raise
        self._ended = threading.Event()
        threading.Thread(target=self._live, name="checkpoint lock", daemon=True).start()

    def _live(self) -> None:
        """Renew the lock until it is released."""
        while not self._ended.wait(SIGN):
            with suppress(OSError):
                os.utime(self._path)

    def _take(self) -> None:
        held = True
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                raise self._in_use(self._owner()) from error
            held = False  # A disk without such locks.
        owner = self._owner()
        if owner and self._at_work(owner, held):
            raise self._in_use(owner)
        words = {
            "host": platform.node(),
            "process": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._write(json.dumps(words).encode())

    def _at_work(self, owner: dict[str, Any], held: bool) -> bool:
        """Is who holds the folder alive?  ``held`` tells that the system's lock was free."""
        if owner["host"] == platform.node():
            return not held and _lives(owner["process"])
        before = os.fstat(self._handle)
        # By the clock of the disk, which may be that of a third machine.
        os.utime(self._path)
        alive = os.fstat(self._handle).st_mtime - before.st_mtime < SILENCE
        if alive:
            os.utime(self._path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return alive

    def _owner(self) -> dict[str, Any]:
        """Return who holds the folder, or nothing where what is written cannot be read."""
        found = os.pread(self._handle, 4096, 0)
        with suppress(ValueError, KeyError, TypeError):
            words = json.loads(found)
            return {**words, "host": str(words["host"]), "process": int(words["process"])}
        return {}

    def _write(self, text: bytes) -> None:
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, text, 0)

    def _in_use(self, owner: dict[str, Any]) -> CheckpointRefusedError:
        who = "another run"
        if owner:
            who = f"process {owner['process']} on {owner['host']} (since {owner.get('since')})"
        return CheckpointRefusedError(
            f"The checkpoint {self._path.parent} is in use by {who}; wait for it to end, or name "
            f"another folder. If it has died on another machine, delete {self._path}."
        )

    def release(self) -> None:
        """Let others in."""
        self._ended.set()
        with suppress(OSError):
            self._write(b"")
        os.close(self._handle)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()
