"""Residuals of a fit, per sample and gene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._families import require_count_family
from countglm.errors import InputError
from countglm.replay._deviance import half_deviance

if TYPE_CHECKING:
    from countglm.results import GLMFit

Floats = NDArray[np.float64]
_POISSON = 1e-200
KINDS = ("deviance", "pearson", "response")


def residuals(fit: GLMFit, kind: str = "deviance", genes: Any = None, counts: Any = None) -> Floats:
    """Return residuals (n_samples, g) of some genes.

    Parameters
    ----------
    fit : GLMFit
    kind : {"deviance", "pearson", "response"}
        Signed root of each sample's part of the deviance; ``(y - mu) / sqrt(mu + alpha mu²)``,
        both times the root of the sample's weight; ``y - mu``.
    genes : names, indices, boolean mask, slice or None
        Which genes; None for all.
    counts : optional
        The counts of the fit, samples x genes; needed after `GLMFit.load`.

    Returns
    -------
    (n_samples, g)
        NaN for genes that have no fit.

    Raises
    ------
    InputError
        Unknown kind; counts missing, or other than those of the fit.

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, section 2.4.
    """
    require_count_family(fit, "residuals()")
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known; choose from {', '.join(KINDS)}.")
    index = fit.gene_index(genes)
    y = fit.require_counts(counts).take_genes(index).block(0, index.size).T
    mu = fit.mu(index)
    if kind == "response":
        return y - mu
    alpha = np.where(np.isnan(fit.dispersion[index]), 0.0, fit.dispersion[index])
    root = _root_weights(fit, index)
    if kind == "pearson":
        with np.errstate(invalid="ignore"):
            scaled = (y - mu) / np.sqrt(mu + alpha * mu**2)
        # A mean of 0 is the limit of a separated gene, whose count there is 0.
        return root * np.where(mu == 0.0, 0.0, scaled)
    with np.errstate(all="ignore"):
        # So small a dispersion is the Poisson to the last bit.
        half = half_deviance(y, mu, np.maximum(alpha, _POISSON))
    return root * np.sign(y - mu) * np.sqrt(2.0 * np.maximum(half, 0.0))


def _root_weights(fit: GLMFit, index: NDArray[np.intp]) -> Floats:
    if fit.weights is None:
        return np.ones((1, 1))
    chosen = fit.weights[:, None] if fit.weights.ndim == 1 else fit.weights[:, index]
    return np.sqrt(chosen)
