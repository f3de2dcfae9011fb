"""The global mode of a contrast under a Cauchy prior, against searches that know nothing of it."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._cauchy_mode import choose, find_modes
from countglm._profile import Lines, local, profile, start, value

SCALE = 0.3
RNG = np.random.default_rng(20)
N = 8
GROUP = (np.arange(N) >= 4).astype(float)


def two_groups(y, alpha, offset=None, weight=None):
    """Lines of a two-group design: along the difference, with the first group's level free."""
    offset = np.zeros((N, 1)) if offset is None else offset
    weight = np.ones((N, 1)) if weight is None else weight
    return Lines(y, weight, offset, alpha, GROUP[:, None], np.ones((1, N, 1)))


def simulated(genes):
    mean = np.exp(RNG.uniform(-0.5, 6.0, genes))
    change = np.clip(RNG.standard_t(2, genes), -6, 6) * (RNG.random(genes) < 0.7)
    alpha = np.exp(RNG.uniform(-5.0, 2.0, genes))
    mu = mean * np.exp(GROUP[:, None] * change)
    y = RNG.negative_binomial(1 / alpha, 1 / (1 + alpha * mu)).astype(float)
    y[0, y.sum(axis=0) == 0] = 1.0
    return two_groups(y, alpha, RNG.normal(0.0, 0.3, (N, 1)), RNG.uniform(0.5, 1.5, (N, genes)))


def residuals(lines, t, level):
    mu = np.exp(lines.offset + GROUP[:, None] * t + level)
    return lines.weight * (lines.y - mu) / (1 + lines.alpha * mu)


def level_by_bisection(lines, t):
    low, high = np.full(t.size, -40.0), np.full(t.size, 40.0)
    for _ in range(60):
        middle = (low + high) / 2
        above = residuals(lines, t, middle).sum(axis=0) < 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def slope_by_bisection(lines, t):
    level = level_by_bisection(lines, t)
    return -(GROUP[:, None] * residuals(lines, t, level)).sum(axis=0) + 2 * t / (SCALE**2 + t**2)


def height_by_bisection(lines, t):
    eta = lines.offset + GROUP[:, None] * t + level_by_bisection(lines, t)
    r = 1 / lines.alpha
    terms = (lines.y + r) * np.log1p(lines.alpha * np.exp(eta)) - lines.y * eta
    return (lines.weight * terms).sum(axis=0) + np.log1p((t / SCALE) ** 2)


