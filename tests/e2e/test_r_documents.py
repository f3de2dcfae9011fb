"""The examples of the R package's pages run as they stand, in an R that has it installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import blocks
from tests.support.fresh import REPOSITORY, SOURCE

pytestmark = pytest.mark.r
DOCUMENTS = {
    "docs/guides/r.md": "",
    "r-wrapper/README.md": "",
    "README.md": "dds <- countglm::countglm_example('pasilla')\n",
}
# A warning is a failure here; plots are drawn to nowhere.
PRELUDE = (
    "options(warn = 2)\ngrDevices::pdf(NULL)\nsuppressPackageStartupMessages(library(DESeq2))\n"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a library of R with the package in it."""
    folder = tmp_path_factory.mktemp("library")
    package = REPOSITORY / "r-wrapper"
    command = [
        "R",
        "CMD",
        "INSTALL",
        "--no-docs",
        "--no-test-load",
        f"--library={folder}",
        str(package),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_run(document: str, library: Path, tmp_path: Path) -> None:
    code = "\n".join([DOCUMENTS[document], *blocks(document, "r")])
    assert "differential_expression(" in code
    script = tmp_path / "examples.R"
    script.write_text(f"{PRELUDE}{code}\ncat('done', class(res)[1], nrow(res), '\\n')\n")
    settings = {
        "R_LIBS": str(library),
        "RETICULATE_PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCE),
    }
    done = subprocess.run(
        ["Rscript", "--no-save", str(script)],
        cwd=tmp_path,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "done DESeqResults" in done.stdout
