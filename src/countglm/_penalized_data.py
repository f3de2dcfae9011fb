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

    ``size`` has the dispersions of counts, or the trials of a binomial.
    """

    responses: Responses
    design: Floats
    offset: Rows
    weights: Rows
    size: Rows
    family: str

    @property
    def code(self) -> int:
        return CODES[self.family]

    def of(self, start: int, stop: int) -> tuple[Any, ...]:
        """What kernels take of genes [start, stop): responses, offset, weight, size."""
        y = np.ascontiguousarray(self.responses.block(start, stop), dtype=np.float64)
        parts = (self.offset, self.weights, self.size)
        # Writable, whatever was given: kernels compile once.
        return y, *(np.require(part.rows(start, stop), requirements=["C", "W"]) for part in parts)
