"""Call R as a black box: tables go in as CSV files, tables come out as CSV files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd


def run_r(code: str, folder: Path, **tables: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Run ``code`` in ``folder`` and return the tables that it wrote, by name.

    Each table ``name`` is there as ``name.csv`` with its index as first column; every ``*.csv``
    that the code writes anew is read back with its first column as the index.
    """
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv")
    script = folder / "script.R"
    script.write_text(code)
    done = subprocess.run(
        ["Rscript", "--vanilla", script.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    written = {path.stem: path for path in folder.glob("*.csv") if path.stem not in tables}
    return {
        name: pd.read_csv(path, index_col=0, float_precision="round_trip")
        for name, path in written.items()
    }
