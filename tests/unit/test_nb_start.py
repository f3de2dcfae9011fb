"""Start values: moments, links and their inverses."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.sparse import csr_matrix

import countglm
from countglm.likelihood import inverse_softplus, softplus, start_values
from tests.support.digits import EPS
from tests.support.nb_training import drawn


@pytest.mark.parametrize("y", [1e-300, 1e-9, 0.3, np.log(2.0), 0.999, 1.0, 1.001, 10.0, 40.0, 1e6])
def test_softplus_and_back(y: float) -> None:
    x = float(inverse_softplus(y))
    with mp.workdps(400):
        exact = mp.log(mp.expm1(mpf(y)))
        assert abs(mpf(x) - exact) <= 2 * EPS * max(1, abs(exact))
        assert abs(mpf(float(softplus(x))) - mp.log1p(mp.exp(mpf(x)))) <= 2 * EPS * y
    assert softplus(x) == pytest.approx(y, rel=4.0 * EPS * max(1.0, abs(x)))


def test_ends_of_softplus() -> None:
    assert inverse_softplus(0.0) == -np.inf
    assert softplus(-np.inf) == 0.0
    assert softplus(1e308) == 1e308
    assert inverse_softplus(10.0) == pytest.approx(9.9999546, abs=1e-7)
    assert softplus(2.3) == pytest.approx(2.3955, abs=1e-4)
    with pytest.raises(countglm.InputError, match="1 negative values, the first -1"):
        inverse_softplus([1.0, -1.0])


def test_moments_by_hand() -> None:
    counts, factors = np.array([[2, 0], [8, 0], [3, 0]]), np.array([1.0, 2.0, 0.5])
    start = start_values(counts, factors, link="exp")
    q = np.array([2.0, 4.0, 6.0])
    noise = (1.0 + 0.5 + 2.0) / 3.0
    np.testing.assert_allclose(start.mean, [4.0, 0.5 / 3.5])
    # (4 - 4 noise) / 16 is negative: the gene varies less than a Poisson.
    assert q.var(ddof=1) - 4.0 * noise < 0.0
    np.testing.assert_allclose(start.dispersion, [1e-4, 1e-4])
    np.testing.assert_allclose(start.raw_mean, np.log(start.mean))
    np.testing.assert_allclose(start.eta, np.log(start.mean))
    np.testing.assert_allclose(start.raw_dispersion, start.log_alpha)


@pytest.mark.parametrize("link", ["softplus", "exp", "identity"])
def test_they_are_near_the_truth_and_go_through_their_link(link: str) -> None:
    counts, _, alpha = drawn(400, 30, seed=3)
    totals = counts.sum(axis=1)
    start = start_values(counts, totals / totals.mean(), link=link)
    assert np.median(np.abs(np.log(start.dispersion / alpha))) < 0.25
    out = {"softplus": softplus, "exp": np.exp, "identity": np.asarray}[link]
    np.testing.assert_allclose(out(start.raw_mean), start.mean, rtol=1e-13)
    np.testing.assert_allclose(out(start.raw_dispersion), start.dispersion, rtol=1e-13)
    np.testing.assert_allclose(
        out(start.raw_inverse_dispersion), start.inverse_dispersion, rtol=1e-13
    )
    assert start.link == link


def test_any_container_and_rules_for_size_factors() -> None:
    counts, _, _ = drawn(30, 8, seed=4)
    dense = start_values(counts, "library")
    sparse = start_values(csr_matrix(counts), "library")
    np.testing.assert_array_equal(dense.raw_mean, sparse.raw_mean)
    factors = countglm.estimate_size_factors(counts, "library")
    np.testing.assert_array_equal(dense.size_factors, factors)
    assert (start_values(counts).size_factors == 1.0).all()
    assert start_values(np.zeros((3, 2))).dispersion.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"link": "log"}, "link='log' is unknown; choose one of softplus, exp, identity"),
        ({"dispersion_range": (0.0, 1.0)}, "is no range of positive numbers"),
        ({"size_factors": [1.0]}, r"size_factors has shape \(1,\)"),
        ({"size_factors": "best"}, "'best' is unknown"),
    ],
)
def test_mistakes(options: dict, words: str) -> None:
    with pytest.raises(countglm.InputError, match=words):
        start_values(np.ones((3, 2)), **options)
