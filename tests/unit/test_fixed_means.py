"""Dispersions at fixed means: the maximum over the whole range, against many digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._fitting import Prior
from countglm._fixed_means import dispersion_at_means
from countglm.counts import as_count_matrix

CAP = 10.0
DESIGN = np.column_stack([np.ones(6), np.repeat([0.0, 1.0], 3), np.linspace(-1.0, 1.0, 6)])
COUNTS = np.array(
    [
        [12, 30, 9, 41, 8, 22],
        [0, 0, 0, 1, 2, 1],
        [4000, 5200, 3900, 8100, 7600, 9000],
        [3, 0, 55, 0, 0, 210],
        [20, 19, 21, 40, 39, 41],
    ]
).T
MEANS = np.array(
    [
        [15.0, 15.5, 20.0, 25.0, 26.0, 24.0],
        [0.2, 0.4, 0.5, 0.9, 0.8, 1.0],
        [4300.0, 4400.0, 4500.0, 8000.0, 8200.0, 8400.0],
        [19.0, 20.0, 21.0, 70.0, 71.0, 72.0],
        [20.0, 20.5, 19.5, 40.0, 40.5, 39.5],
    ]
).T
PRIOR = Prior(np.log([0.1, 0.5, 0.01, 1.0, 0.02]), 1.0 / 0.6)


def log_likelihood(gene: int, alpha: float, adjust: bool, prior: Prior | None) -> Any:
    """Return the objective in 40 digits."""
    with mp.workdps(40):
        a, total = mpf(alpha), mpf(0)
        means = [mpf(float(m)) for m in MEANS[:, gene]]
        for y, m in zip(COUNTS[:, gene].tolist(), means, strict=True):
            total += mp.loggamma(y + 1 / a) - mp.loggamma(1 / a)
            total -= mp.log(1 + a * m) / a
            total += y * mp.log(a * m / (1 + a * m))
        if adjust:
            rows = [[mpf(float(v)) for v in row] for row in DESIGN]
            weights = [m / (1 + a * m) for m in means]
            gram = mp.matrix(3, 3)
            for j in range(3):
                for k in range(3):
                    terms = zip(weights, rows, strict=True)
                    gram[j, k] = mp.fsum(w * row[j] * row[k] for w, row in terms)
            total -= mp.log(mp.det(gram)) / 2
        if prior is not None:
            gap = mp.log(a) - mpf(float(prior.log_centre[gene]))
            total -= mpf(prior.precision) * gap * gap / 2
        return total


@pytest.mark.parametrize("adjust", [True, False])
@pytest.mark.parametrize("prior", [None, PRIOR], ids=["no prior", "prior"])
def test_nothing_lies_higher(adjust: bool, prior: Prior | None) -> None:
    counts = as_count_matrix(COUNTS)
    found = dispersion_at_means(counts, MEANS, DESIGN, cap=CAP, adjust=adjust, prior=prior)
    assert (found.maxima >= 1).all()
    inside = 0
    for gene, alpha in enumerate(found.alpha.tolist()):
        assert 0.0 <= alpha <= CAP
        best = log_likelihood(gene, max(alpha, 1e-12), adjust, prior)
        for other in np.geomspace(1e-9, CAP, 60):
            assert log_likelihood(gene, float(other), adjust, prior) - best < 1e-9
        if 0.0 < alpha < CAP:
            inside += 1
            for near in (alpha * (1 - 1e-5), alpha * (1 + 1e-5)):
                assert log_likelihood(gene, near, adjust, prior) < best
    assert inside >= 3


def test_bits_do_not_depend_on_threads_or_neighbours() -> None:
    rng = np.random.default_rng(3)
    mu = np.exp(rng.uniform(0.0, 5.0, (6, 40)))
    y = rng.poisson(mu * rng.gamma(4.0, 0.25, mu.shape))
    one = dispersion_at_means(as_count_matrix(y), mu, DESIGN, cap=CAP)
    two = dispersion_at_means(as_count_matrix(y), mu, DESIGN, cap=CAP, threads=2)
    part = dispersion_at_means(as_count_matrix(y[:, 7:9]), mu[:, 7:9], DESIGN, cap=CAP)
    np.testing.assert_array_equal(one.alpha, two.alpha)
    np.testing.assert_array_equal(one.alpha[7:9], part.alpha)


def test_a_gene_without_means_or_centre_stays_without_a_dispersion() -> None:
    mu = MEANS.copy()
    mu[2, 1] = np.nan
    centre = PRIOR.log_centre.copy()
    centre[3] = np.nan
    found = dispersion_at_means(
        as_count_matrix(COUNTS), mu, DESIGN, cap=CAP, prior=Prior(centre, PRIOR.precision)
    )
    np.testing.assert_array_equal(np.isnan(found.alpha), [False, True, False, True, False])
