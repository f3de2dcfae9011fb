"""Sums over the rows of one wide problem, for ranges of rows; equations in ``docs/math.md``, 18.

``size`` is what `families` calls so: dispersions or numbers of trials, one a row.
"""

from __future__ import annotations

from countglm._jit import entry, kernel

from .families import (
    BINOMIAL,
    COUNTS,
    GAUSSIAN,
    gap_bound,
    half_unit_deviance,
    predictor_of_slope,
    slope_and_curvature,
)
from .special import exp, log1p


@entry
def put_slopes(code, y, size, weight, eta, slope, curve, start, stop):
    """Set weighted slopes and curvatures at the linear predictors."""
    for i in range(start, stop):
        one, two = slope_and_curvature(code, y[i], eta[i], size[i])
        slope[i] = weight[i] * one
        curve[i] = weight[i] * two


@kernel
def divergence(code, y, size, eta, slope, curve, move):
    """Return a bound of ``f(eta + move) - f(eta) - f'(eta) move`` that loses no digits (18.4).

    The lesser of two: that by self-concordance, exact for small moves, and the change of slope
    times the move, at most twice the truth near it and never far off for large ones.
    """
    near = gap_bound(code, curve, move)
    if code == GAUSSIAN or abs(move) < 0.1:
        return near
    there, _ = slope_and_curvature(code, y, eta + move, size)
    return min(near, max((there - slope) * move, 0.0))


@entry
def sum_divergences(code, y, size, weight, eta, slope, curve, move, start, stop):
    """Return the sum of the divergences of a move; ``slope`` and ``curve`` carry the weights."""
    total = 0.0
    for i in range(start, stop):
        w = weight[i]
        if w > 0.0 and move[i] != 0.0:
            total += w * divergence(
                code, y[i], size[i], eta[i], slope[i] / w, curve[i] / w, move[i]
            )
    return total


@entry
def sum_half_deviances(code, y, size, weight, eta, start, stop):
    """Return half the deviance of a range of rows (eqs. 2.5, 16.1)."""
    total = 0.0
    for i in range(start, stop):
        if weight[i] > 0.0:
            total += weight[i] * half_unit_deviance(code, y[i], eta[i], size[i])
    return total


@kernel
def into_domain(code, y, slope, size):
    """Return the slope moved to where its family can have it, and whether that is an end."""
    if code == GAUSSIAN:
        return slope, 0
    if slope <= -y:
        return -y, -1
    if code == COUNTS and size * slope >= 1.0:
        return 1.0 / size, 1
    if code == BINOMIAL and slope >= size - y:
        return size - y, 1
    return slope, 0


@kernel
def limit_gap(code, y, size, eta, end):
    """Return ``f(eta) - slope eta`` less its infimum, for a slope that only an end of eta has."""
    if code == BINOMIAL:
        # All failures, or all successes.
        return half_unit_deviance(code, 0.0 if end < 0 else size, eta, size)
    if end < 0:
        return (1.0 + size * y) * half_unit_deviance(code, 0.0, eta, size)
    return (y + 1.0 / size) * log1p(exp(-eta) / size)


@entry
def sum_dual_gaps(code, y, size, weight, eta, slope, curve, shift, dual, start, stop):
    """Move slopes by ``-curve * shift`` into ``dual`` and return what that costs (eq. 18.6)."""
    total = 0.0
    for i in range(start, stop):
        w = weight[i]
        if w <= 0.0:
            dual[i] = 0.0
            continue
        here = slope[i] / w
        there, end = into_domain(code, y[i], here - curve[i] / w * shift[i], size[i])
        dual[i] = w * there
        if there == here:
            continue
        known, predictor = predictor_of_slope(code, y[i], there, size[i])
        if end != 0 or not known:
            total += w * limit_gap(code, y[i], size[i], eta[i], end)
            continue
        # The difference of predictors is the shift to first order: so where it is small.
        apart = eta[i] - predictor
        if abs(shift[i]) < 1e-5:
            apart = shift[i] * (1.0 + abs(shift[i]))
        _, bent = slope_and_curvature(code, y[i], predictor, size[i])
        near = gap_bound(code, bent, apart)
        total += w * min(near, max((here - there) * apart, 0.0))
    return total
