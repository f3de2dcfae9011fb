"""Mixture weights of largest likelihood, by a primal-dual interior point (docs/math.md, 12.13).

Maximise the mean of log(L w) over weights w >= 0 of sum 1.  The problem is convex, and its slope
bounds how far any weights are from the optimum, so the answer carries a proof.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._profile import back_solve, factor, half_solve

Floats = NDArray[np.float64]
GAP = 1e-12
MAX_STEPS = 100
# Share of the way to the border that one step may go.
NEAR_BORDER = 0.995


class Weights(NamedTuple):
    """Weights (k,), and a bound on the mean log-likelihood they lack from the largest."""

    weights: Floats
    gap: float


def mixture_weights(likelihood: Floats) -> Weights:
    """Return the weights (k,) that maximise ``mean(log(weights @ likelihood))``.

    Parameters
    ----------
    likelihood : (k, g) float64
        Non-negative, every column with a positive entry.  The order of the columns enters the
        last bits: sort them by value first.

    References
    ----------
    Kim, Carbonetto, Stephens and Anitescu (2020), J. Comput. Graph. Stat. 29:261, for the form
    without the constraint on the sum; the steps are a textbook interior point (Wright 1997).
    """
    k = likelihood.shape[0]
    weights = np.full(k, 1.0 / k)
    # Slack variables of w >= 0, multipliers at the optimum.
    slack = np.full(k, 1.0)
    best = Weights(weights, np.inf)
    for _ in range(MAX_STEPS):
        slope, hessian = _derivatives(likelihood, weights)
        best = _better(best, weights, likelihood)
        if best.gap <= GAP:
            break
        barrier = 0.1 * float(np.add.reduce(weights * slack)) / k
        # Newton on: slope - slack = 0, weights * slack = barrier.
        h = hessian + np.diag(slack / weights)
        right = barrier / weights - slope
        step = _solve(h, right)
        slack_step = barrier / weights - slack - slack / weights * step
        weights = weights + _length(weights, step) * step
        slack = slack + _length(slack, slack_step) * slack_step
    return best


def _derivatives(likelihood: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return slope (k,) and Hessian (k, k) of sum(weights) - mean(log(weights @ likelihood))."""
    k, g = likelihood.shape
    scaled = likelihood / np.add.reduce(likelihood * weights[:, None], axis=0)
    slope = 1.0 - np.add.reduce(scaled, axis=1) / g
    hessian = np.zeros((k, k))
    for j in range(k):
        hessian[j, : j + 1] = np.add.reduce(scaled[j] * scaled[: j + 1], axis=1) / g
    return slope, np.tril(hessian) + np.tril(hessian, -1).T


def _better(best: Weights, weights: Floats, likelihood: Floats) -> Weights:
    """Return the weights with the smaller gap: the largest slope bounds it, by concavity."""
    scaled = weights / np.add.reduce(weights)
    mixed = np.add.reduce(likelihood * scaled[:, None], axis=0)
    slope = np.add.reduce(likelihood / mixed, axis=1) / likelihood.shape[1]
    gap = float(np.max(slope) - 1.0)
    return Weights(scaled, gap) if gap < best.gap else best


def _solve(matrix: Floats, right: Floats) -> Floats:
    # The diagonal grows without bound where a weight goes to 0: scaled to 1 it stays sound.
    size = 1.0 / np.sqrt(np.diag(matrix))
    low = factor((matrix * size[:, None] * size)[:, :, None])
    return np.asarray(back_solve(low, half_solve(low, (right * size)[:, None]))[:, 0] * size)


def _length(values: Floats, step: Floats) -> float:
    """Return how far along ``step`` the values stay positive, at most 1."""
    falling = step < 0.0
    if not falling.any():
        return 1.0
    return min(1.0, NEAR_BORDER * float(np.min(-values[falling] / step[falling])))
