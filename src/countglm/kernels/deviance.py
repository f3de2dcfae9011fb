"""Deviance and log-likelihood of eight genes.  Equation numbers refer to ``docs/math.md``."""

from __future__ import annotations

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, some, spread, store

from .family import (
    SMALL,
    count_deviance,
    excess_deviance,
    half_deviance,
    log_normalizer_large,
    log_normalizer_small,
    poisson_share,
)
from .layout import SEGMENT
from .special import exp
from .tile import excess_mean, mean_of, predictor, weight_of


@kernel
def half_deviance_sum(d, at, frame, scale, weight, coef, alpha):
    """Return half the deviance at basis coordinates ``coef`` (eq. 2.5; 3.8 by a rule).

    Expects ``lift`` from `put_lift`.
    """
    stay_apart()
    total = load(d, at.lift)
    for s in range(at.segments):
        unit = exp(predictor(d, coef, frame.rows, s))
        part = spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            mu = mean_of(d, at, scale, unit, i)
            y, w = load(d, at.y + i), weight_of(d, at, weight, i)
            value = half_deviance(y, mu, alpha, poisson_share(mu, alpha))
            part += w * value
        total += part
        for begin in range(frame.excess[s], frame.excess[s + 1], SEGMENT):
            part = spread(0.0)
            for e in range(begin, min(begin + SEGMENT, frame.excess[s + 1])):
                mu = excess_mean(d, at, unit, e)
                part += excess_deviance(load(d, at.excess + e), mu, poisson_share(mu, alpha))
            total += part
    return total


@kernel
def put_lift(d, at, count, alpha):
    """Set what the counts alone add to half the deviance of nonzeros above that of zeros."""
    stay_apart()
    total = spread(0.0)
    for begin in range(0, count if at.rule > 0 else 0, SEGMENT):
        part = spread(0.0)
        for k in range(begin, min(begin + SEGMENT, count)):
            part += load(d, at.masses + k) * count_deviance(load(d, at.values + k), alpha)
        total += part
    store(d, at.lift, total)


@kernel
def saturated_log_likelihood(d, at, count, alpha):
    """Return the log-likelihood at mu = y, from the table of ``count`` counts (eq. 2.6)."""
    stay_apart()
    total = spread(0.0)
    large = alpha > SMALL
    low, high = choose(large, SMALL, alpha), choose(large, alpha, SMALL)
    several = some(large)
    for begin in range(0, count, SEGMENT):
        part = spread(0.0)
        for k in range(begin, min(begin + SEGMENT, count)):
            y = load(d, at.values + k)
            value = log_normalizer_small(y, low)
            if several:
                value = choose(large, log_normalizer_large(y, high), value)
            part += load(d, at.masses + k) * value
        total += part
    return total
