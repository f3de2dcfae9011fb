"""``countglm de`` leaves its tables and its summary whatever becomes of the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from countglm.cli import app, de_products
from countglm.cli.outcome import run_command
from tests.support.analyses import study
from tests.support.pages import Page

pytestmark = pytest.mark.compiled


def de(folder: Path, prefix: str = "") -> Path:
    """Analyse the study, its samples' names behind ``prefix``; return the output folder."""
    data = study()
    names = [f"{prefix}{name}" for name in data.obs_names]
    counts = pd.DataFrame(data.X.T, index=data.var_names, columns=names)
    counts.to_csv(folder / "counts.csv", index_label="gene")
    data.obs.set_axis(names).to_csv(folder / "samples.csv", index_label="sample")
    arguments = [
        "de", str(folder / "counts.csv"), "--samples", str(folder / "samples.csv"),
        "--design", "~ group", "--contrast", "group,b,a", "-o", str(folder / "out"),
        "--threads", "1",
    ]  # fmt: skip
    assert run_command(app, arguments) == 0
    return folder / "out"


def words(out: Path) -> str:
    return Page((out / "report.html").read_text()).words()


def broken(*_: Any, **__: Any) -> Any:
    raise ValueError("out of paint")


def test_names_that_look_like_formulas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = de(tmp_path, "$a_b^$")
    assert "could not" not in capsys.readouterr().err
    assert "could not be drawn" not in words(out)


def test_control_characters_break_no_picture(tmp_path: Path) -> None:
    out = de(tmp_path, "a\x01")
    assert "%01" not in (out / "report.html").read_text()
    assert "could not be drawn" not in words(out)


def test_a_figure_that_fails_is_told_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("countglm.plots.ma", broken)
    out = de(tmp_path)
    assert "could not be drawn: ValueError: out of paint" in capsys.readouterr().err
    assert "This figure could not be drawn: ValueError: out of paint" in words(out)
    assert (out / "test_group_b_vs_a.tsv").exists()


def test_a_report_that_fails_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(de_products, "write_de_report", broken)
    out = de(tmp_path)
    assert "The report could not be made: ValueError: out of paint" in capsys.readouterr().err
    assert "The report could not be made: ValueError: out of paint" in words(out)
    files = json.loads((out / "summary.json").read_text())["files"]
    assert sorted(path.name for path in out.iterdir()) == files
    assert {"report.html", "result_group_b_vs_a.h5", "test_group_b_vs_a.tsv"} <= set(files)
