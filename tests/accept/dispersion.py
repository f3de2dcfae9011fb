"""Dispersion: no grid finds a higher adjusted profile likelihood than the reported alpha."""

from __future__ import annotations

from typing import Any

import numpy as np

from countglm import Status, fit_glm
from tests.accept.table import Table
from tests.support import cases
from tests.support.profile import adjusted_profile_grid

TOLERANCE = 1e-8
POINTS = 200


def excess(
    fit: Any, counts: np.ndarray, index: int, weights: np.ndarray | None = None
) -> tuple[float, float]:
    """Return how far the best of two grids lies above the reported alpha, and where.

    The first grid covers 0 and 1e-9 to the upper end; the second is 200 points around the
    reported value.
    """
    cap = float(max(10, counts.shape[0]))
    alpha = float(fit.dispersion[index])
    wide = np.concatenate([[0.0], np.geomspace(1e-9, cap, POINTS - 1)])
    near = np.minimum(alpha * np.geomspace(0.5, 2.0, POINTS), cap)
    grid = np.concatenate([[alpha], wide, near])
    values = adjusted_profile_grid(
        counts[:, index], fit.design.matrix, np.log(fit.size_factors), grid, weights=weights
    )
    best = int(np.argmax(values))
    return float(values[best] - values[0]), float(grid[best])


def survey(table: Table, label: str, fits: list[tuple[Any, np.ndarray, np.ndarray]]) -> None:
    """Check the chosen genes of every (fit, counts, genes) and write one row."""
    worst, total, found = 0.0, 0, []
    boundary = {"0": 0, "upper": 0}
    for fit, counts, chosen in fits:
        cap = float(max(10, counts.shape[0]))
        for index in chosen:
            higher, where = excess(fit, counts, index)
            alpha, status = float(fit.dispersion[index]), Status(int(fit.status[index]))
            total += 1
            worst = max(worst, higher)
            boundary["0"] += alpha == 0.0
            boundary["upper"] += alpha == cap
            at_end = alpha in (0.0, cap)
            honest = status is Status.SEPARATED or at_end == (status is Status.BOUNDARY_DISPERSION)
            if not (higher <= TOLERANCE and honest):
                found.append(
                    f"{fit.gene_names[index]}: higher by {higher:.3e} at alpha {where!r}, "
                    f"reported {alpha!r} ({status.name}), counts {counts[:, index].tolist()}, "
                    f"size factors {fit.size_factors.tolist()}, "
                    f"design {fit.design.matrix.tolist()}"
                )
    table.row(
        f"dispersion {label}: best of 400 grid points above the reported alpha",
        f"<= {TOLERANCE:.0e}",
        f"{worst:.1e} ({total} genes; {boundary['0']} at 0, {boundary['upper']} at the upper end)",
        not found,
    )
    for line in found[:6]:
        table.detail(line)


def _with_own(fit: Any) -> np.ndarray:
    """Genes with a dispersion of their own: counts, and residual degrees of freedom."""
    return np.flatnonzero(np.isfinite(fit.dispersion))


def check(table: Table) -> None:
    """Fill the table: three studies and simulated small ones."""
    size = 30 if table.quick else 200
    for name in cases.FORMULAS:
        study = cases.study(name)
        if study is None:
            table.not_run(f"dispersion {name}", "COUNTGLM_TEST_DATA is not set")
            continue
        counts = study.counts.to_numpy().astype(float)
        fit = fit_glm(study.counts, study.formula, obs=study.obs)
        rng = np.random.default_rng(600 + len(name))
        chosen = rng.choice(_with_own(fit), size, replace=False)
        survey(table, name, [(fit, counts, chosen)])
    fits = []
    for case in cases.small_studies(11, size):
        fit = fit_glm(case.counts, case.design, size_factors="none")
        fits.append((fit, case.counts, _with_own(fit)))
    survey(table, "simulated, 4 to 8 samples", fits)
