"""Run the acceptance lists: python tests/accept/run.py [--quick] [--only NAME ...].

Prints one line per item, 'item: required | measured | ok', and exits 1 where an item fails.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

LISTS = (
    "separation", "certificate", "dispersion", "bits", "processes",
    "replay", "closed_form", "exact", "coding", "conditioning", "families", "penalties", "wide",
    "parity", "cluster", "likelihood", "large",
)  # fmt: skip


def main() -> int:
    """Run the chosen lists and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a tenth of the genes")
    parser.add_argument("--only", nargs="+", choices=LISTS, default=LISTS)
    options = parser.parse_args()
    from tests.accept.table import Table

    table = Table(options.quick)
    for name in options.only:
        importlib.import_module(f"tests.accept.{name}").check(table)
    return table.finish()


if __name__ == "__main__":
    sys.exit(main())
