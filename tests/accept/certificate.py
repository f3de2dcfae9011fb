"""Distance to the optimum against fifty digits, and whether the certificate covers it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from countglm import Status, fit_glm
from tests.accept.table import Table
from tests.support import cases
from tests.support import reference as ref
from tests.support.separation import separated_samples

LARGEST_DISTANCE = 1e-8


@dataclass
class Tally:
    """Worst values over the genes of one fit, and the genes that break a claim."""

    genes: int = 0
    distance: float = 0.0
    bound_ratio: float = np.inf
    decrement_ratio: float = np.inf
    standard_error: float = 0.0
    log_likelihood: float = 0.0
    largest_bound: float = 0.0
    wrong_status: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def claims(self) -> list[tuple[str, str, str, bool]]:
        """Rows of the acceptance table."""
        return [
            (
                "distance to the optimum",
                f"<= {LARGEST_DISTANCE:.0e} SE",
                f"{self.distance:.1e} ({self.genes} genes)",
                self.distance <= LARGEST_DISTANCE,
            ),
            (
                "distance_bound / distance",
                ">= 1",
                f"smallest {self.bound_ratio:.3g}, largest bound {self.largest_bound:.1e}",
                self.bound_ratio >= 1,
            ),
            (
                "newton_decrement / distance",
                ">= 1",
                f"smallest {self.decrement_ratio:.3g}",
                self.decrement_ratio >= 1,
            ),
            (
                "standard errors, relative",
                "<= 1e-9",
                f"{self.standard_error:.1e}",
                self.standard_error <= 1e-9,
            ),
            (
                "log-likelihood / max(1, |value|)",
                "<= 1e-12",
                f"{self.log_likelihood:.1e}",
                self.log_likelihood <= 1e-12,
            ),
            (
                "status against the linear program",
                "all agree",
                f"{len(self.wrong_status)} disagree",
                not self.wrong_status,
            ),
        ]


@dataclass(frozen=True)
class Gene:
    """What the reference needs about one gene of a fit."""

    name: str
    counts: np.ndarray
    offset: np.ndarray | None
    weights: np.ndarray | None


def gene_of(fit: Any, counts: np.ndarray, index: int) -> Gene:
    """Cut one gene out of the fit's inputs."""

    def column(values: np.ndarray | None) -> np.ndarray | None:
        return values if values is None or values.ndim == 1 else values[:, index]

    return Gene(
        str(fit.gene_names[index]),
        np.asarray(counts[:, index], dtype=float),
        column(fit.offset),
        column(fit.weights),
    )


def check_gene(fit: Any, gene: Gene, index: int, tally: Tally, cache: dict[Any, Any]) -> None:
    """Compare one gene with the reference and update the tally."""
    design = fit.design.matrix
    live = np.ones(gene.counts.size, bool) if gene.weights is None else gene.weights > 0
    status = Status(int(fit.status[index]))
    if np.linalg.matrix_rank(design[live]) < design.shape[1]:
        expected = [Status.SINGULAR]
    elif not gene.counts[live].any():
        expected = [Status.ALL_ZERO]
    elif (mask := separated_samples(design[live], gene.counts[live] > 0)).any():
        expected = [Status.SEPARATED]
        pattern = int(fit.separation_pattern[index])
        if pattern < 0 or np.any(fit.separated_samples[pattern][live] != mask):
            tally.wrong_status.append(f"{gene.name}: other separated samples than the program's")
    else:
        expected = [Status.CONVERGED, Status.BOUNDARY_DISPERSION]
    if status not in expected:
        tally.wrong_status.append(f"{gene.name}: {status.name}, expected {expected[0].name}")
    if expected[0] is not Status.CONVERGED:
        return
    reported, alpha = fit.coefficients[index], float(fit.dispersion[index])
    if not fit.converged[index] or not np.all(np.isfinite(reported)):
        tally.distance = np.inf
        tally.broken.append(
            f"{gene.name}: {status.name}, coefficients {reported}, alpha {alpha!r}, "
            f"counts {gene.counts.tolist()}"
        )
        return
    problem = ref.make_problem(
        gene.counts,
        design,
        size_factors=fit.size_factors,
        offset=gene.offset,
        weights=gene.weights,
    )
    key = (gene.name, alpha)
    if key not in cache:
        best = ref.maximise(problem, alpha, start=reported)
        errors = np.array([float(v) for v in ref.standard_errors(problem, best, alpha)])
        with ref.mp.workdps(ref.DIGITS):
            cache[key] = best, errors, float(ref.log_likelihood(problem, best, alpha))
    compare(fit, gene, index, tally, (problem, *cache[key]))


