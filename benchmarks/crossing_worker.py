"""The call of crossing.R in Python: ``crossing_worker.py FOLDER REPEATS THREADS``."""

from __future__ import annotations

import gc
import json
import mmap
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from countglm import fit_glm


def status(field: str) -> float:
    """Return a field of the process's memory in MB."""
    text = Path("/proc/self/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def seconds_of_a_copy(arrays: list[Any]) -> float:
    """Return the CPU seconds of a copy into memory that the process did not have before."""
    times = []
    for _ in range(5):
        fresh = [np.frombuffer(mmap.mmap(-1, each.nbytes), dtype=each.dtype) for each in arrays]
        begun = time.process_time()
        for target, array in zip(fresh, arrays, strict=True):
            target[:] = array.ravel()
        times.append(time.process_time() - begun)
    return min(times)


def main() -> None:
    folder, repeats, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    sizes = (folder / "size.txt").read_text().split()
    samples, genes, entries, columns, given = (int(size) for size in sizes)

    def values(name: str, dtype: str) -> Any:
        return np.fromfile(folder / name, dtype=dtype)

    design = np.ascontiguousarray(values("design", "f8").reshape(columns, samples).T)
    dispersion = values("dispersion", "f8") if given else None
    counts: Any
    arrays: tuple[Any, ...]
    if entries:
        arrays = values("x", "f8"), values("i", "i4"), values("p", "i4")
        counts = csr_array(arrays, shape=(samples, genes))
    else:
        arrays = (values("counts", "i4"),)
        counts = arrays[0].reshape(samples, genes)

    def run(counts: Any, dispersion: Any, size_factors: str = "library") -> Any:
        return fit_glm(
            counts, design, size_factors=size_factors, dispersion=dispersion, threads=threads
        )

    run(counts[:, :50], None if dispersion is None else dispersion[:50], "none")
    cpu, wall, memory = [], [], []
    for _ in range(repeats):
        fit = None
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before = status("VmRSS")
        begun = time.process_time(), time.perf_counter()
        fit = run(counts, dispersion)
        cpu.append(time.process_time() - begun[0])
        wall.append(time.perf_counter() - begun[1])
        memory.append(status("VmHWM") - before)
    assert fit is not None
    np.asfortranarray(fit.coefficients).T.tofile(folder / "coefficients_python")
    report = {
        "cpu": min(cpu),
        "wall": min(wall),
        "added_mb": memory[0],
        "copy": seconds_of_a_copy(list(arrays)),
    }
    (folder / "python.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
