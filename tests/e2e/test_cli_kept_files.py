"""What commands must not overwrite: inputs, results, fuller pages, files of the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.earlier import foreign_files
from countglm.cli.outcome import run_command

pytestmark = pytest.mark.compiled
GIVEN = ("--samples", "samples.csv", "--design", "~ condition", "--contrast",
         "condition,treated,untreated", "--threads", "1")  # fmt: skip


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with counts.csv and samples.csv."""
    adata = countglm.datasets.pasilla()[:, :300]
    table = pd.DataFrame(np.asarray(adata.X).T, index=adata.var_names, columns=adata.obs_names)
    table.to_csv(tmp_path / "counts.csv", index_label="gene")
    adata.obs.to_csv(tmp_path / "samples.csv", index_label="sample")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ends(*words: str) -> int:
    return run_command(app, words)


def test_a_report_replaces_neither_results_nor_inputs(study: Path, capsys) -> None:
    assert ends("de", "counts.csv", *GIVEN, "-o", "out", "--no-report") == 0
    kept = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    capsys.readouterr()
    for name in ("out/summary.json", "counts.csv", "samples.csv", "out/samples.tsv"):
        assert ends("report", "out", "-o", name, "--force") == 2
        assert "with .html at its end" in capsys.readouterr().err
    (study / "counts.csv").rename(study / "counts.html")
    assert ends("report", "out", "--counts", "counts.html", "-o", "counts.html", "--force") == 2
    assert "is an input of the analysis" in capsys.readouterr().err
    (study / "counts.html").rename(study / "counts.csv")
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == kept


def test_a_page_is_not_replaced_by_a_poorer_one(study: Path, capsys) -> None:
    assert ends("de", "counts.csv", *GIVEN, "-o", "out") == 0
    page = (study / "out" / "report.html").read_bytes()
    (study / "out" / "normalized_counts.tsv").unlink()
    (study / "archive").mkdir()
    (study / "counts.csv").rename(study / "archive" / "moved.csv")
    capsys.readouterr()
    assert ends("report", "out", "--force") == 2
    told = capsys.readouterr().err
    assert "counts.csv is no longer where the analysis read it. Name them with --counts" in told
    assert (study / "out" / "report.html").read_bytes() == page
    # A page that had no figures of samples either may be replaced.
    assert ends("report", "out", "-o", "bare.html") == 0
    assert ends("report", "out", "-o", "bare.html", "--force") == 0
    assert ends("report", "out", "--counts", "archive/moved.csv", "--force") == 0


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_files_of_the_users_own_are_kept(study: Path, capsys, force: tuple[str, ...]) -> None:
    (study / "own").mkdir()
    (study / "own" / "report.html").write_text("mine")
    assert ends("de", "counts.csv", *GIVEN, "-o", "own", *force) == 2
    told = capsys.readouterr().err
    assert "files that a run may overwrite: 'report.html'; name another with -o" in told
    assert "--force" not in told
    assert [path.name for path in (study / "own").iterdir()] == ["report.html"]


def test_force_writes_beside_other_files(study: Path, capsys) -> None:
    (study / "own").mkdir()
    (study / "own" / "notes.txt").write_text("mine")
    assert ends("de", "counts.csv", *GIVEN, "-o", "own", "--no-report") == 2
    assert "write beside the files in it with --force" in capsys.readouterr().err
    assert ends("de", "counts.csv", *GIVEN, "-o", "own", "--no-report", "--force") == 0
    assert (study / "own" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "command",
    [
        ("de", *GIVEN, "--h5ad", "--format", "csv", "--gzip"),
        ("de", *GIVEN, "--by", "type"),
        ("fit", *GIVEN, "--h5ad"),
    ],
)
def test_every_file_of_a_run_is_known_by_its_name(study: Path, command: tuple[str, ...]) -> None:
    name, *rest = command
    assert ends(name, "counts.csv", *rest, "-o", "out") == 0
    (study / "out" / "summary.json").write_text("{}")
    assert set(foreign_files(study / "out")) == {each.name for each in Path("out").iterdir()}


def test_a_folder_that_cannot_be_made_is_told_as_such(study: Path, capsys) -> None:
    assert ends("de", "counts.csv", *GIVEN, "-o", "/proc/x") == 2
    told = capsys.readouterr().err
    assert "No such file" not in told
    assert "Output /proc/x cannot be" in told
