"""Arrays in a file under a checksum: whole, or told to be damaged; written whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countglm._kept_arrays import DamagedError, packed, unpacked, write_whole
from countglm._kept_parts import KeptParts

ARRAYS = {
    "numbers": np.array([[1.5, np.nan, -0.0], [np.inf, 2.0, 3.0]]),
    "codes": np.array([3, -1], dtype=np.int8),
    "words": np.array(["fisher", "newton"]),
    "mask": np.array([True, False, True]),
    "none": np.zeros((0, 4)),
    "turned": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


def test_arrays_come_back_with_their_bits() -> None:
    found = unpacked("name", packed("name", ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == np.ascontiguousarray(array).tobytes()


def test_no_flipped_byte_goes_unseen() -> None:
    content = packed("name", ARRAYS)
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= 0x10
        with pytest.raises(DamagedError):
            unpacked("name", bytes(flipped))


def test_no_missing_end_goes_unseen() -> None:
    content = packed("name", ARRAYS)
    for end in range(0, len(content), 7):
        with pytest.raises(DamagedError):
            unpacked("name", content[:end])


def test_the_file_of_another_is_not_taken() -> None:
    with pytest.raises(DamagedError, match="under the name of another"):
        unpacked("name", packed("other", ARRAYS))


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"before")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"after")
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_parts_are_kept_by_name(tmp_path: Path) -> None:
    parts = KeptParts(tmp_path / "parts")
    assert parts.get("ab12") is None
    parts.put("ab12", ARRAYS)
    (tmp_path / "parts" / ".cd34.99").write_bytes(b"torn")
    parts.sweep()
    assert len(parts) == 1
    found: Any = parts.get("ab12")
    np.testing.assert_array_equal(found["codes"], ARRAYS["codes"])
    assert parts.damaged == []
    (tmp_path / "parts" / "ab12").write_bytes(b"short")
    assert parts.get("ab12") is None
    assert parts.damaged == ["ab12"]
