"""The folder of a checkpoint: whose it is, what differs, and what damage does to it."""

from __future__ import annotations

import errno
import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countglm._checkpoint import Checkpoint
from countglm._warn import CountglmWarning
from countglm.errors import CheckpointError, CheckpointRefusedError, InputError

OF = {
    "counts": "values 12ab",
    "tol": 1e-8,
    "design": ["a", "b"],
    "countglm": "1.0",
    "processor": "X",
}
ARRAYS = {"x": np.arange(3.0)}


def _made(folder: Path, **of: Any) -> None:
    with closing(Checkpoint(folder)) as made:
        made.claim(OF | of, None)
        made.put("ab", ARRAYS)


def test_the_same_call_finds_what_was_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    _made(folder)
    with closing(Checkpoint(folder)) as again:
        assert again.claim(OF, None) is None
        found = again.get("ab")
        assert found is not None
        np.testing.assert_array_equal(found["x"], ARRAYS["x"])
        assert again.get("cd") is None


def test_the_size_of_parts_stays(tmp_path: Path) -> None:
    with closing(Checkpoint(tmp_path / "c")) as first:
        assert first.claim(OF, 40) == 40
    with closing(Checkpoint(tmp_path / "c")) as again:
        assert again.claim(OF, 64) == 40


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"tol": 1e-6}, r"tol: 1e-08 there, 1e-06 here"),
        ({"counts": "values 34cd"}, r"\(other counts\)"),
        ({"counts": "values 34cd", "size factors": "values 1"}, r"\(other counts\)"),
        ({"size factors": "values 1"}, r"\(other size factors\)"),
        ({"countglm": "1.1", "design": ["a"]}, r"design: \['a', 'b'\] there, .*; countglm: 1.0 t"),
        ({"weights": "values 1"}, r"\(other weights\)"),
    ],
)
def test_something_else_is_refused_by_what_differs(
    tmp_path: Path, other: dict[str, Any], told: str
) -> None:
    _made(tmp_path / "c")
    with closing(Checkpoint(tmp_path / "c")) as again:
        with pytest.raises(CheckpointRefusedError, match=f"is of something else.*{told}"):
            again.claim(OF | other, None)
        assert again.get("ab") is not None
    assert issubclass(CheckpointRefusedError, InputError)


def test_another_processor_is_told(tmp_path: Path) -> None:
    _made(tmp_path / "c")
    with closing(Checkpoint(tmp_path / "c")) as again:
        with pytest.warns(CountglmWarning, match=r"begun on another processor \(X\).*1e-12"):
            again.claim(OF | {"processor": "Y"}, None)
        with pytest.raises(CheckpointRefusedError, match=r"\(tol: [^;]*\)"):
            again.claim(OF | {"processor": "Y", "tol": 1.0}, None)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(CheckpointRefusedError, match=r"holds other things \(thesis.tex\)"):
        Checkpoint(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_counts_made_ready_may_be_there_first(tmp_path: Path) -> None:
    (tmp_path / "counts.scratch").write_bytes(b"x")
    Checkpoint(tmp_path).close()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointRefusedError, match="is a file; name a folder"):
        Checkpoint(tmp_path / "file")


@pytest.mark.parametrize("damage", ["", "{", '{"checksum": "0", "content": {}}', "[3]", "flipped"])
def test_a_damaged_manifest_is_made_again(tmp_path: Path, damage: str) -> None:
    _made(tmp_path / "c")
    path = tmp_path / "c" / "manifest.json"
    whole = path.read_text()
    path.write_text(whole.replace("12ab", "12ac") if damage == "flipped" else damage)
    again = Checkpoint(tmp_path / "c")
    again.claim(OF, None)
    assert again.get("ab") is not None
    with pytest.warns(CountglmWarning, match="1 file of the .* manifest.json.* was made"):
        again.close()
    assert json.loads(path.read_text()) == json.loads(whole)


def test_a_full_disk_is_told_with_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _made(tmp_path / "c")
    with closing(Checkpoint(tmp_path / "c")) as again:

        def full(_handle: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        told = r"cannot be written \(No space left on device\); 1 finished part was kept. Make room"
        with pytest.raises(CheckpointError, match=told):
            again.put("cd", ARRAYS)
        assert again.get("ab") is not None
        assert again.get("cd") is None


def test_what_a_killed_run_was_writing_is_swept(tmp_path: Path) -> None:
    _made(tmp_path / "c")
    torn = [tmp_path / "c" / ".manifest.json.99", tmp_path / "c" / "parts" / ".ab.99"]
    for path in torn:
        path.write_bytes(b"torn")
    Checkpoint(tmp_path / "c").close()
    assert not any(path.exists() for path in torn)
