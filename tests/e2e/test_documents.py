"""The examples of the documents run as they stand, each in one place that this file names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from tests.support.documents import blocks, documents, fences, run_shell
from tests.support.fresh import REPOSITORY, run_python

# Cells ({code-cell} python) run when the site is built. Blocks of a language run in a test.
SHELL = (
    "README.md",
    "r-wrapper/README.md",
    "docs/contributing.md",
    "docs/guides/overview.md",
    "docs/guides/r.md",
    "docs/quickstart.md",
)
RUN = {
    "sh": {
        *SHELL,
        *(f"docs/guides/{name}.md" for name in ("command-line", "large-data", "single-cell")),
    },
    "python": {
        "README.md",
        "docs/contributing.md",
        "docs/guides/command-line.md",
        "docs/guides/large-data.md",
        "docs/quickstart.md",
    },
    "r": {
        "README.md",
        "docs/guides/r.md",
        "docs/migrate/deseq2.md",
        "docs/migrate/edger.md",
        "r-wrapper/README.md",
    },
}
# What is no code, or (images) names a command that the shell blocks run.
NOT_RUN = {"text", "markdown", "dockerfile"}
R_NEEDED = "countglm compare"
# Installing is the work of other tests (test_wheel, test_r_documents); of make, only that it would.
STAND_INS = {
    "pip": "test install = $1\n",
    "R": "test 'CMD INSTALL r-wrapper' = \"$*\"\n",
    "make": f'exec {shutil.which("make")} --dry-run --directory {REPOSITORY} "$@" >plan\n',
}


@pytest.mark.parametrize("document", documents())
def test_every_block_runs_somewhere(document: str) -> None:
    for info, code in fences(document):
        kind = info.split(maxsplit=1)[0] if info else ""
        if kind.startswith("{"):
            assert document.startswith("docs/"), f"{kind} is for pages of the site"
        else:
            assert kind in NOT_RUN or document in RUN[kind], f"nobody runs {code[:60]!r}"


def test_python_examples_run(tmp_path: Path) -> None:
    code = "\n".join(blocks("README.md", "python"))
    assert "countglm.fit_glm" in code
    shown = run_python("import warnings; warnings.simplefilter('error')\n" + code, cwd=tmp_path)
    assert "CONVERGED" in shown


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (code,) = blocks("docs/contributing.md", "python")
    (name,) = re.findall(r"^def (test_\w+)", code, re.MULTILINE)
    run_python(f"{code}\n\n{name}()\n", cwd=tmp_path)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a folder with the tables that the command-line examples name."""
    rng = np.random.default_rng(11)
    samples = [f"s{i}" for i in range(8)]
    counts = pd.DataFrame(
        rng.negative_binomial(10, 0.1, (60, 8)), [f"g{i}" for i in range(60)], samples
    )
    counts.to_csv(tmp_path / "counts.csv.gz")
    counts.to_csv(tmp_path / "counts.csv")
    batch, condition = ["x", "y"] * 4, ["control"] * 4 + ["treated"] * 4
    obs = pd.DataFrame({"batch": batch, "condition": condition}, samples)
    obs.to_csv(tmp_path / "samples.csv")
    cells = pd.concat([obs] * 40, ignore_index=True).rename(index="c{}".format)
    cells["cell_type"] = ["B", "T"] * 80 + ["T", "B"] * 80
    data = ad.AnnData(rng.negative_binomial(2, 0.4, (320, 60)).astype(np.float32), obs=cells)
    data.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path


def test_the_quickstart_reads_tables(study: Path) -> None:
    (code,) = blocks("docs/quickstart.md", "python")
    shown = run_python(f"{code}\nprint(result.summary())", cwd=study)
    assert "condition treated vs control" in shown


@pytest.mark.parametrize("document", SHELL)
def test_command_line_examples_run(document: str, study: Path) -> None:
    code = "".join(block for block in blocks(document, "sh") if R_NEEDED not in block)
    assert code
    done = run_shell(code, study, **STAND_INS)
    assert done.returncode == 0, done.stderr
    for folder in re.findall(r"^countglm (?:de|fit) (?:.*\\\n)*.* -o (\S+)", code, re.MULTILINE):
        written = {path.name for path in (study / folder).iterdir()}
        assert {"summary.json", "report.html"} <= written


@pytest.mark.r
def test_the_comparison_with_r_runs(study: Path) -> None:
    (code,) = (block for block in blocks("docs/guides/overview.md", "sh") if R_NEEDED in block)
    done = run_shell(code, study)
    assert done.returncode == 0, done.stderr
    assert (study / "parity" / "parity_stages.tsv").is_file()
