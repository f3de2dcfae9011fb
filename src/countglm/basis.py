"""Coordinates in which the kernels work: orthonormal columns, or groups of a one-way layout.

Convergence and certificates then depend neither on the coding of factors nor on the scale or
centre of covariates.  Sums avoid BLAS: the same bits with any library and thread count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._cells import distinct_rows
from ._gram_schmidt import gram_schmidt

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# An entry this far below the terms that make it is rounding.
ZERO = 1e-9


@dataclass(frozen=True, eq=False)
class Basis:
    """Coordinates of a design: ``design = columns.T @ from_coef``, ``beta = to_coef @ gamma``.

    Attributes
    ----------
    columns : (r, n) float64
        Basis columns as rows; r is the rank.
    raw : (p, n) float64
        Design columns as rows.
    to_coef : (p, r) float64
        From basis coordinates to coefficients.
    skeel : float
        Largest amplification of rounding by the change of coordinates (docs/math.md, eq. 4.3).
    null : (p, p - r) float64
        Directions of the coefficients that move no fitted value.
    """

    columns: Floats
    raw: Floats
    to_coef: Floats
    skeel: float
    null: Floats


def make_basis(design: Floats, keep: Mask | None = None) -> Basis:
    """Return the basis of a design matrix (n, p), on the samples ``keep`` only where given."""
    if keep is None:
        groups = _one_way(design)
        if groups is not None:
            return groups
        keep = np.ones(design.shape[0], dtype=np.bool_)
    q, r, independent = gram_schmidt(design[keep])
    chosen = np.flatnonzero(independent)
    columns = np.zeros((chosen.size, design.shape[0]))
    columns[:, keep] = q[:, chosen].T
    inverse = invert_upper(r[chosen][:, chosen])
    to_coef = np.zeros((design.shape[1], chosen.size))
    to_coef[chosen] = inverse
    null = dependencies(r, independent, inverse, design[keep])
    return Basis(columns, design.T, to_coef, _skeel(to_coef, r[chosen]), null)


def products(x: Floats, y: Floats) -> Floats:
    """Return ``x @ y`` without BLAS; what is rounding of terms that cancel is set to 0."""
    terms = x[:, :, None] * y[None, :, :]
    value: Floats = np.add.reduce(terms, axis=1)
    value[np.abs(value) <= ZERO * np.add.reduce(np.abs(terms), axis=1)] = 0.0
    return value


def _one_way(design: Floats) -> Basis | None:
    """Return group indicators where the design takes exactly as many distinct rows as columns."""
    n, p = design.shape
    rows, _, group = distinct_rows(design)
    if rows.shape[0] != p:
        return None
    q, r, independent = gram_schmidt(rows)
    if not independent.all():
        return None
    inverse = invert_upper(r)
    to_coef = np.add.reduce(inverse[:, None, :] * q[None, :, :], axis=2)
    indicator = np.zeros((p, n))
    indicator[group.reshape(-1), np.arange(n)] = 1.0
    return Basis(indicator, design.T, to_coef, _skeel(to_coef, rows), np.zeros((p, 0)))


def invert_upper(r: Floats) -> Floats:
    """Return the inverse of an upper triangular matrix by back substitution."""
    p = r.shape[0]
    out = np.eye(p)
    for i in range(p - 1, -1, -1):
        out[i, i + 1 :] = -np.add.reduce(r[i, i + 1 :, None] * out[i + 1 :, i + 1 :], axis=0)
        out[i] /= r[i, i]
    return out


def dependencies(r: Floats, independent: Mask, inverse: Floats, x: Floats) -> Floats:
    """Return, for every dependent column of ``x``, the combination that it equals."""
    chosen = np.flatnonzero(independent)
    dependent = np.flatnonzero(~independent)
    length = np.sqrt(np.add.reduce(x * x, axis=0))
    null = np.zeros((r.shape[0], dependent.size))
    for k, column in enumerate(dependent):
        along = -products(inverse, r[chosen, column][:, None])[:, 0]
        # A part that is 1e-9 of the column it helps to make is rounding.
        negligible = np.abs(along) * length[chosen] <= ZERO * length[column]
        null[chosen, k] = np.where(negligible, 0.0, along)
        null[column, k] = 1.0
    return null


def _skeel(to_coef: Floats, from_coef: Floats) -> float:
    """Return the largest row sum of ``|from_coef| |to_coef|``, at least 1."""
    product = np.abs(from_coef)[:, :, None] * np.abs(to_coef)[None, :, :]
    return float(
        max(1.0, np.max(np.add.reduce(np.add.reduce(product, axis=1), axis=1), initial=1.0))
    )
