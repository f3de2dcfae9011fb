"""The examples of the R package's pages run as they stand, in an R that has it installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import blocks, equivalents
from tests.support.fresh import REPOSITORY, SOURCE

pytestmark = pytest.mark.r
DOCUMENTS = {
    "docs/guides/r.md": "",
    "r-wrapper/README.md": "",
    "README.md": "dds <- countglm::countglm_example('pasilla')\n",
}
# The names that the left columns of the tables use; fewer genes, as DESeq() runs for many rows.
EQUIVALENTS = {
    "docs/migrate/deseq2.md": """
        dds <- dds[rowSums(counts(dds)) >= 10, ]
        dds <- dds[rownames(dds) == "FBgn0039155" | seq_len(nrow(dds)) %% 16 == 0, ]
        counts <- counts(dds)
        samples <- as.data.frame(colData(dds))
        dds$sample <- c("a", "a", "b", "c", "d", "e", "f")
        mcols(dds)$basepairs <- 1000
        txi <- list(
          counts = counts, abundance = counts, length = counts * 0 + 1000,
          countsFromAbundance = "no"
        )
        vst <- function(object) DESeq2::vst(object, nsub = 300)
    """,
    "docs/migrate/edger.md": """
        lengths <- rep(1000, nrow(y))
        offsets <- getOffset(y)
        runs <- c("a", "a", "b", "c", "d", "e", "f")
    """,
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


def run_r(code: str, library: Path, folder: Path) -> str:
    """Return what R prints for the code."""
    script = folder / "examples.R"
    script.write_text(PRELUDE + code)
    settings = {
        "R_LIBS": str(library),
        "RETICULATE_PYTHON": sys.executable,
        "PYTHONPATH": str(SOURCE),
    }
    done = subprocess.run(
        ["Rscript", "--no-save", str(script)],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_run(document: str, library: Path, tmp_path: Path) -> None:
    code = "\n".join([DOCUMENTS[document], *blocks(document, "r")])
    assert "differential_expression(" in code
    shown = run_r(f"{code}\ncat('done', class(res)[1], nrow(res), '\\n')\n", library, tmp_path)
    assert "done DESeqResults" in shown


@pytest.mark.parametrize("document", EQUIVALENTS)
def test_tables_of_equivalents_run(document: str, library: Path, tmp_path: Path) -> None:
    rows = [left for left, _ in equivalents(document)]
    assert len(rows) >= 20
    # Debian has no apeglm.
    if_there = 'if (requireNamespace("apeglm", quietly = TRUE)) '
    rows = [if_there + row if '"apeglm"' in row else row for row in rows]
    code = "\n".join([*blocks(document, "r"), EQUIVALENTS[document], *rows, "cat('done\\n')\n"])
    assert "done" in run_r(code, library, tmp_path)
