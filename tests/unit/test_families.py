"""Binomial observations against fifty digits, and what is refused of fits that are no counts."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import countglm
from countglm import InputError, _families


def exact(y, trials, eta):
    """Chances of success and failure, half deviance, log probability, information, slope, terms."""
    with mp.workdps(50):
        y, t, p = mp.mpf(y), mp.mpf(trials), 1 / (1 + mp.exp(-mp.mpf(eta)))
        q = 1 / (1 + mp.exp(mp.mpf(eta)))
        half = mp.mpf(0)
        for part, share in ((y, p), (t - y, q)):
            if part > 0:
                half += part * (mp.log(part / t) - mp.log(share))
        log = mp.loggamma(t + 1) - mp.loggamma(y + 1) - mp.loggamma(t - y + 1)
        log += y * mp.log(p) + (t - y) * mp.log(q)
        away = y * q - (t - y) * p
        return [float(v) for v in (p, q, half, log, t * p * q, away, y * q + (t - y) * p)]


@pytest.mark.parametrize("eta", [-700.0, -40.0, -1e-9, 0.0, 0.3, 5.0, 36.0, 709.0])
@pytest.mark.parametrize(
    ("y", "trials"), [(0, 1), (1, 1), (3, 7), (0.5, 2.5), (10, 1000), (5e8, 1e9), (1e9, 1e9)]
)
def test_one_observation_agrees_with_fifty_digits(y, trials, eta):
    p, q, half, log, curve, away, terms = exact(y, trials, eta)
    y, trials, eta = np.array([float(y)]), np.array([float(trials)]), np.array([eta])
    won, lost = _families.shares(eta)
    np.testing.assert_allclose([won[0], lost[0]], [p, q], rtol=1e-15)
    information = _families.binomial_information(eta, trials)
    np.testing.assert_allclose(information, curve, rtol=1e-15)
    slope = _families.binomial_slope(y, trials, eta)
    np.testing.assert_allclose(slope, away, rtol=1e-15, atol=1e-15 * terms)
    found = _families.binomial_half_deviance(y, trials, eta)
    # What is lost is rounding of the residual, not of the deviance's terms.
    residual = abs(away) + 1.0
    np.testing.assert_allclose(found, half, rtol=1e-14, atol=1e-15 * residual)
    value = _families.binomial_saturated(y, trials) - found
    np.testing.assert_allclose(value, log, rtol=1e-13, atol=1e-14 * residual)


def test_the_deviance_is_zero_at_the_share_itself():
    y, trials = np.array([3.0, 3e8]), np.array([12.0, 1.2e9])
    found = _families.binomial_half_deviance(y, trials, np.log([1 / 3, 1 / 3]))
    assert (found < 1e-13).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda fit: countglm.write_report(fit, "nowhere.html"), "write_report"),
        (lambda fit: countglm.plots.dispersion(fit), "dispersion"),
    ],
)
def test_what_is_of_counts_refuses_other_fits(call, words):
    fit = countglm.fit_glm([0.0, 1.0, 3.0], np.ones((3, 1)), family="gaussian")
    with pytest.raises(InputError, match=f"{words}.*family='gaussian'"):
        call(fit)
