"""Derivatives of the log-likelihood of one count in theta = log alpha, over flat arrays.

With ``r = 1/alpha``, ``S = psi(y+r) - psi(r)`` and ``T = psi'(r) - psi'(y+r)``.  Equation numbers
refer to ``docs/math.md``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._nb_terms import BERNOULLI, SERIES, SHIFT, Entries, log_excess

Floats = NDArray[np.float64]

# Up to this count, sums of reciprocals are taken term by term.
_FEW = 20


def slope(e: Entries) -> Floats:
    """Return the first derivative in theta (eq. 20.5)."""
    count_part, _ = _count_parts(e)
    apart, q = _apart(e), e.alpha * e.score
    near = e.score * q * log_excess(np.where(apart, 0.0, q))
    change = np.where(apart, e.score - e.r * (e.log1p_z - e.log1p_x), near)
    value = change - count_part
    far = _far_above(e)
    if far.any():
        y, r = e.y[far], e.r[far]
        grown, _ = _finite_sums(np.minimum(y, _FEW), e.alpha[far])
        grown = np.where(y <= _FEW, grown, y - count_part[far] - r * e.log1p_z[far])
        value[far] = _rest_of_zero(e)[far] - y * e.p[far] + grown
    return value


def curvature(e: Entries) -> Floats:
    """Return the second derivative in theta (eq. 20.6)."""
    _, count_part = _count_parts(e)
    apart, q = _apart(e), e.alpha * e.score
    pull = e.score * np.where(e.y > 0.0, e.score / (e.y + e.r), q)
    near = pull - e.score * q * log_excess(np.where(apart, 0.0, q))
    # score²/(y + r) - score, in which the largest terms have cancelled.
    drop = e.s_not * (e.p_not + 2.0 * e.p) + e.p * e.s
    change = np.where(apart, e.r * (e.log1p_z - e.log1p_x) - e.score * drop, near)
    value = change + count_part
    far = _far_above(e)
    if far.any():
        y, r, p = e.y[far], e.r[far], e.p[far]
        _, bent = _finite_sums(np.minimum(y, _FEW), e.alpha[far])
        bent = np.where(y <= _FEW, bent, count_part[far] + r * (e.log1p_z[far] - e.s[far]))
        of_zero = e.information[far] * p - _rest_of_zero(e)[far]
        value[far] = of_zero - y * p * e.p_not[far] + bent
    return value


def _apart(e: Entries) -> NDArray[np.bool_]:
    """Tell where (y - mu)/(mu + r) is too far from 0 for a series."""
    return np.abs(e.alpha * e.score) >= SERIES


def _far_above(e: Entries) -> NDArray[np.bool_]:
    """Tell where the count lies far above its mean: there the sum of eq. 20.7 cancels less."""
    small = (e.y <= _FEW) & (e.x < 0.5 * e.z)
    return (e.x < 0.5) & (small | (e.z > 1.0))


def _rest_of_zero(e: Entries) -> Floats:
    """Return r log(1 + alpha mu) - mu/(1 + alpha mu) for alpha mu < 1/2."""
    return e.information * e.p * log_excess(np.where(e.x < 0.5, -e.p, 0.0))


def _finite_sums(y: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """Return the sums of j/(r + j) and of r j/(r + j)² over j < y (eq. 20.7)."""
    first, second = np.zeros_like(y), np.zeros_like(y)
    for j in range(1, int(y.max())):
        steps = np.where(j < y, j * alpha, 0.0)
        share = steps / (1.0 + steps)
        first += share
        second += share / (1.0 + steps)
    return first, second


def _count_parts(e: Entries) -> tuple[Floats, Floats]:
    """Return r [S - log(1 + y/r)] and r S - r² T - r log(1 + y/r) + r y/(y + r) (eq. 20.5, 20.6).

    The first is what a count takes from the slope in theta, the second what it adds to the
    curvature.  Both are 0 for a count of 0 and for the Poisson.
    """
    first, second = np.zeros_like(e.y), np.zeros_like(e.y)
    some, few = e.y > 0.0, e.r < SHIFT
    short = e.y <= _FEW
    for where, rule in (
        (some & ~few, _by_series),
        (some & few & short, _by_terms),
        (some & few & ~short, _by_shift),
    ):
        if where.any():
            y, r, alpha, s, s_not, log1p_z = (
                part[where] for part in (e.y, e.r, e.alpha, e.s, e.s_not, e.log1p_z)
            )
            first[where], second[where] = rule(y, r, alpha, s, s_not, log1p_z)
    return first, second


def _by_series(
    y: Floats, r: Floats, alpha: Floats, s: Floats, s_not: Floats, log1p_z: Floats
) -> tuple[Floats, Floats]:
    """r >= 10: the asymptotic series, whose leading terms have cancelled by hand."""
    first, second = 0.5 * s, -0.5 * s * s_not
    square = s_not * s_not
    power, i, i2 = square, alpha, alpha * alpha
    for k, b in enumerate(BERNOULLI, 1):
        first = first + b / (2 * k) * i * (1.0 - power)
        second = second + b * i * ((1.0 - power) / (2 * k) - (1.0 - power * s_not))
        power, i = power * square, i * i2
    return first, second


def _by_terms(
    y: Floats, r: Floats, alpha: Floats, s: Floats, s_not: Floats, log1p_z: Floats
) -> tuple[Floats, Floats]:
    """Small counts and r < 10: S and T are finite sums over j < y."""
    first = np.ones_like(y)
    for j in range(1, int(y.max())):
        first += np.where(j < y, r / (r + j), 0.0)
    _, second = _finite_sums(y, alpha)
    tight = s < 0.5
    bend = np.where(tight, s * s * log_excess(np.where(tight, -s, 0.0)), log1p_z - s)
    return first - r * log1p_z, second - r * bend


def _by_shift(
    y: Floats, r: Floats, alpha: Floats, s: Floats, s_not: Floats, log1p_z: Floats
) -> tuple[Floats, Floats]:
    """Larger counts and r < 10: ten terms of the sums, the series of psi and psi' beyond them."""
    low, high = r + SHIFT, y + (r + SHIFT)
    a, b = 1.0 / low, 1.0 / high
    # log(1 + y/low) - log(1 + y/r), which nearly cancel where r is not small.
    logs = np.where(r > 0.5, np.log1p(-SHIFT * a * s), np.log1p(y * a) - log1p_z)
    digamma = logs + 0.5 * (a - b)
    trigamma = (a - b) + 0.5 * (a - b) * (a + b)
    pa, pb, a2, b2 = a * a, b * b, a * a, b * b
    for k, number in enumerate(BERNOULLI, 1):
        digamma = digamma + number / (2 * k) * (pa - pb)
        trigamma = trigamma + number * (pa * a - pb * b)
        pa, pb = pa * a2, pb * b2
    terms, bends = s, -s * s_not
    for j in range(1, SHIFT):
        near, far = 1.0 / (r + j), 1.0 / (y + r + j)
        terms = terms + r * y * near * far
        bends = bends + r * j * near * near - r * (y + j) * far * far
    # r y/(y + r)², the term j = 0 of the sum, is s (1 - s).
    return terms + r * digamma, bends + r * (digamma - r * trigamma + s)
