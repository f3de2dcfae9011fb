"""A folder of finished parts, from which a call that was stopped goes on.

::

    manifest.json   what the parts are of: counts, design, options, versions
    lock            who is at work in the folder
    parts/          one file a part, named by the digest of all that its result depends on

A part is looked up by its digest, so none is ever taken for another; the manifest is there to
refuse the folder of something else, and to say what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ._kept_arrays import Arrays, write_whole
from ._kept_parts import KeptParts
from ._lock import NAME as LOCK
from ._lock import FolderLock
from ._names import plural
from ._scratch import NAME as SCRATCH
from ._warn import warn
from .errors import CheckpointError, CheckpointRefusedError

MANIFEST, PARTS = "manifest.json", "parts"
# Begins what stands for values that are too many to be told.
VALUES = "values "
# What may differ without making a checkpoint one of something else.
_PROCESSOR = "processor"


class Checkpoint:
    """The folder of one call, locked until `close`.

    Raises
    ------
    CheckpointRefusedError
        The folder is in use, or holds other things.
    CheckpointError
        It cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists() and not folder.is_dir():
            raise CheckpointRefusedError(
                f"checkpoint={str(folder)!r} is a file; name a folder, which may be new."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            there = {path.name for path in folder.iterdir()}
            # Counts made ready to be read by genes may be there before all else.
            ours = {MANIFEST, LOCK} | {name for name in there if name.startswith(SCRATCH)}
            if there and not there & ours:
                raise CheckpointRefusedError(
                    f"checkpoint={str(folder)!r} holds other things ({min(there)}); name a new or "
                    "empty folder."
                )
            self._lock = FolderLock(folder)
        except OSError as error:
            raise self._unwritten(error) from error
        try:
            self._parts = KeptParts(folder / PARTS)
            self._parts.sweep()
            for path in folder.glob(f".{MANIFEST}.*"):
                path.unlink(missing_ok=True)
        except OSError as error:
            self._lock.release()
            raise self._unwritten(error) from error

    def claim(self, of: Mapping[str, Any], block_size: int | None) -> int | None:
        """Take the folder for ``of``, named things that JSON can hold; return its block size.

        Raises
        ------
        CheckpointRefusedError
            The folder is of something else; the message names what differs.
        """
        of = json.loads(json.dumps(dict(of)))
        found = self._manifest()
        if found is not None:
            self._compare(found["of"], of)
            kept: int | None = found["block_size"]
            return kept
        words = json.dumps({"of": of, "block_size": block_size})
        text = json.dumps({"checksum": _checksum(words), "content": json.loads(words)}, indent=1)
        try:
            write_whole(self.folder / MANIFEST, text.encode())
        except OSError as error:
            raise self._unwritten(error) from error
        return block_size

    def _manifest(self) -> dict[str, Any] | None:
        """Return what the folder is of, None where that has not been written, or cannot be read."""
        try:
            found = (self.folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unwritten(error) from error
        with suppress(ValueError, KeyError, TypeError):
            words = json.loads(found)
            content: dict[str, Any] = words["content"]
            if words["checksum"] == _checksum(json.dumps(content)):
                return content
        # Parts tell by themselves whether they belong here.
        self._parts.damaged.append(MANIFEST)
        return None

    def _compare(self, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        names = [*here, *(name for name in there if name not in here)]
        other = [name for name in names if there.get(name) != here.get(name)]
        if "counts" in other and "size factors" in other:
            # They follow from the counts.
            other.remove("size factors")
        if _PROCESSOR in other:
            other.remove(_PROCESSOR)
            if not other:
                warn(
                    f"The checkpoint {self.folder} was begun on another processor "
                    f"({there.get(_PROCESSOR)}): results agree with those of one processor to "
                    "1e-12, and not to the last bit."
                )
        if other:
            differ = "; ".join(_difference(name, there.get(name), here.get(name)) for name in other)
            raise CheckpointRefusedError(
                f"The checkpoint {self.folder} is of something else ({differ}). Name another "
                "folder, delete this one, or repeat the call that made it."
            )

    def get(self, digest: str) -> Arrays | None:
        """Return the arrays of a part, None where there are none or they are damaged."""
        return self._parts.get(digest)

    def put(self, digest: str, arrays: Arrays) -> None:
        """Keep the arrays of a part."""
        try:
            self._parts.put(digest, arrays)
        except OSError as error:
            raise self._unwritten(error) from error

    def close(self) -> None:
        """Let others in, and tell what was damaged."""
        self._lock.release()
        damaged = self._parts.damaged
        if damaged:
            warn(
                f"{plural(len(damaged), 'file')} of the checkpoint {self.folder} had been damaged "
                f"(the first: {damaged[0]}) and {_was(len(damaged))} made again; the result is "
                "what it would have been."
            )

    def _unwritten(self, error: OSError) -> CheckpointError:
        parts = self.folder / PARTS
        kept = sum(1 for path in parts.glob("[0-9a-f]*")) if parts.is_dir() else 0
        return CheckpointError(
            f"The checkpoint {self.folder} cannot be written ({error.strerror or error}); "
            f"{plural(kept, 'finished part')} {_was(kept)} kept. Make room, or name another "
            "folder; the same call goes on from what is kept."
        )


def _difference(name: str, there: Any, here: Any) -> str:
    if any(isinstance(each, str) and each.startswith(VALUES) for each in (there, here)):
        return f"other {name}"
    return f"{name}: {there} there, {here} here"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _checksum(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
