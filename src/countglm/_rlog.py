"""Penalised sample effects of every gene: the fits behind `rlog` (docs/math.md, 13.4 and 13.5).

The model has an intercept and one coefficient a sample, these with the penalty ``ridge b²/2``.
Its information matrix is an arrow, so that a step costs as much as there are samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._weighted_quantile import weighted_quantile

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

LN2 = float(np.log(2.0))
_MAX_STEPS = 1000
# Newton's steps shrink quadratically: after one of this size the rest is below rounding.
_LAST_STEP = 1e-9
# Samples that are all alike have no variance: this shrinks them onto their gene.
_LEAST_VARIANCE = 1e-12

# DESeq2's numbers.
_REPLAY_INTERCEPT_RIDGE = 1e-6 / LN2**2
_REPLAY_TOL, _REPLAY_STEPS, _MIN_MU, _LARGEST = 1e-4, 100, 0.5, 30.0


def sample_effects(y: Floats, scale: Floats, alpha: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Return intercepts (g,) and effects (g, n), natural log, that maximise the penalised fit.

    Parameters
    ----------
    y : (g, n) counts, none of the rows all zero
    scale : (g, n) size or normalisation factors
    alpha : (g,) dispersions > 0
    ridge : penalty > 0 on natural-log effects; the intercept has none
    """
    intercept = np.log(np.add.reduce(y / scale, axis=1) / y.shape[1])
    effects = np.zeros_like(y)
    left = np.arange(y.shape[0])
    for _ in range(_MAX_STEPS):
        if not left.size:
            break
        b = effects[left]
        score, information = _derivatives(y[left], scale[left], alpha[left], intercept[left], b)
        spread = information + ridge
        gain = np.add.reduce((score + information * b) * (ridge / spread), axis=1)
        up = gain / np.add.reduce(information * (ridge / spread), axis=1)
        move = (score - ridge * b - information * up[:, None]) / spread
        size = np.abs(move + up[:, None]).max(axis=1)
        part = _safe_part(size)
        intercept[left] += part * up
        effects[left] = b + part[:, None] * move
        left = left[size > _LAST_STEP]
    return intercept, effects


def effects_at(y: Floats, scale: Floats, alpha: Floats, ridge: float, intercept: Floats) -> Floats:
    """Return effects (g, n) around given intercepts (g,): each entry is a problem of its own."""
    columns = [np.broadcast_to(part, y.shape).reshape(-1) for part in
               (y, scale, alpha[:, None], intercept[:, None])]  # fmt: skip
    effects = np.zeros(y.size)
    left = np.arange(y.size)
    for _ in range(_MAX_STEPS):
        if not left.size:
            break
        one_y, one_scale, one_alpha, one_intercept = (part[left] for part in columns)
        b = effects[left]
        score, information = _derivatives(
            one_y[:, None], one_scale[:, None], one_alpha, one_intercept, b[:, None]
        )
        move = (score[:, 0] - ridge * b) / (information[:, 0] + ridge)
        effects[left] = b + _safe_part(np.abs(move)) * move
        left = left[np.abs(move) > _LAST_STEP]
    return effects.reshape(y.shape)


def _derivatives(
    y: Floats, scale: Floats, alpha: Floats, intercept: Floats, b: Floats
) -> tuple[Floats, Floats]:
    """Score and observed information of every entry in its log mean."""
    a = alpha[:, None]
    mu = scale * np.exp(intercept[:, None] + b)
    spread = 1.0 + a * mu
    return (y - mu) / spread, mu * (1.0 + a * y) / spread**2


def _safe_part(size: Floats) -> Floats:
    """Part of a Newton step that cannot overshoot.

    The third derivative in a log mean is at most the second, so along a step that moves no log
    mean by more than S the slope stays downward up to log(1 + S) / S of it (docs/math.md, 13.4).
    """
    return np.divide(np.log1p(size), size, out=np.ones_like(size), where=size > 0.0)


def replayed_effects(
    y: Floats, scale: Floats, alpha: Floats, ridge: float, given: Floats | None = None
) -> tuple[Floats, Floats]:
    """The same by DESeq2's scoring: means of at least 0.5, relative deviance to 1e-4 (13.5).

    ``given`` (g,) are intercepts to keep; the effects are then of the scale times their
    exponential, without an intercept.
    """
    free = given is None
    if given is None:
        intercept = np.log(np.add.reduce(y / scale, axis=1) / y.shape[1])
        effects = np.zeros_like(y)
    else:
        intercept = given.copy()
        effects = np.log(y / (scale * np.exp(given)[:, None]) + 0.1)
        scale, intercept = scale * np.exp(given)[:, None], np.zeros_like(given)
    deviance = np.zeros(y.shape[0])
    left = np.arange(y.shape[0])
    for step in range(_REPLAY_STEPS):
        if not left.size:
            break
        part = y[left], scale[left], alpha[left][:, None]
        solved = _scored(*part, intercept[left], effects[left], ridge, free)
        intercept[left], effects[left] = solved
        new = _deviance(*part, solved[0][:, None] + solved[1])
        change = np.abs(new - deviance[left]) / (np.abs(new) + 0.1)
        deviance[left] = new
        largest = np.maximum(np.abs(solved[0]), np.abs(solved[1]).max(axis=1))
        done = (largest > _LARGEST) | np.isnan(change)
        if step > 0:
            done |= change < _REPLAY_TOL
        left = left[~done]
    return (intercept if given is None else given), effects


def _scored(
    y: Floats,
    scale: Floats,
    a: Floats,
    intercept: Floats,
    effects: Floats,
    ridge: float,
    free: bool,
) -> tuple[Floats, Floats]:
    """One step of the penalised least squares of the working values, as an arrow system."""
    mu = _clamped(scale, intercept[:, None] + effects)
    weight = mu / (1.0 + a * mu)
    working = np.log(mu / scale) + (y - mu) / mu
    shrink = ridge / (weight + ridge)
    if free:
        total = np.add.reduce(weight * shrink, axis=1) + _REPLAY_INTERCEPT_RIDGE
        intercept = np.add.reduce(weight * working * shrink, axis=1) / total
    return intercept, weight * (working - intercept[:, None]) / (weight + ridge)


def _clamped(scale: Floats, eta: Floats) -> Floats:
    return np.maximum(scale * np.exp(eta), _MIN_MU)


def _deviance(y: Floats, scale: Floats, a: Floats, eta: Floats) -> Floats:
    """Minus twice the log-likelihood (g,) at the clamped means."""
    from scipy.special import gammaln

    mu, r = _clamped(scale, eta), 1.0 / a
    terms = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0)
    terms = terms + y * np.log(a * mu) - (y + r) * np.log1p(a * mu)
    return np.asarray(-2.0 * np.add.reduce(terms, axis=1))


def effect_variance(q: Floats, mean: Floats, alpha: Floats) -> float:
    """Prior variance of the log2 effects (docs/math.md, 13.10).

    The 95% quantile of their absolute values, weighted by what each gene knows, is that of a
    normal distribution.

    Parameters
    ----------
    q : (n_samples, n_genes) normalised counts of genes with counts
    mean, alpha : (n_genes,) means of these and dispersions of the trend
    """
    from scipy.special import ndtri

    change = np.abs(np.log2(q + 0.5) - np.log2(mean + 0.5))
    weight = np.broadcast_to(1.0 / (1.0 / mean + alpha), q.shape)
    high = weighted_quantile(change.ravel(), weight.ravel(), 0.95)
    return max(float((high / ndtri(0.975)) ** 2), _LEAST_VARIANCE)
