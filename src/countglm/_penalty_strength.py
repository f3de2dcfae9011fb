"""The least penalty from which on all that is penalised is held together (docs/math.md, 16.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._gram_schmidt import gram_schmidt
from .basis import invert_upper, products

if TYPE_CHECKING:
    from .penalties import Differences

Floats = NDArray[np.float64]
# Up to so many effects every way to part them in two is looked at.
_PARTED = 12
_TILE = 256


def null_space(rows: Floats) -> Floats:
    """Orthonormal directions (p, q) that no row (m, p) sees."""
    p = rows.shape[1]
    q, _, independent = gram_schmidt(np.hstack([rows.T, np.eye(p)]), 1e-9)
    chosen = np.flatnonzero(independent)
    return np.asarray(q[:, chosen[chosen >= rows.shape[0]]])


def largest_penalties(differences: Differences, rows: Floats, score: Floats) -> Floats:
    """Return the least penalty (n_genes,) at which no difference is left.

    ``score`` (n_genes, p) is the gradient of the smooth part where all differences are 0, and
    ``rows`` (m, p) the differences, in the same coordinates. It is
    ``min max_k |v_k| / cost_k`` over ``rows' v = -score``.
    """
    independent = gram_schmidt(rows.T, 1e-9)[2]
    if independent.all():
        v = products(-score, _right_inverse(rows))
        return _worst(v, differences.cost)
    balance = _balances(differences, rows, score)
    if balance is None:
        return _by_program(rows, differences.cost, score)
    if differences.kind == "pairwise" and (differences.cost == differences.cost[0]).all():
        return np.asarray(_of_pairs(balance) / float(differences.cost[0]))
    if len(differences.nodes) <= _PARTED:
        return _of_parts(differences, balance)
    return _by_program(rows, differences.cost, score)


def _worst(v: Floats, cost: Floats) -> Floats:
    return np.asarray((np.abs(v) / cost).max(axis=1))


def _right_inverse(rows: Floats) -> Floats:
    """``B`` (p, m) with ``v = s B`` where ``rows' v = s``, for independent rows (m, p)."""
    q, r, _ = gram_schmidt(rows.T)
    return np.asarray(products(q, invert_upper(r).T))


def _balances(differences: Differences, rows: Floats, score: Floats) -> Floats | None:
    """What flows out of every effect (n_genes, n_nodes), or None where that is not determined."""
    m, k = rows.shape[0], len(differences.nodes)
    incidence = np.zeros((m, k))
    incidence[np.arange(m), differences.first] = 1.0
    incidence[np.arange(m), differences.second] -= 1.0
    tree = np.flatnonzero(gram_schmidt(incidence.T, 1e-9)[2])
    if tree.size != int(gram_schmidt(rows.T, 1e-9)[2].sum()):
        return None
    flow = products(-score, _right_inverse(rows[tree]))
    return products(flow, incidence[tree])


def _of_pairs(balance: Floats) -> Floats:
    """All pairs at equal cost: the worst part of the effects is the top of them in order."""
    k = balance.shape[1]
    top = np.cumsum(-np.sort(-balance, axis=1), axis=1)[:, :-1]
    inside = np.arange(1, k)
    return np.asarray((np.abs(top) / (inside * (k - inside))).max(axis=1))


def _of_parts(differences: Differences, balance: Floats) -> Floats:
    """Max-flow min-cut: the worst ratio of what must leave a part of the effects to its edges."""
    k = balance.shape[1]
    parts = (np.arange(1, 2 ** (k - 1))[:, None] >> np.arange(k)[None, :]) & 1
    cut = np.add.reduce(
        differences.cost * (parts[:, differences.first] != parts[:, differences.second]), axis=1
    )
    kept = cut > 0.0
    # The part for every column of what flows.
    shares = (parts[kept] / cut[kept, None]).T
    largest = np.empty(balance.shape[0])
    for start in range(0, balance.shape[0], _TILE):
        some = balance[start : start + _TILE]
        largest[start : start + _TILE] = np.abs(products(some, shares)).max(axis=1)
    return largest


def _by_program(rows: Floats, cost: Floats, score: Floats) -> Floats:
    """The definition as a linear program, gene by gene."""
    from scipy.optimize import linprog

    m, p = rows.shape
    # Any solution bounds the least from above: this one stands where the program gives none.
    tree = np.flatnonzero(gram_schmidt(rows.T, 1e-9)[2])
    largest = _worst(products(-score, _right_inverse(rows[tree])), cost[tree])
    objective = np.r_[np.zeros(m), 1.0]
    bounds = [(None, None)] * m + [(0.0, None)]
    above = np.vstack(
        [np.hstack([np.eye(m), -cost[:, None]]), np.hstack([-np.eye(m), -cost[:, None]])]
    )
    equal = np.hstack([rows.T, np.zeros((p, 1))])
    for gene, gradient in enumerate(score):
        size = float(np.abs(gradient).max())
        if size == 0.0:
            continue
        found = linprog(
            objective, A_ub=above, b_ub=np.zeros(2 * m), A_eq=equal, b_eq=-gradient / size,
            bounds=bounds, method="highs",
        )  # fmt: skip
        if found.fun is not None:
            largest[gene] = size * float(found.fun)
    return largest
