"""Does a finite maximum likelihood estimate exist, and what is the limit where it does not?

Zero counts can let the likelihood rise along a direction for ever (separation).  Whether they
do depends on the design and on which counts are zero, not on dispersion or offsets
(docs/math.md, section 6; Haberman 1974; Correia, Guimaraes and Zylkin 2019).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .basis import ZERO, Basis, make_basis, make_graded_basis, orthonormal_slopes, products

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
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
    limits : (p,) float64
        +inf, -inf or NaN (not identified) for coefficients without a finite value, else 0.
    """

    separated: Mask
    basis: Basis
    free: Floats
    rows: Floats
    directions: Floats
    limits: Floats

    @property
    def exists(self) -> bool:
        """True where every coefficient has a finite maximum likelihood estimate."""
        return bool(self.basis.null.shape[1] == 0)

    @property
    def singular(self) -> bool:
        """True where the samples of positive weight do not determine the coefficients."""
        return bool(self.free.shape[1] > 0)

    def limit(self, contrast: Floats) -> float:
        """Return where ``contrast @ beta`` goes: +inf, -inf, NaN (not identified) or 0 (finite)."""
        return _limit(contrast, self.basis.null, self.free, self.rows, self.directions)


class ExistenceTest:
    """Test of one design, remembered by zero pattern; usable from several threads."""

    def __init__(self, design: Floats) -> None:
        self.design = design
        self._memory: dict[bytes, Completion] = {}
        self._lock = threading.Lock()

    def __call__(self, positive: Mask, weighted: Mask) -> Completion:
        """Return the problem that remains for a pattern, the whole one if the estimate exists.

        ``positive`` marks samples with a positive count and weight, ``weighted`` those with a
        positive weight.
        """
        key = np.packbits(positive).tobytes() + np.packbits(weighted).tobytes()
        with self._lock:
            if key in self._memory:
                return self._memory[key]
        separated = separated_samples(self.design, positive, weighted)
        answer = completion_of(self.design, separated, weighted, positive)
        with self._lock:
            return self._memory.setdefault(key, answer)


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
    units = np.eye(design.shape[1])
    limits = np.array([_limit(unit, basis.null, free, rows, directions) for unit in units])
    return Completion(separated, basis, free, rows, directions, limits)


def _separable(slopes: Floats) -> Mask:
    """Return which rows can be made negative while no row is positive (docs/math.md, 6.2)."""
    moving: Mask = np.any(slopes != 0.0, axis=1)
    if not moving.any():
        return moving
    if slopes.shape[1] == 1:
        signs = np.sign(slopes[moving, 0])
        return moving if signs.min() == signs.max() else np.zeros_like(moving)
    rows, where = np.unique(_scaled(slopes), axis=0, return_inverse=True)
    return _largest_separation(rows)[where.reshape(-1)] & moving


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


def _limit(contrast: Floats, null: Floats, free: Floats, rows: Floats, directions: Floats) -> float:
    """Return the limit of a contrast over the directions of rise (docs/math.md, 6.3)."""
    if not products(contrast[None, :], null).any():
        return 0.0
    if products(contrast[None, :], free).any():
        return np.nan
    along = _scaled(products(contrast[None, :], directions))[0]
    cone = np.unique(_scaled(rows), axis=0)
    high, low = _extreme(along, cone, 1.0), _extreme(along, cone, -1.0)
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
        **_PRECISE,
    )
    if answer.x is None:
        raise RuntimeError(f"The linear program of the existence test failed: {answer.message}")
    return float(np.add.reduce(along * answer.x))
