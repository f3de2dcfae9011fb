"""Genes of a block as the kernels take them, and what the kernels found of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._tiles import Filled

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


class Rows(NamedTuple):
    """Genes of a block, samples in the order of the layouts."""

    genes: Index
    y: Floats
    offset: Floats
    weight: Floats

    def take(self, rows: Index) -> Rows:
        """Return some of the genes."""
        parts = [v if v.shape[0] == 1 else v[rows] for v in (self.offset, self.weight)]
        return Rows(self.genes[rows], self.y[rows], *parts)

    @property
    def samples(self) -> Index:
        """Samples of positive weight, (1,) or (g,)."""
        return np.asarray(np.count_nonzero(self.weight > 0.0, axis=1))


class Found(NamedTuple):
    """Genes, what the kernels found of them, and their samples of weight, (1,) or (g,)."""

    genes: Index
    filled: Filled
    samples: Index

    def take(self, done: Index) -> Found:
        """Return some of the genes; all of them as they are."""
        if done.size == self.genes.size:
            return self
        samples = self.samples if self.samples.size == 1 else self.samples[done]
        return Found(self.genes[done], self.filled.take(done), samples)


def by_kind(kind: Index, n_kinds: int) -> tuple[Index, list[int]]:
    """Return the order that puts genes of one kind together, and where the kinds begin."""
    order = np.argsort(kind, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(kind, minlength=n_kinds))])
    return order, bounds.tolist()
