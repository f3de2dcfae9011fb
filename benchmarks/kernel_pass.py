"""Nanoseconds per entry of one pass over a gene on one core: what the engine's passes cost.

Eight genes run side by side, as in the engine, and no two samples have equal rows of the design:
then a pass costs most. A step of the coefficients is what the solver repeats, gradient and Hessian
at given coefficients and dispersion: the unit of benchmarks/profile.py. With the deviance it is
what the certificate needs once. A step of a dispersion search gives the slope of the adjusted
profile, gradient, both Hessians, and how all of them move with the dispersion. An entry is one
count of one sample.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from countglm._jit import entry
from countglm._jit.lanes import load, store
from countglm.basis import make_basis
from countglm.kernels import layout, loading
from countglm.kernels.deviance import half_deviance_sum
from countglm.kernels.dispersion import profile_slope
from countglm.kernels.tile import LANES, score_and_information
from machine import describe_machine, save_result
from table import write_page

SHAPES = ((1000, 4), (100, 4), (24, 4), (8, 4), (8, 2))
ENTRIES = 400_000
REPEATS = 15


# An entry each: they are timed as they stand, without a switch inside.
@entry
def step_passes(d, at, frame, scale, weight, rows, fisher, count):
    """Make ``count`` passes of gradient and Hessian."""
    alpha = load(d, at.alpha)
    for _ in range(count):
        score_and_information(d, at, frame, scale, weight, at.coef, alpha, fisher > alpha)


@entry
def deviance_passes(d, at, frame, scale, weight, rows, fisher, count):
    """Make ``count`` passes of deviance, gradient and Hessian."""
    alpha = load(d, at.alpha)
    for _ in range(count):
        score_and_information(d, at, frame, scale, weight, at.coef, alpha, fisher > alpha)
        store(d, at.value, half_deviance_sum(d, at, frame, scale, weight, at.coef, alpha))


@entry
def search_passes(d, at, frame, scale, weight, rows, fisher, count):
    """Make ``count`` passes of a dispersion search."""
    alpha = load(d, at.alpha)
    for _ in range(count):
        slope, _ = profile_slope(d, at, frame, scale, weight, rows, alpha, False)
        store(d, at.value, slope)


@entry
def list_counts(d, at, lane, y, weight):
    """List the counts of a gene; return their number."""
    rows, _ = loading.tabulate(d, at, lane, y, weight)
    return rows


def nanoseconds(passes: Any, n: int, p: int) -> float:
    """Return the best time of one pass per entry, in nanoseconds, at ``n`` samples."""
    rng = np.random.default_rng(7)
    basis = make_basis(np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))]))
    frame = layout.make_frame(basis.columns, basis.raw, basis.to_coef, basis.skeel)
    at = layout.place(n, frame.rows.shape[0], frame.rows.shape[1], p)
    work, weight = layout.make_work(at), np.ones(n)
    y = rng.poisson(50, (LANES, n)).astype(np.float64)
    rows = 0
    for lane in range(LANES):
        work[at.y : at.y + n, lane] = y[lane]
        rows = max(rows, list_counts(work, at, lane, y[lane], weight))
    start = rng.normal(0, 0.03, (at.rank, LANES)) * np.sqrt(n)
    work[at.alpha] = 0.1
    scale = np.full(n, 50.0)
    count = max(1, ENTRIES // (n * LANES))
    best = np.inf
    for _ in range(REPEATS + 1):  # the first compiles
        work[at.coef : at.coef + at.rank] = start
        begun = time.perf_counter()
        passes(work, at, frame, scale, weight, rows, 0.0, count)
        best = min(best, time.perf_counter() - begun)
    if not np.isfinite(work[at.score : at.score + at.rank]).all():
        raise ArithmeticError("a pass gave a value that is not finite")
    return best / (count * n * LANES) * 1e9


def main() -> None:
    rows: list[dict[str, Any]] = []
    kinds = {
        "gradient + Hessian": step_passes,
        "deviance + gradient + Hessian": deviance_passes,
        "step of a dispersion search": search_passes,
    }
    for n, p in SHAPES:
        each = {name: nanoseconds(passes, n, p) for name, passes in kinds.items()}
        rows.append({"n_samples": n, "n_coef": p, "ns": each})
        told = ", ".join(f"{name} {value:.2f}" for name, value in each.items())
        print(f"{n:5d} samples, {p} coefficients: {told} ns per entry")
    save_result("kernel_pass", {"machine": describe_machine(), "passes": rows})
    write_page()


if __name__ == "__main__":
    main()
