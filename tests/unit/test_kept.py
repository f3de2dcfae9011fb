"""Compiled entries on disk: where they are looked for, and what a user hears of compiling."""

from __future__ import annotations

import gc
import logging
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from countglm import _jit
from countglm._jit import kept, lean
from tests.support.fresh import SOURCE, environment_of

pytestmark = pytest.mark.compiled

TWO_ENTRIES = """
from countglm import _jit

@_jit.entry
def one_more(x):
    return x + 1.0

@_jit.entry
def one_less(x):
    return x - 1.0

print(one_more(1.0), one_less(1.0))
"""


def doubled(x: float) -> float:
    return 2.0 * x


def compiled(folders: list[Path], target: Path | None) -> Any:
    """A fresh function that is kept in these folders."""
    dispatcher = _jit._njit(**_jit._OPTIONS)(doubled)
    names = [str(folder) for folder in folders]
    dispatcher._cache = kept.EntryCache("doubled", names, None if target is None else str(target))
    return dispatcher


def misses(dispatcher: Any) -> int:
    return sum(dispatcher.stats.cache_misses.values())


def on_a_terminal(cache: Path) -> tuple[str, str]:
    """What a fresh process writes to stdout and to a terminal on stderr."""
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", TWO_ENTRIES],
        env=environment_of(SOURCE, NUMBA_CACHE_DIR=str(cache)),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
    )
    os.write(theirs, b"\n")  # a read of nothing would wait
    os.close(theirs)
    said = os.read(ours, 10000).decode().strip()
    os.close(ours)
    return done.stdout, said


def test_compiling_is_told_once_and_never_again(tmp_path: Path) -> None:
    printed, said = on_a_terminal(tmp_path)
    assert printed == "2.0 0.0\n"
    assert len(said.splitlines()) == 1
    assert said.startswith("countglm: compiling its kernels for this machine, once")
    assert str(tmp_path) in said
    assert on_a_terminal(tmp_path) == (printed, "")


def test_a_bar_of_progress_stays_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from countglm._progress import progress_bar

    monkeypatch.setattr(kept, "_told", [])
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar(True, 10, "genes"):
        kept.announce(Path("folder"))
    written = re.split(r"[\r\n]+", capsys.readouterr().err)
    assert [line for line in written if "countglm" in line] == [kept._told[0]]


def test_without_a_terminal_it_is_a_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(kept, "_told", [])
    with caplog.at_level(logging.INFO, logger="countglm"):
        assert compiled([tmp_path], tmp_path)(2.0) == 4.0
        assert compiled([tmp_path], tmp_path)(2.0) == 4.0
        assert compiled([], None)(2.0) == 4.0
    assert len(caplog.records) == 1
    assert "compiling its kernels" in caplog.text
    assert capsys.readouterr() == ("", "")


def test_without_a_folder_the_remedy_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_told", [])
    dispatcher = compiled([], None)
    with caplog.at_level(logging.INFO, logger="countglm"):
        assert dispatcher(3.0) == 6.0
    assert "set NUMBA_CACHE_DIR" in caplog.text
    assert dispatcher.stats.cache_path is None


def test_what_others_compiled_is_read_and_not_written_to(tmp_path: Path) -> None:
    prepared, own = tmp_path / "prepared", tmp_path / "own"
    prepared.mkdir()
    own.mkdir()
    assert misses(first := compiled([prepared], prepared)) == 0
    assert first(1.5) == 3.0
    assert misses(first) == 1
    files = {path.name: path.read_bytes() for path in prepared.iterdir()}
    assert len(files) == 1
    again = compiled([prepared, own], own)
    assert again(1.5) == 3.0
    assert misses(again) == 0
    assert again(1) == 2.0, "another type is compiled, and kept where one may write"
    assert len(list(own.iterdir())) == 1
    assert {path.name: path.read_bytes() for path in prepared.iterdir()} == files


def test_compiling_leaves_the_collector_of_garbage_as_it_was() -> None:
    before = gc.get_threshold()
    during = lean.compiling_leanly(gc.get_threshold)()
    assert during[0] > 100 * before[0]
    assert gc.get_threshold() == before

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lean.compiling_leanly(fail)()
    assert gc.get_threshold() == before


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_compiled_again(tmp_path: Path, share: float) -> None:
    assert compiled([tmp_path], tmp_path)(2.0) == 4.0
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    again = compiled([tmp_path], tmp_path)
    assert again(2.0) == 4.0
    assert misses(again) == 1
    assert list(tmp_path.iterdir()) == [file]
    assert misses(third := compiled([tmp_path], tmp_path)) == 0
    assert third(2.0) == 4.0
    assert misses(third) == 0


def test_what_cannot_be_kept_leaves_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept.os, "replace", full)
    with caplog.at_level(logging.INFO, logger="countglm"):
        assert compiled([tmp_path], tmp_path)(2.0) == 4.0
    assert "No space left" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = tmp_path / "gone"
    with caplog.at_level(logging.INFO, logger="countglm"):
        assert compiled([gone], gone)(2.5) == 5.0
    assert "not kept" in caplog.text


def test_a_prepared_folder_that_cannot_be_written_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = tmp_path / "prepared" / f"kernels-{_jit.source_hash()}"
    prepared.mkdir(parents=True)
    own = tmp_path / "own"
    monkeypatch.setattr(_jit._config, "CACHE_DIR", str(prepared.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(own))
    ordinary = _jit.tempfile.TemporaryFile

    def only_own(*, dir: Path) -> Any:
        if own not in dir.parents:
            raise PermissionError(13, "Permission denied")
        return ordinary(dir=dir)

    monkeypatch.setattr(_jit.tempfile, "TemporaryFile", only_own)
    folders, target = _jit.cache_directories()
    assert target == str(own / "countglm" / prepared.name)
    assert folders == [str(prepared), target]


def test_another_numba_keeps_functions_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kept.usable()
    assert not kept.usable(object)
    monkeypatch.setattr(_jit, "usable", lambda: False)
    monkeypatch.setattr(_jit, "ENTRIES", [])
    monkeypatch.setattr(_jit._config, "CACHE_DIR", "untouched")
    entry = _jit.entry(doubled)
    assert _jit._config.CACHE_DIR == "untouched"
    assert [entry] == _jit.ENTRIES
    assert not isinstance(entry._cache, kept.EntryCache)
    assert entry.stats.cache_path.startswith(_jit.CACHE_DIR)
