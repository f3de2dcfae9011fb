"""What memory the process has, and may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from countglm import _memory


def test_memory_of_this_process() -> None:
    resident, free = _memory.resident_memory(), _memory.free_memory()
    assert 10_000_000 < resident < 100 * free
    assert _memory.room_for_counts(resident // 2) == 0
    assert 0 < _memory.room_for_counts(4 * resident) < 4 * resident
    assert _memory.room_for_counts(None) > 0


def test_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory, "_STATM", tmp_path / "none")
    monkeypatch.setattr(_memory, "_MEMINFO", tmp_path / "none")
    monkeypatch.setattr(_memory, "_GROUPS", ())
    assert _memory.resident_memory() > 10_000_000
    assert _memory.free_memory() == 2 << 30


def test_the_limit_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "most").write_text("3000\n")
    (tmp_path / "used").write_text("1000\n")
    (tmp_path / "none").write_text("max\n")
    files = [str(tmp_path / name) for name in ("most", "used", "none")]
    monkeypatch.setattr(_memory, "_GROUPS", ((files[0], files[1]), (files[2], files[1])))
    assert _memory.free_memory() == 2000


@pytest.mark.parametrize(
    ("size", "words"),
    [(999, "999 bytes"), (4500, "4.5 kB"), (2.5e6, "2.5 MB"), (4e9, "4 GB"), (3.21e12, "3.21 TB")],
)
def test_sizes_in_words(size: float, words: str) -> None:
    assert _memory.in_words(size) == words
