"""One wide penalised problem: other solvers, gaps at full size, bits, the largest penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from countglm import _wide_matrix, condition_design, fit_penalized, fit_penalized_wide
from countglm.penalties import pairwise
from tests.accept.table import Table
from tests.support.wide_problems import conic_minimum, wide_case

ALPHA = 0.2


def against_conic(table: Table) -> None:
    """Coefficients of both ways to hold differences against CVXPY with Clarabel."""
    count = 12 if table.quick else 50
    worst, gap, apart, seed_of = 0.0, 0.0, 0.0, -1
    for seed in range(count):
        case = wide_case(seed)
        ridge = 0.0 if seed % 3 else 0.1
        choices = {
            "offset": case.offset, "weights": case.weights, "ridge": ridge, "tol": 1e-14,
            **case.options,
        }  # fmt: skip
        path = fit_penalized_wide(
            case.y, case.design, case.penalty, lambdas=5, lambda_ratio=0.01, **choices
        )
        lam = path.lambdas[2:3]
        split = fit_penalized_wide(
            case.y, case.design, case.penalty, lambdas=lam, prox="admm", **choices
        )
        here = np.abs(path.coefficients[2] - conic_minimum(case, float(lam[0]), ridge)).max()
        gap = max(gap, path.relative_gap.max())
        apart = max(apart, np.abs(path.coefficients[2] - split.coefficients[0]).max())
        if here > worst:
            worst, seed_of = float(here), seed
    table.row(
        f"coefficients of {count} problems, four families and six penalties, and CVXPY's",
        "<= 1e-5", f"{worst:.1e}", worst <= 1e-5,
    )  # fmt: skip
    if worst > 1e-5:
        table.detail(f"seed {seed_of}")
    table.row("their relative gaps", "<= 1e-12", f"{gap:.1e}", gap <= 1e-12)
    table.row("their coefficients with ADMM", "<= 1e-5", f"{apart:.1e}", apart <= 1e-5)


def against_newton(table: Table) -> None:
    """The same genes by `fit_penalized`: coefficients, labels, the largest penalty."""
    genes = 6 if table.quick else 24
    rng = np.random.default_rng(11)
    group = np.repeat(np.arange(6), 6)
    shift = (group[:, None] == 1) * rng.normal(size=(1, genes))
    mu = np.exp(rng.normal(4.0, 1.0, (1, genes)) + shift)
    y = rng.negative_binomial(1.0 / ALPHA, 1.0 / (1.0 + ALPHA * mu))
    names = [f"g{k}" for k in range(6)]
    x = pd.DataFrame((group[:, None] == np.arange(6)).astype(float), columns=names)
    newton = fit_penalized(
        y, x, pairwise(names), dispersion=ALPHA, size_factors="none", lambdas=30, tol=1e-12
    )
    apart, labels, largest = 0.0, 0, 0.0
    for gene in range(genes):
        wide = fit_penalized_wide(
            y[:, gene], x, pairwise(names), dispersion=ALPHA, lambdas=newton.lambdas[gene],
            tol=1e-14,
        )  # fmt: skip
        apart = max(apart, float(np.abs(wide.coefficients - newton.coefficients[gene]).max()))
        labels += int((wide.labels[:, 0] != newton.labels[gene]).any(axis=1).sum())
        own = fit_penalized_wide(
            y[:, gene], x, pairwise(names), dispersion=ALPHA, lambdas=1, tol=1e-12
        ).largest
        largest = max(largest, abs(own / float(newton.lambdas[gene, 0]) - 1.0))
    what = f"{genes} genes x 30 penalties by proximal Newton"
    table.row(f"{what}: coefficients", "<= 1e-7", f"{apart:.1e}", apart <= 1e-7)
    table.row(f"{what}: other labels", "0", str(labels), labels == 0)
    table.row(f"{what}: largest penalty, relative", "<= 1e-6", f"{largest:.1e}", largest <= 1e-6)


def simulate(rows: int, features: int) -> tuple[Any, Any, Any]:
    """Counts of variants in three conditions, and which features differ."""
    rng = np.random.default_rng(12)
    count = rng.poisson(4.0, rows) + 1
    row = np.repeat(np.arange(rows), count)
    place = (row, rng.integers(0, features, row.size))
    x = sparse.coo_matrix((np.ones(row.size), place), shape=(rows, features)).tocsr()
    x.data[:] = 1.0
    condition = rng.integers(0, 3, rows)
    shift = np.where(np.arange(features) < features // 11, rng.choice([-1.0, 1.0], features), 0.0)
    mu = np.exp(2.0 + x @ rng.normal(0.0, 0.5, features) + (condition == 1) * (x @ shift))
    y = rng.negative_binomial(1.0 / 0.3, 1.0 / (1.0 + 0.3 * mu))
    return y, condition_design(x, np.array(["a", "b", "c"])[condition]), shift != 0.0


def full_size(table: Table) -> None:
    """Gaps of a path of 2,001 columns, what it finds, and its bits."""
    rows, features = (4_000, 133) if table.quick else (20_000, 666)
    y, design, differs = simulate(rows, features)
    worth = _wide_matrix.WORTH
    _wide_matrix.WORTH = 0
    try:
        one, two = (
            fit_penalized_wide(
                y, design, pairwise("condition"), dispersion=0.3, lambdas=25, threads=threads
            )
            for threads in (1, 2)
        )
    finally:
        _wide_matrix.WORTH = worth
    what = f"{rows:,} x {len(design.names):,}, 25 penalties"
    gap = float(one.relative_gap.max())
    table.row(f"{what}: relative gap", "<= 1e-8", f"{gap:.1e}", gap <= 1e-8)
    same = one.coefficients.tobytes() == two.coefficients.tobytes()
    same &= one.gap.tobytes() == two.gap.tobytes()
    table.row(f"{what}: bits of 1 and 2 threads", "the same", str(same), same)
    found = one.select().labels.max(axis=1) > 0
    share = float(found[differs].mean())
    wrong = float(found[~differs].mean())
    table.row(
        f"{what}: differences found, and invented, by BIC", ">= 90%, <= 2%",
        f"{share:.0%}, {wrong:.1%}", share >= 0.9 and wrong <= 0.02,
    )  # fmt: skip
    near = fit_penalized_wide(
        y, design, pairwise("condition"), dispersion=0.3,
        lambdas=one.largest * np.array([1.0 + 1e-6, 0.999]), tol=1e-10,
    )  # fmt: skip
    parts = near.labels.max(axis=(1, 2))
    table.row(
        f"{what}: labels at the largest penalty and 0.1% below", "one, more",
        f"{parts[0] + 1}, {parts[1] + 1}", parts[0] == 0 and parts[1] > 0,
    )  # fmt: skip


def check(table: Table) -> None:
    """Fill the table."""
    against_conic(table)
    against_newton(table)
    full_size(table)
