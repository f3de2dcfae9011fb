"""Gauss rules for the zeros of groups of samples, and the terms of nonzeros above zeros."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._zero_rule import (
    ERROR,
    MAX_NODES,
    STRIPS,
    error_bound,
    gauss_rule,
    row_groups,
    zero_rule,
)
from countglm.kernels import family
from tests.support.compiled import numbers

N = 600


def zeros_terms(eta: np.ndarray) -> dict[str, np.ndarray]:
    """What is summed over zeros at alpha = 1: every function of eta that a fit asks for."""
    mu = np.exp(eta)
    share = 1.0 / (1.0 + mu)
    return {
        "deviance": np.log1p(mu),
        "score": mu * share,
        "observed": mu * share**2,
        "squared": (mu * share) ** 2,
        "dispersion": np.log1p(mu) - mu * share,
    }


def spread_points(width: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(int(10 * width))
    if kind == "normal":
        points = np.clip(rng.normal(0, width / 6, 5000), -width / 2, width / 2)
        return points, np.ones(points.size)
    if kind == "two clouds":
        points = np.concatenate([rng.uniform(0, 0.2, 4000), rng.uniform(width - 0.2, width, 30)])
        return points, rng.uniform(0.1, 3.0, points.size)
    return np.linspace(0, width, 3000), np.linspace(1e-3, 2.0, 3000)


@pytest.mark.parametrize("kind", ["normal", "two clouds", "even"])
@pytest.mark.parametrize("width", [0.5, 3.0, 5.0, 8.0, 15.0])
def test_sums_over_zeros_are_those_of_the_rule(width: float, kind: str) -> None:
    points, weights = spread_points(width, kind)
    rule = gauss_rule(points, weights)
    assert rule is not None
    assert rule.error <= ERROR
    assert rule.nodes.size < 100
    assert rule.weights.min() >= 0.0
    assert points.min() <= rule.nodes.min() <= rule.nodes.max() <= points.max()
    assert rule.weights.sum() == pytest.approx(weights.sum(), rel=1e-14)
    for shift in np.linspace(-30, 30, 25):
        exact, found = zeros_terms(points + shift), zeros_terms(rule.nodes + shift)
        for name, values in exact.items():
            if name == "dispersion" and shift < -4:
                continue  # its textbook form cancels there
            total = (weights * values).sum()
            assert abs((rule.weights * found[name]).sum() - total) <= 3e-12 * total, name


@pytest.mark.parametrize("nodes", [4, 8, 12, 20])
def test_the_bound_holds_before_the_rule_is_exact(nodes: int) -> None:
    from countglm._zero_rule import Quadrature, _gauss

    points, _ = spread_points(5.0, "normal")
    distinct = np.unique(points)
    masses = np.ones(distinct.size)
    places, shares = _gauss(distinct, masses / masses.size, nodes)
    rule = Quadrature(places, shares * masses.size, 0.0)
    bound = error_bound(distinct, masses)[nodes - 1]
    for shift in np.linspace(-20, 20, 21):
        exact, found = zeros_terms(distinct + shift), zeros_terms(rule.nodes + shift)
        for name in ("deviance", "score", "observed", "squared"):
            error = abs((rule.weights * found[name]).sum() / exact[name].sum() - 1.0)
            assert error <= bound + 1e-13
    assert bound < error_bound(distinct, masses)[nodes - 2]


def test_the_functions_grow_as_the_bound_says() -> None:
    # |f(x + iy)| <= f(x) / cos(y/2)², and |f'| <= 2 f: what the proof of eq. 3.7 uses.
    x, y = np.meshgrid(np.linspace(-25, 25, 201), STRIPS)
    mu, real = np.exp(x + 1j * y), np.exp(x)
    share = 1.0 / (1.0 + mu)
    complex_terms = {
        "deviance": np.log(1.0 + mu),
        "score": mu * share,
        "observed": mu * share**2,
        "squared": (mu * share) ** 2,
    }
    for name, values in complex_terms.items():
        bound = zeros_terms(np.log(real))[name] / np.cos(0.5 * y) ** 2
        assert (np.abs(values) <= bound * (1 + 1e-9)).all(), name
    eta = np.linspace(-12, 25, 4000)
    for values in zeros_terms(eta).values():
        assert (np.abs(np.gradient(np.log(values), eta)) <= 2.0 + 1e-3).all()


def test_few_distinct_offsets_are_their_own_rule() -> None:
    points = np.repeat([0.1, -0.4, 2.0], [5, 1, 3])
    rule = gauss_rule(points, np.arange(1.0, 10.0))
    assert rule is not None
    np.testing.assert_array_equal(rule.nodes, [-0.4, 0.1, 2.0])
    np.testing.assert_allclose(rule.weights, [6.0, 15.0, 24.0])
    assert rule.error == 0.0


def test_offsets_too_far_apart_have_no_rule() -> None:
    points = np.linspace(0, 60, 10 * MAX_NODES)
    assert gauss_rule(points, np.ones(points.size)) is None
    design = np.ones((points.size, 1))
    assert zero_rule(design, points, np.ones(points.size)) is None


def test_a_rule_needs_groups_of_equal_rows() -> None:
    rng = np.random.default_rng(5)
    offset, weight = rng.normal(0, 0.3, N), np.ones(N)
    factor = np.column_stack([np.ones(N), np.arange(N) % 3 == 0]).astype(float)
    rule = zero_rule(factor, offset, weight)
    assert rule is not None
    assert rule.rows.shape == (2, 2)
    np.testing.assert_array_equal(rule.rows[rule.group], factor)
    np.testing.assert_array_equal(rule.sizes, np.bincount(rule.group))
    assert zero_rule(np.column_stack([factor, offset]), offset, weight) is None
    assert zero_rule(factor[:40], offset[:40], weight[:40]) is None
    assert row_groups(np.column_stack([factor, rng.normal(size=N)]), 100) is None


def test_samples_without_weight_have_no_part_in_a_rule() -> None:
    rng = np.random.default_rng(6)
    offset, weight = rng.normal(0, 0.3, N), np.ones(N)
    group = np.arange(N) % 3
    weight[group == 2] = 0.0
    weight[:6] = [0.0, 2.0, 0.0, 0.5, 1.0, 0.0]
    design = (group[:, None] == np.arange(3)).astype(float)
    offset[weight == 0.0] = 500.0
    rule = zero_rule(design, offset, weight)
    assert rule is not None
    mass = np.add.reduceat(rule.masses, rule.bounds[:-1])
    np.testing.assert_allclose(mass, [weight[(design == row).all(1)].sum() for row in rule.rows])
    assert rule.extent[:, 1].max() < 10.0


def test_a_gene_takes_the_rule_by_its_counts_alone() -> None:
    rng = np.random.default_rng(7)
    rule = zero_rule(np.ones((N, 1)), rng.normal(0, 0.3, N), np.ones(N))
    assert rule is not None
    sizes = np.array([0, N // 2, N // 2 + 1, 3])
    values = np.ones(sizes.sum())
    values[-1] = 2e4
    served = rule.serves(np.concatenate([[0], np.cumsum(sizes)]), values)
    np.testing.assert_array_equal(served, [True, True, False, False])


ALPHAS = [0.0, 1e-12, 1e-6, 0.01, 0.3, 5.0, 1e4]
COUNTS = [1.0, 2.0, 3.5, 40.0, 1e4, 9e5]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("y", COUNTS)
def test_terms_of_counts_above_zeros_against_mpmath(y: float, alpha: float) -> None:
    with mp.workdps(60):
        a, count, mu = mpf(alpha), mpf(y), mpf("2.7")
        if alpha == 0.0:
            deviance, score = count * mp.log(count) - count, count**2 / 2
        else:
            deviance = count * mp.log(count) - (count + 1 / a) * mp.log(1 + a * count)
            score = (a * count - mp.log(1 + a * count)) / a**2
        share = 1 / (1 + a * mu)
        above = -count * mp.log(mu * share)
        half = above + deviance + (mp.log(1 + a * mu) / a if alpha else mu)
    assert numbers(family.count_score)(y, alpha) == pytest.approx(float(score), rel=1e-14)
    found = numbers(family.count_deviance)(y, alpha)
    assert found == pytest.approx(float(deviance), rel=1e-14, abs=1e-14 * y)
    excess = numbers(family.excess_deviance)(y, 2.7, float(share))
    assert excess == pytest.approx(float(above), rel=1e-13)
    whole = numbers(family.half_deviance)(y, 2.7, alpha, float(share))
    assert whole == pytest.approx(float(half), rel=1e-12)
