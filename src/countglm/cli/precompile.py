"""``countglm precompile``: use every compiled entry once, and tell what was compiled and where."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click

from countglm._names import plural
from countglm.cli.products import dumps


def run(*, as_json: bool) -> None:
    """Compile all kernels that are not on disk yet, and keep them there."""
    from countglm import _jit

    start = time.perf_counter()
    if not _jit.JIT_DISABLED:
        _use_every_entry()
    entries = _every_entry()
    facts = _what_became_of(entries) | {
        "cache": _jit.CACHE_DIR,
        "folders": _jit.CACHE_FOLDERS,
        "seconds": round(time.perf_counter() - start, 3),
    }
    if facts["unused"]:
        raise RuntimeError(f"kernels that nothing here uses: {', '.join(facts['unused'])}")
    files = [path for folder in _jit.CACHE_FOLDERS for path in Path(folder).glob("*.nbc")]
    facts["n_files"], facts["bytes"] = len(files), sum(path.stat().st_size for path in files)
    click.echo(dumps(facts) if as_json else _told(facts))


def _what_became_of(entries: list[Any]) -> dict[str, Any]:
    """Names of the entries by what happened to them; without compilation there is nothing."""
    names: dict[str, Any] = {"compiled": [], "found": [], "unused": []}
    for entry in entries:
        if not hasattr(entry, "stats"):
            continue
        fate = "compiled" if entry.stats.cache_misses else "found"
        names[fate if entry.signatures else "unused"].append(entry.__name__)
    return names


def _told(facts: dict[str, Any]) -> str:
    from countglm._jit import JIT_DISABLED

    if JIT_DISABLED:
        return "NUMBA_DISABLE_JIT is set, so nothing is compiled; unset it."
    size = f"{facts['bytes'] / 1e6:.1f} MB"
    if not facts["compiled"]:
        count = plural(len(facts["found"]), "kernel")
        return f"Nothing to compile: {count} found in {facts['folders'][0]} ({size})."
    done = f"{plural(len(facts['compiled']), 'kernel')} compiled in {facts['seconds']:.1f} s"
    if facts["cache"] is None:
        return (
            f"{done}, but no folder can be written to keep them, so every process compiles anew; "
            "set NUMBA_CACHE_DIR to a folder of yours."
        )
    found = f"; {len(facts['found'])} found there" if facts["found"] else ""
    return f"{done} for this machine and kept in {facts['cache']} ({size}){found}."


def _every_entry() -> list[Any]:
    from countglm import _jit, kernels

    for module in iter_modules(kernels.__path__):
        import_module(f"{kernels.__name__}.{module.name}")
    return _jit.ENTRIES


def _use_every_entry() -> None:
    """Fit, test and shrink a few genes in every way that the entries tell apart."""
    import numpy as np
    import pandas as pd

    from countglm._fixed_means import dispersion_at_means
    from countglm.counts import as_count_matrix
    from countglm.glm import fit_glm
    from countglm.penalized import fit_penalized
    from countglm.penalties import lasso, pairwise
    from countglm.wide import fit_penalized_wide
    from countglm.workflows import differential_expression

    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 50.0, size=60)
    counts = rng.negative_binomial(5.0, 5.0 / (5.0 + mean), size=(8, 60))
    counts[:4, 0] = 0  # a separated gene
    counts[:, 1] = 0
    half = np.repeat([0.0, 1.0], 4)
    covariate = np.column_stack([np.ones(8), half, np.linspace(-1, 1, 8)])
    layout = np.column_stack([np.ones(8), half])
    for design, solver, dispersion in (
        *((layout, solver, None) for solver in ("irls", "newton")),
        *((covariate, solver, 0.1) for solver in ("irls", "newton")),
    ):
        fit_glm(
            counts, design, solver=solver, dispersion=dispersion, size_factors="none", threads=1
        )
    fit_glm(counts, layout, family="poisson", size_factors="none", threads=1, trace=True)
    dispersion_at_means(as_count_matrix(counts), np.full(counts.shape, 9.0), layout, cap=10.0)
    obs = pd.DataFrame({"group": ["a"] * 4 + ["b"] * 4, "batch": ["x", "y"] * 4})
    study: Any = {"obs": obs, "fit_type": "mean", "threads": 1}
    differential_expression(counts, "~ batch + group", test="lrt", reduced="~ batch", **study)
    result = differential_expression(counts, "~ batch + group", interval="profile", **study)
    for method in ("apeglm", "normal", "ash"):
        result.shrink(method=method)
    path = fit_penalized(
        counts, "~ group", pairwise("group"), obs=obs, dispersion=0.1, lambdas=2, threads=1
    )
    path.cross_validate(folds=2)
    fit_penalized_wide(counts[:, 2], covariate, lasso([1, 2]), dispersion=0.1, lambdas=2, threads=1)
