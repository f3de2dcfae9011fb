"""The least penalty of a wide problem that leaves no difference (docs/math.md, 18.8)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._wide_structure import Structure
from .kernels.components import SINGLE

Floats = NDArray[np.float64]
# Components with more rows keep the bound from above.
LARGEST_PROGRAM = 5000


def largest_penalty(structure: Structure, v: Floats) -> tuple[float, Floats]:
    """Return ``min max |v| / cost`` over all ``v`` with the same D'v as that of the null fit.

    And a ``v`` (m,) that has it.

    Component by component: a formula for single columns; the multipliers themselves where the
    rows do not depend on each other; else a linear program, and only where the multipliers at
    hand exceed the largest found so far.
    """
    pieces = structure.pieces
    if not structure.rows.size:
        return 0.0, v
    entry_row = np.repeat(np.arange(structure.rows.size), np.diff(pieces.bounds))
    pull = np.bincount(
        pieces.places, pieces.values * v[entry_row], minlength=structure.columns.size
    )
    weight = np.bincount(
        pieces.places, np.abs(pieces.values) * structure.cost[entry_row],
        minlength=structure.columns.size,
    )  # fmt: skip
    owner = np.repeat(np.arange(pieces.kind.size), np.diff(pieces.columns))
    alone = (pieces.kind[owner] == SINGLE) & (weight > 0.0)
    largest = float((np.abs(pull[alone]) / weight[alone]).max(initial=0.0))
    best, row = v.copy(), entry_row[alone[pieces.places]]
    shares = np.divide(pull, weight, out=np.zeros(pull.size), where=alone)[pieces.places]
    signed = np.sign(pieces.values) * shares
    best[row] = (signed * structure.cost[entry_row])[alone[pieces.places]]
    others = np.flatnonzero((pieces.kind != SINGLE) & (np.diff(pieces.rows) > 0))
    shares = np.abs(v) / structure.cost
    bounds = np.array([shares[pieces.rows[c] : pieces.rows[c + 1]].max() for c in others.tolist()])
    for place in np.argsort(-bounds, kind="stable").tolist():
        if bounds[place] <= largest:
            break
        c = int(others[place])
        least, own = _of_component(structure, c, v, bounds[place])
        largest = max(largest, least)
        best[pieces.rows[c] : pieces.rows[c + 1]] = own
    return largest, best


def _of_component(structure: Structure, c: int, v: Floats, bound: float) -> tuple[float, Floats]:
    """Return the least for one component, at most ``bound``, with its multipliers."""
    from scipy import sparse
    from scipy.optimize import linprog

    pieces = structure.pieces
    rows = slice(int(pieces.rows[c]), int(pieces.rows[c + 1]))
    first, last = int(pieces.columns[c]), int(pieces.columns[c + 1])
    m, q = rows.stop - rows.start, last - first
    tree = m < q and bool(pieces.plain[rows].all())
    if tree or m > LARGEST_PROGRAM:
        # A connected graph with fewer edges than nodes is a tree: its v is the only one.
        return bound, v[rows]
    start, stop = pieces.bounds[rows.start], pieces.bounds[rows.stop]
    row = np.repeat(np.arange(m), np.diff(pieces.bounds[rows.start : rows.stop + 1]))
    d = sparse.csr_matrix(
        (pieces.values[start:stop], (row, pieces.places[start:stop] - first)), shape=(m, q)
    )
    here = v[rows] / bound
    pull = np.zeros(q)
    np.add.at(pull, pieces.places[start:stop] - first, pieces.values[start:stop] * here[row])
    cost = sparse.csr_matrix(structure.cost[rows][:, None])
    unit = sparse.identity(m, format="csr")
    above: Any = sparse.vstack([sparse.hstack([unit, -cost]), sparse.hstack([-unit, -cost])])
    equal: Any = sparse.hstack([d.T, sparse.csr_matrix((q, 1))])
    program: Any = linprog
    answer = program(
        np.r_[np.zeros(m), 1.0], A_ub=above.tocsr(), b_ub=np.zeros(2 * m), A_eq=equal.tocsr(),
        b_eq=pull, bounds=[(None, None)] * m + [(0.0, None)], method="highs",
    )  # fmt: skip
    if answer.fun is None or not answer.fun < 1.0:
        return bound, v[rows]
    return bound * float(answer.fun), bound * answer.x[:m]
