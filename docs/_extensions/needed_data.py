"""Pages that need tables outside the repository run where these are, and say so where they are not.

A page names the studies it reads in its front matter, ``needs_data: [fission]``; they are folders
in the one that the environment variable COUNTGLM_TEST_DATA names.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

VARIABLE = "COUNTGLM_TEST_DATA"
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
NEEDS = re.compile(r"^needs_data:\s*\[(.*)\]\s*$", re.MULTILINE)
NOTE = """
:::{{note}}
The cells of this page were not run when the site was built, because their data were not there: {0}.
Set `{1}` to the folder that holds them.
:::
"""


def missing(text: str) -> list[str]:
    """Return the studies that a page needs and that are not there."""
    front = FRONT_MATTER.match(text)
    needed = NEEDS.search(front[1]) if front else None
    names = [name.strip() for name in needed[1].split(",")] if needed else []
    folder = os.environ.get(VARIABLE)
    return [name for name in names if not folder or not (Path(folder) / name).is_dir()]


def leave_out(app: Sphinx, config: Config) -> None:
    """Take the pages whose data are missing from those that are run, with one line in all."""
    without = [
        page.relative_to(app.srcdir).as_posix()
        for page in sorted(Path(app.srcdir).rglob("*.md"))
        if missing(page.read_text(encoding="utf-8"))
    ]
    config.nb_execution_excludepatterns = [*config.nb_execution_excludepatterns, *without]
    if without:
        # Not by Sphinx's logger: --quiet would hide it, and a warning would fail the build.
        told = f"docs: {VARIABLE} names no folder with their data, so these pages are not run: "
        print(told + ", ".join(without), file=sys.stderr)


def tell(app: Sphinx, name: str, source: list[str]) -> None:
    """Say below the title of such a page that its cells were not run."""
    absent = missing(source[0])
    if absent:
        source[0] = re.sub(
            r"^# .*\n",
            lambda title: title[0] + NOTE.format(", ".join(absent), VARIABLE),
            source[0],
            count=1,
            flags=re.MULTILINE,
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both."""
    app.connect("config-inited", leave_out)
    app.connect("source-read", tell)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
