"""Documents that show what commands print: run them, compare, and write them anew.

``python -m tests.support.transcripts docs/guides/command-line.md`` writes what is printed now.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.documents import FENCE, blocks, run_shell
from tests.support.fresh import REPOSITORY, run_python

_END = "end of a block"


def printed(document: str, folder: Path) -> list[str]:
    """Run the Python blocks of a document and then its shell blocks, in order, in a folder.

    Returns what each shell block prints, stderr too.
    """
    run_python("\n".join(blocks(document, "python")), cwd=folder)
    code = "".join(f"{block}echo '{_END}'\n" for block in blocks(document, "sh"))
    done = run_shell(f"exec 2>&1\nexport COLUMNS=80\n{code}", folder)
    if done.returncode:
        raise RuntimeError(f"{document}: {done.stdout[-2000:]}")
    return done.stdout.split(f"{_END}\n")[:-1]


def shown(document: str, said: list[str]) -> str:
    """Return the document with ``said`` in the text block that follows each shell block.

    A shell block that is followed by no text block prints nothing, or what is not shown.
    """
    text = (REPOSITORY / document).read_text()
    found = list(FENCE.finditer(text))
    at, parts, number = 0, [], 0
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block["info"].strip() != "sh":
            continue
        if following is not None and following["info"].strip() == "text":
            between = text[block.end() : following.start()]
            if not between.strip():
                parts += [text[at : following.start("code")], said[number]]
                at = following.end("code")
        number += 1
    return "".join([*parts, text[at:]])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as made:
            (REPOSITORY / name).write_text(shown(name, printed(name, Path(made))))