def compare(fit: Any, gene: Gene, index: int, tally: Tally, reference: tuple[Any, ...]) -> None:
    """Measure the reported numbers of one gene against the reference's optimum."""
    problem, best, errors, value = reference
    alpha = float(fit.dispersion[index])
    distance = ref.distance(problem, fit.coefficients[index], best, alpha)
    bound, decrement = float(fit.distance_bound[index]), float(fit.newton_decrement[index])
    tally.genes += 1
    tally.distance = max(tally.distance, distance)
    tally.bound_ratio = min(tally.bound_ratio, bound / max(distance, 1e-300))
    tally.decrement_ratio = min(tally.decrement_ratio, decrement / max(distance, 1e-300))
    tally.largest_bound = max(tally.largest_bound, bound)
    spread = float(np.max(np.abs(fit.standard_errors[index] / errors - 1)))
    tally.standard_error = max(tally.standard_error, spread)
    gap = abs(float(fit.log_likelihood[index]) - value) / max(1.0, abs(value))
    tally.log_likelihood = max(tally.log_likelihood, gap)
    good = distance <= LARGEST_DISTANCE and bound >= distance and decrement >= distance
    # NaN compares false and is caught here.
    if not (good and spread <= 1e-9 and gap <= 1e-12):
        tally.broken.append(
            f"{gene.name}: distance {distance:.3e}, bound {bound:.3e}, decrement {decrement:.3e}, "
            f"se {spread:.1e}, log-likelihood {gap:.1e}, alpha {alpha!r}, "
            f"status {Status(int(fit.status[index])).name}, counts {gene.counts.tolist()}"
        )


def report(table: Table, label: str, tally: Tally) -> None:
    """Write the tally of one group of fits into the table."""
    for item, required, measured, ok in tally.claims():
        table.row(f"{label}: {item}", required, measured, ok)
    for line in [*tally.wrong_status, *tally.broken][:6]:
        table.detail(line)


def check_studies(table: Table) -> None:
    """Real studies, both families, both solvers, random genes with counts."""
    size = 20 if table.quick else 200
    for name in cases.FORMULAS:
        study = cases.study(name)
        if study is None:
            table.not_run(f"{name}: distance to the optimum", "COUNTGLM_TEST_DATA is not set")
            continue
        counts = study.counts.to_numpy()
        rng = np.random.default_rng(20240 + len(name))
        candidates = rng.permutation(np.flatnonzero(counts.sum(axis=0) > 0))
        for family in ("nb", "poisson"):
            cache: dict[Any, Any] = {}
            for solver in ("irls", "newton"):
                fit = fit_glm(
                    study.counts, study.formula, obs=study.obs, family=family, solver=solver
                )
                tally = Tally()
                # Genes without a finite estimate only count for their status.
                for index in candidates:
                    check_gene(fit, gene_of(fit, counts, index), int(index), tally, cache)
                    if tally.genes == size:
                        break
                report(table, f"{name} {family} {solver}", tally)


def check_extremes(table: Table) -> None:
    """Simulated extremes: dispersion 1e-12..1e3, counts to 4e9, offsets, year of birth, weights."""
    tallies = {solver: Tally() for solver in ("irls", "newton")}
    for case in cases.extremes(7, 4 if table.quick else 25):
        cache: dict[Any, Any] = {}
        for solver, tally in tallies.items():
            fit = fit_glm(
                case.counts,
                case.design,
                dispersion=case.dispersion,
                size_factors=cases.size_factors_of(case.counts),
                solver=solver,
                **case.options,
            )
            before = len(tally.broken)
            for index in range(case.counts.shape[1]):
                check_gene(fit, gene_of(fit, case.counts, index), index, tally, cache)
            tally.broken[before:] = [f"{case.name}: {line}" for line in tally.broken[before:]]
    for solver, tally in tallies.items():
        report(table, f"extremes {solver}", tally)


def check(table: Table) -> None:
    """Fill the table with the distances of studies and extremes."""
    check_studies(table)
    check_extremes(table)
