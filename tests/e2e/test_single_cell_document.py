"""The examples of the page on single cells run as they stand."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_documents import blocks
from tests.support.fresh import SOURCE, run_python
from tests.support.screens import cells, screen

DOCUMENT = "docs/single-cell.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cells(lonely=False).write_h5ad(tmp_path / "cells.h5ad")
    screen().write_h5ad(tmp_path / "screen.h5ad")
    return tmp_path


def test_python_examples_run(folder: Path) -> None:
    code = "\n".join(blocks(DOCUMENT, "python"))
    shown = run_python("import warnings; warnings.simplefilter('error')\n" + code, cwd=folder)
    assert "condition stim vs ctrl by kind" in shown
    assert "countglm.pseudobulk(adata, 'donor', 'kind')" in shown


def test_command_line_examples_run(folder: Path) -> None:
    text = "".join(blocks(DOCUMENT, "sh")).replace("\\\n", " ")
    commands = [shlex.split(line) for line in text.splitlines()]
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env={"PYTHONPATH": str(SOURCE), "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (folder / "by_kind" / "report_T.html").is_file()
    assert (folder / "screen_results" / "report_t0.html").is_file()
