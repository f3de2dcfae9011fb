"""What remains of a problem on the samples that keep a finite mean (docs/math.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cones import sides
from ._gram_schmidt import gram_schmidt
from .basis import ZERO, Basis, dependencies, invert_upper, products

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]


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

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, without the design."""
        basis = self.basis
        arrays = (self.separated, self.free, self.rows, self.directions)
        return sum(a.nbytes for a in (*arrays, basis.columns, basis.to_coef, basis.null))

    @cached_property
    def limits(self) -> Floats:
        """+inf, -inf or NaN (not identified) for coefficients without a finite value, else 0."""
        return self._limits(np.eye(self.free.shape[0]))

    def limit(self, contrast: Floats) -> float:
        """Return where ``contrast @ beta`` goes: +inf, -inf, NaN (not identified) or 0 (finite)."""
        return float(self._limits(contrast[None, :])[0])

    def limits_of(self, contrasts: Floats) -> Floats:
        """Return where contrasts (c, p) go, as `limit` of each."""
        return self._limits(contrasts)

    def _limits(self, contrasts: Floats) -> Floats:
        """Return the limits of contrasts (c, p)."""
        limits = np.zeros(contrasts.shape[0])
        moved = products(contrasts, self.basis.null).any(axis=1)
        lost = products(contrasts, self.free).any(axis=1)
        limits[moved] = np.nan
        known = np.flatnonzero(moved & ~lost)
        if known.size:
            limits[known] = sides(products(contrasts[known], self.directions), self.rows)
        return limits


class Split(NamedTuple):
    """Directions by what some design rows feel of them.

    Attributes
    ----------
    slopes, directions : (m, k) and (p, k) float64
        ``rows @ directions == slopes``, orthonormal columns.
    still : (p, f) float64
        Directions that move none of the rows.
    """

    slopes: Floats
    directions: Floats
    still: Floats


def split(rows: Floats, null: Floats) -> Split:
    """Split the span of the columns ``null`` (p, f) by what moves ``rows`` (m, p)."""
    slopes = products(rows, null)
    q, r, independent = gram_schmidt(slopes)
    chosen = np.flatnonzero(independent)
    inverse = invert_upper(r[chosen][:, chosen])
    q = np.where(np.abs(q) > ZERO, q, 0.0)
    still = null[:, :0]
    if chosen.size < null.shape[1]:
        still = products(null, dependencies(r, independent, inverse, slopes))
    return Split(np.ascontiguousarray(q[:, chosen]), products(null[:, chosen], inverse), still)


def graded_basis(design: Floats, positive: Mask, first: Basis, rest: Index, extra: Split) -> Basis:
    """Return a basis that keeps apart what the ``positive`` samples determine.

    Directions that only samples of count zero determine can carry information smaller than the
    rounding of the others.  In columns that vanish on the positive samples the scaled Hessian
    stays well conditioned all the same (docs/math.md, 3.1).  ``first`` is the basis on the
    positive samples, ``extra`` what the ``rest`` of the samples feels of the directions left.
    """
    n, known = design.shape[0], first.to_coef.shape[1]
    columns = np.zeros((known + extra.slopes.shape[1], first.columns.shape[1]))
    columns[:known, :n][:, rest] = products(design[rest], first.to_coef).T
    columns[:known, :n][:, positive] = first.columns[:, :n][:, positive]
    columns[known:, :n][:, rest] = extra.slopes.T
    to_coef = np.hstack([first.to_coef, extra.directions])
    return Basis(columns, first.raw, to_coef, first.skeel, extra.still)


def complete(design: Floats, separated: Mask, basis: Basis) -> Completion:
    """Return the problem that remains, given its ``basis`` (docs/math.md, 6.3)."""
    if basis.null.shape[1] == 0:
        return Completion(separated, basis, basis.null, basis.null[:0], basis.null)
    rows, directions, free = split(design[separated], basis.null)
    return Completion(separated, basis, free, rows, directions)
