"""Steps, seconds and gaps of one wide penalised problem, 20,000 variants and 2,000 columns.

Counts of variants in three conditions, whose effects differ for some mutations. Each number of
threads fits a path of 50 penalties on all differences between conditions, chooses one by refits
and by five folds; a digest says whether threads change a bit.

    python benchmarks/wide.py [--rows N] [--trial]
"""

from __future__ import annotations

import argparse
import hashlib
import time
from typing import Any

import numpy as np
from scipy import sparse

from countglm import condition_design, fit_penalized_wide
from countglm.penalties import pairwise
from machine import describe_machine, save_result, threads_agree
from table import write_page

ROWS, FEATURES, CONDITIONS, DIFFERENT, LAMBDAS = 20_000, 666, 3, 60, 50
ALPHA = 0.3


def simulate(rows: int) -> tuple[Any, Any, Any]:
    """Return counts, design and which mutations differ: one to ten or so mutations a variant."""
    rng = np.random.default_rng(8)
    mutations = rng.poisson(4.0, rows) + 1
    row = np.repeat(np.arange(rows), mutations)
    x = sparse.coo_matrix(
        (np.ones(row.size), (row, rng.integers(0, FEATURES, row.size))), shape=(rows, FEATURES)
    ).tocsr()
    x.data[:] = 1.0
    condition = rng.integers(0, CONDITIONS, rows)
    shift = np.zeros(FEATURES)
    shift[:DIFFERENT] = rng.choice([-1.0, 1.0], DIFFERENT)
    mu = np.exp(2.0 + x @ rng.normal(0.0, 0.5, FEATURES) + (condition == 1) * (x @ shift))
    y = rng.negative_binomial(1.0 / ALPHA, 1.0 / (1.0 + ALPHA * mu))
    return y, condition_design(x, np.array(["a", "b", "c"])[condition]), shift != 0.0


def measure(rows: int, threads: int) -> dict[str, Any]:
    """Return what one number of threads does."""
    y, design, differs = simulate(rows)

    def fit(some: int | Any) -> Any:
        return fit_penalized_wide(
            y, design, pairwise("condition"), dispersion=ALPHA, lambdas=some, threads=threads
        )

    fit(1)
    begun = time.perf_counter()
    path = fit(LAMBDAS)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    chosen = path.select()
    refits = time.perf_counter() - begun
    begun = time.perf_counter()
    path.cross_validate(5)
    folds = time.perf_counter() - begun
    found = chosen.labels.max(axis=1) > 0
    every = hashlib.blake2b(path.coefficients.tobytes() + path.gap.tobytes(), digest_size=8)
    return {
        "seconds": seconds,
        "refits_seconds": refits,
        "folds_seconds": folds,
        "steps": int(path.n_iter.sum()),
        "most_steps": int(path.n_iter.max()),
        "relative_gap": float(path.relative_gap.max()),
        "certified": int(path.converged.sum()),
        "found": int(found[differs].sum()),
        "invented": int(found[~differs].sum()),
        "columns": len(design.names),
        "stored": int(design.matrix.nnz),
        "digest": every.hexdigest(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--trial", action="store_true", help="print, and keep nothing")
    options = parser.parse_args()
    rows = {}
    for threads in (1, 2):
        row = rows[str(threads)] = measure(options.rows, threads)
        print(
            f"{threads} threads: {options.rows:,} x {row['columns']:,}, {row['stored']:,} stored; "
            f"{row['seconds']:.1f} s for {LAMBDAS} penalties, {row['steps']:,} steps, at most "
            f"{row['most_steps']}; {row['certified']} certified, largest relative gap "
            f"{row['relative_gap']:.1e}; refits {row['refits_seconds']:.1f} s, five folds "
            f"{row['folds_seconds']:.1f} s; {row['found']} of {DIFFERENT} differences found, "
            f"{row['invented']} invented",
            flush=True,
        )
    same = threads_agree(rows)
    if options.trial:
        return
    found = {
        "rows": options.rows,
        "lambdas": LAMBDAS,
        "different": DIFFERENT,
        "mutations": FEATURES,
        "threads": rows,
        "same_bits": same,
        "machine": describe_machine(),
    }
    save_result("wide", found)
    write_page()


if __name__ == "__main__":
    main()
