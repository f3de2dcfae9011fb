"""Whether two dispersions are equally good ends of DESeq2's search, up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from countglm.replay import genewise_dispersion
from countglm.replay._adjustment import make_adjustment
from countglm.replay._line_search import Objective


def _rounding(objective: Objective, alpha: np.ndarray) -> np.ndarray:
    """Rounding (g,) of the objective as DESeq2 adds it up: that of its terms, which cancel."""
    y, r = objective.y, 1.0 / alpha[:, None]
    terms = np.abs(gammaln(y + r)) + np.abs(gammaln(r)) + y * np.abs(np.log(objective.mu + r))
    return np.finfo(float).eps * np.sum(terms + r * np.log1p(objective.mu / r), axis=1)


def equally_good(result: Any, genes: np.ndarray, theirs: Any) -> np.ndarray:
    """Whether DESeq2's own objectives cannot tell its dispersions from ours, (g,) bool.

    Of the gene-wise and of the shrunken dispersion, at the clamped means of the gene-wise step;
    ``theirs`` is R's table of the stages.  A search that compares values of such an objective
    ends where rounding has it.
    """
    stage, x = result.dispersion, result.fit.design.matrix
    y = result.fit.counts.take_genes(genes).block(0, genes.size)
    scale = np.broadcast_to(result.fit.size_factors, y.shape)
    mu = genewise_dispersion(y, scale, x).mu
    adjustment = make_adjustment(x, None, 0.0)
    centre, width = np.log(stage.trend[genes]), stage.prior_variance
    good = np.ones(genes.size, dtype=bool)
    for objective, ours, column in (
        (Objective(y, mu, None, adjustment), stage.genewise[genes], "dispGeneEst"),
        (Objective(y, mu, None, adjustment, centre, width), stage.map[genes], "dispMAP"),
    ):
        other = theirs[column].to_numpy()[genes]
        gap = np.abs(objective.value(np.log(ours)) - objective.value(np.log(other)))
        good &= gap <= np.maximum(_rounding(objective, ours), _rounding(objective, other))
    return good
