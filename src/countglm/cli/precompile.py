"""``countglm precompile``: run every entry once on a tiny problem and say where it is kept."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import click

from countglm.cli.products import dumps


def run(*, as_json: bool) -> None:
    """Compile and cache all kernels."""
    start = time.perf_counter()
    _use_every_entry()
    seconds = time.perf_counter() - start
    from countglm import _jit

    kept = Path(_jit.CACHE_DIR).rglob("*") if _jit.CACHE_DIR else iter(())
    files = [path for path in kept if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if as_json:
        click.echo(
            dumps(
                {
                    "cache": _jit.CACHE_DIR,
                    "n_files": len(files),
                    "bytes": size,
                    "seconds": round(seconds, 3),
                }
            )
        )
    elif _jit.CACHE_DIR is None:
        click.echo(
            "No folder for compiled kernels can be written, so every process compiles anew; set "
            "NUMBA_CACHE_DIR to a folder of yours."
        )
    else:
        click.echo(
            f"Kernels compiled in {seconds:.1f} s and kept in {_jit.CACHE_DIR} "
            f"({size / 1e6:.1f} MB)."
        )


def _use_every_entry() -> None:
    import numpy as np

    from countglm._fixed_means import dispersion_at_means
    from countglm.counts import as_count_matrix
    from countglm.glm import fit_glm

    rng = np.random.default_rng(1)
    counts = rng.poisson(20.0, size=(8, 6)).astype(np.float64)
    counts[:4, 0] = 0.0  # a separated gene
    counts[:, 1] = 0.0
    group = np.repeat([0.0, 1.0], 4)
    covariate = np.column_stack([np.ones(8), group, np.linspace(-1, 1, 8)])
    layout = np.column_stack([np.ones(8), group])
    for design, solver, dispersion in itertools.product(
        (layout, covariate), ("irls", "newton"), (None, 0.1)
    ):
        fit_glm(
            counts,
            design,
            solver=solver,
            dispersion=dispersion,
            size_factors="none",
            threads=1,
        )
    fit_glm(counts, layout, family="poisson", size_factors="none", threads=1, trace=True)
    dispersion_at_means(as_count_matrix(counts), counts + 1.0, layout, cap=10.0)
