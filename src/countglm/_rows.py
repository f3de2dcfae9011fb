"""Genes of a block as the kernels take them, and what the kernels found of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._tiles import Filled

Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """Genes of a block, samples in the order of the layouts."""

    genes: NDArray[np.intp]
    y: Floats
    offset: Floats
    weight: Floats

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Return some of the genes."""
        parts = [v if v.shape[0] == 1 else v[rows] for v in (self.offset, self.weight)]
        return Rows(self.genes[rows], self.y[rows], *parts)


class Found(NamedTuple):
    """Genes, and what the kernels found of them."""

    rows: Rows
    filled: Filled

    def take(self, done: NDArray[np.intp]) -> Found:
        """Return some of the genes; all of them as they are."""
        if done.size == self.rows.genes.size:
            return self
        f = self.filled
        some = Filled(f.coef[done], f.errors[done], f.stats[done], f.counters[done], f.trace[done])
        # Only the numbers of the genes and their weights are asked for from here on.
        rows = self.rows
        weight = rows.weight if rows.weight.shape[0] == 1 else rows.weight[done]
        return Found(rows._replace(genes=rows.genes[done], weight=weight), some)
