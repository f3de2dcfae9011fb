"""Progress: nothing where none is asked for, a bar for a person, lines for a log."""

from __future__ import annotations

import builtins
import io
import sys

import numpy as np
import pytest

import countglm
from countglm import _progress
from countglm._progress import progress_bar


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_progress, "_watched", lambda: True)


def test_a_terminal_and_a_notebook_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not _progress._watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert _progress._watched()
    monkeypatch.setattr(sys, "stderr", None)
    assert not _progress._watched()
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    assert _progress._watched()


def test_silent_bar_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(False, 10) as advance:
        assert advance is None
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.usefixtures("terminal")
def test_bar_counts_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(True, 10) as advance:
        assert advance is not None
        advance(4)
        advance(6)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "0/10" in captured.err
    assert "genes" in captured.err


@pytest.mark.usefixtures("terminal")
def test_bar_names_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(True, 10, "coefficients"):
        pass
    err = capsys.readouterr().err
    assert "coefficients:" in err
    assert "genes" in err


@pytest.mark.usefixtures("terminal")
def test_bar_is_closed_by_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress_bar(True, 10):
        raise KeyError("stop")
    # A bar left open would end its line later, in the middle of other output.
    assert capsys.readouterr().err.endswith(("\r", "\x1b[A"))


def test_a_notebook_has_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    with progress_bar(True, 10) as advance:
        assert advance is not None
        advance(10)
    assert "/10" in "".join(capsys.readouterr())


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("block_size", [1, 4, 100])
def test_a_fit_shows_its_genes(block_size: int, capsys: pytest.CaptureFixture[str]) -> None:
    counts = np.arange(1, 41).reshape(4, 10)
    countglm.fit_glm(
        counts, np.ones((4, 1)), dispersion=0.1, size_factors="none", progress=True,
        block_size=block_size, threads=2,
    )  # fmt: skip
    assert "/10" in capsys.readouterr().err


class Clock:
    """A clock that goes as far as it is told."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_a_log_has_lines_with_rate_and_remaining_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock()
    monkeypatch.setattr(_progress, "time", clock)
    with progress_bar(True, 2000, "coefficients") as advance:
        assert advance is not None
        advance(100)
        assert capsys.readouterr().err == ""
        clock.now += 40.0
        advance(300)
        clock.now += 1.0
        advance(100)
        clock.now += 119.0
        advance(1500)
    assert capsys.readouterr().err.splitlines() == [
        "countglm: coefficients: 400 of 2,000 genes, 20%, 10 a second, 2 min 40 s left",
        "countglm: coefficients: 2,000 of 2,000 genes, done in 2 min 40 s",
    ]


def test_short_work_leaves_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(True, 5) as advance:
        assert advance is not None
        advance(5)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_spans_of_time(seconds: float, words: str) -> None:
    assert _progress._span(seconds) == words
