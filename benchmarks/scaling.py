"""How the time of a pipeline grows with genes and with samples, and what a second thread brings.

Wall seconds of warm runs, the best of several; on one thread but for the comparison of threads.
The slope is that of the logarithm of the time over the logarithm of the size: 1 is linear.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np

from countglm import differential_expression
from machine import describe_machine, save_result
from studies import Study, simulate
from table import write_page

GENES = (5_000, 10_000, 20_000, 40_000)
SAMPLES = (25, 50, 100, 200)
AT_SAMPLES, AT_GENES = 100, 20_000
SPEED_UP = 1.8
REPEATS = 3


def seconds(study: Study, threads: int, repeats: int) -> float:
    """Return the best time of several runs."""
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        differential_expression(
            study.counts, study.formula, [study.factor, study.tested, study.reference],
            obs=study.obs, threads=threads,
        )  # fmt: skip
        times.append(time.perf_counter() - begun)
    return min(times)


def slope(sizes: list[int], times: list[float]) -> float:
    """Return the slope of a straight line through the logarithms."""
    x, y = np.log(sizes), np.log(times)
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x * x).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", type=float, default=1.0, help="of the genes, for a trial")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    options = parser.parse_args()

    def genes(number: int) -> int:
        return int(number * options.part)

    seconds(simulate(500, 12), 1, 1)  # reads compiled kernels
    found: dict[str, Any] = {"part": options.part}
    sweeps = {
        "genes": [(genes(number), AT_SAMPLES, genes(number)) for number in GENES],
        "samples": [(genes(AT_GENES), number, number) for number in SAMPLES],
    }
    for what, sweep in sweeps.items():
        sizes = [size for *_, size in sweep]
        times = [seconds(simulate(g, n), 1, options.repeats) for g, n, _ in sweep]
        found[what] = {"sizes": sizes, "seconds": times, "slope": slope(sizes, times)}
        print(f"{what}: {sizes} {[round(each, 3) for each in times]} s, slope "
              f"{found[what]['slope']:.3f}", flush=True)  # fmt: skip
    study = simulate(genes(AT_GENES), AT_SAMPLES)
    threads = list(range(1, len(os.sched_getaffinity(0)) + 1))
    times = [seconds(study, number, options.repeats) for number in threads]
    found["threads"] = {"threads": threads, "seconds": times, "target": SPEED_UP}
    print(f"threads: {threads} {[round(each, 3) for each in times]} s")
    if not options.trial:
        save_result("scaling", found | {"machine": describe_machine()})
        write_page()


if __name__ == "__main__":
    main()
