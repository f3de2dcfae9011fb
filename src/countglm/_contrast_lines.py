"""Genes of a fit as lines along one contrast: what the profile likelihood needs (12.1).

The coefficients are ``t * direction + free nu`` with ``vector @ direction = 1`` and
``vector @ free = 0``: a flat prior on what the contrast leaves open, in any coding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._condensed import CONDENSED, condense
from ._covariance import counts_of
from ._grouped_fit import GroupedFit, grouped_fit
from ._points import positive_weights
from ._profile import Lines, value
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
INCOMPLETE = (Status.SEPARATED, Status.SINGULAR)


class ContrastLines:
    """Makes the lines of any genes of a fit along ``vector`` (n_coef,).

    Of many samples in few groups the lines have few points instead of all samples.
    """

    def __init__(self, fit: GLMFit, counts: CountMatrix, vector: Floats) -> None:
        self.fit, self.counts = fit, counts
        self._grouped = grouped_fit(fit) if fit.n_samples >= CONDENSED else None
        rows = fit.design.matrix if self._grouped is None else self._grouped.rule.rows
        self._directions = _Directions(rows, vector)

    @property
    def condensed(self) -> bool:
        """Whether points stand for many samples."""
        return self._grouped is not None

    @property
    def extent(self) -> float:
        """Largest change of a linear predictor with the contrast."""
        return self._directions.extent

    @property
    def points(self) -> int:
        """About how many points a gene has."""
        if self._grouped is None:
            return self.fit.n_samples
        # The counts of a group need about as many nodes as its zeros.
        return 2 * self._grouped.rule.nodes.size

    def lines(self, genes: Index) -> Lines:
        """Return the lines of ``genes`` (positions in the fit), points x genes."""
        if self._grouped is None:
            return self._lines_of_samples(genes)
        return self._lines_of_groups(self._grouped, genes)[0]

    def lines_below(self, genes: Index) -> tuple[Lines, Floats]:
        """Return lines of few points, and their least value (g,): at the fit, or in its limit."""
        assert self._grouped is not None
        lines, group = self._lines_of_groups(self._grouped, genes)
        mean = self._grouped.means(genes).T[group]
        # Where the mean is 0 in the limit there are zeros alone, and they add nothing.
        positive = mean > 0.0
        offset = lines.offset + np.log(np.where(positive, mean, 1.0))
        none = np.zeros((0, genes.size))
        there = replace(
            lines, weight=np.where(positive, lines.weight, 0.0), offset=offset,
            along=np.zeros((1, 1)), basis=none[:, None, :],
        )  # fmt: skip
        return lines, value(there, np.zeros(genes.size), none)

    def _lines_of_groups(self, grouped: GroupedFit, genes: Index) -> tuple[Lines, Index]:
        """Return the lines, and the group (m,) of their points."""
        status = self.fit.status[genes]
        nonzeros = self.counts.take_genes(genes).nonzeros(0, genes.size)
        group, y, weight, offset = condense(grouped, nonzeros)
        positive = np.zeros((grouped.rule.sizes.size, genes.size), dtype=np.bool_)
        row, point = np.nonzero(((y > 0.0) & (weight > 0.0)).T)
        positive[group[point], row] = True
        weighted = grouped.rule.sizes > 0
        along, basis = self._directions.at(group, status, weight, positive, lambda row: weighted)
        return Lines(y, weight, offset, self.fit.dispersion[genes], along, basis), group

    def _lines_of_samples(self, genes: Index) -> Lines:
        fit = self.fit
        y = np.ascontiguousarray(counts_of(self.counts, genes).T)
        offset = np.log(fit.size_factors)[:, None]
        if fit.offset is not None:
            extra = fit.offset[:, None] if fit.offset.ndim == 1 else fit.offset[:, genes]
            offset = np.ascontiguousarray(offset + extra)
        weight = np.ones((fit.n_samples, 1))
        if fit.weights is not None:
            given = fit.weights[:, None] if fit.weights.ndim == 1 else fit.weights[:, genes]
            weight = np.ascontiguousarray(given)
        if np.isin(fit.status[genes], INCOMPLETE).any():
            weight = np.array(np.broadcast_to(weight, y.shape))
        along, basis = self._directions.at(
            np.arange(fit.n_samples), fit.status[genes], weight, (y > 0.0) & (weight > 0.0),
            lambda row: positive_weights(fit, int(genes[row])),
        )  # fmt: skip
        return Lines(y, weight, offset, fit.dispersion[genes], along, basis)


class _Directions:
    """Contrast and nuisance directions on rows of a design: of samples, or of groups of them."""

    def __init__(self, rows: Floats, vector: Floats) -> None:
        self._along = np.add.reduce(rows * vector, axis=1)
        self._along /= float(np.add.reduce(vector * vector))
        self._nuisance = np.add.reduce(rows[:, :, None] * complement(vector)[None, :, :], axis=1)
        self._basis = self._columns(np.ones(rows.shape[0], dtype=np.bool_))
        self._turned = residual(self._along, self._basis)
        self._existence = ExistenceTest(self._nuisance)
        # Few zero patterns serve most genes; the threads may fill the memory in any order.
        self._memory: dict[bytes, tuple[Mask, Floats, Floats]] = {}

    @property
    def extent(self) -> float:
        """Largest change of a linear predictor with the contrast, the nuisance left out."""
        return float(np.max(np.abs(self._turned)))

    def _columns(self, keep: Mask) -> Floats:
        """Return orthonormal rows (q, n) spanning the nuisance directions on some rows."""
        if self._nuisance.shape[1] == 0:
            return np.zeros((0, keep.size))
        return make_basis(self._nuisance, keep).columns[:, : keep.size]

    def at(
        self,
        row: Index,
        status: NDArray[np.int8],
        weight: Floats,
        positive: Mask,
        weighted: Callable[[int], Mask],
    ) -> tuple[Floats, Floats]:
        """Return contrast (m, g or 1) and nuisance directions (q, m, g or 1) at points (m,).

        ``row`` is the row of the design of each point, ``positive`` (n, g) the rows with a count,
        ``weighted`` gives those that count.  Of genes without a finite estimate the points that
        the nuisance directions separate get ``weight`` (m, g) 0 (docs/math.md, 6.3).
        """
        along, basis = self._turned[row, None], self._basis[:, row, None]
        incomplete = np.flatnonzero(np.isin(status, INCOMPLETE))
        if not incomplete.size:
            return along, basis
        along, basis = np.repeat(along, status.size, axis=1), np.repeat(basis, status.size, axis=2)
        for gene in incomplete.tolist():
            if self._nuisance.shape[1] == 0:
                break
            found = self._remaining(positive[:, gene], weighted(gene))
            separated, columns, direction = found
            weight[separated[row], gene] = 0.0
            basis[:, :, gene] = 0.0
            basis[: columns.shape[0], :, gene] = columns[:, row]
            along[:, gene] = direction[row]
        return along, basis

    def _remaining(self, positive: Mask, weighted: Mask) -> tuple[Mask, Floats, Floats]:
        """Return rows to leave out, nuisance directions (r, n) and contrast (n,) on the others."""
        key = positive.tobytes() + weighted.tobytes()
        known = self._memory.get(key)
        if known is None:
            completion = self._existence(positive, weighted)
            keep = weighted & ~completion.separated
            direction = residual(np.where(keep, self._along, 0.0), self._columns(keep))
            if len(self._memory) * self._nuisance.size > MEMORY:
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
