"""``countglm report DIR``: the page again, with the counts from wherever they can be had."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.found_counts import Sought, found_counts
from countglm.cli.origin import Origin, origin_from
from countglm.cli.outcome import run_command
from countglm.counts import as_count_matrix
from tests.support.pages import Page
from tests.support.screens import cells

pytestmark = pytest.mark.compiled

SAMPLES_OF = "matrix of the distances between"
DE = ("--design", "~ type + condition", "--contrast", "condition,treated,untreated",
      "--min-count", "10", "--threads", "1", "--no-report")  # fmt: skip


def countglm_(*words: Any) -> int:
    return run_command(app, [str(word) for word in words])


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return facts


def has_counts(folder: Path, page: str = "report.html") -> bool:
    """Whether the page has figures of samples, which need the counts."""
    return SAMPLES_OF in (folder / page).read_text().lower()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with counts, samples, and what de made of them: ``out``."""
    adata = countglm.datasets.pasilla()[:, :700]
    table = pd.DataFrame(np.asarray(adata.X).T, index=adata.var_names, columns=adata.obs_names)
    table.to_csv(tmp_path / "counts.csv", index_label="gene")
    adata.obs.to_csv(tmp_path / "samples.csv", index_label="sample")
    counts, samples, out = (tmp_path / name for name in ("counts.csv", "samples.csv", "out"))
    assert countglm_("de", counts, "--samples", samples, *DE, "-o", out) == 0
    return tmp_path


def test_the_summary_tells_where_the_counts_came_from(study: Path) -> None:
    known = origin_from(facts_of(study / "out"))
    assert known.counts == str(study / "counts.csv")
    assert known.samples == str(study / "samples.csv")
    assert known.folder == str(Path.cwd())
    assert known.command[:3] == ("countglm", "de", str(study / "counts.csv"))
    assert known.n_dropped == facts_of(study / "out")["n_dropped"] > 0
    assert known.drop_rule == "fewer than 10 counts in all samples together"


def test_a_page_with_the_counts_of_the_analysis(study: Path, capsys) -> None:
    assert countglm_("report", study / "out") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"Report     {study / 'out' / 'report.html'} (")
    assert has_counts(study / "out")
    words = Page((study / "out" / "report.html").read_text()).words()
    assert "counts.csv: ~ type + condition" in words
    assert "--min-count 10" in words
    assert "report.html" in facts_of(study / "out")["files"]
    # A later run without a report takes the page away with the rest.
    again = ("de", study / "counts.csv", "--samples", study / "samples.csv", *DE)
    assert countglm_(*again, "-o", study / "out", "--force") == 0
    assert not (study / "out" / "report.html").exists()


def test_the_page_is_that_of_the_analysis(study: Path) -> None:
    again = ("de", study / "counts.csv", "--samples", study / "samples.csv", *DE)
    whole = [word for word in again if word != "--no-report"]
    assert countglm_(*whole, "-o", study / "whole") == 0
    first = (study / "whole" / "report.html").read_text()
    assert countglm_("report", study / "whole", "-o", study / "second.html") == 0
    assert (study / "second.html").read_text() == first


def test_an_existing_page_is_kept(study: Path, capsys) -> None:
    page = study / "page.html"
    page.write_text("mine")
    assert countglm_("report", study / "out", "-o", page) == 2
    error = capsys.readouterr().err
    assert "exists already" in error
    assert "--force" in error
    assert page.read_text() == "mine"
    assert countglm_("report", study / "out", "-o", page, "--force") == 0
    assert page.read_text() != "mine"
    assert "page.html" not in facts_of(study / "out")["files"]


def test_counts_that_are_gone_come_back_from_the_normalised_ones(study: Path, capsys) -> None:
    (study / "counts.csv").unlink()
    capsys.readouterr()
    assert countglm_("report", study / "out") == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert has_counts(study / "out")


def test_counts_that_moved_along_are_found(study: Path) -> None:
    (study / "out" / "normalized_counts.tsv").unlink()
    moved = study / "elsewhere"
    moved.mkdir()
    shutil.move(study / "out", moved / "out")
    shutil.move(study / "counts.csv", moved / "counts.csv")
    (study / "samples.csv").unlink()
    assert countglm_("report", moved / "out") == 0
    assert has_counts(moved / "out")


