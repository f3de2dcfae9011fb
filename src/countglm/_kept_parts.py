"""Finished parts in a folder, each a file named by the digest of all that its result depends on.

Several processes may read and write at once: a file is there whole or not at all, and two who
write the same name write the same content.
"""

from __future__ import annotations

from pathlib import Path

from ._kept_arrays import Arrays, DamagedError, packed, unpacked, write_whole


class KeptParts:
    """The parts of a folder; ``damaged`` names files that are not what was written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        folder.mkdir(exist_ok=True)

    def sweep(self) -> None:
        """Remove what a process that was killed was just writing."""
        for path in self.folder.glob(".[0-9a-f]*.*"):
            path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return sum(not path.name.startswith(".") for path in self.folder.iterdir())

    def get(self, digest: str) -> Arrays | None:
        """Return the arrays of a part, None where there are none or they are damaged."""
        try:
            return unpacked(digest, (self.folder / digest).read_bytes())
        except FileNotFoundError:
            return None
        except (DamagedError, OSError):
            self.damaged.append(digest)
            return None

    def put(self, digest: str, arrays: Arrays) -> None:
        """Keep the arrays of a part."""
        write_whole(self.folder / digest, packed(digest, arrays))
