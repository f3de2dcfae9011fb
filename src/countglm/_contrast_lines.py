"""Genes of a fit as lines along one contrast: what the profile likelihood needs (12.1).

The coefficients are ``t * direction + free nu`` with ``vector @ direction = 1`` and
``vector @ free = 0``: a flat prior on what the contrast leaves open, in any coding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._contrast_fit import positive_weights
from ._covariance import counts_of
from ._profile import Lines
from .basis import make_basis, products
from .existence import ExistenceTest
from .status import Status

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
# Numbers remembered for zero patterns.
MEMORY = 2**23


class ContrastLines:
    """Makes the lines of any genes of a fit along ``vector`` (n_coef,)."""

    def __init__(self, fit: GLMFit, counts: CountMatrix, vector: Floats) -> None:
        self.fit, self.counts = fit, counts
        x = fit.design.matrix
        self.along = np.add.reduce(x * vector, axis=1) / float(np.add.reduce(vector * vector))
        self.nuisance = np.add.reduce(x[:, :, None] * complement(vector)[None, :, :], axis=1)
        everything = np.ones(x.shape[0], dtype=np.bool_)
        self.basis = self._columns(everything)
        self.turned = residual(self.along, self.basis)
        self.existence = ExistenceTest(self.nuisance)
        self.log_factors = np.log(fit.size_factors)
        # Few zero patterns serve most genes; the threads may fill the memory in any order.
        self._memory: dict[bytes, tuple[Mask, Floats, Floats]] = {}

    def _columns(self, keep: Mask) -> Floats:
        """Return orthonormal rows (q, n) spanning the nuisance directions on some samples."""
        if self.nuisance.shape[1] == 0:
            return np.zeros((0, keep.size))
        return make_basis(self.nuisance, keep).columns[:, : keep.size]

    def lines(self, genes: Index) -> Lines:
        """Return the lines of ``genes`` (positions in the fit), samples x genes."""
        fit = self.fit
        y = np.ascontiguousarray(counts_of(self.counts, genes).T)
        offset = self.log_factors[:, None]
        if fit.offset is not None:
            extra = fit.offset[:, None] if fit.offset.ndim == 1 else fit.offset[:, genes]
            offset = np.ascontiguousarray(offset + extra)
        weight = np.ones((fit.n_samples, 1))
        if fit.weights is not None:
            given = fit.weights[:, None] if fit.weights.ndim == 1 else fit.weights[:, genes]
            weight = np.ascontiguousarray(given)
        along, basis = self.turned[:, None], self.basis[:, :, None]
        incomplete = np.isin(fit.status[genes], (Status.SEPARATED, Status.SINGULAR))
        if incomplete.any():
            size = genes.size
            weight = np.array(np.broadcast_to(weight, y.shape))
            along = np.repeat(along, size, axis=1)
            basis = np.repeat(basis, size, axis=2)
            for row in np.flatnonzero(incomplete).tolist():
                self._complete(row, int(genes[row]), y, weight, along, basis)
        return Lines(y, weight, offset, fit.dispersion[genes], along, basis)

    def _complete(
        self, row: int, gene: int, y: Floats, weight: Floats, along: Floats, basis: Floats
    ) -> None:
        """Leave out the samples that the nuisance directions separate (docs/math.md, 6.3)."""
        weighted = positive_weights(self.fit, gene)
        if self.nuisance.shape[1] == 0:
            return
        separated, columns, direction = self._remaining((y[:, row] > 0.0) & weighted, weighted)
        weight[separated, row] = 0.0
        basis[:, :, row] = 0.0
        basis[: columns.shape[0], :, row] = columns
        along[:, row] = direction

    def _remaining(self, positive: Mask, weighted: Mask) -> tuple[Mask, Floats, Floats]:
        """Return samples to leave out, nuisance rows (r, n) and contrast (n,) on the others."""
        key = positive.tobytes() + weighted.tobytes()
        known = self._memory.get(key)
        if known is None:
            completion = self.existence(positive, weighted)
            keep = weighted & ~completion.separated
            direction = residual(np.where(keep, self.along, 0.0), self._columns(keep))
            if len(self._memory) * self.nuisance.size > MEMORY:
                self._memory.clear()
            columns = completion.basis.columns[:, : keep.size]
            known = completion.separated, columns, np.where(keep, direction, 0.0)
            self._memory[key] = known
        return known


def complement(vector: Floats) -> Floats:
    """Return (p, p - 1) columns that span the coefficients with ``vector @ beta == 0``."""
    pivot = int(np.argmax(np.abs(vector)))
    free = np.delete(np.eye(vector.size), pivot, axis=1)
    free[pivot] = -np.delete(vector, pivot) / vector[pivot]
    return free


def residual(values: Floats, rows: Floats) -> Floats:
    """Return ``values`` (n,) without their projection on orthonormal ``rows`` (q, n)."""
    for _ in range(2):
        values = values - products(products(rows, values[:, None]).T, rows)[0]
    return values
