"""Many cells: memory limits kept, the same bits from every storage, zeros by rule or visited."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp

from countglm import differential_expression
from countglm.errors import InputError
from tests.accept.bits import differing, digest
from tests.accept.table import Table
from tests.support.stored import in_runs as stored_runs

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from cells import CONTRAST, FORMULA, study, write_h5ad  # noqa: E402
from million_worker import CALLS, measure  # noqa: E402

LIMITS = {"4GB": 4.0, "1GB": 1.0, "0.5GB": 0.5}
OPTIONS: dict[str, Any] = {"size_factors": "library"}
# Runs the command line, and ends with its peak of resident memory in megabytes.
_COMMAND = """
import sys
from countglm.cli import app
from countglm.cli.outcome import run_command
done = run_command(app, sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(kilobytes * 1024 // 10**6, file=sys.stderr)
sys.exit(done)
"""
# Of a standard error: how far rule and visits may differ.
CLOSE = 1e-9


def check(table: Table) -> None:
    """Fill the table."""
    with tempfile.TemporaryDirectory() as name:
        check_memory(table, Path(name))
        check_command(table, Path(name))
        check_bits(table, Path(name))
    check_zeros(table)


def check_memory(table: Table, folder: Path) -> None:
    """Peaks of fresh processes under three limits, and what is said below all need."""
    cells = 30_000 if table.quick else 300_000
    path = folder / "cells.h5ad"
    write_h5ad(path, cells, 2_000)
    for call in CALLS:
        for limit, gigabytes in LIMITS.items():
            row = measure(call, path, limit, 2)
            peak = row["memory_mb"] / 1e3
            table.row(
                f"large: {call}, {cells:,} cells, memory_limit={limit}",
                f"<= {gigabytes} GB resident",
                f"{peak:.2f} GB, {row['seconds']:.0f} s", peak <= gigabytes,
            )  # fmt: skip
    try:
        differential_expression(path, FORMULA, CONTRAST, memory_limit="1MB", **OPTIONS)
        said = "nothing"
    except InputError as error:
        said = str(error)
    table.row(
        "large: memory_limit below what is needed", "says how much is needed", said,
        "give at least" in said and "MB" in said,
    )  # fmt: skip
    path.unlink()


def check_command(table: Table, folder: Path) -> None:
    """Peaks of the whole command, with report and all tables, under a limit."""
    path, out = folder / "cells.h5ad", folder / "out"
    write_h5ad(path, 60_000, 1_500)
    for more in ([], ["--normalized", "always"], ["--h5ad"]):
        command = [
            sys.executable, "-c", _COMMAND, "de", str(path), "--design", FORMULA, "--contrast",
            ",".join(CONTRAST), "--size-factors", "library", "--memory-limit", "600MB",
            "--threads", "2", "-o", str(out), *more,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        peak = int(done.stderr.split()[-1]) / 1e3 if done.returncode == 0 else float("nan")
        table.row(
            f"large: {' '.join(['countglm de', *more])}, 60,000 cells, --memory-limit 600MB",
            "<= 0.6 GB resident", f"{peak:.2f} GB {'' if peak > 0 else done.stderr}", peak <= 0.6,
        )  # fmt: skip
        shutil.rmtree(out, ignore_errors=True)
    path.unlink()


def small_study() -> tuple[np.ndarray, Any]:
    """Return counts with some outliers, and the table of the cells."""
    found = study(6_000, 400)
    counts, rng = found.counts.copy(), np.random.default_rng(1)
    counts[rng.integers(0, len(counts), 40), np.arange(0, 400, 10)] += 2_000
    kept = counts.sum(axis=1) > 0
    obs = found.obs[kept].reset_index(drop=True)
    return counts[kept], obs.set_axis([f"c{i}" for i in range(len(obs))])


def stored(counts: np.ndarray, obs: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the same cells in every storage."""
    forms = {"CSR": sp.csr_matrix, "CSC": sp.csc_matrix, "dense": np.asarray}
    for form, make in forms.items():
        data = ad.AnnData(make(counts.astype(np.float32)), obs=obs)
        yield f"{form} in memory", data
        for suffix in ("h5ad", "zarr"):
            path = folder / f"{form}.{suffix}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (data.write_h5ad if suffix == "h5ad" else data.write_zarr)(path)
            yield f"{form} in {suffix}", path
    yield "backed", ad.read_h5ad(folder / "CSR.h5ad", backed="r")


def check_bits(table: Table, folder: Path) -> None:
    """Fits and tables of every storage, limit, number of threads and size of blocks."""
    counts, obs = small_study()

    def result(data: Any, **options: Any) -> Any:
        return differential_expression(data, FORMULA, CONTRAST, **OPTIONS, **options)

    reference = result(ad.AnnData(counts.astype(np.float32), obs=obs), threads=1)
    assert reference.outliers.refitted.any()
    assert reference.fit.zeros_by_rule.any()
    expected = digest(reference.fit)

    def row(item: str, results: Iterator[tuple[str, Any]]) -> None:
        labels, broken = [], []
        for label, found in results:
            wrong = differing(expected, digest(found.fit))
            if not found.table[list(reference.table)].equals(reference.table):
                wrong += " table"
            if not np.array_equal(found.outliers.replaced_count, reference.outliers.replaced_count):
                wrong += " replaced counts"
            labels.append(label)
            broken += [f"{label}: {wrong}"] if wrong else []
        required = "same SHA-256 of every array, same table"
        table.row(item, required, "; ".join(broken or labels), not broken)

    row("large: storage", ((k, result(data)) for k, data in stored(counts, obs, folder)))
    path = folder / "CSR.h5ad"
    limits = ("600MB", "1GB", "4GB")
    row("large: memory_limit", ((m, result(path, memory_limit=m)) for m in limits))
    row("large: put in the order of the genes", in_runs(lambda: result(path)))
    row("large: threads", ((str(t), result(path, threads=t)) for t in (1, 2, 4)))
    row("large: blocks", ((str(b), result(path, block_size=b)) for b in (1, 7, 100)))
    place = folder / "checkpoint"
    row("large: checkpoint", ((k, result(path, checkpoint=place)) for k in ("new", "resumed")))


def in_runs(make: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """Yield results of counts that are turned in runs, as if there were not memory for all."""
    for on_disk in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            stored_runs(patch, on_disk=on_disk)
            yield "on disk" if on_disk else "in memory, run by run", make()


def check_zeros(table: Table) -> None:
    """Zeros by the rule beside zeros that are visited one by one."""
    counts, obs = small_study()
    rule, visits = (
        differential_expression(counts, FORMULA, CONTRAST, obs=obs, zeros=zeros, **OPTIONS)
        for zeros in ("auto", "visit")
    )
    finite = np.isfinite(visits.fit.coefficients) & np.isfinite(visits.fit.standard_errors)
    far = (rule.fit.coefficients - visits.fit.coefficients)[finite]
    worst = float(np.max(np.abs(far) / visits.fit.standard_errors[finite]))
    share = rule.fit.zeros_by_rule.mean()
    table.row(
        "large: zeros by the rule, coefficients", f"<= {CLOSE:.0e} standard errors",
        f"{worst:.1e}, {share:.0%} of the genes by the rule", worst <= CLOSE,
    )  # fmt: skip
    one, other = rule.outliers, visits.outliers
    same = all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in (
            "outlier", "refitted", "replaced_gene", "replaced_sample", "replaced_count",
        )
    )  # fmt: skip
    table.row(
        "large: zeros by the rule, outliers", "the same as of all samples",
        f"{one.replaced_count.size} counts replaced in {int(one.refitted.sum())} genes", same,
    )  # fmt: skip
