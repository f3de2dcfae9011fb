"""The examples of README and guide run as they stand, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from tests.support.fresh import REPOSITORY, SOURCE, run_python

DOCUMENTS = ("README.md", "docs/guide.md")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def blocks(document: str, language: str) -> list[str]:
    text = (REPOSITORY / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_examples_run(document: str, tmp_path: Path) -> None:
    code = "\n".join(blocks(document, "python"))
    assert "countglm.fit_glm" in code
    shown = run_python("import warnings; warnings.simplefilter('error')\n" + code, cwd=tmp_path)
    assert "CONVERGED" in shown


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a folder with the tables that the command-line examples name."""
    rng = np.random.default_rng(11)
    samples = [f"s{i}" for i in range(8)]
    counts = pd.DataFrame(
        rng.negative_binomial(10, 0.1, (60, 8)), [f"g{i}" for i in range(60)], samples
    )
    counts.to_csv(tmp_path / "counts.csv.gz")
    batch, condition = ["x", "y"] * 4, ["control"] * 4 + ["treated"] * 4
    obs = pd.DataFrame({"batch": batch, "condition": condition}, samples)
    obs.to_csv(tmp_path / "samples.csv")
    cells = pd.concat([obs] * 40, ignore_index=True).rename(index="c{}".format)
    cells["cell_type"] = ["B", "T"] * 80 + ["T", "B"] * 80
    data = ad.AnnData(rng.negative_binomial(2, 0.4, (320, 60)).astype(np.float32), obs=cells)
    data.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_command_line_examples_run(document: str, study: Path) -> None:
    text = "".join(blocks(document, "sh")).replace("\\\n", " ")
    commands = [shlex.split(line) for line in text.splitlines() if line.startswith("countglm ")]
    assert {"fit", "de", "diagnose"} <= {command[1] for command in commands}
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=study,
            env={"PYTHONPATH": str(SOURCE), "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert {"fit.h5", "report.html", "summary.json"} <= {p.name for p in study.glob("*/*")}


def test_links_lead_somewhere() -> None:
    documents = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("**/*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in LINK.findall(document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []
