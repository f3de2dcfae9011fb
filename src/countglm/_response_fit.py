"""Responses that are no counts: what is fitted, gene by gene, and the arrays that are filled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._arguments import Options, PerSample
from ._families import BINOMIAL
from ._fit_arrays import FitArrays
from ._least_squares import LeastSquaresFits
from ._logit import LogitFits
from ._response_block import ResponseBlock
from .status import Status

if TYPE_CHECKING:
    from .counts import GeneBlocks

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


class ResponseProblem(FitArrays):
    """A fit of every gene, with the arrays that blocks fill: `Problem` for what is no count.

    ``ones`` holds, of a gene without a finite estimate, the samples (n,) whose fitted probability
    is 1; the others of ``separated`` have 0.
    """

    def __init__(
        self,
        counts: GeneBlocks,
        design: Floats,
        offset: PerSample,
        weights: PerSample,
        trials: PerSample,
        family: str,
        options: Options,
    ) -> None:
        super().__init__(counts.n_genes, design.shape[1])
        self.counts, self.design = counts, design
        self.offset, self.weights, self.trials = offset, weights, trials
        self.options = options
        self.ones: list[Mask | None] = [None] * counts.n_genes
        kind = LogitFits if family == BINOMIAL else LeastSquaresFits
        self._fits: LogitFits | LeastSquaresFits = kind(self)

    def run(self, each_block: Callable[[Callable[[int, int], None]], None]) -> None:
        """Fit every gene: ``each_block`` calls a task for the ranges of genes."""
        each_block(lambda start, stop: self._fits.fit(ResponseBlock(self, start, stop)))

    def leave_out(self, genes: Index) -> None:
        """Write what is to be said of genes without a sample of positive weight."""
        self.status[genes] = Status.INVALID
