"""Slope and value of the adjusted profile of a tile against fifty-digit differences."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._jit.lanes import load, store
from countglm.kernels import dispersion, loading, profiles, solver
from tests.support import reference as ref
from tests.support.blocks import Tile, make_tile, singles
from tests.support.compiled import compiled
from tests.support.profiled import DESIGN, GENES, OFFSET, WEIGHT

ALPHAS = [0.0, 1e-7, 1e-3, 0.09, 0.2, 4.0]
NOBODY, NO_TRACE = np.zeros(0, dtype=np.int64), np.zeros((0, 0, 0))


@compiled
def settle(d, at, frame, scale, weight, genes, trace):
    alpha = load(d, at.alpha)
    solver.set_start(d, at, frame, scale, weight, alpha)
    solver.solve(d, at, frame, scale, weight, alpha, 0.0, 1e-8, 100.0, genes, trace)


@compiled
def slopes(d, at, frame, scale, weight, count, fixed):
    alpha = load(d, at.alpha)
    slope, size = dispersion.profile_slope(d, at, frame, scale, weight, count, alpha, fixed)
    store(d, at.slope, slope)
    store(d, at.decrement, size)
    profiles.put_values(d, at, frame, scale, weight, count, alpha)


@compiled
def counted(d, at, count):
    store(d, at.slope, dispersion.count_slopes(d, at, count, load(d, at.alpha)))


@compiled
def listed(d, at, lane, y, weight):
    count, _ = loading.tabulate(d, at, lane, y, weight)
    return count


def listed_tile(counts, design, alpha, **options) -> tuple[Tile, int]:
    """A tile with tables of its counts, and the length of the longest."""
    y = np.atleast_2d(counts)
    case = make_tile(y, design, alpha, **options)
    weight = options.get("weight")
    w = np.ones(y.shape[1]) if weight is None else np.asarray(weight, dtype=float)
    sizes = [listed(case.d, case.at, k, y[min(k, y.shape[0] - 1)], w) for k in range(8)]
    return case, max(sizes)


def at_optimum(name: str) -> tuple[Tile, int]:
    """A gene at the optima of several dispersions, one a lane."""
    case, count = listed_tile(
        np.tile(GENES[name], (6, 1)), DESIGN, ALPHAS, offset=OFFSET, weight=WEIGHT
    )
    settle(*case.args, NOBODY, NO_TRACE)
    return case, count


def exact_slope(name: str, alpha: float) -> float:
    """Derivative of the adjusted profile from differences of fifty digits."""
    problem = ref.make_problem(GENES[name], DESIGN, offset=OFFSET, weights=WEIGHT)
    with mp.workdps(50):
        centre = mpf(alpha)
        if not alpha:
            h = mpf("1e-18")
            rise = ref.adjusted_profile(problem, h) - ref.adjusted_profile(problem, mpf(0))
            return float(rise / h)
        h = centre * mpf("1e-12")
        ends = [ref.adjusted_profile(problem, centre + s * h) for s in (-1, 1)]
        return float((ends[1] - ends[0]) / (2 * h))


@pytest.mark.parametrize("name", GENES)
def test_slope_is_the_derivative_of_the_adjusted_profile(name: str) -> None:
    case, count = at_optimum(name)
    slopes(*case.args, count, False)
    for lane, alpha in enumerate(ALPHAS):
        assert case.d[case.at.slope, lane] == pytest.approx(exact_slope(name, alpha), rel=1e-8)
    assert np.all(case.d[case.at.decrement, :6] <= 1e-8)


@pytest.mark.parametrize("name", GENES)
def test_a_slope_beside_the_optimum_comes_to_it_with_the_coefficients(name: str) -> None:
    case, count = at_optimum(name)
    at, best = case.at, case.d.copy()
    slopes(*case.args, count, False)
    exact = case.d[at.slope].copy()
    errors, sizes = [], []
    for step in (1e-2, 1e-3):
        case.d[:] = best
        case.d[at.coef] += step
        slopes(*case.args, count, False)
        errors.append(np.abs(case.d[at.slope, :6] - exact[:6]))
        sizes.append(case.d[at.decrement, :6].copy())
    # The adjustment moves with the coefficients: of first order, but a small part.
    size = np.maximum(1.0, np.abs(exact[:6]))
    assert np.all(errors[1] <= np.maximum(0.2 * errors[0], 1e-9 * size))
    np.testing.assert_allclose(sizes[0], 10 * sizes[1], rtol=0.2)


@pytest.mark.parametrize("name", GENES)
def test_value_is_the_adjusted_profile_up_to_a_constant(name: str) -> None:
    case, count = at_optimum(name)
    slopes(*case.args, count, False)
    found = case.d[case.at.value, :6]
    problem = ref.make_problem(GENES[name], DESIGN, offset=OFFSET, weights=WEIGHT)
    exact = np.array([float(ref.adjusted_profile(problem, mpf(a))) for a in ALPHAS])
    np.testing.assert_allclose(found - found[0], exact - exact[0], rtol=1e-9, atol=1e-9)


def test_coefficients_move_along_the_profile_as_predicted() -> None:
    case, count = at_optimum("spread")
    slopes(*case.args, count, False)
    problem = ref.make_problem(GENES["spread"], DESIGN, offset=OFFSET, weights=WEIGHT)
    for lane, alpha in ((2, 1e-3), (4, 0.2), (5, 4.0)):
        with mp.workdps(50):
            h = mpf("1e-12")
            ahead, behind = (ref.maximise(problem, mpf(alpha) + s * h) for s in (1, -1))
            exact = [float((a - b) / (2 * h)) for a, b in zip(ahead, behind, strict=True)]
        found = case.basis.to_coef @ case.rows(case.at.motion, 3, lane)
        np.testing.assert_allclose(found, exact, rtol=1e-7, atol=1e-9)


def test_the_step_is_that_of_the_coefficients() -> None:
    case, count = at_optimum("spread")
    best = case.rows(case.at.coef, 3, 4)
    case.d[case.at.coef] += 1e-4
    slopes(*case.args, count, False)
    after = case.rows(case.at.coef, 3, 4) + case.rows(case.at.step, 3, 4)
    np.testing.assert_allclose(after, best, rtol=1e-7, atol=1e-7)


def test_fixed_means_leave_the_coefficients_out() -> None:
    name = "spread"
    case, count = at_optimum(name)
    at, eta = case.at, OFFSET + case.frame.rows @ case.rows(case.at.coef, 3, 4)
    slopes(*case.args, count, True)
    np.testing.assert_array_equal(case.d[at.motion : at.motion + 3], 0.0)
    np.testing.assert_array_equal(case.d[at.step : at.step + 3], 0.0)
    np.testing.assert_array_equal(case.d[at.decrement], 0.0)

    def value(alpha: mpf) -> mpf:
        total, gram = mpf(0), mp.zeros(3)
        for i in range(7):
            mu, w = mp.exp(mpf(float(eta[i]))), mpf(float(WEIGHT[i]))
            total += w * ref.log_pmf(mpf(float(GENES[name][i])), mu, alpha)
            row = mp.matrix([mpf(float(v)) for v in DESIGN[i]])
            gram += w * mu / (1 + alpha * mu) * row * row.T
        return total - mp.log(mp.det(gram)) / 2

    with mp.workdps(50):
        h = mpf("1e-15")
        exact = float((value(mpf(0.2) + h) - value(mpf(0.2) - h)) / (2 * h))
    assert case.d[at.slope, 4] == pytest.approx(exact, rel=1e-9)


def test_without_columns_there_is_no_adjustment() -> None:
    # Means that are fixed, and no design: the likelihood alone.
    y = GENES["spread"]
    case, count = listed_tile(y, DESIGN, 0.2, offset=OFFSET)
    basis = case.basis
    bare = type(basis)(basis.columns[:0], basis.raw, basis.to_coef[:, :0], 1.0, basis.null)
    case = make_tile(y, DESIGN, 0.2, offset=OFFSET, basis=bare)
    for lane in range(8):
        assert listed(case.d, case.at, lane, y, np.ones(7)) == count
    slopes(*case.args, count, True)
    with mp.workdps(50):
        means = [mp.exp(mpf(float(o))) for o in OFFSET]
        pairs = list(zip((mpf(float(v)) for v in y), means, strict=True))
        h = mpf("1e-15")
        ends = [mp.fsum(ref.log_pmf(v, m, mpf(0.2) + s * h) for v, m in pairs) for s in (1, -1)]
        exact = float((ends[0] - ends[1]) / (2 * h))
    assert case.d[case.at.slope, 0] == pytest.approx(exact, rel=1e-12)


def test_a_singular_model_has_no_slope() -> None:
    weight = np.where(np.arange(7) < 2, 1.0, 0.0)
    case, count = listed_tile(GENES["spread"], DESIGN, 0.2, weight=weight)
    settle(*case.args, NOBODY, NO_TRACE)
    slopes(*case.args, count, False)
    assert np.isnan(case.d[case.at.slope]).all()


def test_segments_give_what_their_samples_give() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [70, 5, 200])
    design = (group[:, None] == np.arange(3)).astype(float)
    y = rng.negative_binomial(2.0, 0.1, (8, 275)).astype(float)
    case, count = listed_tile(y, design, 10.0 ** np.arange(-6.0, 2.0), offset=rng.normal(size=275))
    settle(*case.args, NOBODY, NO_TRACE)
    apart = singles(case)
    for one in (case, apart):
        slopes(*one.args, count, False)
    # Near the maximum terms cancel: they are some thousands here.
    scale = 1e-12 * np.maximum(1.0, np.abs(case.d[case.at.slope]))
    gap = np.abs(case.d[case.at.slope] - apart.d[apart.at.slope])
    assert np.all(gap <= 1e3 * scale)


def test_a_table_of_values_gives_what_the_counts_give() -> None:
    rng = np.random.default_rng(7)
    alphas = np.array([0.0, 1e-9, 1e-3, 0.1, 0.11, 1.0, 50.0, 1e6])
    y, weight = rng.integers(0, 9, (8, 60)).astype(float), rng.uniform(0.1, 2.0, 60)
    case, count = listed_tile(y, np.ones((60, 1)), alphas, weight=weight)
    assert count <= 8
    counted(case.d, case.at, count)
    tables = case.d[case.at.slope].copy()
    places = case.at.values, case.at.masses
    case.d[places[0] : places[0] + 60] = np.maximum(y.T, 1.0)
    case.d[places[1] : places[1] + 60] = np.where(y.T > 0, weight[:, None], 0.0)
    counted(case.d, case.at, 60)
    np.testing.assert_allclose(tables, case.d[case.at.slope], rtol=1e-13)


def test_lanes_do_not_meet() -> None:
    names = list(GENES)
    y = np.stack([GENES[names[k % 3]] for k in range(8)])
    alphas = 10.0 ** np.arange(-6.0, 2.0)
    case, count = listed_tile(y, DESIGN, alphas, offset=OFFSET, weight=WEIGHT)
    settle(*case.args, NOBODY, NO_TRACE)
    slopes(*case.args, count, False)
    for lane in range(8):
        alone, rows = listed_tile(y[lane], DESIGN, alphas[lane], offset=OFFSET, weight=WEIGHT)
        settle(*alone.args, NOBODY, NO_TRACE)
        slopes(*alone.args, rows, False)
        for place in (case.at.slope, case.at.value, case.at.decrement):
            assert alone.d[place, 0] == case.d[place, lane]
