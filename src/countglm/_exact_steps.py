"""Steps of a workflow solved to the optimum of the problem each of them states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._covariance import fisher_weight, fitted_means
from ._fit_arrays import FitArrays
from ._fitting import Prior, Problem
from ._model import Model
from .cooks import leverages
from .status import Status

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
        self._genewise = self.model.fit(
            self.model.problem(None, finish=False), "gene-wise dispersions"
        )
        return self._genewise.alpha.copy()

    def shrunken(self, trend: Floats, prior_variance: float) -> Floats:
        """Dispersions at the mode of the posterior under a log-normal prior around the trend."""
        # Genes without a trend have no counts, and are not fitted.
        centre = np.log(np.where(trend > 0.0, trend, 1.0))
        prior = Prior(centre, 1.0 / prior_variance)
        learnt = None if self._genewise is None else self._genewise.learnt
        problem = self.model.problem(None, prior, finish=False, learnt=learnt)
        self._shrunken = self.model.fit(problem, "dispersions")
        return self._shrunken.alpha.copy()

    def final(self, alpha: Floats, outlier: NDArray[np.bool_]) -> FitArrays:
        """Coefficients at the final dispersions, with what the searches say of these.

        Base means are left out: the caller has them.
        """
        known = np.where(np.isnan(alpha), 0.0, alpha)
        fit = self.model.fit(self.model.problem(known, means=False), "coefficients")
        if self._genewise is None or self._shrunken is None:
            return fit
        searched: FitArrays = self._shrunken
        searched.take(self._genewise, np.flatnonzero(outlier))
        fit.take_search(searched)
        at_edge = fit.at_edge() & (fit.status == Status.CONVERGED)
        fit.status[at_edge] = Status.BOUNDARY_DISPERSION
        return fit

    def entries(self, fit: GLMFit, start: int, stop: int) -> tuple[Floats, Floats, Floats | None]:
        """Fitted means, leverages and weights (g, n) of genes [start, stop), for Cook's distances.

        Weights are None where all samples count alike.
        """
        genes = np.arange(start, stop)
        mu = np.ascontiguousarray(fitted_means(fit, genes).T)
        information = fisher_weight(mu, fit.dispersion[genes, None])
        weights = self.model.weight_rows(start, stop)
        if weights is not None:
            weights = np.broadcast_to(weights, mu.shape)
            information = information * weights
        # Genes without a fit have NaN means: they inform about nothing.
        information = np.where(np.isfinite(information), information, 0.0)
        return mu, leverages(self.model.design.matrix, information), weights
