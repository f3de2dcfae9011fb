"""Peak memory of a pipeline above its input, as a share of what the counts would take as float64.

Each way of storing the counts is a process of its own, which first makes one small call, so that
imports and compiled kernels are there; its input is in memory before the clock of the peak is set
back.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from crossing_worker import status
from machine import describe_machine, save_result
from studies import simulate
from table import write_page

GENES, SAMPLES = 20_000, 500
TARGET = 0.5
KINDS = ("int32", "int64", "float32", "int32, genes in rows", "CSR, int32")


def stored(folder: Path, kind: str, genes: int, samples: int) -> Any:
    """Return the counts in one kind of storage; what made it is gone."""
    from scipy.sparse import csr_array

    counts = np.fromfile(folder / "counts", dtype="<i4").reshape(samples, genes)
    if kind == "CSR, int32":
        return csr_array(counts)
    if kind.endswith("in rows"):
        return np.ascontiguousarray(counts.T).T
    return counts if kind == "int32" else counts.astype(kind)


def worker(folder: Path, kind: str, genes: int, samples: int, threads: int) -> None:
    """Measure one kind in this process; print the result."""
    import pandas as pd

    from countglm import differential_expression

    counts = stored(folder, kind, genes, samples)
    obs = pd.read_csv(folder / "obs.csv")
    question = json.loads((folder / "study.json").read_text())

    def run(counts: Any) -> Any:
        return differential_expression(
            counts, question["formula"], question["contrast"], obs=obs, threads=threads
        )

    run(counts[:, :200])
    gc.collect()
    # Linux forgets the peak so far.
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    result = run(counts)
    peak = status("VmHWM") - before
    gc.collect()
    kept = status("VmRSS") - before
    assert len(result.table) == genes
    print(json.dumps({"peak_mb": peak, "kept_mb": kept}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    parser.add_argument("--worker", nargs=2, metavar=("FOLDER", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    genes, samples = options.genes, options.samples
    if options.worker:
        folder, kind = options.worker
        worker(Path(folder), kind, genes, samples, options.threads)
        return
    dense = genes * samples * 8 / 1e6
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        simulate(genes, samples).write(Path(name))
        for kind in KINDS:
            command = [
                sys.executable, str(Path(__file__).resolve()), "--genes", str(genes),
                "--samples", str(samples), "--threads", str(options.threads),
                "--worker", name, kind,
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            row = json.loads(done.stdout.splitlines()[-1])
            rows[kind] = row | {"share": row["peak_mb"] / dense}
            print(f"{kind}: {row['peak_mb']:.0f} MB at the peak, {row['kept_mb']:.0f} MB kept, "
                  f"{row['peak_mb'] / dense:.2f} of {dense:.0f} MB", flush=True)  # fmt: skip
    if options.trial:
        return
    found = {
        "genes": genes,
        "samples": samples,
        "threads": options.threads,
        "dense_mb": dense,
        "target": TARGET,
        "kinds": rows,
        "machine": describe_machine(),
    }
    save_result("memory", found)
    write_page()


if __name__ == "__main__":
    main()