def test_without_counts_the_page_says_what_is_left_out(study: Path, capsys) -> None:
    (study / "out" / "normalized_counts.tsv").unlink()
    shutil.move(study / "counts.csv", study / "archive.csv")
    capsys.readouterr()
    assert countglm_("report", study / "out") == 0
    out = capsys.readouterr().out
    told = "counts.csv is no longer where the analysis read it. Name the counts with --counts"
    assert told in out
    assert not has_counts(study / "out")
    assert told in Page((study / "out" / "report.html").read_text()).words()
    assert countglm_(
        "report", study / "out", "--counts", study / "archive.csv", "--force"
    ) == 0  # fmt: skip
    assert has_counts(study / "out")


def test_other_counts_are_refused_or_passed_over(study: Path, capsys) -> None:
    table = pd.read_csv(study / "counts.csv", index_col=0)
    table.iloc[:, 0] += 1
    table.to_csv(study / "counts.csv")
    assert countglm_("report", study / "out", "--counts", study / "counts.csv") == 2
    assert "are not the counts of this fit" in capsys.readouterr().err
    (study / "out" / "normalized_counts.tsv").unlink()
    assert countglm_("report", study / "out") == 0
    assert "counts.csv cannot serve: counts (7 samples" in capsys.readouterr().out
    assert countglm_("report", study / "out", "--counts", study / "none.csv", "--force") == 2
    assert "check --counts" in capsys.readouterr().err


def test_several_contrasts_of_one_fit_are_told_of_once(study: Path) -> None:
    more = ("--contrast", "type[T.single-read]", "-o", study / "two")
    assert (
        countglm_("de", study / "counts.csv", "--samples", study / "samples.csv", *DE, *more) == 0
    )
    assert countglm_("report", study / "two") == 0
    text = (study / "two" / "report.html").read_text()
    assert text.count("<h2>Results: ") == 2
    assert text.count("<h2>Dispersion") == 1


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (None, "is not a folder; name the output folder"),
        ({}, "holds no summary.json of countglm"),
        (
            {"countglm": "0.3", "command": "fit", "files": ["fit.h5"], "contrasts": []},
            "holds no stored result",
        ),
        ({"countglm": "0.3", "command": "de", "files": None}, "summary.json is damaged"),
    ],
)
def test_other_folders_are_refused(tmp_path: Path, capsys, made: Any, told: str) -> None:
    folder = tmp_path / "folder"
    if made is not None:
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(made))
    assert countglm_("report", folder) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_the_demo_has_a_report_again(tmp_path: Path) -> None:
    assert countglm_("demo", "-o", tmp_path / "demo", "--threads", "1") == 0
    assert countglm_("report", tmp_path / "demo", "--force") == 0
    assert has_counts(tmp_path / "demo")


def test_an_old_summary_tells_no_origin() -> None:
    assert origin_from({"n_dropped": 3}) == Origin(n_dropped=3)
    assert origin_from({"input": {"counts": "a.csv", "later": 1}}) == Origin(counts="a.csv")


def test_without_a_word_of_the_input_the_reason_says_so(tmp_path: Path) -> None:
    fit = countglm.fit_glm(np.array([[4, 5], [6, 7], [9, 3]]), np.ones((3, 1)), dispersion=0.1)
    sought = Sought(fit, tmp_path, Origin(), "", as_count_matrix)
    matrix, why = found_counts(sought)
    assert matrix is None
    assert "does not tell which file held the counts" in why


def test_groups_have_their_pages_again(tmp_path: Path, capsys) -> None:
    counts, out = tmp_path / "cells.h5ad", tmp_path / "out"
    cells().write_h5ad(counts)
    asked = ("--design", "~ condition", "--contrast", "condition,stim,ctrl", "--size-factors",
             "library", "--by", "kind", "--replicates", "none", "--threads", "1")  # fmt: skip
    assert countglm_("de", counts, *asked, "-o", out) == 0
    pages = sorted(path.name for path in out.glob("report*.html"))
    before = {name: (out / name).read_text() for name in pages}
    assert len(pages) > 1
    capsys.readouterr()
    assert countglm_("report", out, "--force") == 0
    assert f"and {len(pages) - 1} pages of groups" in capsys.readouterr().out
    assert {name: (out / name).read_text() for name in pages} == before
    counts.unlink()
    assert countglm_("report", out, "--force") == 2
    assert "no longer where" in capsys.readouterr().err
    assert {name: (out / name).read_text() for name in pages} == before
    bare = ("report", out, "-o", out / "bare.html")
    assert countglm_(*bare) == 0
    assert "no longer where" in capsys.readouterr().out
    assert countglm_(*bare, "--force") == 0
