"""The commands of the page on single cells run as they stand; its cells run with the site."""

from __future__ import annotations

from pathlib import Path

from tests.support.documents import blocks, run_shell
from tests.support.screens import cells, screen

DOCUMENT = "docs/guides/single-cell.md"


def test_command_line_examples_run(tmp_path: Path) -> None:
    cells(lonely=False).write_h5ad(tmp_path / "cells.h5ad")
    screen().write_h5ad(tmp_path / "screen.h5ad")
    code = "".join(blocks(DOCUMENT, "sh"))
    assert code.count("countglm de") == 2
    done = run_shell(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "by_kind" / "report_T.html").is_file()
    assert (tmp_path / "screen_results" / "report_t0.html").is_file()
