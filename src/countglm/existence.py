"""Does a finite maximum likelihood estimate exist, and what is the limit where it does not?

Zero counts can let the likelihood rise along a direction for ever (separation).  Whether they
do depends on the design and on which counts are zero, not on dispersion or offsets
(docs/math.md, section 6; Haberman 1974; Correia, Guimaraes and Zylkin 2019).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._gram_schmidt import gram_schmidt
from .basis import (
    ZERO,
    Basis,
    invert_upper,
    make_basis,
    make_graded_basis,
    orthonormal_slopes,
    pad,
    products,
)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Bytes of remembered problems.
MEMORY = 2**28
_PRECISE: dict[str, Any] = {
    "method": "highs-ds",
    "options": {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
}


@dataclass(frozen=True, eq=False)
class Completion:
    """The problem that remains on the samples that keep a finite mean.

    Attributes
    ----------
    separated : (n,) bool
        Samples whose fitted mean is 0 in the limit; none where only weights were missing.
    basis : Basis
        Coordinates of the remaining problem.
    free : (p, f) float64
        Directions that no sample of positive weight feels: not identified.
    rows, directions : (m, k) and (p, k) float64
        The likelihood rises for ever along ``directions @ u`` where ``rows @ u <= 0``.
    """

    separated: Mask
    basis: Basis
    free: Floats
    rows: Floats
    directions: Floats

    @property
    def exists(self) -> bool:
        """True where every coefficient has a finite maximum likelihood estimate."""
        return bool(self.basis.null.shape[1] == 0)

    @property
    def singular(self) -> bool:
        """True where the samples of positive weight do not determine the coefficients."""
        return bool(self.free.shape[1] > 0)

    @cached_property
    def limits(self) -> Floats:
        """+inf, -inf or NaN (not identified) for coefficients without a finite value, else 0."""
        return np.array([self.limit(unit) for unit in np.eye(self.free.shape[0])])

    def limit(self, contrast: Floats) -> float:
        """Return where ``contrast @ beta`` goes: +inf, -inf, NaN (not identified) or 0 (finite)."""
        row = contrast[None, :]
        if not products(row, self.basis.null).any():
            return 0.0
        if products(row, self.free).any():
            return np.nan
        return _sign_over_cone(_scaled(products(row, self.directions))[0], self.rows)


class ExistenceTest:
    """Test of one design, remembered by zero pattern; usable from several threads."""

    def __init__(self, design: Floats) -> None:
        self.design = design
        self._raw = pad(design.T)
        self._memory: OrderedDict[bytes, Completion] = OrderedDict()
        self._capacity = max(64, MEMORY // (16 * max(1, design.size)))
        self._lock = threading.Lock()

    def __call__(self, positive: Mask, weighted: Mask) -> Completion:
        """Return the problem that remains for a pattern, the whole one if the estimate exists.

        ``positive`` marks samples with a positive count and weight, ``weighted`` those with a
        positive weight.
        """
        key = np.packbits(positive).tobytes() + np.packbits(weighted).tobytes()
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
        separated = separated_samples(self.design, positive, weighted)
        answer = completion_of(self.design, separated, weighted, positive)
        # One padded design serves all patterns.
        answer = replace(answer, basis=replace(answer.basis, raw=self._raw))
        with self._lock:
            answer = self._memory.setdefault(key, answer)
            while len(self._memory) > self._capacity:
                self._memory.popitem(last=False)
        return answer


def separated_samples(design: Floats, positive: Mask, weighted: Mask) -> Mask:
    """Return the samples whose fitted mean is 0 in the limit (docs/math.md, 6.1 and 6.2)."""
    separated = np.zeros_like(positive)
    null = make_basis(design, positive).null
    if null.shape[1] == 0:
        return separated
    zeros = np.flatnonzero(weighted & ~positive)
    slopes, _ = orthonormal_slopes(design[zeros], null)
    separated[zeros[_separable(slopes)]] = True
    return separated


def completion_of(
    design: Floats, separated: Mask, weighted: Mask, positive: Mask | None = None
) -> Completion:
    """Return the problem that remains on the samples that are not separated (6.3)."""
    keep = weighted & ~separated
    basis = (
        make_basis(design, keep) if positive is None else make_graded_basis(design, keep, positive)
    )
    free = make_basis(design, weighted).null if basis.null.shape[1] else basis.null
    rows, directions = orthonormal_slopes(design[separated], basis.null)
    return Completion(separated, basis, free, rows, directions)


def _separable(slopes: Floats) -> Mask:
    """Return which rows can be made negative while no row is positive (docs/math.md, 6.2)."""
    moving: Mask = np.any(slopes != 0.0, axis=1)
    if not moving.any():
        return moving
    if slopes.shape[1] == 1:
        signs = np.sign(slopes[moving, 0])
        return moving if signs.min() == signs.max() else np.zeros_like(moving)
    rows, where = np.unique(_scaled(slopes[moving]), axis=0, return_inverse=True)
    if gram_schmidt(rows.T)[2].all():
        # Independent rows: u with rows @ u = -1 exists.
        return moving
    separable = np.zeros_like(moving)
    separable[moving] = _largest_separation(rows)[where.reshape(-1)]
    return separable


def _scaled(rows: Floats) -> Floats:
    """Return ``rows`` with a largest entry of 1: a linear program has absolute tolerances."""
    largest = np.max(np.abs(rows), axis=1, initial=0.0)
    return np.asarray(rows / np.where(largest > 0.0, largest, 1.0)[:, None])


def _largest_separation(rows: Floats) -> Mask:
    """Maximise sum(t) subject to rows @ u + t <= 0, 0 <= t <= 1: t is 1 on separable rows."""
    from scipy.optimize import linprog

    m, k = rows.shape
    answer = linprog(
        np.r_[np.zeros(k), -np.ones(m)],
        A_ub=np.hstack([rows, np.eye(m)]),
        b_ub=np.zeros(m),
        bounds=[(None, None)] * k + [(0.0, 1.0)] * m,
        **_PRECISE,
    )
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return np.asarray(answer.x[k:] > 0.5)


def _sign_over_cone(along: Floats, rows: Floats) -> float:
    """Return +inf (-inf) if ``along @ u`` is never negative (positive) where rows @ u <= 0.

    NaN if it takes both signs (docs/math.md, 6.3).
    """
    cone = np.unique(_scaled(rows), axis=0)
    q, r, independent = gram_schmidt(cone)
    if cone.shape[0] == cone.shape[1] and independent.all():
        # A simplicial cone: its edges are the columns of -rows⁻¹.
        edges = -products(invert_upper(r), np.ascontiguousarray(q.T))
        values = products(along[None, :], edges)[0]
        high, low = float(values.max()), float(values.min())
    else:
        high, low = _extreme(along, cone, 1.0), _extreme(along, cone, -1.0)
    if high > ZERO and low < -ZERO:
        return np.nan
    if high > ZERO:
        return np.inf
    return -np.inf if low < -ZERO else np.nan


def _extreme(along: Floats, rows: Floats, sign: float) -> float:
    """Return the largest (sign 1) or smallest (-1) ``along @ u``, rows @ u <= 0, |u| <= 1."""
    if rows.shape[1] == 1:
        ends = [u for u in (-1.0, 0.0, 1.0) if np.all(rows[:, 0] * u <= 0.0)]
        return float(sign * max(sign * along[0] * u for u in ends))
    from scipy.optimize import linprog

    answer = linprog(
        -sign * along,
        A_ub=rows,
        b_ub=np.zeros(rows.shape[0]),
        bounds=[(-1.0, 1.0)] * along.size,
        **_PRECISE,
    )
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return float(np.add.reduce(along * answer.x))
