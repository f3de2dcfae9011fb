"""Compiled entries on disk: found without Numba's own preparation, and safe to share.

Numba readies its whole compiler, a fifth of a second, before it looks whether a function is on
disk, and writes an index that processes on machines of different kinds may overwrite under each
other.  Here each compiled form is one file, named by all that decides it, and what is found needs
no compiler.  Where nothing is found, a compile follows: it takes seconds, and the user is told.
"""

from __future__ import annotations

import builtins
import hashlib
import logging
import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

# What this file relies on that Numba does not promise.
_RELIED_ON = ("_reduce", "_rebuild")
_VERSIONS = (numba.__version__, llvmlite.__version__, *sys.version_info[:2], sys.platform)


def usable(result: type = CompileResult) -> bool:
    """Return whether Numba still has what this file relies on."""
    return all(hasattr(result, name) for name in _RELIED_ON)


class EntryCache(NullCache):
    """The compiled forms of one entry, in folders that hold one set of sources each.

    Parameters
    ----------
    name : str
        The entry's name, which its files begin with.
    folders : sequence of str
        Where to look, in this order.
    target : str or None
        The folder to write to, one of them; None where none can be written.
    """

    def __init__(self, name: str, folders: Sequence[str], target: str | None) -> None:
        self._name = name
        self._folders = [Path(folder) for folder in folders]
        self._target = None if target is None else Path(target)

    @property
    def cache_path(self) -> str | None:
        """The folder that is written to, for Numba's statistics."""
        return None if self._target is None else str(self._target)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled form for the argument types ``sig``, or None and say so."""
        place = self._file(sig, target_context.codegen())
        for folder in self._folders:
            try:
                parts = pickle.loads((folder / place).read_bytes())
            except (OSError, EOFError, pickle.UnpicklingError):
                # Not there, or empty or cut off by a full disk or a copy that was broken off.
                continue
            return CompileResult._rebuild(target_context, *parts)
        announce(self._target)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled form; a folder that has become full or read-only is no obstacle."""
        if self._target is None:
            return
        place = self._target / self._file(sig, data.codegen)
        content = dumps(data._reduce())
        unfinished = None
        try:
            handle, unfinished = tempfile.mkstemp(dir=self._target, prefix=".")
            with open(handle, "wb") as file:
                file.write(content)
            # Readable by whoever may enter the folder, as any other file; whole or not at all.
            os.chmod(unfinished, 0o644)
            os.replace(unfinished, place)
        except OSError as error:
            logging.getLogger("countglm").info("compiled kernels are not kept: %s", error)
            if unfinished is not None:
                with suppress(OSError):
                    os.unlink(unfinished)

    def _file(self, sig: Any, codegen: Any) -> str:
        decides = repr((self._name, sig, codegen.magic_tuple(), _VERSIONS))
        return f"{self._name}-{hashlib.sha256(decides.encode()).hexdigest()[:24]}.nbc"


_told: list[str] = []


def announce(folder: Path | None) -> None:
    """Say once a process that kernels are being compiled: to a person at once, else to the log."""
    if _told:
        return
    if folder is None:
        text = (
            "countglm: compiling its kernels, in every process anew, for want of a folder to "
            "keep them; set NUMBA_CACHE_DIR to a folder of yours."
        )
    else:
        text = (
            "countglm: compiling its kernels for this machine, once, which takes some seconds; "
            f"kept in {folder}"
        )
    _told.append(text)
    notebook = getattr(builtins, "__IPYTHON__", False)
    if sys.stderr is not None and (notebook or sys.stderr.isatty()):
        # A bar of progress that is under way is taken off and drawn again below the line.
        bars = sys.modules.get("tqdm")
        (print if bars is None else bars.tqdm.write)(text, file=sys.stderr)
    else:
        logging.getLogger("countglm").info(text)
