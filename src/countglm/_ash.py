"""Adaptive shrinkage: a mixture of normals around 0 as prior (docs/math.md, 12.13 to 12.15).

Works on pairs of estimate and standard error.  Where a contrast has no finite estimate its
profile likelihood takes the place of the normal one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._profile import Lines, over_samples, profile, start, value
from ._simplex import mixture_weights
from .errors import InputError

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
# Genes of one pass of the posterior.
TILE = 2**15
# The grids of the profile, t = min(sigma) * sinh(u): the step in u of the first one and the points
# of the others, each of which covers what carries mass on the one before.
FIRST_STEP, CLOSER = 0.25, (65, 65, 257)
# What lies this far below the largest log posterior carries no mass; a normal has fallen by it at
# REACH standard deviations.
FALL, REACH = 40.0, 9.0
# Steps of the first grid to either side, far beyond any end.
MOST_STEPS = 400


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
    part = lines(genes).take(np.arange(genes.size))
    grid = _first_grid(part, prior)
    for points in CLOSER:
        grid = _closer_grid(part, prior, grid, points)
    narrow = _narrowest(prior)
    t = narrow * np.sinh(grid.u)
    mass = np.exp(grid.log_mass - np.max(grid.log_mass, axis=0))
    mass /= over_samples(mass)
    mean = over_samples(mass * t)
    sd = np.sqrt(over_samples(mass * (t - mean) ** 2))
    border = np.arcsinh(threshold / narrow)
    step = (grid.u[-1] - grid.u[0]) / (CLOSER[-1] - 1)
    below = _share(mass, (border - grid.u) / step)
    above = _share(mass, (border + grid.u) / step)
    # A gene alone was a pair until here: its sums ran in the order they have in company.
    found = (mean, sd, np.minimum(1.0, np.minimum(below, above)))
    return Posterior(*(values[: genes.size] for values in found))


def _share(mass: Floats, inside: Floats) -> Floats:
    """Return the mass where ``inside`` (steps) is positive; a point at the border by its part."""
    return over_samples(mass * np.clip(inside + 0.5, 0.0, 1.0))


class Grid(NamedTuple):
    """Points ``u`` (m, g), ascending and evenly spaced, with the log posterior of u there.

    ``gamma`` (m, q, g) are the nuisance coefficients of the profile.
    """

    u: Floats
    log_mass: Floats
    gamma: Floats


def _narrowest(prior: Mixture) -> float:
    return float(np.min(prior.scales[prior.weights > 0.0]))


def _log_prior(prior: Mixture, u: Floats) -> Floats:
    """Return the log density of ``u`` up to a constant; it does not underflow."""
    t = _narrowest(prior) * np.sinh(u)
    total = np.full(u.shape, -np.inf)
    for weight, scale in zip(prior.weights.tolist(), prior.scales.tolist(), strict=True):
        if weight > 0.0:
            total = np.logaddexp(total, np.log(weight / scale) - 0.5 * (t / scale) ** 2)
    return np.asarray(total + np.log(np.cosh(u)))


def _first_grid(lines: Lines, prior: Mixture) -> Grid:
    """Walk from 0 to both sides until nothing carries mass (12.15)."""
    narrow, size = _narrowest(prior), lines.alpha.size
    reach = REACH * float(np.max(prior.scales[prior.weights > 0.0]))
    zero = np.zeros(size)
    gamma = profile(lines, zero, start(lines, zero)).gamma
    best = _log_prior(prior, zero) - value(lines, zero, gamma)
    sides = {side: [(0.0, best, gamma)] for side in (-1, 1)}
    done = {side: np.zeros(size, dtype=np.bool_) for side in sides}
    for k in range(1, MOST_STEPS):
        for side, walked in sides.items():
            u = side * k * FIRST_STEP
            t, before, earlier = (
                narrow * np.sinh(at) for at in (u, walked[-1][0], walked[max(k - 2, 0)][0])
            )
            # Far out the nuisance coefficients move in proportion to t.
            ahead = (t - before) / (before - earlier) if k > 1 else 0.0
            gamma = walked[-1][2] + ahead * (walked[-1][2] - walked[max(k - 2, 0)][2])
            gamma = profile(lines, zero + t, gamma).gamma
            height = _log_prior(prior, zero + u) - value(lines, zero + t, gamma)
            # Where only other genes still walk is not looked at.
            height = np.where(done[side], -np.inf, height)
            best = np.fmax(best, height)
            walked.append((u, height, gamma))
            if abs(t) > reach:
                done[side] |= ~(height >= best - FALL)
        if done[-1].all() and done[1].all():
            break
    points = sides[-1][:0:-1] + sides[1]
    u_all, heights, gammas = (np.array([point[i] for point in points]) for i in range(3))
    return Grid(np.repeat(u_all[:, None], size, axis=1), heights, gammas)


def _closer_grid(lines: Lines, prior: Mixture, grid: Grid, points: int) -> Grid:
    """Return a grid of ``points`` on the part of ``grid`` that carries mass, gene by gene."""
    kept = grid.log_mass >= np.max(grid.log_mass, axis=0) - FALL
    last = len(kept) - 1
    low = np.maximum(np.argmax(kept, axis=0) - 1, 0)
    high = np.minimum(last - np.argmax(kept[::-1], axis=0) + 1, last)
    place = low + np.linspace(0.0, 1.0, points)[:, None] * (high - low)
    first = np.minimum(place.astype(np.intp), last - 1)
    part = place - first
    genes = np.arange(first.shape[1])
    u = (1.0 - part) * grid.u[first, genes] + part * grid.u[first + 1, genes]
    t = _narrowest(prior) * np.sinh(u)
    gamma = np.empty((points, *grid.gamma.shape[1:]))
    log_mass = _log_prior(prior, u)
    for m in range(points):
        at, behind = grid.gamma[first[m], :, genes].T, grid.gamma[first[m] + 1, :, genes].T
        gamma[m] = profile(lines, t[m], (1.0 - part[m]) * at + part[m] * behind).gamma
        log_mass[m] -= value(lines, t[m], gamma[m])
    return Grid(u, log_mass, gamma)
