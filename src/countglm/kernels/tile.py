"""Eight genes side by side: where their numbers lie, and sums over their samples.

Lane k of every row of the workspace belongs to one gene, so that no gene's numbers depend on its
neighbours'.  Samples with equal rows of the design form segments: their linear predictors differ
by their offsets alone, so a segment costs one exponential and one product.  Sums run in the order
of the samples as partial sums of at most ``SEGMENT`` samples and ``CHUNK`` segments.
Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

from countglm._jit import LANES as LANES
from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, magnitude, spread, store

from .family import (
    expected_information,
    observed_information,
    poisson_share,
    residual,
)
from .layout import SEGMENT
from .special import exp, log

CHUNK = 64
# Fitted means stay within these, so that products of a few remain numbers.
LEAST_MEAN, MOST_MEAN = 1e-300, 1e300


@kernel
def clear(d, start, count):
    """Set rows to zero."""
    for k in range(count):
        store(d, start + k, 0.0)


@kernel
def add_to(d, target, source, count):
    """Add rows to others."""
    for k in range(count):
        store(d, target + k, load(d, target + k) + load(d, source + k))


@kernel
def predictor(d, coef, rows, s):
    """Return the linear predictor of segment ``s`` without offset."""
    eta = spread(0.0)
    for k in range(rows.shape[1]):
        eta += load(d, coef + k) * rows[s, k]
    return eta


@kernel
def mean_of(d, at, scale, unit, i):
    """Return the fitted mean of sample ``i``; ``unit`` is that of an offset of 0 (eq. 1.5)."""
    shared = spread(scale[i]) if scale.size > 0 else load(d, at.scale + i)
    mu = unit * shared
    low = choose(mu < LEAST_MEAN, LEAST_MEAN, mu)
    return choose(low > MOST_MEAN, MOST_MEAN, low)


@kernel
def excess_mean(d, at, unit, e):
    """Return the fitted mean of nonzero ``e`` of a gene that is given by these."""
    mu = unit * load(d, at.excess_scale + e)
    low = choose(mu < LEAST_MEAN, LEAST_MEAN, mu)
    return choose(low > MOST_MEAN, MOST_MEAN, low)


@kernel
def weight_of(d, at, weight, i):
    """Return the weight of sample ``i``; an empty row means that every gene has its own."""
    return spread(weight[i]) if weight.size > 0 else load(d, at.weight + i)


@kernel
def add_row(d, target, rows, s, value):
    """Add ``value`` times row ``s`` to a vector."""
    for k in range(rows.shape[1]):
        store(d, target + k, load(d, target + k) + value * rows[s, k])


@kernel
def excess_score(d, at, frame, s, unit, alpha):
    """Return what the nonzeros of a segment add to score and observed information (eq. 3.8)."""
    slope, curve = spread(0.0), spread(0.0)
    for begin in range(frame.excess[s], frame.excess[s + 1], SEGMENT):
        part, bent = spread(0.0), spread(0.0)
        for e in range(begin, min(begin + SEGMENT, frame.excess[s + 1])):
            mu = excess_mean(d, at, unit, e)
            share = poisson_share(mu, alpha)
            gain = load(d, at.excess + e) * share
            part += gain
            bent += gain * (mu * share)
        slope += part
        curve += bent
    return slope, alpha * curve


@kernel
def score_and_information(d, at, frame, scale, weight, coef, alpha, fisher):
    """Set score and information at ``coef`` (eqs. 1.2-1.4), Fisher's where ``fisher``."""
    stay_apart()
    r, t = at.rank, frame.products.shape[1]
    clear(d, at.score, r)
    clear(d, at.hessian, t)
    for begin in range(0, at.segments, CHUNK):
        clear(d, at.part, r)
        clear(d, at.square, t)
        for s in range(begin, min(begin + CHUNK, at.segments)):
            unit = exp(predictor(d, coef, frame.rows, s))
            slope, curve = spread(0.0), spread(0.0)
            for i in range(frame.bounds[s], frame.bounds[s + 1]):
                y, w = load(d, at.y + i), weight_of(d, at, weight, i)
                mu = mean_of(d, at, scale, unit, i)
                share = poisson_share(mu, alpha)
                slope += w * residual(y, mu, share)
                expected = expected_information(mu, share)
                observed = observed_information(y, mu, alpha, share)
                curve += w * choose(fisher, expected, observed)
            more, bent = excess_score(d, at, frame, s, unit, alpha)
            slope += more
            curve += choose(fisher, 0.0, bent)
            add_row(d, at.part, frame.rows, s, slope)
            add_row(d, at.square, frame.products, s, curve)
        add_to(d, at.score, at.part, r)
        add_to(d, at.hessian, at.square, t)


