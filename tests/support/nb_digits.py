"""The negative binomial in (eta, log alpha) in as many digits as it takes, from its definition."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpf


class Exact(NamedTuple):
    """Log probability of one count and its derivatives."""

    value: mpf
    d_eta: mpf
    d_theta: mpf
    eta_eta: mpf
    eta_theta: mpf
    theta_theta: mpf


def exact(count: float, eta: float, theta: float) -> Exact:
    """Return value and derivatives at the exact values of the floats."""
    # r = e^-theta enters as r log r: half of its digits cancel, at most.
    needed = 1.4 * max(0.0, -theta) + 0.5 * max(0.0, theta) + 0.9 * abs(eta)
    # Few different precisions: mpmath keeps constants of its series for each.
    with mp.workdps(60 + 250 * math.ceil(needed / 250.0)):
        y, eta, theta = mpf(float(count)), mpf(float(eta)), mpf(float(theta))
        r, mu, alpha, x = mp.exp(-theta), mp.exp(eta), mp.exp(theta), mp.exp(eta + theta)
        gammas = mp.loggamma(y + r) - mp.loggamma(r) - mp.loggamma(y + 1)
        value = gammas + y * (eta + theta) - (y + r) * mp.log1p(x)
        slope = mp.log1p(x) - (mp.digamma(y + r) - mp.digamma(r))
        bend = mp.psi(1, r) - mp.psi(1, y + r)
        score = (y - mu) / (1 + x)
        return Exact(
            value,
            score,
            r * slope + score,
            -mu * (1 + alpha * y) / (1 + x) ** 2,
            -x * score / (1 + x),
            -r * slope + mu / (1 + x) - r * r * bend - x * score / (1 + x),
        )


def scales(truth: Exact, eta: float, theta: float) -> list[mpf]:
    """Return what errors are relative to: the number, and what rounding of the arguments decides.

    An argument counts as rounded to its own last digit or to that of 1, whichever is larger; third
    derivatives are bounded by second ones.
    """
    share = 1 / (1 + mp.exp(-mpf(float(eta)) - mpf(float(theta))))
    eta, theta = 1 + abs(mpf(float(eta))), 1 + abs(mpf(float(theta)))
    value, d_eta, d_theta, eta_eta, eta_theta, theta_theta = (abs(number) for number in truth)
    return [
        1 + value + eta * d_eta + theta * d_theta,
        d_eta + eta * eta_eta + theta * eta_theta,
        d_theta + eta * eta_theta + theta * theta_theta,
        (eta + theta) * eta_eta,
        theta * eta_theta + eta * share * (eta_eta + d_eta),
        theta * (theta_theta + d_theta) + eta * share * (d_eta + eta_theta),
    ]


def wide_points(
    n: int, seed: int, reach: float = 700.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts to 2^53, eta and log alpha within ``reach``, many of them near the seams."""
    rng = np.random.default_rng(seed)
    y = np.floor(np.exp(rng.uniform(0.0, 53 * np.log(2.0), n)))
    y[::4] = rng.integers(0, 12, y[::4].size)
    eta, theta = rng.uniform(-reach, reach, (2, n))
    near = rng.normal(size=n) * np.exp(rng.uniform(-8.0, 2.0, n))
    eta[::3] = np.clip(np.log(y + 0.5) + near, -reach, reach)[::3]
    theta[::5] = np.clip(rng.normal(size=n) - eta, -reach, reach)[::5]
    theta[1::5] = 10.0 * rng.normal(size=theta[1::5].size)
    theta[2::5] = np.log(0.1) + 0.1 * rng.normal(size=theta[2::5].size)
    return y, eta, theta


def usual_points(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts drawn from their own distribution, as in data."""
    rng = np.random.default_rng(seed)
    eta, theta = rng.uniform(-8.0, 12.0, n), rng.uniform(-14.0, 5.0, n)
    size = np.exp(-theta)
    y = rng.poisson(np.exp(eta) * rng.gamma(size) / size).astype(float)
    return y, eta, theta


def errors(got: np.ndarray, y: np.ndarray, eta: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return the errors (n, 6) of values and derivatives (n, 6) relative to `scales`."""
    found = np.empty(got.shape)
    for i, point in enumerate(zip(y, eta, theta, strict=True)):
        truth = exact(*point)
        for k, (number, scale) in enumerate(zip(truth, scales(truth, *point[1:]), strict=True)):
            value = float(got[i, k])
            if abs(number) < mpf(10) ** -300:
                found[i, k] = abs(value) >= 1e-299
            elif abs(number) > mpf(10) ** 307:
                found[i, k] = not abs(value) > 1e306
            else:
                known = np.isfinite(value)
                found[i, k] = float(abs(mpf(value) - number) / scale) if known else np.inf
    return found
