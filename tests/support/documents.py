"""Blocks of the documents, and a shell that runs them with the package beside these tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.fresh import REPOSITORY, SOURCE

FENCE = re.compile(
    r"^(?P<fence>`{3,}|:{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=fence)$", re.M | re.S
)
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)


def documents() -> list[str]:
    """Return the documents of the repository, by their path in it."""
    found = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("r-wrapper/*.md")]
    found += REPOSITORY.glob("docs/**/*.md")
    return sorted(path.relative_to(REPOSITORY).as_posix() for path in found)


def fences(document: str) -> list[tuple[str, str]]:
    """Return the information string and the text of every fenced block of a document."""
    text = (REPOSITORY / document).read_text()
    return [(found["info"].strip(), found["code"]) for found in FENCE.finditer(text)]


def blocks(document: str, language: str) -> list[str]:
    """Return the blocks of one language; ``sh``, ``python``, ``r``, ..."""
    return [code for info, code in fences(document) if info == language]


def equivalents(document: str) -> list[tuple[str, str]]:
    """Return left and right column of those tables of a document whose rows are code twice."""
    return ROW.findall((REPOSITORY / document).read_text())


def run_shell(code: str, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run shell lines in a folder; ``programs`` are scripts that stand in for commands of a site.

    The first line that fails ends it. ``countglm`` is the package of this repository, and the home
    folder is a new one.
    """
    site = folder / "site"
    site.mkdir(exist_ok=True)
    programs["countglm"] = f'exec {sys.executable} -m countglm "$@"\n'
    for name, script in programs.items():
        (site / name).write_text(f"#!/bin/sh\n{script}")
        (site / name).chmod(0o755)
    caches = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    changed = {
        "PATH": f"{site}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(SOURCE),
        "HOME": str(folder),
        "XDG_CACHE_HOME": caches,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=os.environ | changed,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