@kernel
def start_by_rule(d, at, frame, scale, weight, alpha):
    """Set the normal equations of a start at the mean rates of the segments (eq. 3.9)."""
    clear(d, at.score, at.rank)
    clear(d, at.hessian, frame.products.shape[1])
    one = spread(1.0)
    for s in range(at.segments):
        total, exposure = spread(0.25), spread(1e-300)
        for e in range(frame.excess[s], frame.excess[s + 1]):
            total += load(d, at.excess + e)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            exposure += weight_of(d, at, weight, i) * mean_of(d, at, scale, one, i)
        rate = total / exposure
        curve = spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            mu = mean_of(d, at, scale, rate, i)
            share = poisson_share(mu, choose(alpha > 0.1, alpha, 0.1))
            curve += weight_of(d, at, weight, i) * expected_information(mu, share)
        add_row(d, at.score, frame.rows, s, curve * log(rate))
        add_row(d, at.hessian, frame.products, s, curve)


@kernel
def start_equations(d, at, frame, scale, weight, alpha):
    """Set the normal equations of a start at mu = y + 1/4 (eq. 3.2)."""
    stay_apart()
    if at.rule > 0:
        start_by_rule(d, at, frame, scale, weight, alpha)
        return
    clear(d, at.score, at.rank)
    clear(d, at.hessian, frame.products.shape[1])
    one = spread(1.0)
    for s in range(at.segments):
        slope, curve = spread(0.0), spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            mu = load(d, at.y + i) + 0.25
            # At alpha near 0 the zero counts would weigh nothing and be extrapolated out of sight.
            share = poisson_share(mu, choose(alpha > 0.1, alpha, 0.1))
            w = weight_of(d, at, weight, i) * expected_information(mu, share)
            curve += w
            slope += w * log(mu / mean_of(d, at, scale, one, i))
        add_row(d, at.score, frame.rows, s, slope)
        add_row(d, at.hessian, frame.products, s, curve)


@kernel
def positive_equations(d, at, frame, weight):
    """Set the Gram matrix of the samples with positive counts; return (positive, weighted)."""
    stay_apart()
    clear(d, at.hessian, frame.products.shape[1])
    positive, weighted = spread(0.0), spread(0.0)
    for s in range(at.segments):
        count = spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            heavy = weight_of(d, at, weight, i) > 0.0
            weighted += choose(heavy, 1.0, 0.0)
            count += choose(heavy & (load(d, at.y + i) > 0.0), 1.0, 0.0)
        for e in range(frame.excess[s], frame.excess[s + 1]):
            count += choose(load(d, at.excess + e) > 0.0, 1.0, 0.0)
        positive += count
        add_row(d, at.hessian, frame.products, s, count)
    return positive, weighted


@kernel
def largest_move(d, at, frame, weight, step):
    """Return the largest change of a linear predictor of positive weight for a step."""
    stay_apart()
    largest = spread(0.0)
    for s in range(at.segments):
        move = predictor(d, step, frame.rows, s)
        heavy = spread(0.0)
        for i in range(frame.bounds[s], frame.bounds[s + 1]):
            heavy += weight_of(d, at, weight, i)
        size = choose(heavy > 0.0, magnitude(move), 0.0)
        largest = choose(size > largest, size, largest)
    return largest
