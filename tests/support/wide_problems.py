"""Small wide problems of every family and penalty, and their minima by a conic solver."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from countglm import ConditionDesign, condition_design, penalties

Floats = NDArray[np.float64]
FAMILIES = ("nb", "poisson", "binomial", "gaussian")
KINDS = ("pairwise", "chain", "reference", "graph", "lasso", "matrix")
ALPHA = 0.3


@dataclass(frozen=True)
class WideCase:
    """Responses with a design, a penalty and what the family needs."""

    y: Floats
    design: ConditionDesign
    penalty: Any
    rows: Floats
    options: dict[str, Any]
    offset: Floats
    weights: Floats


def wide_case(seed: int, n: int = 150, features: int = 5, conditions: int = 3) -> WideCase:
    """Return a problem of the family and penalty that the number tells."""
    rng = np.random.default_rng([8, seed])
    family = FAMILIES[seed % len(FAMILIES)]
    kind = KINDS[(seed // len(FAMILIES)) % len(KINDS)]
    x = (rng.random((n, features)) < 0.4).astype(float)
    condition = np.array(list("abcdefgh"))[:conditions][rng.integers(0, conditions, n)]
    design = condition_design(sparse.csr_matrix(x), condition)
    effects = rng.normal(0.0, 0.5, features)
    eta = x @ effects + np.where(condition == "b", x[:, 0], 0.0)
    offset = rng.normal(0.0, 0.2, n)
    weights = rng.choice([0.0, 0.5, 1.0, 2.0], n, p=[0.05, 0.15, 0.7, 0.1])
    options: dict[str, Any] = {"family": family}
    if family == "binomial":
        trials = rng.integers(1, 6, n).astype(float)
        options["trials"] = trials
        y = rng.binomial(trials.astype(int), 1.0 / (1.0 + np.exp(-eta))).astype(float)
    elif family == "gaussian":
        y = eta + rng.normal(size=n)
    else:
        mu = np.exp(1.5 + eta + offset)
        if family == "nb":
            options["dispersion"] = ALPHA
            y = rng.negative_binomial(1.0 / ALPHA, 1.0 / (1.0 + ALPHA * mu)).astype(float)
        else:
            y = rng.poisson(mu).astype(float)
    penalty, rows = _penalty(kind, design, rng)
    return WideCase(y, design, penalty, rows, options, offset, weights)


def _penalty(kind: str, design: ConditionDesign, rng: np.random.Generator) -> tuple[Any, Floats]:
    """Return a penalty and its rows, written out one by one."""
    p = len(design.names)
    levels = len(design.conditions)
    pairs = {
        "pairwise": [(i, j) for i in range(levels) for j in range(i + 1, levels)],
        "chain": [(i + 1, i) for i in range(levels - 1)],
        "reference": [(i, 1) for i in range(levels) if i != 1],
        "graph": [(0, levels - 1)],
    }.get(kind, [])
    rows = []
    for columns in design.columns:
        for one, other in pairs:
            row = np.zeros(p)
            row[columns[one]], row[columns[other]] = 1.0, -1.0
            rows.append(row)
    factor = design.factor
    if kind == "lasso":
        return penalties.lasso(), np.eye(p)[: design.columns.size]
    if kind == "matrix":
        own = rng.normal(size=(p // 2, p)) * (rng.random((p // 2, p)) < 0.3)
        own = own[own.any(axis=1)]
        return sparse.csr_matrix(own), own
    made = {
        "pairwise": lambda: penalties.pairwise(factor),
        "chain": lambda: penalties.chain(factor),
        "reference": lambda: penalties.to_reference(factor, design.conditions[1]),
        "graph": lambda: penalties.graph(factor, [(design.conditions[0], design.conditions[-1])]),
    }
    return made[kind](), np.array(rows)


def conic_minimum(case: WideCase, lam: float, ridge: float) -> Floats:
    """Return the coefficients by CVXPY with Clarabel."""
    import cvxpy as cp

    counted = case.weights > 0.0
    x = case.design.matrix.toarray()[counted]
    beta = cp.Variable(x.shape[1])
    eta = x @ beta + case.offset[counted]
    y, w = case.y[counted], case.weights[counted]
    family = case.options["family"]
    if family == "poisson":
        loss = w @ cp.exp(eta) - (w * y) @ eta
    elif family == "nb":
        loss = (w * (y + 1.0 / ALPHA)) @ cp.logistic(eta + np.log(ALPHA)) - (w * y) @ eta
    elif family == "binomial":
        loss = (w * case.options["trials"][counted]) @ cp.logistic(eta) - (w * y) @ eta
    else:
        loss = 0.5 * cp.sum_squares(cp.multiply(np.sqrt(w), y - eta))
    total = loss + lam * cp.norm1(case.rows @ beta) + 0.5 * ridge * cp.sum_squares(beta)
    best = (np.inf, np.zeros(x.shape[1]))
    # Where it stops on the way, in other units of the objective or less closely it may end nearer.
    for unit, close in product((1.0, 0.1, 0.01), (1e-12, 1e-10)):
        limits = {"tol_gap_abs": close, "tol_gap_rel": close, "tol_feas": close}
        problem = cp.Problem(cp.Minimize(unit * total))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver="CLARABEL", **limits)
        if beta.value is not None:
            found = np.asarray(beta.value)
            best = min(best, (objective(case, found, lam, ridge), found), key=lambda end: end[0])
        if problem.status == "optimal":
            break
    return best[1]


def objective(case: WideCase, beta: Floats, lam: float, ridge: float) -> float:
    """Return the objective up to a constant, written out."""
    eta = case.design.matrix @ beta + case.offset
    y, w = case.y, case.weights
    family = case.options["family"]
    if family == "poisson":
        loss = np.exp(eta) - y * eta
    elif family == "nb":
        loss = (y + 1.0 / ALPHA) * np.logaddexp(0.0, eta + np.log(ALPHA)) - y * eta
    elif family == "binomial":
        loss = case.options["trials"] * np.logaddexp(0.0, eta) - y * eta
    else:
        loss = 0.5 * (y - eta) ** 2
    penalty = lam * np.abs(case.rows @ beta).sum()
    return float(w @ loss + penalty + 0.5 * ridge * beta @ beta)
