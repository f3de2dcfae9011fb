"""Steps of a workflow solved to the optimum of the problem each of them states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import fisher_weight
from ._fit_arrays import FitArrays
from ._fitting import Prior, Problem
from ._model import Model
from .cooks import leverages

if TYPE_CHECKING:
    from .results import GLMFit

Floats = NDArray[np.float64]


class ExactSteps:
    """Dispersions and coefficients of one model, each at its optimum."""

    replay = False

    def __init__(self, model: Model) -> None:
        self.model = model
        self._genewise: Problem | None = None
        self._shrunken: Problem | None = None

    @property
    def residual_df(self) -> int:
        """Samples of positive weight minus coefficients."""
        return self.model.n_weighted - len(self.model.design.names)

    def genewise(self) -> Floats:
        """Dispersions (n_genes,) by the Cox-Reid adjusted profile likelihood of each gene alone.

        NaN where the gene has no count, or no residual degree of freedom.
        """
        self._genewise = self._run(None, None)
        return self._genewise.alpha.copy()

    def shrunken(self, trend: Floats, prior_variance: float) -> Floats:
        """Dispersions at the mode of the posterior under a log-normal prior around the trend."""
        # Genes without a trend have no counts, and are not fitted.
        centre = np.log(np.where(trend > 0.0, trend, 1.0))
        self._shrunken = self._run(None, Prior(centre, 1.0 / prior_variance))
        return self._shrunken.alpha.copy()

    def final(self, alpha: Floats, outlier: NDArray[np.bool_]) -> FitArrays:
        """Coefficients at the final dispersions: those of the shrunken fit, or of the gene's own.

        A dispersion's search ends with a fit that has the bits of one at the dispersion given.
        """
        if self._genewise is None or self._shrunken is None:
            return self._run(np.where(np.isnan(alpha), 0.0, alpha), None)
        arrays: FitArrays = self._shrunken
        arrays.take(self._genewise, np.flatnonzero(outlier))
        return arrays

    def entries(self, fit: GLMFit, start: int, stop: int) -> tuple[Floats, Floats, Floats | None]:
        """Fitted means, leverages and weights (g, n) of genes [start, stop), for Cook's distances.

        Weights are None where all samples count alike.
        """
        genes = np.arange(start, stop)
        mu = np.ascontiguousarray(fit.mu(genes).T)
        information = fisher_weight(mu, fit.dispersion[genes, None])
        weights = self.model.weight_rows(start, stop)
        if weights is not None:
            weights = np.broadcast_to(weights, mu.shape)
            information = information * weights
        # Genes without a fit have NaN means: they inform about nothing.
        information = np.where(np.isfinite(information), information, 0.0)
        return mu, leverages(self.model.design.matrix, information), weights

    def _run(self, alpha: Floats | None, prior: Prior | None) -> Problem:
        problem = self.model.problem(alpha, prior)
        self.model.each_block(problem.fit_range)
        return problem
