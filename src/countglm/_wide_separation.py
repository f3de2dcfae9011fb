"""Columns that run to infinity together, found from a fit that is near its best (18.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._wide_clusters import ends
from ._wide_problem import Rows
from .kernels.families import BINOMIAL

Floats = NDArray[np.float64]
# Larger programs are not solved; parts of a direction below this are rounding.
LARGEST, ROUNDING = 500_000, 1e-6
# Rows of a direction lose no more than the gap, which is known to about this.
WIDER = 10.0


def direction(matrix: Any, rows: Rows, ridge: Floats, eta: Floats, gap: float) -> Floats:
    """Return coefficients (p,) along which a fit gets ever better; 0 where there are none.

    Of a fit that is within ``gap`` of its best only rows that lose less than that can still get
    better, so that most fits need no linear program.  It moves as many rows as can be moved, every
    one of them towards its end.
    """
    p = matrix.shape[1]
    push = ends(rows)
    known = (rows.weight > 0.0) & ((rows.code != BINOMIAL) | (rows.size > 0.0))
    # At the end that a row is pushed to its loss is its mean, or its chance of the other response.
    scale = np.where(rows.code == BINOMIAL, rows.size, 1.0) * rows.weight
    loss = scale * np.exp(np.minimum(-push * eta, 50.0))
    moving = known & (push != 0.0) & (loss <= WIDER * gap)
    columns = np.flatnonzero(ridge == 0.0)
    if not moving.any() or not columns.size or matrix.nnz > LARGEST:
        return np.zeros(p)
    largest = abs(matrix).max(axis=0).toarray().ravel()[columns]
    scaled = matrix[:, columns].multiply(1.0 / np.where(largest > 0.0, largest, 1.0)).tocsr()
    found = _program(scaled[moving].multiply(push[moving][:, None]), scaled[known & ~moving])
    whole = np.zeros(p)
    whole[columns] = found / np.where(largest > 0.0, largest, 1.0)
    return whole


def _program(moving: Any, still: Any) -> Floats:
    """Return d with ``moving d >= 0`` and ``still d = 0`` that moves the most rows."""
    from scipy import sparse
    from scipy.optimize import linprog

    m, p = moving.shape
    program: Any = linprog
    answer = program(
        np.r_[np.zeros(p), -np.ones(m)],
        A_ub=sparse.hstack([-moving, sparse.identity(m)]).tocsr(), b_ub=np.zeros(m),
        A_eq=sparse.hstack([still, sparse.csr_matrix((still.shape[0], m))]).tocsr(),
        b_eq=np.zeros(still.shape[0]), bounds=[(None, None)] * p + [(0.0, 1.0)] * m,
        method="highs",
    )  # fmt: skip
    if answer.x is None or -answer.fun < 0.5:
        return np.zeros(p)
    found = np.asarray(answer.x[:p])
    return np.where(np.abs(found) > ROUNDING * np.abs(found).max(), found, 0.0)
