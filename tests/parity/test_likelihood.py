"""The likelihood beside SciPy, live, and beside torch, whose numbers are kept in a table.

The table and the version it is of: tests/support/torch_nb.py. Both sum differences of lgamma, which
for counts to 3,000 leave 1e-12 of a likelihood.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, poisson

from countglm.likelihood import gradient, log_likelihood, parameters
from tests.support.torch_nb import points

TORCH = Path(__file__).parent / "golden" / "torch_nb.csv"
ROUNDING = 1e-12


def worst(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference relative to the number or to 1."""
    return float(np.max(np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))))


def test_torch_has_the_same_values_slopes_and_means() -> None:
    table = pd.read_csv(TORCH, comment="#", float_precision="round_trip")
    y, eta, theta = (table[name].to_numpy() for name in ("count", "eta", "log_alpha"))
    np.testing.assert_array_equal(np.column_stack([y, eta, theta]), points())
    assert worst(log_likelihood(y, eta, theta), table["value"].to_numpy()) <= ROUNDING
    slopes = gradient(y, eta, theta)
    assert worst(slopes.d_eta, table["d_eta"].to_numpy()) <= ROUNDING
    assert worst(slopes.d_log_alpha, table["d_log_alpha"].to_numpy()) <= ROUNDING
    law = parameters(log_alpha=theta, **{"logits": eta + theta})
    np.testing.assert_allclose(law.mean, table["mean"], rtol=ROUNDING)


def test_scipy_has_the_same_values() -> None:
    rng = np.random.default_rng(3)
    mean = np.exp(rng.uniform(np.log(1e-6), np.log(1e3), 5000))
    alpha = np.exp(rng.uniform(np.log(0.01), np.log(50.0), 5000))
    y = np.minimum(rng.poisson(mean * rng.gamma(1.0 / alpha) * alpha), 3000)
    law = parameters(mean=mean, dispersion=alpha)
    theirs = nbinom.logpmf(y, **law.to("scipy"))
    assert worst(log_likelihood(y, law.eta, law.log_alpha), theirs) <= ROUNDING
    theirs = poisson.logpmf(y, mean)
    assert worst(log_likelihood(y, law.eta, -np.inf), theirs) <= ROUNDING


@pytest.mark.parametrize("alpha", [1e-9, 1e-13])
def test_where_scipy_loses_its_digits(alpha: float) -> None:
    # Near the Poisson it is off by as much as r log r times rounding; here the Poisson is known.
    y, mean = np.arange(0, 60, 7), 20.0
    law = parameters(mean=mean, dispersion=alpha)
    ours = log_likelihood(y, law.eta, law.log_alpha)
    near = poisson.logpmf(y, mean)
    assert np.abs(ours - near).max() <= 1e3 * alpha + 1e-13
    assert np.abs(nbinom.logpmf(y, **law.to("scipy")) - near).max() > 1e-7
