"""Does a finite maximum likelihood estimate exist, and what is the limit where it does not?

Zero counts can let the likelihood rise along a direction for ever (separation).  Whether they
do depends on the design and on which counts are zero, not on dispersion or offsets
(docs/math.md, section 6; Haberman 1974; Correia, Guimaraes and Zylkin 2019).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .basis import Basis, make_basis

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# An entry this far below the terms that make it is rounding.
ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Completion:
    """The problem that remains on the samples that keep a finite mean.

    Attributes
    ----------
    separated : (n,) bool
        Samples whose fitted mean is 0 in the limit; none where only weights were missing.
    basis : Basis
        Coordinates of the remaining problem.
    rows : (m, k) float64
        ``rows @ u <= 0`` describes the directions ``null @ u`` along which the likelihood rises.
    limits : (p,) float64
        +inf, -inf or NaN (not identified) for coefficients without a finite value, else 0.
    """

    separated: Mask
    basis: Basis
    rows: Floats
    limits: Floats

    @property
    def singular(self) -> bool:
        """True where the samples of positive weight do not determine the coefficients."""
        return not self.separated.any()

    def limit(self, contrast: Floats) -> float:
        """Return where ``contrast @ beta`` goes: +inf, -inf, NaN (not identified) or 0 (finite)."""
        return _limit(self.basis.null, self.rows, contrast)


class ExistenceTest:
    """Test of one design, remembered by zero pattern; usable from several threads."""

    def __init__(self, design: Floats) -> None:
        self.design = design
        self._memory: dict[bytes, Completion | None] = {}
        self._lock = threading.Lock()

    def __call__(self, positive: Mask, weighted: Mask) -> Completion | None:
        """Return None if the estimate exists, else the completion.

        ``positive`` marks samples with a positive count and weight, ``weighted`` those with a
        positive weight.
        """
        key = np.packbits(positive).tobytes() + np.packbits(weighted).tobytes()
        with self._lock:
            if key in self._memory:
                return self._memory[key]
        answer = complete(self.design, positive, weighted)
        with self._lock:
            return self._memory.setdefault(key, answer)


def complete(design: Floats, positive: Mask, weighted: Mask) -> Completion | None:
    """Return None if a finite estimate exists, else the completion (docs/math.md, 6.1 to 6.3)."""
    nothing = np.zeros_like(positive)
    if not weighted.all() and make_basis(design, weighted).null.shape[1]:
        return completion_of(design, nothing, weighted)
    null = make_basis(design, positive).null
    if null.shape[1] == 0:
        return None
    zeros = np.flatnonzero(weighted & ~positive)
    slopes = _products(design[zeros], null)
    falling = _separable(slopes)
    if not falling.any():
        return None
    separated = np.zeros_like(positive)
    separated[zeros[falling]] = True
    return completion_of(design, separated, weighted)


def completion_of(design: Floats, separated: Mask, weighted: Mask) -> Completion:
    """Return the completion of a problem whose separated samples are known."""
    basis = make_basis(design, weighted & ~separated)
    rows = np.unique(_products(design[separated], basis.null), axis=0)
    units = np.eye(design.shape[1])
    limits = np.array([_limit(basis.null, rows, unit) for unit in units])
    return Completion(separated, basis, rows, limits)


def _products(x: Floats, null: Floats) -> Floats:
    """Return ``x @ null`` with rounding noise set to 0, rows scaled to a largest entry of 1."""
    terms = x[:, :, None] * null[None, :, :]
    value: Floats = np.add.reduce(terms, axis=1)
    value[np.abs(value) <= ZERO * np.add.reduce(np.abs(terms), axis=1)] = 0.0
    largest = np.max(np.abs(value), axis=1, initial=0.0)
    return np.asarray(value / np.where(largest > 0.0, largest, 1.0)[:, None])


def _separable(slopes: Floats) -> Mask:
    """Return which rows can be made negative while no row is positive (docs/math.md, eq. 6.2)."""
    moving: Mask = np.any(slopes != 0.0, axis=1)
    if not moving.any():
        return moving
    if slopes.shape[1] == 1:
        signs = np.sign(slopes[moving, 0])
        return moving if signs.min() == signs.max() else np.zeros_like(moving)
    rows, where = np.unique(slopes, axis=0, return_inverse=True)
    return _largest_separation(rows)[where.reshape(-1)]


def _largest_separation(rows: Floats) -> Mask:
    """Maximise sum(t) subject to rows @ u + t <= 0, 0 <= t <= 1: t is 1 on separable rows."""
    from scipy.optimize import linprog

    m, k = rows.shape
    answer = linprog(
        np.r_[np.zeros(k), -np.ones(m)],
        A_ub=np.hstack([rows, np.eye(m)]),
        b_ub=np.zeros(m),
        bounds=[(None, None)] * k + [(0.0, 1.0)] * m,
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return np.asarray(answer.x[k:] > 0.5)


def _limit(null: Floats, rows: Floats, contrast: Floats) -> float:
    """Return the limit of ``contrast @ null @ u`` over the directions of rise (eq. 6.3)."""
    along = _products(contrast[None, :], null)[0]
    if not along.any():
        return 0.0
    if rows.shape[0] == 0:
        return np.nan
    high, low = _extreme(along, rows, 1.0), _extreme(along, rows, -1.0)
    if high > ZERO and low < -ZERO:
        return np.nan
    return np.inf if high > ZERO else -np.inf


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
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return sign * float(np.add.reduce(along * answer.x))
