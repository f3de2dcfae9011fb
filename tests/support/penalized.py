"""Small penalised problems of every family, and what must hold at their optimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from countglm._arguments import PerSample
from countglm._penalized_data import Data
from countglm._penalized_fit import Problem, make_problem
from countglm.design import Design
from countglm.kernels.duality import GAP, KKT, SOLVED
from countglm.penalties import Differences, Penalty, chain, graph, lasso, pairwise, to_reference

FAMILIES = ("poisson", "nb", "binomial", "gaussian")


@dataclass(frozen=True)
class Responses:
    """Responses (n_genes, n) of any family."""

    values: np.ndarray

    @property
    def n_genes(self) -> int:
        return int(self.values.shape[0])

    @property
    def n_samples(self) -> int:
        return int(self.values.shape[1])

    def block(self, start: int, stop: int) -> np.ndarray:
        return self.values[start:stop]


@dataclass(frozen=True)
class Case:
    """One gene with its model; ``size`` (n,) is the dispersion or the number of trials."""

    family: str
    y: np.ndarray
    design: Design
    differences: Differences
    lam: float
    offset: np.ndarray
    weight: np.ndarray
    size: np.ndarray
    ridge: np.ndarray

    def problem(self) -> Problem:
        """The package's problem of this one gene."""
        data = Data(
            Responses(self.y[None]), self.design.matrix, PerSample(self.offset),
            PerSample(self.weight), PerSample(self.size), self.family,
        )  # fmt: skip
        return make_problem(data, self.differences, self.ridge, 1e-9)

    def fit(self, lambdas: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (L, p) and facts (L, N_FACTS) of the package, from coefficients of 0."""
        problem = self.problem()
        grid = np.atleast_1d(np.asarray(self.lam if lambdas is None else lambdas, dtype=float))
        start = np.zeros((1, problem.x.shape[1]))
        found = problem.paths(np.ascontiguousarray(grid[None]), start, once)
        return found.coefficients[0], found.facts[0]


def once(task: Callable[[int, int], None]) -> None:
    """One block of one gene."""
    task(0, 1)


def groups_design(levels: int, replicates: int, rng: np.random.Generator) -> Design:
    """An intercept, a factor ``g`` in treatment coding, and a covariate."""
    level = np.repeat(np.arange(levels), replicates)
    codes = np.hstack([np.ones((levels, 1)), np.eye(levels)[:, 1:]])
    matrix = np.column_stack([codes[level], rng.normal(size=level.size)])
    coding = np.hstack([np.zeros((levels, 1)), np.eye(levels)[:, 1:], np.zeros((levels, 1))])
    names = ("Intercept", *(f"g[{chr(97 + k)}]" for k in range(1, levels)), "z")
    factors = {"g": tuple(chr(97 + k) for k in range(levels))}
    return Design(matrix, names, factors=factors, codings={"g": coding})


def penalty_of(kind: int, levels: int, rng: np.random.Generator) -> Penalty:
    """One of the five ready-made penalties, with costs."""
    names = [chr(97 + k) for k in range(levels)]
    some = rng.uniform(0.5, 2.0, levels * levels)
    edges = [(names[0], name) for name in names[2:]] + [(names[1], names[2])]
    return (
        pairwise("g", costs=some[: levels * (levels - 1) // 2]),
        chain("g", costs=some[: levels - 1]),
        to_reference("g", names[1]),
        graph("g", edges, costs=some[: len(edges)]),
        lasso(),
    )[kind]


def random_case(seed: int, family: str, kind: int) -> Case:
    """A gene of 3 to 6 groups, with offsets, weights, costs and now and then a ridge."""
    rng = np.random.default_rng([seed, kind])
    levels = int(rng.integers(3, 7))
    design = groups_design(levels, 4, rng)
    n, p = design.matrix.shape
    counted = family in ("nb", "poisson")
    beta = rng.normal(0.0, 0.7, p) * (rng.random(p) < 0.5)
    beta[0] += 3.0 if counted else 0.0
    offset, size = rng.normal(0.0, 0.3, n), np.ones(n)
    eta = design.matrix @ beta + offset
    if family == "poisson":
        y, size = rng.poisson(np.exp(eta)).astype(float), np.zeros(n)
    elif family == "nb":
        size = np.full(n, rng.uniform(0.02, 1.0))
        y = rng.negative_binomial(1.0 / size, 1.0 / (1.0 + size * np.exp(eta))).astype(float)
    elif family == "binomial":
        size = rng.integers(1, 20, n).astype(float)
        y = rng.binomial(size.astype(int), 1.0 / (1.0 + np.exp(-eta))).astype(float)
    else:
        y = eta + rng.normal(size=n)
    ridge = np.diag(rng.uniform(0.0, 0.3, p) * (seed % 3 == 0))
    differences = penalty_of(kind, levels, rng).of(design)
    lam = float(np.exp(rng.uniform(np.log(0.05), np.log(5.0))))
    weight = rng.uniform(0.5, 2.0, n)
    return Case(family, y, design, differences, lam, offset, weight, size, ridge)


__all__ = ["GAP", "KKT", "SOLVED", "Case", "groups_design", "once", "random_case"]
