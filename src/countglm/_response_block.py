"""Genes of a block whose responses are no counts, and what fits of them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import inverse_factor
from ._tiles import Filled, Task, make_filled, make_layout, make_learnt, run_kernels
from .basis import Basis
from .kernels import columns

if TYPE_CHECKING:
    from ._response_fit import ResponseProblem

# A Poisson count of 3/4 starts at a mean of exactly 1, where its information is the weight.
UNIT = 0.75

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class ResponseBlock:
    """Genes [start, stop) of a problem: arrays (g, n), with one row where all genes share it."""

    def __init__(self, problem: ResponseProblem, start: int, stop: int) -> None:
        self.genes: Index = np.arange(start, stop)
        self.y: Floats = problem.counts.block(start, stop)
        self.trials: Floats = problem.trials.rows(start, stop)
        self.weight: Floats = problem.weights.rows(start, stop)
        self.offset: Floats = problem.offset.rows(start, stop)


def predictors(x: Floats, coefficients: Floats, offset: Floats) -> Floats:
    """Return linear predictors (g, n) of ``x`` (n, p), ``coefficients`` (g, p), ``offset``."""
    eta = np.zeros((coefficients.shape[0], x.shape[0])) + offset
    # One column after another: the order of addition is fixed, unlike in a BLAS product.
    for j in range(x.shape[1]):
        eta += coefficients[:, j, None] * x[:, j]
    return eta


def errors_and_leverage(rows: Floats, to_coef: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return standard errors (g, p) and largest leverages (g,) from an information (g, n).

    ``rows`` (n, r) are those of a basis, ``to_coef`` (p, r) leads from its coordinates to the
    coefficients.  NaN where the information is singular.
    """
    inverse = inverse_factor(rows, weight)
    n_genes, r = weight.shape[0], rows.shape[1]
    variance, leverage = np.zeros((n_genes, to_coef.shape[0])), np.zeros(weight.shape)
    for k in range(r):
        # Column k of the inverse: one direction of independent error.
        along, seen = np.zeros_like(variance), np.zeros_like(leverage)
        for j in range(k + 1):
            along += inverse[j, k][:, None] * to_coef[:, j]
            seen += inverse[j, k][:, None] * rows[:, j]
        variance += along * along
        leverage += seen * seen
    largest = np.max(leverage * weight, axis=1, initial=0.0)
    # Between rounding of a leverage of 1, and 1.
    return np.sqrt(variance), np.minimum(largest, 1.0)


def hessian_statistics(basis: Basis, order: Index | None, weight: Floats) -> Floats:
    """Return what the kernels say (k,) of X' W X, given W's diagonal (n,), in their columns.

    It is the information of Poisson counts at means of 1 (17.12).
    """
    p = basis.to_coef.shape[0]
    filled, shape = make_filled(1, p), (1, weight.size)
    own = weight if order is None else weight[order]
    task = Task(screened=False, estimate=False, cap=1.0, max_steps=0.0)
    run_kernels(
        np.full(shape, UNIT), np.zeros(shape), np.ascontiguousarray(own[None, :]), np.zeros(1),
        np.zeros(1), make_layout(basis, order), task, make_learnt(1, p), filled,
    )  # fmt: skip
    return np.array(filled.stats[0])


def copy_certificate(problem: ResponseProblem, genes: Index, filled: Filled) -> None:
    """Take over what the kernels certified of some genes."""
    problem.stats[genes] = filled.stats
    problem.counters[genes] = filled.counters
    problem.stats[genes, columns.LEAD] = np.nan
