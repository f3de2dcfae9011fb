"""Gradient ascent and grids on the adjusted profile likelihood of a dispersion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._adjustment import Adjustment
from ._likelihood import log_gamma

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_DISPERSION = 1e-8
TOLERANCE = 1e-6
MAX_STEPS = 100
# Bounds of a proposed log dispersion, share of the expected increase that is asked for.
_LOWEST, _HIGHEST = -30.0, 10.0
_ARMIJO = 1e-4
_GRID_POINTS = 20


@dataclass(frozen=True, eq=False)
class Objective:
    """Log posterior of the log dispersion of every gene at fixed means (docs/math.md, 14.2).

    ``y``, ``mu`` and ``weights`` are (g, n), ``centre`` (g,) the log of the prior's mode or None
    where there is no prior, ``variance`` that of the prior.
    """

    y: Floats
    mu: Floats
    weights: Floats | None
    adjustment: Adjustment
    centre: Floats | None = None
    variance: float = 1.0

    def take(self, rows: Mask) -> Objective:
        """The same for some genes."""
        return replace(
            self,
            y=self.y[rows],
            mu=self.mu[rows],
            weights=None if self.weights is None else self.weights[rows],
            adjustment=self.adjustment.take(rows),
            centre=None if self.centre is None else self.centre[rows],
        )

    def value(self, log_alpha: Floats) -> Floats:
        """The objective (g,). The grouping of terms, and so the rounding near 1e-8, is 14.2's."""
        alpha = np.exp(log_alpha)[:, None]
        r = 1.0 / alpha
        terms = log_gamma(self.y + r) - log_gamma(r)
        terms -= self.y * np.log(self.mu + r)
        terms -= r * np.log(1.0 + self.mu * alpha)
        if self.weights is not None:
            terms *= self.weights
        value: Floats = np.add.reduce(terms, axis=1)
        value -= 0.5 * self.adjustment.log_det(1.0 / (1.0 / self.mu + alpha))
        if self.centre is not None:
            value -= (log_alpha - self.centre) ** 2 / (2.0 * self.variance)
        return value

    def slope(self, log_alpha: Floats) -> Floats:
        """Derivative (g,) of the objective in the log dispersion."""
        from scipy.special import psi

        alpha = np.exp(log_alpha)[:, None]
        r = 1.0 / alpha
        odds = 1.0 + self.mu * alpha
        terms = psi(r) + np.log(odds) - self.mu * alpha / odds
        terms += self.y / (self.mu + r) - psi(self.y + r)
        if self.weights is not None:
            terms *= self.weights
        slope: Floats = r[:, 0] * np.add.reduce(terms, axis=1)
        weight = 1.0 / (1.0 / self.mu + alpha)
        slope -= 0.5 * alpha[:, 0] * self.adjustment.slope(weight, -weight * weight)
        if self.centre is not None:
            slope -= (log_alpha - self.centre) / self.variance
        return slope


class Ascent(NamedTuple):
    """Log dispersions (g,), steps tried, objective at the start and at the end."""

    log_alpha: Floats
    iterations: NDArray[np.int64]
    initial: Floats
    last: Floats


def ascend(objective: Objective, start: Floats) -> Ascent:
    """Climb from the log dispersions ``start`` (g,) along the slope, with step lengths halved
    after a rejection and every fifth acceptance, until an accepted step gains too little."""
    log_alpha = start.copy()
    iterations = np.full(start.shape, MAX_STEPS, dtype=np.int64)
    with np.errstate(all="ignore"):
        value, slope = objective.value(start), objective.slope(start)
        initial, last = value.copy(), value.copy()
        active = np.arange(start.size)
        at, kappa = start.copy(), np.ones(start.shape)
        accepted = np.zeros(start.shape, dtype=np.int64)
        for t in range(MAX_STEPS):
            kappa = np.where(at + kappa * slope < _LOWEST, (_LOWEST - at) / slope, kappa)
            kappa = np.where(at + kappa * slope > _HIGHEST, (_HIGHEST - at) / slope, kappa)
            proposal = at + kappa * slope
            new = objective.value(proposal)
            good = new >= value + kappa * _ARMIJO * slope * slope
            accepted += good
            done = good & (new - value < TOLERANCE)
            at = np.where(good, proposal, at)
            value = np.where(good, new, value)
            done |= good & (at < np.log(MIN_DISPERSION / 10.0))
            iterations[active[done]] = t + 1
            log_alpha[active], last[active] = at, value
            climbing = good & ~done
            if climbing.any():
                part = objective.take(climbing) if not climbing.all() else objective
                slope[climbing] = part.slope(at[climbing])
            kappa = np.where(good, np.minimum(1.1 * kappa, 1.0), kappa / 2.0)
            kappa = np.where(good & (accepted % 5 == 0), kappa / 2.0, kappa)
            if done.any():
                keep = ~done
                objective, active = objective.take(keep), active[keep]
                at, kappa, accepted = at[keep], kappa[keep], accepted[keep]
                value, slope = value[keep], slope[keep]
            if not active.size:
                break
    return Ascent(log_alpha, iterations, initial, last)


def grid_search(objective: Objective, cap: float) -> Floats:
    """Return the best log dispersion (g,) of 20 points up to ``cap`` refined by 20 points."""
    low, high = np.log(MIN_DISPERSION), np.log(cap)
    genes = objective.y.shape[0]
    coarse = np.linspace(low, high, _GRID_POINTS)
    best = _best(objective, np.broadcast_to(coarse, (genes, _GRID_POINTS)))
    spacing = coarse[1] - coarse[0]
    fine = np.linspace(best - spacing, best + spacing, _GRID_POINTS, axis=1)
    return _best(objective, fine)


def _best(objective: Objective, points: Floats) -> Floats:
    with np.errstate(all="ignore"):
        columns = [objective.value(np.ascontiguousarray(column)) for column in points.T]
    values = np.stack(columns, axis=1)
    chosen = np.argmax(np.where(np.isnan(values), -np.inf, values), axis=1)
    return np.ascontiguousarray(points[np.arange(chosen.size), chosen])
