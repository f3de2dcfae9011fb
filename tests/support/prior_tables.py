"""Simulated histograms of the prior variance's rule for few degrees of freedom, drawn by R.

``python -m tests.support.prior_tables`` draws them again and writes the table of the package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from countglm._prior_few_df import TABLES
from tests.support.r import run_r


def draw(folder: Path) -> np.ndarray:
    """Return the counts of R (3, 200, 40): degrees of freedom, variances, bins."""
    table = run_r(Path(__file__).with_suffix(".R").read_text(), folder)["histograms"]
    assert table["df"].tolist() == [df for df in (1, 2, 3) for _ in range(200)]
    assert table["variance"].tolist() == [*range(200)] * 3
    return table.filter(like="bin").to_numpy(dtype=np.uint16).reshape(3, 200, 40)


def main() -> None:
    """Write the table of the package."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez_compressed(str(TABLES), histograms=draw(Path(folder)))


if __name__ == "__main__":
    main()
