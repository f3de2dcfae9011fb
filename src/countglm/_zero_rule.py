"""Zeros by a Gauss rule: their likelihood from a few nodes instead of one by one.

Samples with equal rows of the design differ by their offsets alone, so that the terms of their
zeros are sums of one smooth function of the log scale.  A Gauss rule for these log scales gives
such sums to rounding (docs/math.md, 3.7; Gautschi 2004, Orthogonal Polynomials, section 2.2;
Trefethen 2013, Approximation Theory and Approximation Practice, chapters 8 and 19).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# Bound on the relative error that nodes are added for, error that rounding may make of it, and the
# nodes beyond which a group is said to have no rule.
BOUND = 1e-14
ERROR = 1e-12
MAX_NODES = 128
# Visits that a node is worth, and the share of a gene's counts that may be other than zero.
NODE_COST = 4
MOST_NONZEROS = 0.5
# Beyond this count a sum over nonzeros above zeros loses too many digits (docs/math.md, 3.8).
LARGEST = 1e4
# Half width of the strip around the real axis in which the functions are bounded; below π.
STRIPS = np.linspace(0.4, 3.0, 27)
_KEPT = 4


class Quadrature(NamedTuple):
    """Nodes and weights (m,), and the bound on the relative error of sums of zeros' terms."""

    nodes: Floats
    weights: Floats
    error: float


@dataclass(frozen=True, eq=False)
class ZeroRule:
    """Groups of samples with equal rows of the design, and the nodes that stand for their zeros.

    Attributes
    ----------
    rows : (G, p)
        Distinct rows of the design.
    group : (n,) int32
        Group of every sample.
    scale, weight : (n,)
        Of every sample: what its mean is multiplied by, and likelihood weight.
    sizes : (G,)
        Samples of positive weight.
    bounds : (G + 1,)
        First nodes of the groups.
    nodes, masses : (m,)
        Log scales and weights of the nodes.
    extent : (G, 3)
        Smallest and largest scale, largest weight.
    error : float
        Bound on the relative error of any sum over the zeros of a group.
    """

    rows: Floats
    group: NDArray[np.int32]
    scale: Floats
    weight: Floats
    sizes: NDArray[np.intp]
    bounds: NDArray[np.int64]
    nodes: Floats
    masses: Floats
    extent: Floats
    error: float

    @property
    def n_samples(self) -> int:
        return self.group.size

    def serves(self, pointers: NDArray[np.int64], values: Floats) -> NDArray[np.bool_]:
        """Return which genes (g,) of these nonzeros are fitted by the rule."""
        sizes = np.diff(pointers)
        few = sizes <= MOST_NONZEROS * self.n_samples
        large = np.concatenate([[0], np.cumsum(values > LARGEST)])
        return np.asarray(few & (large[pointers[1:]] == large[pointers[:-1]]))


def zero_rule(design: Floats, offset: Floats, weight: Floats) -> ZeroRule | None:
    """Return the rule for samples with log scales ``offset`` (n,) and weights (n,).

    None where the design has too many distinct rows for the number of its samples, or where the
    log scales of a group lie too far apart.
    """
    digest = hashlib.blake2b(digest_size=16)
    for values in (design, offset, weight):
        digest.update(str(values.shape).encode())
        digest.update(np.ascontiguousarray(values).data)
    return _known(digest.digest(), design, offset, weight)


_rules: OrderedDict[bytes, ZeroRule | None] = OrderedDict()
_lock = threading.Lock()


def _known(key: bytes, design: Floats, offset: Floats, weight: Floats) -> ZeroRule | None:
    with _lock:
        if key not in _rules:
            _rules[key] = _make(design, offset, weight)
            if len(_rules) > _KEPT:
                _rules.popitem(last=False)
        _rules.move_to_end(key)
        return _rules[key]


def _make(design: Floats, offset: Floats, weight: Floats) -> ZeroRule | None:
    n = offset.size
    group = row_groups(design, n // NODE_COST)
    if group is None:
        return None
    n_groups = int(group.max()) + 1
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(n_groups + 1))
    parts, extent = [], np.zeros((n_groups, 3))
    for k in range(n_groups):
        members = order[starts[k] : starts[k + 1]]
        members = members[weight[members] > 0.0]
        if members.size == 0:
            parts.append(Quadrature(np.zeros(1), np.zeros(1), 0.0))
            continue
        rule = gauss_rule(offset[members], weight[members])
        if rule is None or sum(part.nodes.size for part in parts) * NODE_COST > n:
            return None
        parts.append(rule)
        low, high = np.exp(offset[members].min()), np.exp(offset[members].max())
        extent[k] = low, high, weight[members].max()
    bounds = np.concatenate([[0], np.cumsum([part.nodes.size for part in parts])])
    if bounds[-1] * NODE_COST > n:
        return None
    return ZeroRule(
        rows=np.ascontiguousarray(design[order[starts[:-1]]]), group=group.astype(np.int32),
        scale=np.exp(offset), weight=np.array(weight, dtype=np.float64),
        sizes=np.bincount(group[weight > 0.0], minlength=n_groups), bounds=bounds,
        nodes=np.concatenate([part.nodes for part in parts]),
        masses=np.concatenate([part.weights for part in parts]),
        extent=extent, error=max(part.error for part in parts),
    )  # fmt: skip


