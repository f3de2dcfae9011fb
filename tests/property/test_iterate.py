"""Size factors by ``iterate``: they recover what was simulated and depend on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import _iterate
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.size_factors import estimate_size_factors


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(11)
    s = np.exp(rng.normal(0, 0.6, 8))
    s /= np.exp(np.log(s).mean())
    mean = rng.gamma(0.6, 40, 500)
    y = rng.poisson(mean * s[:, None] * rng.gamma(4, 0.25, (8, 500)))
    # No gene is free of zeros, so that the ratio rule has nothing to go by.
    y[rng.integers(0, 8, 500), np.arange(500)] = 0
    return s, y


@pytest.fixture(scope="module")
def estimate(simulated):
    return estimate_size_factors(simulated[1], "iterate", threads=1)


def test_recovers_the_simulated_factors_where_ratio_has_none(simulated, estimate):
    with pytest.raises(InputError, match="poscounts"):
        estimate_size_factors(simulated[1])
    np.testing.assert_allclose(estimate, simulated[0], rtol=0.12)
    assert abs(np.log(estimate).sum()) < 1e-13


def test_is_a_fixed_point_that_does_not_depend_on_the_start(simulated, estimate):
    y = _iterate._genes_with_counts(as_count_matrix(simulated[1]))
    for start in (estimate, simulated[0]):
        s = start
        for _ in range(30):
            fits = _iterate._shrunken_fits(y, s, 2)
            mu = np.exp(fits.log_mean)[:, None] * s
            given = _iterate.GeneFits(y[:, :8], mu, fits.alpha, fits.log_likelihood)
            s = s * np.exp(_iterate.maximise_trimmed(given))
            if start is estimate:
                break
        np.testing.assert_allclose(s, estimate, rtol=2e-7)


def test_same_bits_for_threads_gene_order_and_all_zero_genes(simulated, estimate):
    y = simulated[1]
    order = np.random.default_rng(3).permutation(y.shape[1])
    padded = np.insert(y[:, order], [0, 7, 480], 0, axis=1)
    np.testing.assert_array_equal(estimate_size_factors(padded, "iterate", threads=2), estimate)


def test_poisson_counts_need_no_dispersions():
    rng = np.random.default_rng(5)
    s = np.array([0.5, 1.0, 2.0])
    # Counts at their means vary less than Poisson counts: every dispersion is zero.
    y = np.rint(rng.gamma(3, 40, 60) * s[:, None])
    np.testing.assert_allclose(estimate_size_factors(y, "iterate"), s, rtol=0.01)


def test_refuses_a_sample_without_counts():
    y = np.full((3, 4), 5)
    y[1] = 0
    with pytest.raises(InputError, match="sample 1 "):
        estimate_size_factors(y, "iterate")


def test_says_when_the_rounds_run_out(simulated, monkeypatch):
    monkeypatch.setattr(_iterate, "MAX_ROUNDS", 2)
    with pytest.raises(InputError, match="did not settle"):
        estimate_size_factors(simulated[1], "iterate")
