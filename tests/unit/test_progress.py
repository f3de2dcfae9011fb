"""The progress bar: nothing where none is asked for, the right total where one is."""

from __future__ import annotations

import numpy as np
import pytest

import countglm
from countglm._progress import progress_bar


def test_silent_bar_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(False, 10, "genes") as advance:
        assert advance is None
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_bar_counts_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(True, 10, "genes") as advance:
        assert advance is not None
        advance(4)
        advance(6)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "0/10" in captured.err
    assert "genes" in captured.err


def test_bar_is_closed_by_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), progress_bar(True, 10, "genes"):
        raise KeyError("stop")
    # A bar left open would end its line later, in the middle of other output.
    assert capsys.readouterr().err.endswith(("\r", "\x1b[A"))


@pytest.mark.parametrize("block_size", [1, 4, 100])
def test_a_fit_shows_its_genes(block_size: int, capsys: pytest.CaptureFixture[str]) -> None:
    counts = np.arange(1, 41).reshape(4, 10)
    countglm.fit_glm(
        counts, np.ones((4, 1)), dispersion=0.1, size_factors="none", progress=True,
        block_size=block_size, threads=2,
    )  # fmt: skip
    assert "/10" in capsys.readouterr().err
