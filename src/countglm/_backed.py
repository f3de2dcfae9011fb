"""Counts in an h5ad file or zarr store, read as far as the memory allows: whole, or in parts."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm._memory import in_words, resident_memory, room_for_counts
from countglm._runs import (
    LEAST_ENTRIES,
    MOST_SAMPLES,
    WORKING_BYTES,
    MemoryShelf,
    RunSource,
    entries_of_run,
    make_runs,
)
from countglm._scratch import FileShelf, forget, kept_runs, merged
from countglm._stored_matrix import ColumnSource, StoredMatrix
from countglm.errors import InputError

if TYPE_CHECKING:
    from countglm._count_checks import CountCheck
    from countglm._entries import Entries
    from countglm._sources import Source

# Memory beside a matrix that is read whole: a copy by columns, and what checks and sorts it.
_TIMES_WHOLE = 4
# Bytes of an entry in a run: a sample in two, and a value in no more than four.
_SAMPLE_BYTES, _VALUE_BYTES = 2, 4
# Runs that are read as they are; more are merged, with a sample in so many bytes.
MOST_RUNS, _MERGED_BYTES = 24, 4
# Arrays of a number a sample that are held while counts are read.
_BYTES_OF_SAMPLE = 64


@dataclass(frozen=True)
class Reading:
    """How counts in a file may be read.

    Attributes
    ----------
    memory_limit : int, optional
        Bytes that the whole process may take; without it, half of the free memory serves.
    folder : Path, optional
        Where a scratch file goes, should one be needed; the system's temporary folder otherwise.
    keep : bool
        Whether the scratch file gets a name in ``folder`` and is found there again, until `done`;
        otherwise it has none, and is gone with the process.
    """

    memory_limit: int | None = None
    folder: Path | None = None
    keep: bool = False

    def done(self) -> None:
        """Remove a scratch file that was kept; who reads it goes on."""
        if self.keep and self.folder is not None:
            forget(self.folder)


@dataclass(frozen=True)
class Unread:
    """Counts in a file that are too large to be read whole; ``identity`` tells them from others."""

    stored: StoredMatrix
    reading: Reading
    identity: dict[str, Any] | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.stored.shape


def fits_in_memory(stored: StoredMatrix, reading: Reading) -> bool:
    """Whether the matrix may be read whole."""
    return _TIMES_WHOLE * stored.n_bytes <= room_for_counts(reading.memory_limit) // 2


def read_unread(unread: Unread, check: CountCheck) -> Source:
    """Check counts in one pass, and make them readable by genes.

    Raises
    ------
    InputError
        Values that are no counts; too little memory, or room for a scratch file.
    """
    stored, reading = unread.stored, unread.reading
    room = _room(unread)
    entries = entries_of_run(room // 3)
    folder = reading.folder or Path(tempfile.gettempdir())
    if stored.form == "csc":
        for first, part in stored.parts(entries):
            check.look(part, first, by_gene=True)
        check.finish()
        stored.looked_through()
        return ColumnSource(stored, entries, folder, unread.identity)
    # What is accepted with fractions may not be without.
    identity = None if unread.identity is None else unread.identity | check.choices()
    keep = reading.keep and reading.folder is not None and identity is not None
    if keep and identity is not None and (found := kept_runs(folder, identity)) is not None:
        return found
    of_value = min(stored.dtype.itemsize, _VALUE_BYTES)
    needed = stored.n_stored * (_SAMPLE_BYTES + of_value)
    if 3 * needed <= room:
        source = make_runs(_checked(stored, entries, check), MemoryShelf(), stored.shape)
        check.finish()
        return source
    if _many_runs(stored, entries):
        needed += stored.n_stored * (_MERGED_BYTES + of_value)
    return _on_disk(unread, entries, check, FileShelf(folder, needed, named=keep), identity)


def _many_runs(stored: StoredMatrix, entries: int) -> bool:
    """Whether so many runs come of it that they are merged."""
    return max(stored.n_stored / entries, stored.n_lines / MOST_SAMPLES) > MOST_RUNS


def _on_disk(
    unread: Unread, entries: int, check: CountCheck, shelf: FileShelf, identity: Any
) -> RunSource:
    stored = unread.stored
    try:
        source = make_runs(_checked(stored, entries, check), shelf, stored.shape)
        check.finish()
        if _many_runs(stored, entries):
            source = merged(source, shelf, entries)
        shelf.keep(source, identity)
    except BaseException:
        shelf.remove()
        shelf.close()
        raise
    return source


def _checked(
    stored: StoredMatrix, entries: int, check: CountCheck
) -> Iterator[tuple[int, Entries]]:
    """Yield samples as long as they hold counts; those after the first offence are only checked."""
    for first, part in stored.parts(entries):
        if check.look(part, first, by_gene=False):
            yield first, part


def _room(unread: Unread) -> int:
    """Bytes for reading; raise where the limit leaves too few."""
    limit = unread.reading.memory_limit
    room = room_for_counts(limit)
    least = 3 * LEAST_ENTRIES * WORKING_BYTES + _BYTES_OF_SAMPLE * unread.shape[0]
    if limit is not None and room < least:
        held = resident_memory()
        # With something to spare, since what is held grows a little meanwhile.
        more = least + 0.05 * (held + least)
        raise InputError(
            f"memory_limit={in_words(limit)} is too little for counts of {unread.shape[0]:,} "
            f"samples: the process holds {in_words(held)} already, and reading takes "
            f"{in_words(more)} more; give at least {in_words(held + more)}."
        )
    return room


def identity_of(path: Path, element: str, stored: StoredMatrix) -> dict[str, Any]:
    """What tells a matrix in a file from another, without reading it: place, size and time."""
    real = path.resolve()
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(_files(real)):
        status = file.stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return {
        "path": str(real), "element": element, "stamp": digest.hexdigest(),
        "shape": list(stored.shape), "stored": stored.n_stored,
    }  # fmt: skip


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder) / name for name in names)
