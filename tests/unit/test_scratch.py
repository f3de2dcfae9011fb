"""The scratch file of counts: found again, left to others in use, and never left behind."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from countglm import _backed, _scratch
from countglm._runs import RunSource
from countglm._scratch import NAME, TABLE, FileShelf, kept_runs
from countglm.counts import CountMatrix, Reading, as_count_matrix
from countglm.errors import InputError
from tests.support import stored
from tests.support.stored import sparse_counts, study, write

COUNTS = sparse_counts(1)
G = COUNTS.shape[1]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Counts in a file that must be read by way of a scratch file."""
    stored.in_runs(monkeypatch, on_disk=True)
    return write(study(COUNTS), tmp_path / "counts.h5ad")


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(folder=tmp_path / "kept", keep=True)


def read(path: Path, reading: Reading) -> CountMatrix:
    counts = as_count_matrix(path, reading=reading)
    assert isinstance(counts._source, RunSource)
    np.testing.assert_array_equal(counts.block(0, G), COUNTS.T)
    return counts


def names(reading: Reading) -> list[str]:
    assert reading.folder is not None
    return sorted(os.listdir(reading.folder))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for every scratch file that is made."""
    calls: list[int] = []
    original = _backed.make_runs
    monkeypatch.setattr(_backed, "make_runs", lambda *given: calls.append(1) or original(*given))
    return calls


def test_a_kept_file_is_found_again(path: Path, reading: Reading, made: list[int]) -> None:
    first = read(path, reading)
    del first
    assert names(reading) == [NAME, TABLE]
    read(path, reading)
    assert len(made) == 1
    reading.done()
    assert names(reading) == []
    reading.done()
    read(path, reading)
    assert len(made) == 2


def test_a_file_of_something_else_is_made_anew(
    path: Path, reading: Reading, made: list[int]
) -> None:
    read(path, reading)
    other = COUNTS.copy()
    other[0, 0] += 1
    write(study(other), path)
    np.testing.assert_array_equal(as_count_matrix(path, reading=reading).block(0, G), other.T)
    assert len(made) == 2
    # Fractions may pass now: what was refused before is looked at again.
    as_count_matrix(path, reading=reading, allow_noninteger=True)
    as_count_matrix(path, layer="counts", reading=reading)
    assert len(made) == 4


@pytest.mark.parametrize("change", ["flip", "cut", "longer", "table", "form"])
def test_a_damaged_file_is_made_anew(
    path: Path, reading: Reading, made: list[int], change: str
) -> None:
    read(path, reading)
    assert reading.folder is not None
    file, table = reading.folder / NAME, reading.folder / TABLE
    content = bytearray(file.read_bytes())
    if change == "flip":
        content[len(content) // 3] ^= 4
    elif change == "cut":
        content = content[:-3]
    elif change == "longer":
        content += b"\0"
    elif change == "table":
        table.write_text(table.read_text()[:-9])
    else:
        table.write_text(json.dumps(json.loads(table.read_text()) | {"form": -1}))
    file.write_bytes(content)
    read(path, reading)
    assert len(made) == 2


def test_a_file_in_use_is_left_alone(path: Path, reading: Reading, made: list[int]) -> None:
    first = read(path, reading)
    assert reading.folder is not None
    # Another call reads the same counts, and a third other ones, which need a file of their own.
    second = read(path, reading)
    other = as_count_matrix(path, layer="counts", reading=reading)
    np.testing.assert_array_equal(other.block(0, G), COUNTS.T)
    assert len(made) == 2
    assert json.loads((reading.folder / TABLE).read_text())["identity"]["element"] == "/X"
    for counts in (first, second):
        np.testing.assert_array_equal(counts.block(0, G), COUNTS.T)


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    shelf = FileShelf(tmp_path, 10, named=True)
    shelf.put(np.arange(3))
    second = FileShelf(tmp_path, 10, named=True)
    assert second.put(np.arange(4)) == 0
    (tmp_path / TABLE).write_text(
        json.dumps({"form": 1, "identity": {}, "shape": [2, 2], "sums": [], "runs": []})
    )
    assert kept_runs(tmp_path, {}) is None
    assert shelf.get(0, np.dtype(np.int64), 1, 3).tolist() == [1, 2]
    shelf.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("keep", [True, False])
def test_nothing_is_left_where_reading_ends_early(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, keep: bool
) -> None:
    reading = Reading(folder=tmp_path / "kept", keep=keep)
    original, calls = os.pwrite, []

    def pwrite(handle: int, data: bytes, place: int) -> int:
        calls.append(place)
        if len(calls) == 4:
            raise error
        return original(handle, data, place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    if isinstance(error, OSError):
        with pytest.raises(InputError, match=r"cannot be written to .*kept \(its disk is full\)"):
            as_count_matrix(path, reading=reading)
    else:
        with pytest.raises(error):
            as_count_matrix(path, reading=reading)
    assert names(reading) == []


def test_a_disk_without_room_is_told_before(
    path: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(path.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"scratch file of up to .* kB in .*kept, where 1 kB are"):
        as_count_matrix(path, reading=reading)


def test_a_folder_that_cannot_be_made(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        as_count_matrix(path, reading=Reading(folder=tmp_path / "file" / "kept"))


def test_a_file_cut_short_while_in_use(tmp_path: Path) -> None:
    shelf = FileShelf(tmp_path, 10)
    shelf.put(np.arange(3))
    os.ftruncate(shelf._handle, 10)
    with pytest.raises(InputError, match="was cut short while it was in use"):
        shelf.get(0, np.dtype(np.int64), 0, 3)


def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(_scratch.fcntl, "flock", none)
    shelf = FileShelf(tmp_path, 10, named=True)
    assert shelf.put(np.arange(3)) == 0
    assert os.listdir(tmp_path) == [NAME]
