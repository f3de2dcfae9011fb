"""Codings at full size: exact maps, condition numbers, what they cost a solver, real designs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from countglm import Reconditioned, Status, fit_glm, recondition
from tests.accept.table import Table
from tests.support.cases import data_folder
from tests.support.deep_scan import DeepScan, simulate_deep_scan

# Before the folder of this file, which has a table of its own.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from reconditioning import CODINGS, LAMBDA, compare

STUDIES = {
    "airway": "~ cell + dex",
    "fission": "~ strain * minute",
    "mammary_gse60450": "~ CellTypeStatus",
    "gse96870_cerebellum": "~ sex * time",
}
FACTORS = ("cell", "dex", "strain", "minute", "CellTypeStatus", "sex", "time")
GENES = 500


def check(table: Table) -> None:
    """Fill the table."""
    for joint in (False, True):
        scan = simulate_deep_scan(4_000 if table.quick else 20_000, joint=joint)
        label = "joint scan" if joint else "scan in blocks"
        maps(table, label, scan)
        solver(table, label, scan, joint)
    lapack(table)
    real(table)


def made_of(scan: DeepScan, **options: Any) -> Reconditioned:
    return recondition(
        scan.design, "rereference", names=scan.names, conditions=scan.conditions, **options
    )


def maps(table: Table, label: str, scan: DeepScan) -> None:
    """The maps invert each other and make the matrix; whole coefficients pass without rounding."""
    sites = [name.split(".")[0] if "." in name else None for name in scan.names]
    for name, options in {"": {}, ", sites": {"sites": sites}, ", scaled": {"scale": True}}.items():
        if "sites" in options and "joint" in label:
            continue
        made = made_of(scan, **options)
        forward, backward = made.transformation, made.inverse_transformation
        one = abs(forward @ backward - sparse.eye_array(len(scan.names))).max()
        same = abs(scan.design @ forward - made.matrix).max()
        gamma = np.random.default_rng(1).integers(-999, 1000, (3, len(scan.names))).astype(float)
        beta = made.map_coefficients(gamma)
        fitted = np.abs(scan.design @ beta.T - made.matrix @ gamma.T).max()
        there = np.abs(made.inverse_coefficients(beta) - gamma).max()
        worst = max(one, same, fitted, there)
        table.row(f"{label}{name}, maps", "exact", f"largest error {worst:g}", worst == 0.0)


def solver(table: Table, label: str, scan: DeepScan, joint: bool) -> None:
    """Condition numbers and iterations before and after, and the optimum mapped back."""
    penalty = np.zeros(len(scan.names))
    if joint:
        penalty[scan.shifts] = LAMBDA
    wanted = ("as given", "own wild type", "own wild type, scaled")
    rows = {row["coding"]: row for row in compare(scan, penalty, {n: CODINGS[n] for n in wanted})}
    before = rows["as given"]
    for name in wanted[1:]:
        after = rows[name]
        condition = before["scaled"] / after["scaled"]
        iterations = before["iterations"] / after["iterations"]
        table.row(
            f"{label}, {name}",
            "condition 5 times less, FISTA 3 times",
            f"{before['scaled']:.0f} to {after['scaled']:.1f} ({condition:.1f} times), "
            f"{before['iterations']:,} to {after['iterations']:,} ({iterations:.1f} times)",
            condition >= 5.0 and iterations >= 3.0,
        )
    worst = max(row["difference"] for row in rows.values())
    table.row(f"{label}, mapped back", "equal to 1e-10", f"{worst:.1e}", worst <= 1e-10)


def lapack(table: Table) -> None:
    """Bidiagonalisation against LAPACK on one condition's block."""
    scan = simulate_deep_scan(6_000, sites=40, conditions=2, bundle=10)
    dense = scan.design.toarray()
    found = made_of(scan, wild_type={}).condition_before
    worst = 0.0
    for value, matrix in (
        (found.raw, dense),
        (found.scaled, dense / np.linalg.norm(dense, axis=0)),
    ):
        singular = np.sqrt(np.linalg.eigvalsh(matrix.T @ matrix))
        worst = max(worst, abs(value / (singular[-1] / singular[0]) - 1.0))
    table.row("condition number, 6,000 x 1,602", "LAPACK's to 1e-4", f"{worst:.1e}", worst <= 1e-4)


def real(table: Table) -> None:
    """Fits of real studies in every coding, mapped back to the formula's."""
    folder = data_folder()
    if folder is None:
        table.not_run("real designs", "COUNTGLM_TEST_DATA is not set")
        return
    for name, formula in STUDIES.items():
        counts = pd.read_csv(folder / name / "counts.csv.gz", index_col=0, dtype={0: str}).T
        obs = pd.read_csv(folder / name / "samples.csv", index_col=0)
        for factor in set(FACTORS) & set(obs.columns):
            obs[factor] = obs[factor].astype(str)
        counts = counts.loc[:, (counts.sum() >= 50).to_numpy()].iloc[:, :GENES]
        own = fit_glm(counts, formula, obs=obs, dispersion=0.1)
        good = own.status == Status.CONVERGED
        worst, numbers = 0.0, []
        for coding in ("cell_means", "sum", "rereference", "qr"):
            made = recondition(formula, coding, obs=obs)
            fit = fit_glm(counts, made.design, dispersion=0.1)
            beta = made.map_coefficients(fit.coefficients[good])
            worst = max(worst, np.abs(beta - own.coefficients[good]).max())
            numbers.append(f"{coding} {made.condition_after.scaled:.2g}")
        before = recondition(formula, "sum", obs=obs).condition_before.scaled
        table.row(
            f"{name}, {int(good.sum())} genes",
            "mapped back equal to 1e-8",
            f"{worst:.1e}; condition {before:.3g} as given, {', '.join(numbers)}",
            worst <= 1e-8,
        )
