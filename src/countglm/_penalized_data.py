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
class Data:
    """Responses of all genes with what their model is given.

    ``size`` is (n_genes,) the dispersion, or (n,) the trials of a binomial.
    """

    responses: Responses
    design: Floats
    offset: Rows
    weights: Rows
    size: Floats
    family: str

    @property
    def code(self) -> int:
        return CODES[self.family]

    def of(self, start: int, stop: int) -> tuple[Any, ...]:
        """What kernels take of genes [start, stop): responses, offset, weight, size."""
        n = self.responses.n_samples
        y = np.ascontiguousarray(self.responses.block(start, stop), dtype=np.float64)
        if self.code == COUNTS:
            size = np.repeat(self.size[start:stop, None], n, axis=1)
        else:
            size = self.size[None, :]
        # What a caller gave is read-only, which would be another signature of the kernels.
        offset, weight = (
            np.require(part.rows(start, stop), requirements=("C", "W"))
            for part in (self.offset, self.weights)
        )
        return y, offset, weight, size
