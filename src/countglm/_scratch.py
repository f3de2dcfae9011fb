"""A file of arrays on disk: unnamed for the length of a process, or named to be found again."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._entries import stretches
from countglm._memory import in_words
from countglm._runs import Run, RunSource, joined_runs
from countglm.errors import InputError

NAME, TABLE = "counts.scratch", "counts.scratch.json"
_FORM = 1
# The most that one call of the system reads.
_MOST_BYTES = 1 << 30
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileShelf:
    """Arrays one after the other in a file.

    Without a name the file is gone from its folder from the start: whatever ends the process,
    nothing is left.  With one, `keep` writes beside it what is needed to read it again; a file that
    another process works with is left to it.
    """

    waits = True

    def __init__(self, folder: Path, needed: int, *, named: bool = False) -> None:
        self.folder = folder
        check_room(folder, needed)
        try:
            handle = _own(folder) if named else None
            self._path = None if handle is None else folder / NAME
            self._open(_unnamed(folder) if handle is None else handle)
        except OSError as error:
            raise _not_written(folder, error) from error

    def _open(self, handle: int) -> None:
        self._handle, self._end = handle, 0
        self._sums: list[tuple[int, int, int]] = []
        self._finalizer = weakref.finalize(self, os.close, handle)

    @classmethod
    def of(cls, folder: Path) -> FileShelf | None:
        """Open the named file of a folder for reading, unless somebody writes it."""
        handle = os.open(folder / NAME, os.O_RDONLY)
        if not _locked(handle, fcntl.LOCK_SH):
            os.close(handle)
            return None
        shelf = cls.__new__(cls)
        shelf.folder, shelf._path = folder, folder / NAME
        shelf._open(handle)
        return shelf

    def put(self, array: NDArray[Any]) -> int:
        at = self.reserve(array.nbytes)
        self.write(at, array)
        return at

    def reserve(self, size: int) -> int:
        """Return where ``size`` bytes may be written later."""
        at = self._end
        self._end += size
        return at

    def write(self, at: int, array: NDArray[Any]) -> None:
        """Write a flat array into what was reserved."""
        data = np.ascontiguousarray(array).view(np.uint8).data
        if self._path is not None:
            self._sums.append((at, len(data), zlib.crc32(data)))
        try:
            while len(data):
                written = os.pwrite(self._handle, data[:_MOST_BYTES], at)
                at, data = at + written, data[written:]
        except OSError as error:
            self.remove()
            raise _not_written(self.folder, error) from error

    def get(self, at: int, dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
        out = np.empty(stop - start, dtype=dtype)
        place, data = at + start * dtype.itemsize, out.view(np.uint8).data
        while len(data):
            read = os.preadv(self._handle, [data[:_MOST_BYTES]], place)
            if read == 0:
                raise InputError(
                    f"The scratch file of the counts in {self.folder} was cut short while it was "
                    "in use; run again."
                )
            place, data = place + read, data[read:]
        return out

    def close(self) -> None:
        self._finalizer()

    def remove(self) -> None:
        """Take the name away; what has the file open goes on reading."""
        if self._path is not None:
            forget(self.folder)

    def keep(self, source: RunSource, identity: dict[str, Any]) -> None:
        """Finish a named file: whoever asks with the same ``identity`` finds it again."""
        if self._path is None:
            return
        try:
            runs = [self._row(run) for run in source.runs]
            whole = None if source.whole is None else self._row(source.whole)
            os.fsync(self._handle)
            table = {
                "form": _FORM, "identity": identity, "shape": source.shape, "sums": self._sums,
                "runs": runs, "whole": whole,
            }  # fmt: skip
            unfinished = self.folder / f"{TABLE}.new"
            unfinished.write_text(json.dumps(table))
            unfinished.replace(self.folder / TABLE)
            _locked(self._handle, fcntl.LOCK_SH)
        except OSError as error:
            self.remove()
            raise _not_written(self.folder, error) from error

    def _row(self, run: Run) -> list[Any]:
        types = [dtype.str for dtype in (run.pointers.dtype, run.places, run.values)]
        return [run.first, run.last, self.put(run.pointers), run.places_at, run.values_at, *types]

    def run(self, row: list[Any], n_genes: int) -> Run:
        """Return the run that a row of the table tells of."""
        first, last, at, places_at, values_at, *types = row
        of_pointers, places, values = (np.dtype(name) for name in types)
        pointers = self.get(at, of_pointers, 0, n_genes + 1)
        return Run(first, last, pointers, places_at, values_at, places, values)

    def is_whole(self, sums: list[tuple[int, int, int]]) -> bool:
        """Whether the arrays are those that were written."""
        byte = np.dtype(np.uint8)
        size = os.fstat(self._handle).st_size
        if size != max((at + length for at, length, _ in sums), default=0):
            return False
        return all(
            zlib.crc32(self.get(at, byte, 0, length).data) == told for at, length, told in sums
        )


def forget(folder: Path) -> None:
    """Remove the named file of a folder, if there is one; what has it open goes on reading."""
    (folder / TABLE).unlink(missing_ok=True)
    (folder / NAME).unlink(missing_ok=True)


def _unnamed(folder: Path) -> int:
    handle, made = tempfile.mkstemp(prefix="countglm-", dir=folder)
    Path(made).unlink()
    return handle


def _own(folder: Path) -> int | None:
    """Return the named file of a folder, emptied; None where another process works with it."""
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    if not _locked(handle, fcntl.LOCK_EX):
        os.close(handle)
        return None
    (folder / TABLE).unlink(missing_ok=True)
    os.ftruncate(handle, 0)
    return handle


def _locked(handle: int, kind: int) -> bool:
    """Lock a file until it is closed; where the file system knows no locks, act as if."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def kept_runs(folder: Path, identity: dict[str, Any]) -> RunSource | None:
    """Return the runs that an earlier process left in ``folder``; None if of something else."""
    try:
        table = json.loads((folder / TABLE).read_text())
        if table["form"] != _FORM or table["identity"] != identity:
            return None
        shelf = FileShelf.of(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if shelf is None:
        return None
    if not shelf.is_whole(table["sums"]):
        shelf.close()
        return None
    shape = (int(table["shape"][0]), int(table["shape"][1]))
    runs = [shelf.run(row, shape[1]) for row in table["runs"]]
    whole = None if table["whole"] is None else shelf.run(table["whole"], shape[1])
    return RunSource(shelf, runs, shape, whole)


def merged(source: RunSource, shelf: FileShelf, entries: int) -> RunSource:
    """Add one run of all samples, written ``entries`` at once: many runs are slow to read."""
    n_samples, n_genes = source.shape
    pointers = np.concatenate([[0], np.cumsum(source.sizes())])
    places = np.dtype(np.int32)
    values = np.result_type(*(run.values for run in source.runs))
    places_at = shelf.reserve(int(pointers[-1]) * places.itemsize)
    values_at = shelf.reserve(int(pointers[-1]) * values.itemsize)
    for start, stop in stretches(pointers, entries, n_genes):
        found = joined_runs(shelf, source.runs, start, stop)
        at = int(pointers[start])
        shelf.write(places_at + at * places.itemsize, found.places)
        shelf.write(values_at + at * values.itemsize, found.values.astype(values, copy=False))
    whole = Run(0, n_samples, pointers, places_at, values_at, places, values)
    return RunSource(shelf, source.runs, source.shape, whole)


def check_room(folder: Path, needed: int) -> None:
    """Raise InputError where a folder cannot take ``needed`` bytes; it is made if it must be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _not_written(folder, error) from error
    if free < needed:
        raise InputError(
            f"The counts are stored by samples, and reading them by genes takes a scratch file of "
            f"up to {in_words(needed)} in {folder}, where {in_words(free)} are free; make room, "
            "name a folder with more (TMPDIR, or checkpoint=), or raise memory_limit so that they "
            "stay in memory."
        )


def _not_written(folder: Path, error: OSError) -> InputError:
    reason = "its disk is full" if error.errno in _FULL else (error.strerror or str(error))
    return InputError(
        f"The scratch file of the counts cannot be written to {folder} ({reason}); name a folder "
        "with room (TMPDIR, or checkpoint=)."
    )
