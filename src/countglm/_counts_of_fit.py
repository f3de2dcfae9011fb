"""Counts of some genes of a fit, one row a gene, with all but the design that their model needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._condensed import CONDENSED, condense
from ._covariance import counts_of
from ._grouped_fit import grouped_fit
from ._profile import Lines

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class Counts(NamedTuple):
    """Genes as rows: counts (g, n), scale (1, n) or (g, n), dispersions (g,), weights or None."""

    y: Floats
    scale: Floats
    alpha: Floats
    weights: Floats | None = None

    def rows(self, genes: Index) -> Counts:
        """Some of the genes."""
        scale = self.scale if self.scale.shape[0] == 1 else self.scale[genes]
        weights = None if self.weights is None else self.weights[genes]
        return Counts(self.y[genes], scale, self.alpha[genes], weights)

    @property
    def points(self) -> int:
        """How many points the lines of a gene have."""
        return int(self.y.shape[1])

    def lines_of(self, genes: Index, x: Floats, penalty: Floats) -> Lines:
        """Some of the genes as `Lines` of a design (n, m) without a contrast."""
        part = self.rows(genes)
        return part.lines(np.zeros((x.shape[0], 1)), np.ascontiguousarray(x.T)[:, :, None], penalty)

    def lines(self, along: Floats, basis: Floats, penalty: Floats | None) -> Lines:
        """The genes as `Lines`, samples x genes."""
        weights = np.ones((1, self.y.shape[1])) if self.weights is None else self.weights
        return Lines(
            np.ascontiguousarray(self.y.T), np.ascontiguousarray(weights.T),
            np.ascontiguousarray(np.log(self.scale).T), self.alpha, along, basis, penalty,
        )  # fmt: skip


class FittedCounts:
    """The same genes as `counts_of_fit` gives, read some at a time."""

    def __init__(self, fit: GLMFit, matrix: CountMatrix, genes: Index) -> None:
        self._fit, self._matrix, self._genes = fit, matrix, genes
        self._grouped = grouped_fit(fit) if fit.n_samples >= CONDENSED else None
        self.alpha = fit.dispersion[genes]

    @property
    def points(self) -> int:
        """About how many points the lines of a gene have."""
        return self._fit.n_samples if self._grouped is None else 2 * self._grouped.rule.nodes.size

    def lines_of(self, genes: Index, x: Floats, penalty: Floats) -> Lines:
        """Some of the genes as `Lines` of a design (n, m) without a contrast.

        The columns of the design are combinations of those of the fit.
        """
        grouped, chosen = self._grouped, self._genes[genes]
        if grouped is None:
            part = counts_of_fit(self._fit, self._matrix, chosen)
            return part.lines_of(np.arange(genes.size), x, penalty)
        nonzeros = self._matrix.take_genes(chosen).nonzeros(0, genes.size)
        group, y, weight, offset = condense(grouped, nonzeros)
        basis = np.ascontiguousarray(x[grouped.first][group].T)[:, :, None]
        none = np.zeros((group.size, 1))
        return Lines(y, weight, offset, self.alpha[genes], none, basis, penalty)


def counts_of_fit(fit: GLMFit, matrix: CountMatrix, genes: Index) -> Counts:
    """Return ``genes`` (positions) with size factors, offsets, dispersions and weights."""
    scale = fit.size_factors[None, :]
    if fit.offset is not None:
        extra = fit.offset[None, :] if fit.offset.ndim == 1 else fit.offset[:, genes].T
        scale = np.ascontiguousarray(scale * np.exp(extra))
    weights = None
    if fit.weights is not None:
        given = fit.weights[:, None] if fit.weights.ndim == 1 else fit.weights[:, genes]
        weights = np.ascontiguousarray(np.broadcast_to(given, (fit.n_samples, genes.size)).T)
    return Counts(counts_of(matrix, genes), scale, fit.dispersion[genes], weights)
