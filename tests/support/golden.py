"""Where the results of R for the large tables lie."""

from __future__ import annotations

import os
from pathlib import Path


def golden_folder(data: Path) -> Path:
    """Return the folder COUNTGLM_TEST_GOLDEN names, or else ``golden`` beside the tables."""
    named = os.environ.get("COUNTGLM_TEST_GOLDEN")
    folder = Path(named) if named else data.parent / "golden"
    if not folder.is_dir():
        raise NotADirectoryError(
            f"no folder of R's results at {folder}: name it by COUNTGLM_TEST_GOLDEN"
        )
    return folder
