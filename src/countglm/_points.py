"""Where a fit has its information: at every sample, or at groups of samples with equal rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import TILE_ENTRIES, expected_information, observed_information
from ._grouped_fit import GroupedFit, grouped_fit

if TYPE_CHECKING:
    from .counts import CountMatrix
    from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


def positive_weights(fit: GLMFit, gene: int) -> Mask:
    """Return which samples (n,) have a positive weight in ``gene``, and trials."""
    heavy = np.ones(fit.n_samples, dtype=np.bool_)
    for values in (fit.weights, fit.trials):
        if values is not None:
            heavy &= (values if values.ndim == 1 else values[:, gene]) > 0.0
    return heavy


@dataclass(frozen=True, eq=False)
class Samples:
    """Every sample is a point."""

    fit: GLMFit

    @property
    def rows(self) -> Floats:
        """Rows of the design (n, p)."""
        return self.fit.design.matrix

    @property
    def tile(self) -> int:
        """Genes that are looked at together."""
        return max(1, TILE_ENTRIES // self.fit.n_samples)

    def weighted(self, gene: int) -> Mask:
        """Which points (n,) count in a gene."""
        return positive_weights(self.fit, gene)

    def separated(self, pattern: int) -> Mask:
        """Points (n,) without a mean in a pattern of the fit; none for -1."""
        if pattern < 0:
            return np.zeros(self.fit.n_samples, dtype=np.bool_)
        return np.asarray(self.fit.separated_samples[pattern])

    def turned(self, pattern: int) -> Floats:
        """Rows (n, p), those of separated samples turned to where the predictor falls."""
        ones = self.fit.separated_ones
        if ones is None or pattern < 0:
            return self.rows
        return np.where(ones[pattern][:, None], -self.rows, self.rows)

    def information(self, genes: Index, counts: CountMatrix | None = None) -> Floats:
        """Information in eta (g, n): observed where counts are given, else expected."""
        if counts is None:
            return expected_information(self.fit, genes)
        return observed_information(self.fit, genes, counts)


@dataclass(frozen=True, eq=False)
class Groups:
    """Every group of samples with equal rows is a point."""

    grouped: GroupedFit

    @property
    def rows(self) -> Floats:
        """Rows of the design (G, p)."""
        return self.grouped.rule.rows

    @property
    def tile(self) -> int:
        """Genes that are looked at together."""
        return max(1, TILE_ENTRIES // self.grouped.rule.nodes.size)

    def weighted(self, gene: int) -> Mask:
        """Which points (G,) count in a gene."""
        return np.asarray(self.grouped.rule.sizes > 0)

    def separated(self, pattern: int) -> Mask:
        """Points (G,) without a mean in a pattern of the fit; none for -1."""
        if pattern < 0:
            return np.zeros(self.rows.shape[0], dtype=np.bool_)
        return np.asarray(self.grouped.fit.separated_samples[pattern][self.grouped.first])

    def turned(self, pattern: int) -> Floats:
        """Rows (G, p): the predictor of a separated count falls along its row."""
        return self.rows

    def information(self, genes: Index, counts: CountMatrix | None = None) -> Floats:
        """Information in eta (g, G): observed where counts are given, else expected."""
        mean = self.grouped.means(genes)
        if counts is None:
            return self.grouped.information(genes, mean)
        nonzeros = counts.take_genes(genes).nonzeros(0, genes.size)
        return self.grouped.observed_information(genes, mean, nonzeros)


def points_of(fit: GLMFit) -> Samples | Groups:
    """Return the points of a fit."""
    grouped = grouped_fit(fit)
    return Samples(fit) if grouped is None else Groups(grouped)
