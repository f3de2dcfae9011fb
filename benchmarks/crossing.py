"""What it costs to call from R: the same fit from R and from Python, in time and memory.

A call from R may take a quarter longer than the call from Python and one copy of the matrix. Judged
are CPU seconds, the least of several calls in processes of both languages by turns, so that what
else the machine does moves the verdict little.

A matrix may be copied once on its way. R's peak may stand above Python's by that copy and by what
R has thrown away and not collected yet, which is as much as its heap has room for before it looks.
A dgCMatrix must not become dense: with many samples and few counts its dense form would stand out.
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
# Results, names and pages that the matrix has no part in, in MB.
MARGIN = 16.0
GENES, SAMPLES, MORE_SAMPLES, MANY_SAMPLES = 20_000, 100, 500, 2_000
# Name, samples, mean of a count (low: mostly zeros), stored sparse, dispersion given.
KINDS = (
    ("integer matrix, dispersions estimated", SAMPLES, 200.0, False, False),
    ("integer matrix, dispersions given", SAMPLES, 200.0, False, True),
    (f"integer matrix of {MORE_SAMPLES:,} samples, given", MORE_SAMPLES, 200.0, False, True),
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
    """Return the best of several processes of each language, by turns."""
    # R's heap then grows no more than it must, and less that it has thrown away is counted.
    environment = os.environ | {"RETICULATE_PYTHON": sys.executable, "R_GC_MEM_GROW": "0"}
    commands = {
        "r": ["Rscript", str(HERE / "crossing.R"), str(folder), str(library)],
        "python": [sys.executable, str(HERE / "crossing_worker.py"), str(folder)],
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for number in range(rounds):
        # Who comes first alternates: a machine that slows down or speeds up favours neither.
        for name in sorted(commands, reverse=number % 2 == 1):
            subprocess.run(
                [*commands[name], str(repeats), str(threads)],
                env=environment, check=True, cwd=folder,
            )  # fmt: skip
            found[name].append(json.loads((folder / f"{name}.json").read_text()))
        bits = [(folder / f"coefficients_{name}").read_bytes() for name in commands]
        if bits[0] != bits[1]:
            raise SystemExit("The coefficients from R and from Python differ in bits.")
    row: dict[str, float] = {}
    for name, runs in found.items():
        row[name] = min(each["cpu"] for each in runs)
        row[f"{name}_wall"] = min(each["wall"] for each in runs)
        row[f"{name}_mb"] = min(each["added_mb"] for each in runs)
    row["heap_mb"] = max(each["heap_mb"] for each in found["r"])
    row["copy"] = min(each["copy"] for each in found["python"])
    row["ratio"] = row["r"] / (row["python"] + row["copy"])
    row["load"] = round(os.getloadavg()[0], 2)
    return row


def complaints(kind: str, row: dict[str, Any], sparse: bool) -> list[str]:
    """Return what a call from R cost beyond what it may."""
    found = []
    if row["ratio"] > LONGEST:
        found.append(f"{kind}: {row['ratio']:.2f} times Python and a copy")
    if not sparse:
        extra, most = row["r_mb"] - row["python_mb"], row["object_mb"] + row["heap_mb"] + MARGIN
        if extra > most:
            found.append(f"{kind}: {extra:.0f} MB above Python, at most {most:.0f}")
    # With few samples results outweigh the counts, dense or not.
    elif row["samples"] == MANY_SAMPLES and row["r_mb"] >= row["dense_mb"] / 2:
        found.append(f"{kind}: {row['r_mb']:.0f} MB, dense {row['dense_mb']:.0f}")
    return found


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
    beyond: list[str] = []
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
            beyond += complaints(kind, rows[kind], sparse)
            print(kind, json.dumps(rows[kind]), flush=True)
    save_result(
        "crossing",
        {
            "genes": options.genes,
            "threads": options.threads,
            "longest": LONGEST,
            "margin_mb": MARGIN,
            "rounds": options.rounds,
            "repeats": options.repeats,
            "kinds": rows,
            "machine": describe_machine(),
        },
    )
    write_page()
    if beyond:
        raise SystemExit("A call from R costs too much. " + "; ".join(beyond) + ".")


if __name__ == "__main__":
    main()
