"""The folder that array jobs share: what is to be computed, by whom, from which files."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm.counts import Reading

PLAN, PARTS, DONE = "shards.json", "parts", "done"
# Options that name a file always, and those that may.
_FILES, _MAYBE_FILES = ("counts", "samples", "contrast_file"), ("design", "size_factors")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `countglm shard` settled.

    Attributes
    ----------
    shards : int
        Numbered from 1.
    block_size : int
        Genes of the parts that are computed and kept.
    ranges : list of [start, stop]
        Genes that each shard begins with.
    options : dict
        Of ``countglm de``, by the names of its parameters.
    counts, stamp : str
        Fingerprint of the counts that are fitted, and what tells their file from a changed one
        without reading it.
    tables : dict
        Checksums of the other files, by path.
    computes : dict
        Versions that decide the bits of the results.
    """

    shards: int
    block_size: int
    ranges: list[list[int]]
    options: dict[str, Any]
    counts: str
    stamp: str
    tables: dict[str, str]
    computes: dict[str, str]

    def write(self, folder: Path) -> None:
        """Write the plan into a folder."""
        options = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in self.options.items()
        }
        words = json.dumps({**vars(self), "options": options}, indent=1)
        (folder / PLAN).write_text(words, encoding="utf-8")

    def reading(self, folder: Path) -> Reading:
        """How the counts are read again: from the scratch file of the plan, if it has one."""
        from countglm._scratch import TABLE
        from countglm.counts import Reading

        # Only while that file is of these counts: jobs must not write it over each other.
        same = (folder / TABLE).exists() and stamp_of(self.options["counts"]) == self.stamp
        return Reading(self.options["memory_limit"], folder, keep=same)

    def check_tables(self) -> None:
        """Raise InputError where a file beside the counts is another than when it was planned."""
        for path, known in self.tables.items():
            if checksum(Path(path)) != known:
                raise InputError(
                    f"{path} has changed, or cannot be read here, since the shards were planned; "
                    "restore it, or plan anew with countglm shard."
                )

    def check_counts(self, fingerprint: str) -> None:
        """Raise InputError where the counts are others than when they were planned."""
        if fingerprint != self.counts:
            raise InputError(
                f"The counts of {self.options['counts']} have changed since the shards were "
                "planned; restore them, or plan anew with countglm shard."
            )

    def check_versions(self) -> None:
        """Raise InputError where this machine would compute other bits."""
        from countglm._provenance import what_computes

        here = what_computes()
        for name, version in self.computes.items():
            if name != "processor" and here.get(name) != version:
                raise InputError(
                    f"The shards were planned with {name} {version}, and here is "
                    f"{here.get(name)}; install the same version, or plan anew with countglm shard."
                )


def read_plan(folder: Path) -> Plan:
    """Read the plan of a folder, or raise InputError."""
    try:
        words = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        plan = Plan(**words)
    except OSError as error:
        raise InputError(
            f"{folder} is no folder of shards ({PLAN}: {error.strerror}); make one with countglm "
            "shard."
        ) from error
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{folder / PLAN} cannot be read ({error}); plan anew with countglm shard."
        ) from error
    for name in _FILES:
        if plan.options[name] is not None:
            plan.options[name] = Path(plan.options[name])
    return plan


def with_whole_paths(options: dict[str, Any]) -> dict[str, Any]:
    """Return options in which files have paths that hold from every folder."""
    found = dict(options)
    for name in _FILES:
        if found[name] is not None:
            found[name] = found[name].resolve()
    for name in _MAYBE_FILES:
        if found[name] is not None and Path(found[name]).is_file():
            found[name] = str(Path(found[name]).resolve())
    return found


def tables_of(options: dict[str, Any]) -> dict[str, str]:
    """Return checksums of the files beside the counts, by path."""
    named = [options[name] for name in (*_FILES[1:], *_MAYBE_FILES) if options[name] is not None]
    return {str(path): checksum(Path(path)) for path in named if Path(path).is_file()}


def stamp_of(path: Path) -> str:
    """Return text that tells a file or folder from a changed one: sizes and times."""
    digest = hashlib.blake2b(digest_size=16)
    for each in [path, *sorted(path.rglob("*"))]:
        with suppress(OSError):
            found = each.stat()
            inside = each.relative_to(path).as_posix()
            size = found.st_size if each.is_file() else 0
            digest.update(f"{inside} {size} {found.st_mtime_ns};".encode())
    return digest.hexdigest()


def checksum(path: Path) -> str:
    """Return a checksum of a small file; empty where it cannot be read."""
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""
