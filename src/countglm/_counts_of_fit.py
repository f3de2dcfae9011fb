"""Counts of some genes of a fit, one row a gene, with all but the design that their model needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._covariance import counts_of
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

    def lines(self, along: Floats, basis: Floats, penalty: Floats | None) -> Lines:
        """The genes as `Lines`, samples x genes."""
        weights = np.ones((1, self.y.shape[1])) if self.weights is None else self.weights
        return Lines(
            np.ascontiguousarray(self.y.T), np.ascontiguousarray(weights.T),
            np.ascontiguousarray(np.log(self.scale).T), self.alpha, along, basis, penalty,
        )  # fmt: skip


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
