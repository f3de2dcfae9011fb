"""Measure one Python pipeline on one study: ``pipeline_worker.py ENGINE FOLDER CORES SECONDS``.

The first run also loads what an engine loads late, so a second follows unless the first took
minutes, and further ones as long as all together take less than SECONDS. With 0 SECONDS there is
one run.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

# This folder goes last: packages shall find Python's own modules, not a benchmark of that name.
sys.path.sort(key=str(Path(__file__).resolve().parent).__eq__)

import numpy as np

from pipeline_engines import ENGINES, Asked

REPEATS, PATIENCE = 5, 300.0
# Single cells have fewer positive counts, and no analysis of bulk.
MOST_NONZEROS = 0.1


def read_study(folder: Path, cores: int, genes_in_rows: bool) -> Asked:
    """Read a study; its counts are in memory once, as the engine's users have them."""
    import pandas as pd

    question = json.loads((folder / "study.json").read_text())
    n, genes, p, tested = question["size"]
    obs = pd.read_csv(folder / "obs.csv", dtype=dict.fromkeys(question["levels"], str))
    for term, levels in question["levels"].items():
        obs[term] = pd.Categorical(obs[term], categories=levels)
    counts = np.fromfile(folder / "counts", dtype="<i4").reshape(n, genes)
    if genes_in_rows:
        counts = np.ascontiguousarray(counts.T).T
    return Asked(
        counts=counts,
        stored=as_stored(counts),
        genes_by_samples=counts.T,
        design=np.fromfile(folder / "design").reshape(n, p),
        names=question["names"],
        tested=tested,
        obs=obs,
        formula=question["formula"],
        contrast=question["contrast"],
        size_factors=question["size_factors"],
        cores=cores,
    )


def as_stored(counts: Any) -> Any:
    """Return counts as those who have them keep them: sparse rows where nearly all are zeros."""
    if np.count_nonzero(counts) > MOST_NONZEROS * counts.size:
        return counts
    from scipy.sparse import csr_array

    return csr_array(counts)


def peak_memory() -> float:
    """Return the largest resident sets in MB of this process and those that it started."""
    parents, peaks = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                lines = (folder / "status").read_text().splitlines()
            except OSError:  # it ended meanwhile
                continue
            fields = {line.partition(":")[0]: line.split()[1:] for line in lines}
            parents[int(folder.name)] = int(fields["PPid"][0])
            peaks[int(folder.name)] = int(fields.get("VmHWM", ["0"])[0])
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(peaks[member] for member in family) * 1024 / 1e6


def main() -> None:
    name, folder, cores, seconds = (
        sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    )  # fmt: skip
    engine = ENGINES[name]
    if engine.run is None:
        raise SystemExit(f"{name} runs in R")
    # What engines remark on is judged by the results instead.
    warnings.simplefilter("ignore")
    import_module(engine.module or engine.package)
    asked = read_study(folder, cores, engine.genes_in_rows)
    times: list[float] = []
    done = 0.0
    found: Any
    while len(times) <= REPEATS:
        found = None  # two results would count twice in the peak of memory
        begun = time.perf_counter()
        found = engine.run(asked)
        times.append(time.perf_counter() - begun)
        done = done or time.time()
        once = seconds > 0.0 and len(times) == 1
        if sum(times) > (PATIENCE if once else seconds):
            break
    for what, values in found()._asdict().items():
        if values is not None:
            np.asarray(values, dtype="<f8").tofile(folder / f"found_{what}")
    report = {
        "done": done,
        "times": times,
        "memory_mb": peak_memory(),
        "version": f"{engine.package} {version(engine.package)}",
    }
    (folder / "times.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
