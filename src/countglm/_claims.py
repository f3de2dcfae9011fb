"""Claims on pieces of work in a folder that processes of many machines share.

A claim says that somebody is at work on something, so that others begin elsewhere. It is no lock:
where two take the same thing over from one that has died, both do it, to the same end.
"""

from __future__ import annotations

import os
import platform
import threading
from contextlib import suppress
from pathlib import Path

# Seconds between two signs of life, and of silence after which who made a claim is taken for dead.
SIGN, SILENCE = 10.0, 90.0


class Claims:
    """The claims of one process in a folder, renewed until `close`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._who = f"{platform.node()} {os.getpid()}"
        self._probe = folder / f".{platform.node()}.{os.getpid()}"
        self._mine: set[str] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._live, name="claims", daemon=True).start()

    def take(self, name: str) -> bool:
        """Claim something; return False where another who is alive has it."""
        path = self._folder / name
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            if self._alive(path):
                return False
            with suppress(OSError):
                path.write_text(self._who)
        else:
            with os.fdopen(handle, "w") as stream:
                stream.write(self._who)
        with self._lock:
            self._mine.add(name)
        return True

    def drop(self, name: str) -> None:
        """Give a claim up: the work is done, or given up too."""
        with self._lock:
            self._mine.discard(name)
        with suppress(OSError):
            (self._folder / name).unlink()

    def close(self) -> None:
        """Give all claims up."""
        self._ended.set()
        for name in sorted(self._mine):
            self.drop(name)
        with suppress(OSError):
            self._probe.unlink()

    def _alive(self, path: Path) -> bool:
        """Whether who made a claim is alive: it was renewed lately, and not by a dead process here.

        The time is that of the disk, which all share.
        """
        try:
            host, _, process = path.read_text().rpartition(" ")
            if host == platform.node() and not _lives(process):
                return False
            self._probe.touch()
            return self._probe.stat().st_mtime - path.stat().st_mtime < SILENCE
        except FileNotFoundError:
            # Just given up.
            return False

    def _live(self) -> None:
        while not self._ended.wait(SIGN):
            with self._lock:
                mine = list(self._mine)
            for name in mine:
                with suppress(OSError):
                    os.utime(self._folder / name)


def _lives(process: str) -> bool:
    """Whether a process of this machine lives; so does one whose number is just being written."""
    if not process.isdigit():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        # It is another user's.
        return True
    return True
