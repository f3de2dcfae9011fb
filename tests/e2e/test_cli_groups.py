"""``countglm de --by``: one folder with a tidy table, a result and a page for every group."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.cli import app
from countglm.cli.outcome import run_command
from tests.support.pages import Page
from tests.support.screens import cells, screen


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    cells().write_h5ad(folder / "cells.h5ad")
    screen().write_h5ad(folder / "screen.h5ad")
    return folder


def de(counts: Path, out: Path, *options: str) -> int:
    return run_command(app, ["de", str(counts), "-o", str(out), "--threads", "1", *options])


MODEL = ("--design", "~ condition", "--contrast", "condition,stim,ctrl", "--size-factors",
         "library", "--by", "kind")  # fmt: skip


def test_one_folder_for_all_groups(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert de(folder / "cells.h5ad", out, *MODEL, "--across", "BH") == 0
    shown = capsys.readouterr()
    assert "1 of 3 groups could not be fitted, first 'B'" in shown.err
    assert "countglm.pseudobulk(adata, 'donor', 'kind')" in shown.err
    assert shown.out.startswith("condition stim vs ctrl by kind: ")
    assert "Not fitted B\n" in shown.out
    assert len(shown.out.splitlines()) <= 6
    facts = json.loads((out / "summary.json").read_text())
    assert sorted(path.name for path in out.iterdir()) == facts["files"]
    (contrast,) = facts["contrasts"]
    assert [entry["group"] for entry in contrast["groups"]] == ["NK", "T"]
    assert [entry["group"] for entry in contrast["failed"]] == ["B"]
    result = countglm.GroupedResult.load(out / contrast["result"])
    table = pd.read_csv(out / contrast["file"], sep="\t", float_precision="round_trip")
    assert table.columns[:2].tolist() == ["kind", "gene"]
    for name in ("log2FoldChange", "pvalue", "padj", "padj_across"):
        np.testing.assert_array_equal(table[name], result.table[name], err_msg=name)
    index = Page((out / "report.html").read_text())
    links = [attributes["href"] for tag, attributes in index.tags if tag == "a"]
    links = [link for link in links if not link.startswith("#")]
    assert links == ["report_NK.html", "report_T.html"]
    assert all((out / link).is_file() for link in links)
    samples = pd.read_csv(out / "samples.tsv", sep="\t", index_col=0)
    assert samples.groupby("group").size().to_dict() == {"NK": 150, "T": 150}


def test_a_screen(folder: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    model = ("--design", "~ batch + guide", "--by", "guide", "--control", "none")
    files = ("--no-report", "--format", "csv", "--json")
    options = (*model, *files, "--size-factors", "library", "--shrink", "normal")
    assert de(folder / "screen.h5ad", out, *options) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["contrasts"][0]["control"] == "none"
    assert not list(out.glob("*.html"))
    table = pd.read_csv(out / facts["contrasts"][0]["file"])
    assert table.groupby("guide").size().to_dict() == {"t0": 40, "t1": 40, "t2": 40}


def test_two_contrasts_of_two_columns(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    adata.obs["half"] = np.where(np.arange(adata.n_obs) % 2, "odd", "even")
    adata.write_h5ad(tmp_path / "cells.h5ad")
    assert de(tmp_path / "cells.h5ad", out, *MODEL, "--contrast", "Intercept", "--by", "half",
              "--replicates", "none", "--min-count", "20") == 0  # fmt: skip
    facts = json.loads((out / "summary.json").read_text())
    assert [each["name"] for each in facts["contrasts"]] == ["condition,stim,ctrl", "Intercept"]
    assert facts["by"] == ["kind", "half"]
    assert len(list(out.glob("report_*.html"))) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((*MODEL, "--h5ad"), "--h5ad is of one test over all samples"),
        ((*MODEL, "--filter-by-expression"), "--filter-by-expression is of one test"),
        ((*MODEL, "--shrink", "ash", "--interval", "wald"), "leave out --shrink"),
        (("--by", "kind"), "Give --design"),
        (
            ("--design", "~ condition", "--by", "knid"),
            "--by 'knid' is no column of the sample table (it has ",
        ),
        ((*MODEL, "--replicates", "animal"), "--replicates 'animal' is no column"),
        (
            ("--design", "~ condition", "--control", "T"),
            "--control belongs to --by, which makes groups",
        ),
    ],
)
def test_mistakes_are_one_line(folder: Path, tmp_path: Path, capsys, options, message) -> None:
    assert de(folder / "cells.h5ad", tmp_path / "out", *options) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "out").exists()
