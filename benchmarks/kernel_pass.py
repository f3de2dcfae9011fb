"""Nanoseconds per entry of one pass over a gene on one core, without and with the full likelihood.

The first pass is what one step of the solver computes for one gene: linear predictor, means,
weighted residuals and observed information, the change of the deviance for a step, score and
Hessian. The second computes the full log-likelihood, constants included, in place of the change.
An entry is one count of one sample.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from countglm._jit import entry
from countglm.basis import pad
from countglm.kernels.gene import (
    deviance_change,
    evaluate,
    gram,
    half_deviance_sum,
    lay_out,
    make_scratch,
    observed_weights,
    project,
    saturated_log_likelihood,
)
from machine import describe_machine, save_result
from table import write_page

SHAPES = ((1000, 4), (100, 4), (24, 4), (8, 4), (8, 2))
ENTRIES = 400_000
REPEATS = 15
STEP = "deviance change + gradient + Hessian"
FULL = "full log-likelihood + gradient + Hessian"


# Two entries and not a switch: with both in one function LLVM does not vectorise the shorter.
@entry
def step_passes(y, w, offset, alpha, columns, coef, scratch, values_out):
    """Make the pass of one solver step over every row of ``y``."""
    ws = lay_out(scratch)
    for g in range(y.shape[0]):
        evaluate(y[g], w, offset, alpha, columns, coef[g], ws)
        observed_weights(y[g], w, alpha, ws.mu, ws.info)
        change = deviance_change(y[g], w, alpha, ws, 1.0)
        project(columns, ws.resid, ws.score)
        gram(columns, ws.info, ws.hessian)
        values_out[g] = change + ws.score[0] + ws.hessian[0, 0]


@entry
def full_passes(y, w, offset, alpha, columns, coef, scratch, values_out):
    """Make the pass with the full log-likelihood over every row of ``y``."""
    ws = lay_out(scratch)
    for g in range(y.shape[0]):
        evaluate(y[g], w, offset, alpha, columns, coef[g], ws)
        observed_weights(y[g], w, alpha, ws.mu, ws.info)
        half = half_deviance_sum(y[g], w, alpha, ws.mu)
        project(columns, ws.resid, ws.score)
        gram(columns, ws.info, ws.hessian)
        likelihood = saturated_log_likelihood(y[g], w, alpha) - half
        values_out[g] = likelihood + ws.score[0] + ws.hessian[0, 0]


def nanoseconds(passes: Any, n: int, p: int) -> float:
    """Return the best time of one pass per entry, in nanoseconds, at ``n`` samples."""
    rng = np.random.default_rng(7)
    genes = max(1, ENTRIES // n)
    design = np.linalg.qr(rng.normal(size=(n, p)))[0]
    columns = pad(design.T)
    coef = rng.normal(0, 0.3, (genes, p)) * np.sqrt(n)
    y = pad(rng.poisson(50, (genes, n)).astype(np.float64))
    w, offset = pad(np.array([np.ones(n), np.full(n, np.log(50.0))]))
    scratch = make_scratch(y.shape[1], p)
    lay_out.py_func(scratch).step_eta[:n] = 0.01 * rng.normal(size=n)
    values = np.empty(genes)
    passes(y, w, offset, 0.1, columns, coef, scratch, values)
    best = np.inf
    for _ in range(REPEATS):
        start = time.perf_counter()
        passes(y, w, offset, 0.1, columns, coef, scratch, values)
        best = min(best, time.perf_counter() - start)
    if not np.isfinite(values).all():
        raise ArithmeticError("a pass gave a value that is not finite")
    return best / (genes * n) * 1e9


def main() -> None:
    rows: list[dict[str, Any]] = []
    for n, p in SHAPES:
        change, whole = nanoseconds(step_passes, n, p), nanoseconds(full_passes, n, p)
        rows.append({"n_samples": n, "n_coef": p, "ns": {STEP: change, FULL: whole}})
        print(
            f"{n:5d} samples, {p} coefficients: {change:.2f} ns per entry, "
            f"{whole:.2f} with the full log-likelihood"
        )
    save_result("kernel_pass", {"machine": describe_machine(), "passes": rows})
    write_page()


if __name__ == "__main__":
    main()
