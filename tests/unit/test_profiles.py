"""Searches of dispersions, eight at a time: where they end, what they ask, what they keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import columns
from tests.support import reference as ref
from tests.support.blocks import fit_block
from tests.support.profile import adjusted_profile_grid
from tests.support.profiled import (
    DESIGN,
    GENES,
    OFFSET,
    WEIGHT,
    dispersions,
    searched,
    simulated,
)  # fmt: skip

QUIET = np.array([20.0, 21, 20, 19, 20, 21])
GROUPS = np.column_stack([np.ones(6), np.arange(6) % 2])


@pytest.mark.parametrize("name", ["spread", "many"])
def test_estimate_is_the_top_of_the_profile(name: str) -> None:
    fit = searched(GENES[name], DESIGN, offset=OFFSET, weight=WEIGHT)
    best = float(dispersions(fit)[0])
    assert fit.counters[0, columns.MAXIMA] == 1
    problem = ref.make_problem(GENES[name], DESIGN, offset=OFFSET, weights=WEIGHT)
    with mp.workdps(50):
        nearby = [ref.adjusted_profile(problem, mpf(best) * (1 + mpf(s))) for s in (-1e-6, 0, 1e-6)]
    assert nearby[1] > nearby[0]
    assert nearby[1] > nearby[2]


@pytest.mark.parametrize(("n", "genes"), [(7, 12), (12, 8), (60, 6)])
def test_nothing_on_a_grid_of_400_lies_higher(n: int, genes: int) -> None:
    y, design, offset = simulated(n, genes, n)
    cap = float(max(10, n))
    fit = searched(y, design, offset=offset, cap=cap)
    for g, best in enumerate(dispersions(fit)):
        grid = np.r_[0.0, np.geomspace(1e-7, cap, 399), best]
        values = adjusted_profile_grid(y[g], design, offset, grid).astype(float)
        assert values[-1] >= values[:-1].max() - 1e-9 * (1.0 + np.abs(values).max() * 1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_small_counts_in_few_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(6), np.arange(6) % 2])
    counts = rng.negative_binomial(0.8, 0.05, 6).astype(float) + rng.integers(0, 2, 6)
    best = float(dispersions(searched(counts, design))[0])
    grid = np.r_[0.0, np.geomspace(1e-6, 10.0, 399), best]
    values = adjusted_profile_grid(counts, design, np.zeros(6), grid).astype(float)
    assert values[-1] >= values[:-1].max() - 1e-9


def test_tables_of_distinct_counts_lead_to_the_same_place() -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(80), np.arange(80) % 2])
    y = rng.negative_binomial(1.5, 0.4, (8, 80)).astype(float)
    assert np.all(2 * y.max(axis=1) < 80)
    # A sample without weight whose count is large: the counts are listed one by one.
    weight = np.ones(80)
    weight[0] = 0.0
    other = y.copy()
    other[:, 0] = 1000.0
    found = dispersions(searched(y, design, weight=weight))
    plain = dispersions(searched(other, design, weight=weight))
    assert np.all(found > 0)
    np.testing.assert_allclose(found, plain, rtol=1e-9)


def test_counts_that_vary_too_little_give_zero() -> None:
    fit = searched(QUIET, GROUPS)
    assert dispersions(fit)[0] == 0.0
    assert fit.counters[0, columns.MAXIMA] == 1
    assert fit.stats[0, columns.LEAD] == math.inf


@pytest.mark.parametrize(("cap", "inside"), [(0.5, False), (2.0, False), (25.0, True)])
def test_a_profile_that_rises_to_the_cap_stops_there(cap: float, inside: bool) -> None:
    counts = np.array([0.0, 40, 3, 0, 200, 0, 11, 1, 0, 90])
    fit = searched(counts, np.ones((10, 1)), cap=cap)
    grid = np.linspace(0.0, cap, 60)
    values = adjusted_profile_grid(counts, np.ones((10, 1)), np.zeros(10), grid)
    assert (np.argmax(values) < 59) == inside
    best = dispersions(fit)[0]
    assert 2.0 < best < cap if inside else best == cap


def test_fit_at_the_estimate_has_the_bits_of_a_fit_at_a_given_dispersion() -> None:
    counts = np.array([GENES[name] for name in GENES])
    options = {"offset": OFFSET, "weight": WEIGHT}
    estimated = fit_block(counts, DESIGN, estimate=True, **options)
    given = fit_block(counts, DESIGN, dispersions(estimated), **options)
    np.testing.assert_array_equal(estimated.coefficients, given.coefficients)
    np.testing.assert_array_equal(estimated.standard_errors, given.standard_errors)
    same = [i for i in range(columns.N_STATS) if i != columns.LEAD]
    np.testing.assert_array_equal(estimated.stats[:, same], given.stats[:, same])


def test_a_search_alone_finds_what_a_whole_fit_finds() -> None:
    y, design, offset = simulated(1, 11, 9)
    alone = searched(y, design, offset=offset)
    whole = fit_block(y, design, offset=offset, estimate=True)
    np.testing.assert_array_equal(dispersions(alone), dispersions(whole))
    assert np.isnan(alone.stats[:, columns.DEVIANCE]).all()
    np.testing.assert_array_equal(alone.coefficients, 0.0)


@pytest.mark.parametrize("strength", [1e4, 1e8])
def test_a_strong_prior_holds_the_estimate(strength: float) -> None:
    fit = searched(GENES["spread"], DESIGN, prior=(math.log(0.02), strength))
    found = math.log(dispersions(fit)[0])
    # The likelihood's slope in log alpha is a few units: it moves the top by slope/strength.
    assert found == pytest.approx(math.log(0.02), abs=20.0 / strength)


def test_a_prior_leaves_no_gene_at_zero() -> None:
    fit = searched(QUIET, GROUPS, prior=(math.log(0.1), 1.0))
    assert 0.0 < dispersions(fit)[0] < 0.1


@pytest.mark.parametrize("name", ["spread", "many"])
def test_with_a_prior_the_estimate_is_the_mode_of_the_posterior(name: str) -> None:
    centre, precision = math.log(0.03), 1.7
    fit = searched(GENES[name], DESIGN, offset=OFFSET, weight=WEIGHT, prior=(centre, precision))
    best = float(dispersions(fit)[0])
    problem = ref.make_problem(GENES[name], DESIGN, offset=OFFSET, weights=WEIGHT)
    with mp.workdps(50):
        values = []
        for s in (-1e-6, 0, 1e-6):
            alpha = mpf(best) * (1 + mpf(s))
            gap = mp.log(alpha) - mpf(centre)
            values.append(ref.adjusted_profile(problem, alpha) - mpf(precision) * gap * gap / 2)
    assert values[1] > max(values[0], values[2])


def test_passes_are_counted() -> None:
    y, design, offset = simulated(2, 20, 10)
    fit = searched(y, design, offset=offset)
    passes = fit.counters[:, columns.PASSES]
    assert passes.min() >= 4
    assert passes.mean() <= 25
    known = np.sum(np.isfinite(fit.learnt.times), axis=1)
    assert np.all(known <= passes)
    given = fit_block(y, design, dispersions(fit), offset=offset)
    np.testing.assert_array_equal(given.counters[:, columns.PASSES], 0)


@pytest.mark.parametrize("n", [7, 70])
def test_a_gene_is_searched_alike_in_any_lane_and_company(n: int) -> None:
    y, design, offset = simulated(6, 21, n)
    together = searched(y, design, offset=offset)
    order = np.random.default_rng(1).permutation(21)
    mixed = searched(y[order], design, offset=offset)
    for fit, genes in ((mixed, order), (together, np.arange(21))):
        np.testing.assert_array_equal(fit.stats, together.stats[genes])
        np.testing.assert_array_equal(fit.counters, together.counters[genes])
        for ours, theirs in zip(fit.learnt, together.learnt, strict=True):
            np.testing.assert_array_equal(ours, theirs[genes])
    for g in (0, 9, 20):
        alone = searched(y[g], design, offset=offset)
        np.testing.assert_array_equal(alone.stats[0], together.stats[g])
        np.testing.assert_array_equal(alone.counters[0], together.counters[g])


@pytest.mark.parametrize(
    ("counts", "covariates"),
    [
        ([14, 0, 2, 1, 0, 0], [[-0.59, 0.63, 1.04, 1.03, 1.82, -0.39]]),
        ([116, 24, 481, 0, 1041, 64], [[-1.21, 0.13, -0.23, -0.52, 0.29, 0.93]]),
        (
            [0, 0, 0, 1, 12, 0, 4, 1, 0, 0],
            [
                [-1.93, 1.15, 1.33, -0.07, 1.37, 0.06, 1.36, -1.09, -0.43, -2.05],
                [-3.02, 1.56, -0.43, -0.29, 0.87, 0.71, 0.37, -0.07, -1.59, 0.15],
            ],
        ),
    ],
)
def test_two_maxima_are_compared(counts: list[int], covariates: list[list[float]]) -> None:
    n = len(counts)
    design = np.column_stack([np.ones(n), np.arange(n) % 2, *covariates])
    fit = searched(counts, design)
    best, lead = dispersions(fit)[0], fit.stats[0, columns.LEAD]
    assert fit.counters[0, columns.MAXIMA] == 2
    grid = np.r_[0.0, np.geomspace(1e-4, 10.0, 399), best]
    values = adjusted_profile_grid(counts, design, np.zeros(n), grid).astype(float)
    assert values[-1] >= values[:-1].max() - 1e-9
    # The other maximum of the grid is as much lower as the search says.
    inner = values[:-1]
    tops = [inner[0]] if inner[0] > inner[1] else []
    tops += inner[1:-1][(inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:])].tolist()
    tops += [inner[-1]] if inner[-1] > inner[-2] else []
    assert len(tops) == 2
    assert lead == pytest.approx(values[-1] - min(tops), rel=1e-2)
