"""Adaptive shrinkage: a mixture of normals around 0 as prior (docs/math.md, 12.13 to 12.15).

Works on pairs of estimate and standard error.  Where a contrast has no finite estimate its
profile likelihood takes the place of the normal one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._profile import Lines, profile, start, value
from ._simplex import mixture_weights
from .errors import InputError

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
# Genes of one pass of the posterior.
TILE = 2**15
# The grid of the profile, t = width * sinh(u): its step in u, and its reach in widest scales.
FINE, REACH = 0.1, 6.0


class Mixture(NamedTuple):
    """Prior: weights (k,) and standard deviations (k,) of normals around 0.

    ``gap`` bounds the mean log-likelihood per gene that the weights lack from the best.
    """

    weights: Floats
    scales: Floats
    gap: float


class Posterior(NamedTuple):
    """Mean, standard deviation and local false sign rate of every gene (g,)."""

    mean: Floats
    sd: Floats
    rate: Floats


def fit_mixture(estimate: Floats, error: Floats) -> Mixture:
    """Return the prior that makes the estimates most likely (12.13).

    Parameters
    ----------
    estimate, error : (g,) float64
        Estimates of the contrast and their standard errors; genes without a finite pair are
        left out.

    Raises
    ------
    InputError
        No gene has a finite estimate and standard error.

    References
    ----------
    Stephens (2017), Biostatistics 18:275.
    """
    usable = np.isfinite(estimate) & np.isfinite(error) & (error > 0.0)
    if not usable.any():
        raise InputError(
            "No gene has a finite estimate and standard error of this contrast, so method='ash' "
            "has nothing to learn its prior from."
        )
    # Sorted by value, sums do not depend on the order of the genes.
    order = np.lexsort((error[usable], estimate[usable]))
    estimate, error = estimate[usable][order], error[usable][order]
    scales = scale_grid(estimate, error)
    likelihood = np.empty((scales.size, estimate.size))
    for k, scale in enumerate(scales.tolist()):
        variance = scale * scale + error * error
        likelihood[k] = -0.5 * (estimate * estimate / variance + np.log(variance))
    likelihood = np.exp(likelihood - np.max(likelihood, axis=0))
    found = mixture_weights(likelihood)
    return Mixture(found.weights, scales, found.gap)


def scale_grid(estimate: Floats, error: Floats) -> Floats:
    """Return the standard deviations (k,) of the prior's components, widest first (12.13)."""
    least = float(np.min(error)) / 10.0
    spread = float(np.max(estimate * estimate - error * error))
    most = 2.0 * np.sqrt(spread) if spread > 0.0 else 8.0 * least
    steps = int(np.ceil(2.0 * np.log2(most / least))) if most > least else 0
    return np.asarray(most * 2.0 ** (-0.5 * np.arange(steps + 1)))


def posterior(estimate: Floats, error: Floats, prior: Mixture, threshold: float) -> Posterior:
    """Return the posterior of every gene (12.14); NaN where estimate or error is not finite.

    ``rate`` is the probability that the sign is false, or the effect below ``threshold``.
    """
    mean, sd, rate = (np.full(estimate.size, np.nan) for _ in range(3))
    genes = np.flatnonzero(np.isfinite(estimate) & np.isfinite(error) & (error > 0.0))
    for first in range(0, genes.size, TILE):
        part = genes[first : first + TILE]
        mean[part], sd[part], rate[part] = _conjugate(estimate[part], error[part], prior, threshold)
    return Posterior(mean, sd, rate)


def _conjugate(estimate: Floats, error: Floats, prior: Mixture, threshold: float) -> Posterior:
    from scipy.special import ndtr

    used = np.flatnonzero(prior.weights > 0.0)
    square = (prior.scales[used] ** 2)[:, None]
    total = square + error * error
    log_weight = np.log(prior.weights[used])[:, None]
    log_weight = log_weight - 0.5 * (estimate * estimate / total + np.log(total))
    weight = np.exp(log_weight - np.max(log_weight, axis=0))
    weight /= np.add.reduce(weight, axis=0)
    centre = estimate * square / total
    width = np.sqrt(square / total) * error
    mean = np.add.reduce(weight * centre, axis=0)
    # Spread within and between components: nothing cancels.
    variance = np.add.reduce(weight * (width**2 + (centre - mean) ** 2), axis=0)
    below = np.add.reduce(weight * ndtr((threshold - centre) / width), axis=0)
    above = np.add.reduce(weight * ndtr((threshold + centre) / width), axis=0)
    return Posterior(mean, np.sqrt(variance), np.minimum(1.0, np.minimum(below, above)))


def profile_posterior(
    lines: Callable[[Index], Lines], genes: Index, prior: Mixture, threshold: float
) -> Posterior:
    """Return the posterior (g,) from the profile likelihood of the contrast (12.15).

    Parameters
    ----------
    lines : callable
        Gives the `Lines` of genes.
    genes : (g,)
    prior, threshold
        In the natural logarithm, as the lines are.
    """
    used = prior.weights > 0.0
    scales, weights = prior.scales[used], prior.weights[used]
    narrow = float(np.min(scales))
    end = np.arcsinh(REACH * float(np.max(scales)) / narrow)
    grid = np.linspace(0.0, end, max(8, int(np.ceil(end / FINE))) + 1)
    step = float(grid[1])
    grid = np.concatenate([-grid[:0:-1], grid])
    t = narrow * np.sinh(grid)
    density = np.add.reduce(
        weights[:, None] / scales[:, None] * np.exp(-0.5 * (t / scales[:, None]) ** 2), axis=0
    )
    log_mass = np.log(np.maximum(density * np.cosh(grid), 1e-300))
    part = lines(genes).take(np.arange(genes.size))
    log_posterior = log_mass[:, None] - _negative_profile(part, t)
    mass = np.exp(log_posterior - np.max(log_posterior, axis=0))[:, : genes.size]
    mass /= np.add.reduce(mass, axis=0)
    mean = np.add.reduce(mass * t[:, None], axis=0)
    sd = np.sqrt(np.add.reduce(mass * (t[:, None] - mean) ** 2, axis=0))
    below = _share(mass, (np.arcsinh(threshold / narrow) - grid) / step)
    above = _share(mass, (np.arcsinh(threshold / narrow) + grid) / step)
    return Posterior(mean, sd, np.minimum(1.0, np.minimum(below, above)))


def _share(mass: Floats, inside: Floats) -> Floats:
    """Return the mass where ``inside`` (steps) is positive; a point at the border by its part."""
    return np.asarray(np.add.reduce(mass * np.clip(inside + 0.5, 0.0, 1.0)[:, None], axis=0))


def _negative_profile(lines: Lines, t: Floats) -> Floats:
    """Return the negative profile log-likelihood (m, g) on a grid, from the middle outward."""
    out = np.zeros((t.size, lines.alpha.size))
    middle = t.size // 2
    for places in (range(middle, t.size), range(middle - 1, -1, -1)):
        gamma = start(lines, np.zeros(lines.alpha.size))
        for place in places:
            at = np.full(lines.alpha.size, t[place])
            gamma = profile(lines, at, gamma).gamma
            out[place] = value(lines, at, gamma)
    return out
