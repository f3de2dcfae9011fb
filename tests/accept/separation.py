"""Existence of the estimate against linear programs, over random small designs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from countglm import Status, fit_glm
from tests.accept.table import Table
from tests.support import reference as ref
from tests.support.separation import complete, exact_separated_samples, separated_samples


def factorial(rng: np.random.Generator) -> np.ndarray:
    """Two crossed factors with interaction in treatment coding, now and then with a covariate."""
    first, second = int(rng.integers(2, 4)), int(rng.integers(2, 6))
    cell = np.repeat(np.arange(first * second), int(rng.integers(2, 4)))
    one = (cell[:, None] // second == np.arange(1, first)).astype(float)
    two = (cell[:, None] % second == np.arange(1, second)).astype(float)
    both = (one[:, :, None] * two[:, None, :]).reshape(cell.size, -1)
    x = np.column_stack([np.ones(cell.size), one, two, both])
    if rng.random() < 0.3:
        x = np.column_stack([x, 1950.0 + rng.integers(0, 50, cell.size)])
    return x


def small(rng: np.random.Generator) -> np.ndarray:
    """Integers, 0/1 columns or real covariates for 3 to 9 samples, not always of full rank."""
    p = int(rng.integers(1, 5))
    n = int(rng.integers(max(3, p), 10))
    kind = rng.integers(3)
    if kind == 2:
        x = rng.normal(size=(n, p)) * rng.choice([1.0, 1e-3, 1e3], p)
    else:
        x = rng.integers(-1 if kind else 0, 3 if kind else 2, (n, p)).astype(float)
    if rng.random() < 0.6:
        x[:, 0] = 1.0
    return x


def random_design(rng: np.random.Generator) -> np.ndarray:
    """Full-rank design: small, or factors with interaction and up to 16 coefficients."""
    while True:
        x = factorial(rng) if rng.random() < 0.25 else small(rng)
        if np.linalg.matrix_rank(x) == x.shape[1]:
            return x


def random_counts(rng: np.random.Generator, n: int, genes: int) -> np.ndarray:
    """Counts (n, genes) with random zero patterns, none of them all zero."""
    counts = rng.poisson(10 ** rng.uniform(0, 3, genes), (n, genes)) + 1.0
    counts[rng.random((n, genes)) < rng.uniform(0.1, 0.9, genes)] = 0.0
    counts[rng.integers(0, n, genes), np.arange(genes)] += 3.0
    return counts


def problems_of_limit(fit: Any, counts: np.ndarray, index: int) -> list[str]:
    """What is wrong with a separated gene's limits, estimates, errors and supremum."""
    limit = complete(counts, fit.design.matrix, float(fit.dispersion[index]))
    beta, error = fit.coefficients[index], fit.standard_errors[index]
    finite = limit.limits == 0
    found = []
    if not np.array_equal(np.isnan(beta), np.isnan(limit.limits)):
        found.append("NaN in the wrong coefficients")
    infinite = np.abs(limit.limits) == 1
    if not np.array_equal(beta[infinite], limit.coefficients[infinite]):
        found.append("infinite coefficients of the wrong sign")
    gap = np.abs(beta[finite] - limit.coefficients[finite]) / limit.standard_errors[finite]
    if not np.all(gap <= 1e-8):
        found.append("finite coefficients off")
    if not np.allclose(error[finite], limit.standard_errors[finite], rtol=1e-9, atol=0):
        found.append("standard errors off")
    if not np.all(np.isnan(error[~finite])):
        found.append("standard error of a coefficient that is not finite")
    if abs(fit.log_likelihood[index] - limit.log_likelihood) > 1e-10 * max(
        1.0, abs(limit.log_likelihood)
    ):
        found.append("log-likelihood is not the supremum")
    if not np.array_equal(fit.mu([index])[:, 0] == 0, limit.separated):
        found.append("zero means on the wrong samples")
    if not found:
        return []
    return [
        f"{', '.join(found)}: counts {counts.tolist()}, design {fit.design.matrix.tolist()}, "
        f"alpha {float(fit.dispersion[index])!r}; reported {beta}, se {error}, "
        f"log-likelihood {fit.log_likelihood[index]!r}; reference {limit}"
    ]


@dataclass
class Survey:
    """What the random designs showed."""

    genes: int = 0
    separated: int = 0
    exact: int = 0
    exact_differs: int = 0
    limits: int = 0
    wrong: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    wrong_limits: list[str] = field(default_factory=list)


def representable(counts: np.ndarray, fit: Any) -> bool:
    """Whether the optimum has fitted means that float64 can hold, as a near-separation has not."""
    problem = ref.make_problem(counts, fit.design.matrix)
    alpha = float(fit.dispersion[0])
    with ref.mp.workdps(ref.DIGITS):
        best = ref.maximise(problem, alpha)
        return min(ref.linear_predictor(problem, best)) > -600


def examine(survey: Survey, rng: np.random.Generator, *, exact: bool, limits: bool) -> None:
    """Fit two genes of one random design and compare them with the programs."""
    design = random_design(rng)
    counts = random_counts(rng, design.shape[0], 2)
    alpha = float(rng.choice([0.0, 1e-6, 0.1, 5.0]))
    fit = fit_glm(counts, design, dispersion=alpha, size_factors="none", threads=1)
    for index in range(2):
        gene = counts[:, index]
        mask = separated_samples(design, gene > 0)
        survey.genes += 1
        survey.separated += bool(mask.any())
        if exact and design.shape[0] < 10:
            survey.exact += 1
            survey.exact_differs += bool(np.any(mask != exact_separated_samples(design, gene > 0)))
        status = Status(int(fit.status[index]))
        pattern = int(fit.separation_pattern[index])
        told = fit.separated_samples[pattern] if pattern >= 0 else np.zeros_like(mask)
        case = f"counts {gene.tolist()}, design {design.tolist()}, alpha {alpha}"
        if (status is Status.SEPARATED) != mask.any() or np.any(told != mask):
            survey.wrong.append(
                f"{status.name} {np.flatnonzero(told)}, program {np.flatnonzero(mask)}: {case}"
            )
        elif not mask.any() and status is not Status.CONVERGED and representable(gene, fit):
            survey.unfinished.append(f"{status.name}: {case}")
        elif mask.any() and limits and design.shape[0] < 10:
            survey.limits += 1
            survey.wrong_limits += problems_of_limit(fit, gene, index)


def check(table: Table) -> None:
    """Fill the table with the agreement over random designs."""
    rng = np.random.default_rng(99)
    designs = 500 if table.quick else 10_000
    survey = Survey()
    for number in range(designs):
        examine(survey, rng, exact=number % 20 == 0, limits=number % 10 == 0)
    table.row(
        "separation: status and separated samples against the linear program",
        f"all of {survey.genes} genes in {designs} designs agree",
        f"{len(survey.wrong)} disagree, {survey.separated} separated",
        not survey.wrong,
    )
    for line in survey.wrong[:6]:
        table.detail(line)
    table.row(
        "separation: estimates that exist and were not found",
        "none",
        str(len(survey.unfinished)),
        not survey.unfinished,
    )
    for line in survey.unfinished[:6]:
        table.detail(line)
    table.row(
        "separation: float program against exact rationals",
        "all agree",
        f"{survey.exact_differs} of {survey.exact} disagree",
        survey.exact_differs == 0,
    )
    table.row(
        "separation: limits, estimates, errors, supremum",
        "all as the reference",
        f"{len(survey.wrong_limits)} of {survey.limits} off",
        not survey.wrong_limits,
    )
    for line in survey.wrong_limits[:6]:
        table.detail(line)