def brute_force(lines, reach, points=150):
    """Best point of a grid on [-reach, reach], then bisection of the slope around it."""
    grid = np.sinh(np.linspace(-6, 6, 2 * points + 1)) / np.sinh(6)
    heights = np.array([height_by_bisection(lines, share * reach) for share in grid])
    best = np.clip(np.argmin(heights, axis=0), 1, 2 * points - 1)
    low, high = grid[best - 1] * reach, grid[best + 1] * reach
    for _ in range(50):
        middle = (low + high) / 2
        above = slope_by_bisection(lines, middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def test_global_mode_of_500_genes_is_that_of_a_search() -> None:
    lines = simulated(500)
    modes = choose(find_modes(lines, np.full(500, np.nan), SCALE), 500)
    assert modes.converged.all()
    assert modes.residual.max() < 1e-9
    # Silent groups have no finite estimate, but a mode.
    silent = (lines.y[:4].sum(axis=0) == 0) | (lines.y[4:].sum(axis=0) == 0)
    assert 10 < silent.sum() < 250
    expected = brute_force(lines, np.full(500, 14.0))
    assert np.abs(expected).max() < 13.0
    np.testing.assert_allclose(modes.t, expected, rtol=0, atol=1e-8)


def test_a_known_estimate_changes_nothing_but_the_way() -> None:
    lines = simulated(60)
    unknown = choose(find_modes(lines, np.full(60, np.nan), SCALE), 60)
    sums = [lines.y[:4].sum(axis=0), lines.y[4:].sum(axis=0)]
    finite = np.flatnonzero((sums[0] > 0) & (sums[1] > 0))
    estimate = np.where(sums[0] == 0, np.inf, -np.inf)
    # The root of the likelihood's slope alone.
    low, high = np.full(60, -30.0), np.full(60, 30.0)
    for _ in range(80):
        t = (low + high) / 2
        above = slope_by_bisection(lines, t) - 2 * t / (SCALE**2 + t**2) > 0
        low, high = np.where(above, low, t), np.where(above, t, high)
    estimate[finite] = ((low + high) / 2)[finite]
    known = choose(find_modes(lines, estimate, SCALE), 60)
    np.testing.assert_allclose(known.t, unknown.t, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(known.sd, unknown.sd, rtol=1e-9)
    assert known.n_modes.tolist() == unknown.n_modes.tolist()


def test_two_modes_are_both_found_and_the_lead_is_their_difference() -> None:
    # A strong difference in few counts: the prior holds some of it at 0.
    y = np.array([[9.0, 14, 6, 8, 0, 1, 0, 0], [2.0, 30, 11, 8, 0, 1, 0, 0]]).T
    lines = two_groups(y, np.array([1.1, 1.4]))
    modes = find_modes(lines, np.full(2, np.nan), 0.12)
    assert np.bincount(modes.gene).tolist() == [2, 2]
    chosen = choose(modes, 2)
    for gene in range(2):
        here = np.flatnonzero(modes.gene == gene)
        part = lines.take(np.array([gene]))
        heights = []
        for t in modes.t[here]:
            at = np.full(2, t)
            gamma = profile(part, at, start(part, at)).gamma
            heights.append(value(part, at, gamma)[0] + np.log1p((t / 0.12) ** 2))
        assert chosen.t[gene] == modes.t[here[np.argmin(heights)]]
        assert chosen.lead[gene] == pytest.approx(np.ptp(heights), rel=1e-9)
    # Who prefers the other modes gets them.
    assert choose(modes, 2, -modes.height).t.tolist() != chosen.t.tolist()


def mp_objective(y, alpha, offset, t):
    """Profile of minus the log-likelihood in fifty digits, for one gene of two groups."""

    def residual_sum(level):
        mus = [mp.exp(o + g * t + level) for o, g in zip(offset, GROUP, strict=True)]
        return sum((yi - m) / (1 + alpha * m) for yi, m in zip(y, mus, strict=True))

    level = mp.findroot(residual_sum, mp.log(sum(y) / N) - t / 2, tol=mpf(10) ** -80)
    total = mpf(0)
    for yi, o, g in zip(y, offset, GROUP, strict=True):
        eta = o + mpf(g) * t + level
        total += (yi + 1 / alpha) * mp.log(1 + alpha * mp.exp(eta)) - yi * eta
    return total


@pytest.mark.parametrize("alpha", [1e-6, 0.2, 3.0])
@pytest.mark.parametrize("t", [-1.3, 0.0, 0.4])
def test_slope_and_curvature_against_fifty_digits(alpha, t) -> None:
    y, offset = [3, 17, 8, 5, 20, 41, 9, 1], [0.1, -0.2, 0.3, 0.0, 0.2, -0.4, 0.1, 0.05]
    lines = two_groups(
        np.repeat(np.array(y, float)[:, None], 2, axis=1), np.full(2, alpha),
        np.array(offset)[:, None],
    )  # fmt: skip
    at = np.full(2, t)
    found = profile(lines, at, profile(lines, at, start(lines, at)).gamma)
    with mp.workdps(50):
        objective = lambda s: mp_objective(y, mpf(alpha), [mpf(o) for o in offset], s)  # noqa: E731
        slope, curvature = mp.diff(objective, mpf(t), 1), mp.diff(objective, mpf(t), 2)
    assert found.slope[0] == pytest.approx(float(slope), rel=1e-11, abs=1e-11)
    assert found.curvature[0] == pytest.approx(float(curvature), rel=1e-10)


def test_penalised_slopes_against_differences() -> None:
    q = RNG.normal(size=(3, N, 1))
    penalty = np.diag([0.3, 0.1, 2.0]) + 0.05
    lines = Lines(
        RNG.poisson(20, (N, 4)).astype(float), np.ones((N, 1)), np.zeros((N, 1)),
        np.array([0.0, 0.1, 0.5, 2.0]), GROUP[:, None], q, penalty,
    )  # fmt: skip
    t, h = np.array([-0.7, 0.1, 0.5, 2.0]), 1e-4

    def height(at):
        return value(lines, at, profile(lines, at, start(lines, at)).gamma)

    found = profile(lines, t, start(lines, t))
    assert found.converged.all()
    np.testing.assert_allclose(
        found.slope, (height(t + h) - height(t - h)) / (2 * h), rtol=1e-6, atol=1e-6
    )
    ends = [profile(lines, t + s * h, found.gamma).slope for s in (1, -1)]
    np.testing.assert_allclose(found.curvature, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)


def test_a_gene_has_the_same_bits_alone_in_company_and_in_any_order() -> None:
    lines = simulated(40)
    every = np.full(40, np.nan)
    whole = choose(find_modes(lines, every, SCALE), 40)
    order = RNG.permutation(40)
    mixed = choose(find_modes(lines.take(order), every, SCALE), 40)
    assert mixed.t.tolist() == whole.t[order].tolist()
    assert mixed.sd.tolist() == whole.sd[order].tolist()
    for gene in range(0, 40, 7):
        rows = np.array([gene])
        alone = Lines(
            lines.y[:, rows], lines.weight[:, rows], lines.offset, lines.alpha[rows],
            lines.along, lines.basis,
        )  # fmt: skip
        one = choose(find_modes(alone, np.array([np.nan]), SCALE), 1)
        assert (one.t[0], one.sd[0]) == (whole.t[gene], whole.sd[gene])


def test_an_estimate_of_zero_and_a_design_of_one_column() -> None:
    y = np.array([[3.0, 5, 9, 2, 3, 5, 9, 2], [0.0, 0, 0, 0, 0, 0, 0, 1]]).T
    lines = two_groups(y, np.array([0.1, 0.1]))
    modes = choose(find_modes(lines, np.array([0.0, np.inf]), SCALE), 2)
    assert modes.t[0] == pytest.approx(0.0, abs=1e-14)
    assert 0.0 < modes.t[1] < SCALE
    alone = Lines(y, np.ones((N, 1)), np.zeros((N, 1)), lines.alpha, GROUP[:, None],
                  np.zeros((0, N, 1)))  # fmt: skip
    modes = choose(find_modes(alone, np.full(2, np.nan), SCALE), 2)
    at = local(alone, modes.t, np.zeros((0, 2)))
    np.testing.assert_allclose(at.slope + 2 * modes.t / (SCALE**2 + modes.t**2), 0.0, atol=1e-10)


def test_counts_of_1e12_and_a_poisson_gene_converge() -> None:
    y = np.array([[1e12, 3e12, 2e12, 1e12, 5e12, 9e12, 4e12, 6e12], [3.0, 1, 4, 1, 5, 9, 2, 6]]).T
    modes = choose(find_modes(two_groups(y, np.array([0.02, 0.0])), np.full(2, np.nan), 0.5), 2)
    assert modes.converged.all()
    assert (modes.residual < 1e-6).all()
