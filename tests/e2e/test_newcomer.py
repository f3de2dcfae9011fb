"""The first table of a newcomer, as a spreadsheet saved it, goes to the report in one command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import countglm
from countglm.cli import app
from countglm.cli.outcome import run_command

# As people write them: counts and sample table disagree in case and spaces, and in their order.
NAMES = [f"Sample {i}" for i in range(1, 9)]
IN_TABLE = ["Sample 1", "Sample 2 ", "sample 3", "Sample 4", " Sample 5", "SAMPLE 6", *NAMES[6:]]
ORDER = [2, 4, 3, 6, 5, 0, 1, 7]


def saved(path: Path, table: pd.DataFrame) -> None:
    """Save as spreadsheets do: a byte order mark, semicolons, Windows ends of lines."""
    text = table.to_csv(sep=";", lineterminator="\r\n", index_label=table.index.name)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newcomer")
    adata = small_airway()
    counts = adata.to_df().set_axis(NAMES).iloc[ORDER].T.astype(float)
    counts.loc["Total"] = counts.sum()
    counts.insert(0, "Gene symbol", [f"SYM{i}" for i in range(len(counts) - 1)] + [""])
    counts.insert(1, "Length (bp)", [*range(500, 499 + len(counts)), ""])
    saved(folder / "counts.csv", counts.rename_axis("Gene ID"))
    table = pd.DataFrame(
        {
            "Cell line": adata.obs["cell"].astype(str).to_numpy(),
            "Treatment ": ["Dex" if dex == "trt" else "Control " for dex in adata.obs["dex"]],
            "Comment": ["", "late", "", "", "repeat", "", "", ""],
            "": [""] * 8,
        },
        index=pd.Index(IN_TABLE, name="Sample"),
    )
    saved(folder / "samples.csv", table)
    return folder


def small_airway() -> AnnData:
    adata = countglm.datasets.airway()
    return adata[:, np.flatnonzero(adata.X.sum(axis=0) > 100)[::10]].copy()


MODEL = ["--design", "~ `Cell line` + Treatment", "--contrast", "Treatment,Dex,Control"]


def test_the_numbers_are_those_of_a_clean_table(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(study / "counts.csv"), "--samples", str(study / "samples.csv")]
    assert run_command(app, ["de", *given, *MODEL, "-o", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr()
    assert re.search(r"^Strongest +SYM\d+ ", shown.out, re.MULTILINE)
    told = shown.err
    assert "left out the row 'Total' (a total by its name)" in told
    assert "'Sample 3' is 'sample 3', 'Sample 6' is 'SAMPLE 6'" in told

    clean = countglm.differential_expression(
        small_airway()[ORDER].copy(), "~ cell + dex", ["dex", "trt", "untrt"]
    )
    (file,) = (tmp_path / "out").glob("test_*.tsv")
    table = pd.read_csv(file, sep="\t", index_col=0)
    assert list(table.index) == list(clean.table.index)
    for column in ("baseMean", "log2FoldChange", "pvalue", "padj"):
        np.testing.assert_allclose(table[column], clean.table[column], rtol=1e-9)
    assert table["Gene symbol"].iloc[7] == "SYM7"
    assert table["Length (bp)"].iloc[7] == 507

    page = (tmp_path / "out" / "report.html").read_text()
    assert "SYM7" in page
    assert "Sample names written differently; The table held more than counts" in page
    assert json.loads((tmp_path / "out" / "summary.json").read_text())


@pytest.mark.parametrize(
    ("design", "contrast", "message"),
    [
        ("~ Cell line + Treatment", "Treatment,Dex,Control", "write `Cell line`"),
        ("~ treatment", "Treatment,Dex,Control", "did you mean 'Treatment'?"),
        ("~ Treatment", "Treatment,dex,Control", "did you mean 'Dex'?"),
        ("~ Treatment", "Treatment Dex Control", "Treatment"),
        ("~ Treatment + Coment", "Treatment,Dex,Control", "did you mean 'Comment'?"),
        ("~ Comment", "Comment,late,repeat", "missing (NA) in 6 samples"),
    ],
)
def test_slips_of_the_pen_are_named(
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    design: str,
    contrast: str,
    message: str,
) -> None:
    given = [str(study / "counts.csv"), "--samples", str(study / "samples.csv")]
    command = ["de", *given, "--design", design, "--contrast", contrast]
    assert run_command(app, [*command, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert message in told, told
    assert not (tmp_path / "out").exists()
