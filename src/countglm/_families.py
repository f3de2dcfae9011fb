"""Families of responses that are no counts: binomial with logit link, Gaussian with identity link.

Arrays of samples and genes in any shape that broadcasts.  Equation numbers refer to
``docs/math.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

if TYPE_CHECKING:
    from .results import GLMFit

Floats = NDArray[np.float64]
COUNTS = ("nb", "poisson")
BINOMIAL, GAUSSIAN = "binomial", "gaussian"
RESPONSES = (BINOMIAL, GAUSSIAN)
# Names that a caller may give, and what a fit calls them: Bernoulli is one trial.
FAMILIES = {"nb": "nb", "poisson": "poisson", "binomial": BINOMIAL, "bernoulli": BINOMIAL,
            "gaussian": GAUSSIAN}  # fmt: skip
LOG_2PI = float(np.log(2.0 * np.pi))
LN2 = float(np.log(2.0))
_PLAIN = {"baseMean": "mean", "log2FoldChange": "estimate", "lfcSE": "se"}
# From here on the series of Stirling's remainder is exact to rounding.
_SERIES = 16.0


def of_counts(fit: GLMFit) -> bool:
    """Return whether a fit is of counts, with log link."""
    return fit.family in COUNTS


def unit_of(fit: GLMFit) -> float:
    """Return what estimates are divided by in tables: log 2 of counts, 1 of other responses."""
    return LN2 if of_counts(fit) else 1.0


def named_for(fit: GLMFit, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of a test under names that fit: only of counts is there a fold change."""
    if of_counts(fit):
        return dict(table)
    return {_PLAIN.get(name, name): values for name, values in table.items()}


def require_count_family(fit: GLMFit, what: str) -> None:
    """Raise InputError where ``what`` is asked of a fit that is not of counts."""
    if not of_counts(fit):
        raise InputError(
            f"{what} is defined for counts, and this fit has family={fit.family!r}. Use wald_test, "
            "likelihood_ratio_test, confidence_intervals and the methods of the fit."
        )


def shares(eta: Floats) -> tuple[Floats, Floats]:
    """Return the chances of success and of failure, both to full relative precision (17.1)."""
    odds = np.exp(-np.abs(eta))
    major = 1.0 / (1.0 + odds)
    minor = odds * major
    up = eta >= 0.0
    return np.where(up, major, minor), np.where(up, minor, major)


def binomial_information(eta: Floats, trials: Floats) -> Floats:
    """Return the information in eta, ``trials p (1 - p)`` (17.3): expected and observed."""
    won, lost = shares(eta)
    return np.asarray(trials * won * lost)


def binomial_slope(y: Floats, trials: Floats, eta: Floats) -> Floats:
    """Return the derivative of the log-likelihood in eta, ``y - trials p`` (17.2).

    Successes by the chance of failure less failures by that of success: no digits are lost where
    one of them is nearly certain.
    """
    won, lost = shares(eta)
    return np.asarray(y * lost - (trials - y) * won)


def binomial_half_deviance(y: Floats, trials: Floats, eta: Floats) -> Floats:
    """Return half the unit deviance (17.4): near ``y = trials p`` without cancellation."""
    won, lost = shares(eta)
    # log p and log (1 - p), which do not underflow with p.
    tail = np.log1p(np.exp(-np.abs(eta)))
    log_won, log_lost = -tail - np.maximum(-eta, 0.0), -tail - np.maximum(eta, 0.0)
    part = _excess(y, trials, won, log_won) + _excess(trials - y, trials, lost, log_lost)
    # All of one kind: one logarithm.
    part = np.where(y == 0.0, -trials * log_lost, part)
    return np.maximum(np.where(y == trials, -trials * log_won, part), 0.0)


def _excess(y: Floats, trials: Floats, share: Floats, log_share: Floats) -> Floats:
    """Return ``y log(y / m) + m - y`` with ``m = trials share``."""
    mean = trials * share
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        away = (y - mean) / mean
        near = mean * ((1.0 + away) * np.log1p(away) - away)
        far = y * (np.log(y / trials) - log_share) + (mean - y)
    return np.where(y == 0.0, mean, np.where(np.abs(away) < 0.5, near, far))


def binomial_saturated(y: Floats, trials: Floats) -> Floats:
    """Return the log probability of ``y`` at ``p = y / trials`` (17.5)."""
    lost = trials - y
    with np.errstate(divide="ignore", invalid="ignore"):
        value = _stirling_remainder(trials) - _stirling_remainder(y) - _stirling_remainder(lost)
        value += 0.5 * (np.log(trials) - np.log(y) - np.log(lost) - LOG_2PI)
    return np.where((y == 0.0) | (lost == 0.0), 0.0, value)


def _stirling_remainder(x: Floats) -> Floats:
    """Return ``log Gamma(x + 1) - (x + 1/2) log x + x - log(2 pi)/2``, x > 0."""
    from scipy.special import gammaln

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = 1.0 / x
        square = inverse * inverse
        tail = 1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)
        series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * tail))
        # Where it is used its terms are small, and so is their rounding.
        small = np.minimum(x, _SERIES)
        direct = gammaln(small + 1.0) - (small + 0.5) * np.log(small) + small - 0.5 * LOG_2PI
    return np.where(x < _SERIES, direct, series)
