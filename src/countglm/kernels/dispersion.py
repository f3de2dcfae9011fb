"""Dispersions of eight genes: true maxima of their Cox-Reid adjusted profile likelihoods.

Coefficients and dispersion move together: one pass over the samples gives the slope of the
profile at the current dispersion, a Newton step of the coefficients, and where they go as the
dispersion moves.  Derivatives are taken in alpha itself, which is smooth through the boundary
alpha = 0.  Equation numbers refer to ``docs/math.md``.
"""

from __future__ import annotations

import math

from countglm._jit import kernel, stay_apart
from countglm._jit.lanes import choose, load, some, spread, store

from .family import (
    SMALL,
    count_score,
    count_slope_large,
    count_slope_small,
    dispersion_score,
    expected_information,
    observed_information,
    poisson_share,
    residual,
)
from .layout import SEGMENT
from .smallmat import (
    back_solve,
    factor,
    half_solve,
    invert_factor,
    log_determinant,
    quadratic_form,
)
from .solver import newton_step
from .special import exp, reciprocals
from .tile import CHUNK, add_row, add_to, clear, excess_mean, mean_of, predictor, weight_of

# A larger ridge makes the motion of the coefficients something else than the profile's.
MAX_PROFILE_RIDGE = 1e-6


@kernel
def count_slopes(d, at, count, alpha):
    """Return the sum of what depends on the counts alone, from a table of ``count`` (eq. 2.8).

    By a rule less that of eq. 2.10.
    """
    stay_apart()
    total = spread(0.0)
    large = alpha > SMALL
    several = some(large)
    low = choose(large, SMALL, alpha)
    r = 1.0 / choose(large, alpha, SMALL)
    base = reciprocals(r)
    for begin in range(0, count, SEGMENT):
        part = spread(0.0)
        for k in range(begin, min(begin + SEGMENT, count)):
            y = load(d, at.values + k)
            value = count_slope_small(y, low)
            if several:
                value = choose(large, count_slope_large(y, r, base), value)
            if at.rule > 0:
                value -= count_score(y, alpha)
            part += load(d, at.masses + k) * value
        total += part
    return total


@kernel
def excess_slopes(d, at, frame, s, unit, alpha):
    """Return what the nonzeros of a segment add (eq. 3.8): to the score, to the information that
    is observed, to minus the score's derivative in alpha, and to minus eq. 2.7 without 2.10.
    """
    slope, drift, gain = spread(0.0), spread(0.0), spread(0.0)
    for begin in range(frame.excess[s], frame.excess[s + 1], SEGMENT):
        part, drifted, gained = spread(0.0), spread(0.0), spread(0.0)
        for e in range(begin, min(begin + SEGMENT, frame.excess[s + 1])):
            mu = excess_mean(d, at, unit, e)
            share = poisson_share(mu, alpha)
            scaled = load(d, at.excess + e) * share
            part += scaled
            drifted += scaled * (mu * share)
            gained += scaled * mu
        slope += part
        drift += drifted
        gain += gained
    return slope, alpha * drift, drift, gain


@kernel
def sums_of_slope(d, at, frame, scale, weight, alpha):
    """Set score, information of both kinds and how the score moves with alpha; return the slope.

    Of the likelihood alone, but for the part of the counts (eq. 2.7).  ``first`` and ``second``
    keep what the adjustment needs of every segment (eq. 5.3).
    """
    stay_apart()
    r, t = at.rank, frame.products.shape[1]
    clear(d, at.score, r)
    clear(d, at.motion, r)
    clear(d, at.hessian, t)
    clear(d, at.fisher, t)
    total = spread(0.0)
    for begin in range(0, at.segments, CHUNK):
        clear(d, at.part, r)
        clear(d, at.noise, r)
        clear(d, at.square, t)
        clear(d, at.inverse, t)
        partial = spread(0.0)
        for s in range(begin, min(begin + CHUNK, at.segments)):
            unit = exp(predictor(d, at.coef, frame.rows, s))
            zero = spread(0.0)
            slope, curve, fisher, drift, first, second, value = (
                zero, zero, zero, zero, zero, zero, zero,
            )  # fmt: skip
            for i in range(frame.bounds[s], frame.bounds[s + 1]):
                y, w = load(d, at.y + i), weight_of(d, at, weight, i)
                mu = mean_of(d, at, scale, unit, i)
                share = poisson_share(mu, alpha)
                error = w * residual(y, mu, share)
                info = expected_information(mu, share)
                weighted = w * info
                slope += error
                drift -= error * info
                curve += w * observed_information(y, mu, alpha, share)
                fisher += weighted
                first += weighted * share
                second += weighted * info
                value += w * dispersion_score(y, mu, alpha, share)
            more, bent, drifted, gained = excess_slopes(d, at, frame, s, unit, alpha)
            slope += more
            curve += bent
            drift -= drifted
            partial += value - gained
            store(d, at.first + s, first)
            store(d, at.second + s, second)
            add_row(d, at.part, frame.rows, s, slope)
            add_row(d, at.noise, frame.rows, s, drift)
            add_row(d, at.square, frame.products, s, curve)
            add_row(d, at.inverse, frame.products, s, fisher)
        total += partial
        add_to(d, at.score, at.part, r)
        add_to(d, at.motion, at.noise, r)
        add_to(d, at.hessian, at.square, t)
        add_to(d, at.fisher, at.inverse, t)
    return total


@kernel
def adjustment_slope(d, at, frame):
    """Return the derivative of log det of the Fisher information along the profile (eq. 5.3).

    Expects T of the Fisher information in ``inverse`` and the motion of the coefficients.
    """
    stay_apart()
    total = spread(0.0)
    for begin in range(0, at.segments, CHUNK):
        partial = spread(0.0)
        for s in range(begin, min(begin + CHUNK, at.segments)):
            leverage = quadratic_form(d, at.inverse, at.rank, frame.rows, s)
            move = predictor(d, at.motion, frame.rows, s)
            partial += leverage * (load(d, at.first + s) * move - load(d, at.second + s))
        total += partial
    return total


@kernel
def profile_slope(d, at, frame, scale, weight, count, alpha, fixed):
    """Return slope in alpha of the profile (eq. 5.3) and decrement of the coefficients.

    ``step`` becomes the Newton step of the coefficients, ``motion`` their derivative in alpha
    along the profile (eq. 5.2); the slope is corrected for the step that is still to go (eq. 5.4).
    Where the means are ``fixed`` the coefficients stay as they are.
    """
    stay_apart()
    slope = sums_of_slope(d, at, frame, scale, weight, alpha)
    slope -= count_slopes(d, at, count, alpha)
    decrement, ridge = spread(0.0), spread(0.0)
    if fixed:
        clear(d, at.motion, at.rank)
        clear(d, at.step, at.rank)
    else:
        decrement, ridge = newton_step(d, at)
        half_solve(d, at.chol, at.size, at.rank, at.motion, at.vector)
        back_solve(d, at.chol, at.size, at.rank, at.vector, at.motion)
        for k in range(at.rank):
            slope += load(d, at.motion + k) * load(d, at.score + k)
    sound = factor(d, at.fisher, at.rank, spread(0.0), at.chol, at.size)
    invert_factor(d, at.chol, at.size, at.rank, at.inverse)
    slope -= 0.5 * adjustment_slope(d, at, frame)
    return choose(sound & (ridge <= MAX_PROFILE_RIDGE), slope, math.nan), decrement


@kernel
def log_adjustment(d, at):
    """Return half the log determinant of the Fisher information of the last slope (eq. 5.1)."""
    return 0.5 * log_determinant(d, at.chol, at.size, at.rank)
