"""Pieces of the negative binomial likelihood of one count in (eta, log alpha), over flat arrays.

Nothing overflows that its result does not: products of the mean ``e^eta`` and the dispersion
``e^theta`` are taken in logarithms where they leave double precision.  Equation numbers refer to
``docs/math.md``.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LOG_2PI = 1.8378770664093456
# Products of exponentials are formed where both lie within these.
_LEAST, _MOST = 1e-290, 1e290
# From here on log(1 + e^x) is x.
_STRAIGHT = 40.0
# Nearer to 0 than this x - log(1 + x) is a series.
SERIES = 1.0 / 3.0
# Arguments of gamma functions are lifted by this before the asymptotic series.
SHIFT = 10
# B_2k for k = 1 ... 7.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
# Stirling's remainder at 1 ... 9, to the last digit.
_AT_WHOLE = np.array([
    0.0, 0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093,
    0.016644691189821193, 0.013876128823070748, 0.01189670994589177, 0.010411265261972096,
    0.009255462182712733,
])  # fmt: skip


def softplus(x: Floats) -> Floats:
    """Return log(1 + e^x)."""
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def expit(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0.0, 1.0, e) / (1.0 + e)


def log_excess(x: Floats) -> Floats:
    """Return (x - log(1 + x)) / x², 1/2 at x = 0 (eq. 2.1); x > -1."""
    t = x / (2.0 + x)
    t2 = t * t
    tail = np.zeros_like(x)
    for k in range(12, 0, -1):
        tail = tail * t2 + 1.0 / (2 * k + 1)
    # t/x = 1/(2 + x), so that nothing is divided by an x that may be 0.
    near = (1.0 - 2.0 * t * tail / (2.0 + x)) / (2.0 + x)
    far = np.abs(x) >= SERIES
    apart = np.where(far, x, 1.0)
    return np.where(far, (apart - np.log1p(apart)) / (apart * apart), near)


def log1p_ratio(x: Floats, logarithm: Floats) -> Floats:
    """Return log(1 + x)/x, 1 at x = 0, given the logarithm."""
    some = x > 0.0
    return np.where(some, logarithm / np.where(some, x, 1.0), 1.0)


def stirling_remainder(z: Floats) -> Floats:
    """Return log Gamma(z) - [(z - 1/2) log z - z + log(2 pi)/2] for z > 0 (eq. 2.3)."""
    small = z < SHIFT
    up = np.where(small, z + SHIFT, z)
    inverse = 1.0 / up
    i2 = inverse * inverse
    series = np.zeros_like(z)
    for k in range(7, 0, -1):
        series = series * i2 + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    value = series * inverse
    if small.any():
        low, high = z[small], up[small]
        product = low + 1.0
        for j in range(2, SHIFT):
            product = product * (low + j)
        lifted = np.log(high**9 / product) - SHIFT
        value[small] += (low + 0.5) * np.log(high / low) + lifted
        whole = low == np.floor(low)
        value[small] = np.where(
            whole, _AT_WHOLE[np.where(whole, low, 0.0).astype(int)], value[small]
        )
    return value


class Entries:
    """Flat arrays of counts, eta and theta = log alpha, and what several formulas share.

    ``theta = -inf`` is the Poisson.  With ``x = alpha mu`` and ``z = alpha y``: ``p`` is
    ``x/(1+x)``, ``s`` is ``z/(1+z)``, ``p_not`` and ``s_not`` their complements.
    """

    def __init__(self, y: Floats, eta: Floats, theta: Floats) -> None:
        self.y, self.eta, self.theta = y, eta, theta
        self.mu, self.alpha, self.r = np.exp(eta), np.exp(theta), np.exp(-theta)
        self.log_y = np.log(y)
        self.t, self.tz = eta + theta, theta + self.log_y
        self.x = _product(self.alpha, self.mu, self.t)
        self.z = _product(self.alpha, y, self.tz)
        self.p, self.p_not = _shares(self.x, self.t)
        self.s, self.s_not = _shares(self.z, self.tz)
        self.log1p_x = np.where(self.t > _STRAIGHT, self.t, np.log1p(self.x))
        self.log1p_z = np.where(self.tz > _STRAIGHT, self.tz, np.log1p(self.z))

    @cached_property
    def information(self) -> Floats:
        """mu / (1 + alpha mu) (eq. 1.3)."""
        return np.where(self.t <= 0.0, self.mu * self.p_not, self.r * self.p)

    @cached_property
    def score(self) -> Floats:
        """(y - mu) / (1 + alpha mu) (eq. 1.2)."""
        y, mu = self.y, self.mu
        common = (y - mu) * self.p_not
        below = y * self.p_not - self.information
        beyond = np.where(mu < 0.5, below, (y / mu - 1.0) * self.r * self.p)
        return np.where(self.t < 600.0, common, beyond)

    @cached_property
    def of_zero(self) -> Floats:
        """log(1 + alpha mu)/alpha, minus the log-likelihood of a count of 0 (eq. 20.1)."""
        short = self.mu * log1p_ratio(self.x, self.log1p_x)
        return np.where(self.t > 0.0, self.r * self.log1p_x, short)


def _product(a: Floats, b: Floats, logarithm: Floats) -> Floats:
    """Return a b, by its logarithm where a or b or the product is beyond the range."""
    c = a * b
    held = (a > _LEAST) & (a < _MOST) & (b > _LEAST) & (b < _MOST) & (c > _LEAST) & (c < _MOST)
    return np.where(held, c, np.exp(logarithm))


def _shares(x: Floats, logarithm: Floats) -> tuple[Floats, Floats]:
    """Return x/(1+x) and 1/(1+x)."""
    large = x > 1.0
    over = 1.0 / np.where(large, x, 1.0)
    share = np.where(large, 1.0 / (1.0 + over), x / (1.0 + x))
    rest = np.where(logarithm > 600.0, np.exp(-logarithm), 1.0 / (1.0 + x))
    return share, rest


def half_deviance(e: Entries) -> Floats:
    """Return half the unit deviance of counts above 0 (eq. 20.2 and 20.3)."""
    low = e.z <= 1.0
    mass, k = np.where(low, e.y, e.r), np.where(low, e.s, e.s_not)
    over, under = np.where(low, e.mu, e.y), np.where(low, e.y, e.mu)
    m, ratio = (over - under) / under, over / under
    log_ratio = np.where(low, e.eta - e.log_y, e.log_y - e.eta)
    held = (ratio > _LEAST) & (ratio < _MOST)
    log_ratio = np.where(held, np.log(ratio), log_ratio)
    inside = np.where(m < 2.0, m, 0.0)
    second = k * log_excess(k * inside)
    tight = inside * inside * (log_excess(np.where(np.abs(m) < SERIES, m, 0.0)) - second)
    loose = inside - log_ratio - inside * inside * second
    near = mass * np.where(np.abs(m) < SERIES, tight, loose)
    count_part = e.y * log1p_ratio(e.z, e.log1p_z)
    far_low = e.y * (e.log1p_x - e.log1p_z) + e.of_zero - count_part - e.y * log_ratio
    falls = _log1p_inverse(e.x, e.t) - _log1p_inverse(e.z, e.tz)
    far_high = (e.y + e.r) * falls - e.r * log_ratio
    return np.where(m < 2.0, near, np.where(low, far_low, far_high))


def _log1p_inverse(x: Floats, logarithm: Floats) -> Floats:
    """Return log(1 + 1/x)."""
    return np.where(logarithm < -_STRAIGHT, -logarithm, np.log1p(1.0 / x))


def log_normalizer(e: Entries) -> Floats:
    """Return the log probability of a count above 0 at the mean that equals it (eq. 2.6)."""
    shape = np.empty_like(e.y)
    many = e.r >= SHIFT
    i = e.alpha[many]
    power = e.s_not[many]
    square, i2 = power * power, i * i
    total = np.zeros_like(i)
    for k in range(1, 8):
        total += BERNOULLI[k - 1] / (2 * k * (2 * k - 1)) * i * (1.0 - power)
        power, i = power * square, i * i2
    shape[many] = -total
    few = ~many
    r = e.r[few]
    shape[few] = stirling_remainder(e.y[few] + r) - stirling_remainder(r)
    return shape - stirling_remainder(e.y) - 0.5 * (LOG_2PI + e.log_y + e.log1p_z)
