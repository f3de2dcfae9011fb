"""Responses and design of penalised fits, block by block as kernels take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .kernels.families import BINOMIAL, COUNTS, GAUSSIAN

Floats = NDArray[np.float64]
CODES = {"nb": COUNTS, "poisson": COUNTS, "binomial": BINOMIAL, "gaussian": GAUSSIAN}
EachBlock = Callable[[Callable[[int, int], None]], None]


class Rows(Protocol):
    """Values with a row per gene, or one row for all."""

    def rows(self, start: int, stop: int) -> Floats: ...


class Responses(Protocol):
    """What is modelled, gene by gene."""

    @property
    def n_genes(self) -> int: ...
    @property
    def n_samples(self) -> int: ...
    def block(self, start: int, stop: int) -> Floats: ...


@dataclass(frozen=True, eq=False)
class PerGene:
    """One value a gene, the same for all its ``n`` samples."""

    values: Floats
    n: int

    def rows(self, start: int, stop: int) -> Floats:
        """Values (g, n) of genes [start, stop)."""
        return np.repeat(self.values[start:stop, None], self.n, axis=1)


@dataclass(frozen=True, eq=False)
class Data:
    """Responses of all genes with what their model is given.

    ``size`` has the dispersions of counts, or the trials of a binomial.  A Gaussian's responses
    and offsets reach the kernels in a ``unit`` (n_genes,) of their own, so that tolerances mean the
    same whatever they were measured in.
    """

    responses: Responses
    design: Floats
    offset: Rows
    weights: Rows
    size: Rows
    family: str
    unit: Floats | None = None

    @property
    def units(self) -> Floats:
        """Unit of every gene (n_genes,): 1 but for a Gaussian."""
        return np.ones(self.responses.n_genes) if self.unit is None else self.unit

    @property
    def code(self) -> int:
        return CODES[self.family]

    def of(self, start: int, stop: int) -> tuple[Any, ...]:
        """What kernels take of genes [start, stop): responses, offset, weight, size."""
        y = np.ascontiguousarray(self.responses.block(start, stop), dtype=np.float64)
        offset = self.offset.rows(start, stop)
        if self.unit is not None:
            y = y / self.unit[start:stop, None]
            offset = offset / self.unit[start:stop, None]
        parts = (offset, self.weights.rows(start, stop), self.size.rows(start, stop))
        # Writable, whatever was given: kernels compile once.
        return y, *(np.require(part, requirements=["C", "W"]) for part in parts)
