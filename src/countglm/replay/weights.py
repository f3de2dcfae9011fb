"""Which genes keep a design of full rank under their observation weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt

from ._linear import in_rows, orthogonalise, tiles
from ._regression import RANK_TOLERANCE
from .dispersion import WEIGHT_THRESHOLD

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def usable_weights(weights: Floats, x: Floats) -> tuple[Floats, Mask]:
    """Scale weights to a largest value of 1 a gene, and tell which genes they make unusable.

    Parameters
    ----------
    weights : (g, n)
        Observation weights, at least 0.
    x : (n, p)
        Design matrix of full rank.

    Returns
    -------
    scaled : (g, n) float64
        Weights divided by the gene's largest; 0 for a gene without a positive weight.
    fails : (g,) bool
        Where ``weights * x``, or ``x`` on the samples of weight above 0.01 without its columns of
        zeros, has not full rank (docs/math.md, 14.5): the gene is treated as if it had no count.
    """
    weights = in_rows(weights, weights.shape)
    largest = np.max(weights, axis=1, keepdims=True)
    scaled = weights / np.where(largest > 0.0, largest, 1.0)
    kept = scaled > WEIGHT_THRESHOLD
    patterns, place = np.unique(kept, axis=0, return_inverse=True)
    loses = np.array([not _full_rank(x[pattern]) for pattern in patterns], dtype=np.bool_)
    return scaled, loses[np.ravel(place)] | _deficient(scaled, x)


def _full_rank(x: Floats) -> bool:
    """Whether the columns of ``x`` that are not zero are independent, and there are any."""
    used = x[:, (x != 0.0).any(axis=0)]
    return used.shape[1] > 0 and bool(gram_schmidt(used, RANK_TOLERANCE)[2].all())


def _deficient(weights: Floats, x: Floats) -> Mask:
    """Where ``weights * x`` (g, n, p) has dependent columns."""
    p = x.shape[1]
    deficient = np.zeros(weights.shape[0], dtype=np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        for tile in tiles(weights.shape[0], p * x.shape[0]):
            columns = np.empty((p, *weights[tile].shape))
            np.multiply(x.T[:, None, :], weights[tile], out=columns)
            norm = np.sqrt(np.add.reduce(columns * columns, axis=-1))
            _, r, _ = orthogonalise(columns, passes=2)
            left = np.stack([r[k, k] for k in range(p)])
            deficient[tile] = ~(left > RANK_TOLERANCE * norm).all(axis=0)
    return deficient
