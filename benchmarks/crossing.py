"""What it costs to call from R: the same fit from R and from Python, in time and memory.

A call from R may take a quarter longer than the call from Python and one copy of the matrix. A
dgCMatrix must not become dense on its way: with many samples and few counts its dense form would
stand out in the memory that the call adds to the process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from machine import describe_machine, save_result
from table import write_page

HERE = Path(__file__).resolve().parent
WRAPPER = HERE.parent / "r-wrapper"
LONGEST = 1.25
GENES, SAMPLES, MANY_SAMPLES = 20_000, 100, 2_000
# Name, samples, mean of a count (low: mostly zeros), stored sparse, dispersion given.
KINDS = (
    ("integer matrix, dispersions estimated", SAMPLES, 200.0, False, False),
    ("integer matrix, dispersions given", SAMPLES, 200.0, False, True),
    ("dgCMatrix, dispersions estimated", SAMPLES, 0.5, True, False),
    ("dgCMatrix, dispersions given", SAMPLES, 0.5, True, True),
    (f"dgCMatrix of {MANY_SAMPLES:,} samples, given", MANY_SAMPLES, 0.02, True, True),
)


def write_problem(
    folder: Path, genes: int, samples: int, mean: float, sparse: bool, given: bool
) -> float:
    """Write one problem for both languages; return the MB of its counts as they are stored."""
    rng = np.random.default_rng(7)
    dispersion = rng.uniform(0.05, 1.0, genes)
    mu = rng.gamma(0.5, 2.0 * mean, genes) * rng.uniform(0.7, 1.4, (samples, 1))
    counts = rng.poisson(mu * rng.gamma(1 / dispersion, dispersion, (samples, genes)))
    design = np.column_stack([np.ones(samples), np.arange(samples) % 2])
    if not sparse:
        design = np.column_stack([design, rng.normal(size=samples)])
    stored = csr_array(counts) if sparse else None
    entries = 0 if stored is None else stored.nnz
    sizes = (samples, genes, entries, design.shape[1], int(given))
    (folder / "size.txt").write_text(" ".join(map(str, sizes)))
    np.ascontiguousarray(design.T, dtype=float).tofile(folder / "design")
    dispersion.tofile(folder / "dispersion")
    if stored is None:
        # Sample after sample: the memory of R's matrix of genes x samples.
        counts.astype("<i4").tofile(folder / "counts")
        return counts.size * 4 / 1e6
    for name, values, dtype in (
        ("p", stored.indptr, "<i4"),
        ("i", stored.indices, "<i4"),
        ("x", stored.data, "<f8"),
    ):
        values.astype(dtype).tofile(folder / name)
    return entries * 12 / 1e6


def measure(
    folder: Path, library: Path, rounds: int, repeats: int, threads: int
) -> dict[str, float]:
    """Return the best of several processes of each language, one beside the other."""
    environment = os.environ | {"RETICULATE_PYTHON": sys.executable}
    commands = {
        "r": ["Rscript", str(HERE / "crossing.R"), str(folder), str(library)],
        "python": [sys.executable, str(HERE / "crossing_worker.py"), str(folder)],
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            subprocess.run(
                [*command, str(repeats), str(threads)], env=environment, check=True, cwd=folder
            )
            found[name].append(json.loads((folder / f"{name}.json").read_text()))
    bits = [(folder / f"coefficients_{name}").read_bytes() for name in commands]
    if bits[0] != bits[1]:
        raise SystemExit("The coefficients from R and from Python differ in bits.")
    best = {name: min(each["seconds"] for each in runs) for name, runs in found.items()}
    copy = min(each["copy"] for each in found["python"])
    memory = {f"{name}_mb": runs[0]["added_mb"] for name, runs in found.items()}
    return best | memory | {"copy": copy, "ratio": best["r"] / (best["python"] + copy)}


def install_wrapper(library: Path) -> None:
    """Install the R package of this repository into a library of its own."""
    library.mkdir()
    source = library.parent / "countglm-r"
    shutil.copytree(WRAPPER, source)
    command = ["R", "CMD", "INSTALL", "--no-docs", f"--library={library}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"The R package cannot be installed:\n{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--rounds", type=int, default=2, help="processes of each language")
    parser.add_argument("--repeats", type=int, default=3, help="calls in each process")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        library = Path(name) / "library"
        install_wrapper(library)
        for number, (kind, samples, mean, sparse, given) in enumerate(KINDS):
            folder = Path(name) / str(number)
            folder.mkdir()
            stored = write_problem(folder, options.genes, samples, mean, sparse, given)
            row: dict[str, Any] = {
                "samples": samples,
                "object_mb": stored,
                "dense_mb": options.genes * samples * 8 / 1e6,
            }
            rows[kind] = row | measure(
                folder, library, options.rounds, options.repeats, options.threads
            )
            print(kind, json.dumps(rows[kind]))
    save_result(
        "crossing",
        {
            "genes": options.genes,
            "threads": options.threads,
            "longest": LONGEST,
            "rounds": options.rounds,
            "repeats": options.repeats,
            "kinds": rows,
            "machine": describe_machine(),
        },
    )
    write_page()
    late = [kind for kind, row in rows.items() if row["ratio"] > LONGEST]
    dense = [
        kind for kind, row in rows.items()
        if row["samples"] == MANY_SAMPLES and row["r_mb"] >= row["dense_mb"] / 2
    ]  # fmt: skip
    if late or dense:
        raise SystemExit(f"More than {LONGEST} times Python: {late}. Became dense: {dense}.")


if __name__ == "__main__":
    main()
