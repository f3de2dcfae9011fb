"""Whether two dispersions are equally good ends of DESeq2's search, up to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from countglm.replay import genewise_dispersion, objective_gap


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
    good = np.ones(genes.size, dtype=bool)
    prior = {"log_centre": np.log(stage.trend[genes]), "variance": stage.prior_variance}
    for ours, column, options in (
        (stage.genewise, "dispGeneEst", {}),
        (stage.map, "dispMAP", prior),
    ):
        pair = ours[genes], theirs[column].to_numpy()[genes]
        gap = objective_gap(y, mu, x, pair, **options)
        good &= np.abs(gap.difference) <= gap.rounding
    return good
