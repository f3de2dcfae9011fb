"""Deviance and log-likelihood of eight genes.  Equation numbers refer to ``docs/math.md``."""

from __future__ import annotations

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, some, spread

from .family import (
    SMALL,
    half_deviance,
    log_normalizer_large,
    log_normalizer_small,
    poisson_share,
)
from .special import exp
from .tile import mean_of, predictor, weight_of


@kernel
def half_deviance_sum(d, at, frame, scale, weight, coef, alpha):
    """Return half the deviance at basis coordinates ``coef`` (eq. 2.5)."""
    stay_apart()
    total = spread(0.0)
    for s in range(at.segments):
        unit = exp(predictor(d, coef, frame.rows, s))
        part = spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            mu = mean_of(d, at, scale, unit, i)
            y, w = load(d, at.y + i), weight_of(d, at, weight, i)
            value = half_deviance(y, mu, alpha, poisson_share(mu, alpha))
            part += w * value
        total += part
    return total


@kernel
def saturated_log_likelihood(d, at, count, alpha):
    """Return the log-likelihood at mu = y, from the table of ``count`` counts (eq. 2.6)."""
    stay_apart()
    total = spread(0.0)
    large = alpha > SMALL
    low, high = choose(large, SMALL, alpha), choose(large, alpha, SMALL)
    several = some(large)
    for k in range(count):
        y = load(d, at.values + k)
        value = log_normalizer_small(y, low)
        if several:
            value = choose(large, log_normalizer_large(y, high), value)
        total += load(d, at.masses + k) * value
    return total