def row_groups(design: Floats, most: int) -> Index | None:
    """Return the number of every row among the distinct rows of a design, None for too many."""
    group = np.zeros(design.shape[0], dtype=np.intp)
    for column in design.T:
        values, place = np.unique(column, return_inverse=True)
        if values.size > most:
            return None
        if values.size > 1:
            found, group = np.unique(group * values.size + place, return_inverse=True)
            if found.size > most:
                return None
    return group


def gauss_rule(points: Floats, weights: Floats) -> Quadrature | None:
    """Return the Gauss rule of some points (n,) with positive weights.

    The points themselves where a rule would have no fewer nodes; None where it would need more
    than `MAX_NODES`.
    """
    distinct, place = np.unique(points, return_inverse=True)
    masses: Floats = np.bincount(place, weights=weights).astype(np.float64)
    bound = error_bound(distinct, masses)
    enough = np.flatnonzero(bound <= BOUND)
    m = int(enough[0]) + 1 if enough.size else MAX_NODES + 1
    if distinct.size <= min(m, MAX_NODES):
        return Quadrature(distinct, masses, 0.0)
    if m > MAX_NODES:
        return None
    nodes, share = _gauss(distinct, masses / np.add.reduce(masses), m)
    rule = Quadrature(nodes, share * np.add.reduce(masses), 0.0)
    measured = measured_error(rule, distinct, masses)
    return rule._replace(error=max(float(bound[m - 1]), measured)) if measured <= ERROR else None


def error_bound(points: Floats, masses: Floats) -> Floats:
    """Return the bound on the relative error of rules of 1, 2, ... nodes (docs/math.md, 3.7)."""
    low, high = float(points[0]), float(points[-1])
    half, centre = 0.5 * (high - low), 0.5 * (high + low)
    mean = float(np.add.reduce(points * masses) / np.add.reduce(masses))
    ratio = STRIPS / max(half, 1e-300)
    # log(rho), and the half axis of the ellipse along the real line.
    log_rho = np.arcsinh(np.minimum(ratio, 1e300))
    reach = np.hypot(half, STRIPS)
    log_largest = 2.0 * (reach + abs(centre - mean)) - 2.0 * np.log(np.cos(0.5 * STRIPS))
    m = np.arange(1, MAX_NODES + 1)[:, None]
    log_error = np.log(4.0) + log_largest - (2 * m - 1) * log_rho - np.log(np.expm1(log_rho))
    return np.asarray(np.exp(np.minimum(log_error, 700.0)).min(axis=1))


def _gauss(points: Floats, shares: Floats, m: int) -> tuple[Floats, Floats]:
    """Return nodes and weights by the discretised Stieltjes procedure; ``shares`` add up to 1."""
    from scipy.linalg import eigh_tridiagonal

    centre, half = 0.5 * (points[0] + points[-1]), 0.5 * (points[-1] - points[0])
    x = (points - centre) / half
    # The polynomials times the root of the weights: as in the process of Lanczos.
    before, now = np.zeros_like(x), np.sqrt(shares)
    diagonal, beside = np.empty(m), np.empty(m)
    for k in range(m):
        diagonal[k] = np.add.reduce(x * now * now)
        following = (x - diagonal[k]) * now
        if k > 0:
            following -= beside[k - 1] * before
        beside[k] = np.sqrt(np.add.reduce(following * following))
        before, now = now, following / beside[k]
    places, vectors = eigh_tridiagonal(diagonal, beside[:-1], lapack_driver="stev")
    weights = vectors[0] ** 2
    # Rounding may put a node beside the last of the points.
    nodes = np.clip(centre + half * places, points[0], points[-1])
    return nodes, weights / np.add.reduce(weights)


def measured_error(rule: Quadrature, points: Floats, masses: Floats) -> float:
    """Return the largest relative error over zeros' deviances of several dispersions.

    What rounding made of a rule is not in its bound.
    """
    worst = 0.0
    for shift in np.linspace(-points[-1] - 8.0, -points[0] + 8.0, 9):
        for function in (_deviance, _information):
            exact = np.add.reduce(masses * function(points + shift))
            found = np.add.reduce(rule.weights * function(rule.nodes + shift))
            worst = max(worst, abs(found - exact) / exact)
    return worst


def _deviance(eta: Floats) -> Floats:
    return np.logaddexp(0.0, eta)


def _information(eta: Floats) -> Floats:
    share = 1.0 / (1.0 + np.exp(eta))
    return np.exp(eta) * share * share
