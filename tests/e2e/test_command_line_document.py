"""The page on the command line shows what its commands print."""

from __future__ import annotations

from pathlib import Path

from countglm.cli import app
from tests.support.fresh import REPOSITORY
from tests.support.transcripts import printed, shown

PAGE = "docs/guides/command-line.md"


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    said = printed(PAGE, tmp_path)
    text = (REPOSITORY / PAGE).read_text()
    assert shown(PAGE, said) == text
    for name in (".bashrc", ".zshrc", ".config/fish/completions/countglm.fish"):
        assert "_COUNTGLM_COMPLETE" in (tmp_path / name).read_text()


def test_the_page_has_every_command() -> None:
    text = (REPOSITORY / PAGE).read_text()
    for name in app.commands:
        assert f"\n### {name}\n" in text
