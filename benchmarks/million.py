"""A million cells from a file: seconds, seconds a positive count, and memory at the peak.

    python benchmarks/million.py [--cells 1000000] [--genes 2000] [--folder DIR] [--python PATH]

The table is simulated (benchmarks/cells.py) and written as h5ad, cells in rows, as single-cell
tools leave it. Each call is a process of its own on the cores given, with the kernels compiled
before; its time holds imports, reading, putting the counts in the order of the genes, fit and
tables. ``memory`` is the largest resident set of the process. Engines that need all counts in
memory are run on as many of the same cells as they finish, beside the same call of ours, which
takes them as sparse rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import peers
from cells import study, write_h5ad
from machine import describe_machine, save_result
from million_worker import CALLS, measure
from pipelines import Runner
from table import write_page

CELLS, GENES = 1_000_000, 2_000
PEER_CELLS = 20_000
LIMIT = "4GB"
PEERS = ("countglm", "glmGamPoi", "edgePython QL", "edgePython LRT")
# What is asked for.
MEMORY_GB, RATIO = 4.0, 50.0


def million(
    folder: Path, cells: int, genes: int, threads: int, limits: list[str]
) -> dict[str, Any]:
    """Return what the calls took on the large table."""
    path = folder / "cells.h5ad"
    begun = time.perf_counter()
    positive = write_h5ad(path, cells, genes)
    print(f"{cells:,} cells x {genes:,} genes, {positive / cells / genes:.1%} positive, written in "
          f"{time.perf_counter() - begun:.0f} s", flush=True)  # fmt: skip
    small = folder / "small.h5ad"
    write_h5ad(small, 2_000, 2_000)
    rows = []
    for call in CALLS:
        # The kernels are compiled, and kept for the processes to come.
        measure(call, small, LIMIT, threads)
        for limit in limits:
            row = measure(call, path, limit, threads)
            row |= {"call": call, "limit": limit, "ns": 1e9 * row["seconds"] / positive}
            rows.append(row)
            print(json.dumps(row), flush=True)
    path.unlink()
    return {
        "cells": cells, "genes": genes, "positive": positive,
        "share": positive / cells / genes, "calls": rows,
    }  # fmt: skip


def beside_peers(runner: Runner, engines: list[str], cells: int, genes: int) -> dict[str, Any]:
    """Return what engines took on the first of the cells."""
    some = study(cells, genes)
    found = {}
    for engine in engines:
        with tempfile.TemporaryDirectory() as folder:
            found[engine] = runner.on(engine, some, Path(folder))
        print(f"  {engine}: {json.dumps(found[engine])}", flush=True)
    return {"cells": cells, "engines": found}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--peer-cells", type=int, default=PEER_CELLS, help="0: no other engine")
    parser.add_argument("--peers", default=";".join(PEERS), help="engines, by semicolons")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds an engine may take")
    parser.add_argument("--folder", type=Path, help="where the table is written for the time")
    parser.add_argument("--limits", default=LIMIT, help="of memory, by commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    peers.add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        found = million(
            Path(name), options.cells, options.genes, options.threads, options.limits.split(",")
        )
    found["threads"] = options.threads
    if options.peer_cells:
        runner = Runner(peers.Interpreters(options.python), options.threads, options.limit)
        found["peers"] = beside_peers(
            runner, options.peers.split(";"), options.peer_cells, options.genes
        )
    found |= {"memory_gb": MEMORY_GB, "ratio": RATIO, "machine": describe_machine()}
    if not options.trial:
        save_result("million", found)
        write_page()


if __name__ == "__main__":
    main()
