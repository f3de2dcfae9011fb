"""Profile of the dispersion: slope against fifty-digit differences, and where it ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import blocks, dispersion, solver
from tests.support import reference as ref
from tests.support.blocks import fit_block, one_gene
from tests.support.profile import adjusted_profile_grid

DESIGN = np.column_stack([np.ones(7), [0.0, 1, 0, 1, 0, 1, 1], [0.2, -1, 0.7, 1.4, -0.5, 0, 0.9]])
OFFSET = np.array([0.3, -0.2, 0.0, 0.1, -0.5, 0.2, 0.4])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 1.0, 3.0, 0.25])
GENES = {
    "spread": np.array([14.0, 3, 60, 9, 0, 31, 5]),
    "few": np.array([1.0, 0, 3, 0, 2, 1, 1]),
    "many": np.array([90000.0, 41000, 120000, 77000, 51000, 99000, 68000]),
}


def reference_problem(name: str):
    return ref.make_problem(GENES[name], DESIGN, offset=OFFSET, weights=WEIGHT)


def profile(name: str, alpha: float, want_value: bool, prior=(0.0, 0.0)) -> float:
    case = one_gene(GENES[name], DESIGN, offset=OFFSET, weight=WEIGHT)
    args = (case.y, case.w, case.offset, alpha, case.basis.columns)
    coef = case.start
    solver.set_start(*args, coef, case.ws)
    return dispersion.profile(
        *args, coef, case.ws, case.basis.skeel,
        *prior, want_value,
    )  # fmt: skip


@pytest.mark.plain
@pytest.mark.parametrize("name", GENES)
@pytest.mark.parametrize("alpha", [0.0, 1e-7, 1e-3, 0.2, 4.0])
def test_slope_is_the_derivative_of_the_adjusted_profile(name: str, alpha: float) -> None:
    got = profile(name, alpha, False)
    problem = reference_problem(name)
    with mp.workdps(50):
        centre = mpf(alpha)
        h = centre * mpf("1e-12") if alpha else mpf("1e-18")
        if alpha:
            ends = [ref.adjusted_profile(problem, centre + s * h) for s in (-1, 1)]
            exact = float((ends[1] - ends[0]) / (2 * h))
        else:
            rise = ref.adjusted_profile(problem, h) - ref.adjusted_profile(problem, mpf(0))
            exact = float(rise / h)
    assert got == pytest.approx(exact, rel=1e-8)


@pytest.mark.plain
@pytest.mark.parametrize("name", GENES)
def test_value_is_the_adjusted_profile_up_to_a_constant(name: str) -> None:
    grid = [0.0, 1e-6, 0.01, 0.3, 5.0]
    got = np.array([profile(name, a, True) for a in grid])
    problem = reference_problem(name)
    exact = np.array([float(ref.adjusted_profile(problem, mpf(a))) for a in grid])
    np.testing.assert_allclose(got - got[0], exact - exact[0], rtol=1e-9, atol=1e-9)


@pytest.mark.plain
def test_prior_adds_its_density_and_slope() -> None:
    alpha, log_mean, precision = 0.3, math.log(0.05), 2.5
    gap = math.log(alpha) - log_mean
    change = profile("spread", alpha, True, (log_mean, precision)) - profile("spread", alpha, True)
    assert change == pytest.approx(-0.5 * precision * gap**2, rel=1e-10)
    bend = profile("spread", alpha, False, (log_mean, precision)) - profile("spread", alpha, False)
    assert bend == pytest.approx(-precision * gap / alpha, rel=1e-10)
    assert profile("spread", 0.0, False, (log_mean, precision)) == math.inf


@pytest.mark.plain
def test_coefficients_move_along_the_profile_as_predicted() -> None:
    name, alpha = "spread", 0.3
    case = one_gene(GENES[name], DESIGN, offset=OFFSET, weight=WEIGHT)
    args = (case.y, case.w, case.offset, alpha, case.basis.columns)
    dispersion.profile(*args, case.start, case.ws, case.basis.skeel, 0.0, 0.0, False)
    motion = case.ws.step_eta[:7].copy()
    with mp.workdps(50):
        problem, h = reference_problem(name), mpf("1e-12")
        ahead, behind = (ref.maximise(problem, mpf(alpha) + s * h) for s in (1, -1))
        slope = np.array([float((a - b) / (2 * h)) for a, b in zip(ahead, behind, strict=True)])
    np.testing.assert_allclose(motion, DESIGN @ slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["spread", "many"])
def test_estimate_is_the_top_of_the_profile(name: str) -> None:
    fit = fit_block(GENES[name], DESIGN, offset=OFFSET, weight=WEIGHT, estimate=True)
    best = float(fit.stats[0, blocks.DISPERSION])
    assert fit.counters[0, blocks.MAXIMA] == 1
    problem = reference_problem(name)
    with mp.workdps(50):
        nearby = [ref.adjusted_profile(problem, mpf(best) * (1 + mpf(s))) for s in (-1e-6, 0, 1e-6)]
    assert nearby[1] > nearby[0]
    assert nearby[1] > nearby[2]


@pytest.mark.parametrize("seed", range(6))
def test_estimate_is_the_highest_point_of_a_whole_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(6), np.arange(6) % 2])
    counts = rng.negative_binomial(0.8, 0.05, 6).astype(float) + rng.integers(0, 2, 6)
    fit = fit_block(counts, design, estimate=True)
    best = float(fit.stats[0, blocks.DISPERSION])
    grid = np.r_[0.0, np.geomspace(1e-6, 10.0, 300), best]
    values = adjusted_profile_grid(counts, design, np.zeros(6), grid).astype(float)
    assert values[-1] >= values[:-1].max() - 1e-9


def test_counts_that_vary_too_little_give_zero() -> None:
    counts = np.array([20.0, 21, 20, 19, 20, 21])
    fit = fit_block(counts, np.column_stack([np.ones(6), np.arange(6) % 2]), estimate=True)
    assert fit.stats[0, blocks.DISPERSION] == 0.0
    assert fit.counters[0, blocks.MAXIMA] == 1
    assert fit.stats[0, blocks.LEAD] == math.inf


@pytest.mark.parametrize(("cap", "inside"), [(0.5, False), (2.0, False), (25.0, True)])
def test_a_profile_that_rises_to_the_cap_stops_there(cap: float, inside: bool) -> None:
    counts = np.array([0.0, 40, 3, 0, 200, 0, 11, 1, 0, 90])
    fit = fit_block(counts, np.ones((10, 1)), estimate=True, cap=cap)
    grid = np.linspace(0.0, cap, 60)
    values = adjusted_profile_grid(counts, np.ones((10, 1)), np.zeros(10), grid)
    assert (np.argmax(values) < 59) == inside
    best = fit.stats[0, blocks.DISPERSION]
    assert 2.0 < best < cap if inside else best == cap


def test_fit_at_the_estimate_has_the_bits_of_a_fit_at_a_given_dispersion() -> None:
    counts = np.array([GENES[name] for name in GENES])
    estimated = fit_block(counts, DESIGN, offset=OFFSET, weight=WEIGHT, estimate=True)
    alpha = estimated.stats[:, blocks.DISPERSION].copy()
    given = fit_block(counts, DESIGN, alpha, offset=OFFSET, weight=WEIGHT)
    np.testing.assert_array_equal(estimated.coefficients, given.coefficients)
    np.testing.assert_array_equal(estimated.standard_errors, given.standard_errors)
    same = [i for i in range(blocks.N_STATS) if i != blocks.LEAD]
    np.testing.assert_array_equal(estimated.stats[:, same], given.stats[:, same])


@pytest.mark.parametrize("strength", [1e4, 1e8])
def test_a_strong_prior_holds_the_estimate(strength: float) -> None:
    fit = fit_block(GENES["spread"], DESIGN, estimate=True, prior=(math.log(0.02), strength))
    found = math.log(fit.stats[0, blocks.DISPERSION])
    # The likelihood's slope in log alpha is a few units: it moves the top by slope/strength.
    assert found == pytest.approx(math.log(0.02), abs=20.0 / strength)


def test_a_prior_leaves_no_gene_at_zero() -> None:
    counts = np.array([20.0, 21, 20, 19, 20, 21])
    design = np.column_stack([np.ones(6), np.arange(6) % 2])
    fit = fit_block(counts, design, estimate=True, prior=(math.log(0.1), 1.0))
    assert 0.0 < fit.stats[0, blocks.DISPERSION] < 0.1
