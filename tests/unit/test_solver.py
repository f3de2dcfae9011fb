"""The coefficient solver by its iterates: descent, hand-over, contraction, stopping."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from mpmath import mpf

from countglm.kernels import blocks, solver
from tests.support import reference as ref
from tests.support.blocks import BlockFit, fit_block, one_gene

KIND, LENGTH, DECREMENT, DEVIANCE, GAMMA = range(5)
DESIGN = np.column_stack([np.ones(9), np.arange(9) % 3 == 1, np.linspace(-1.5, 2.0, 9)])
GENES = {
    "poisson": (np.array([3.0, 0, 7, 5, 1, 9, 12, 2, 4]), 0.0),
    "moderate": (np.array([30.0, 0, 75, 52, 11, 90, 120, 2, 40]), 0.4),
    "mostly zero": (np.array([0.0, 0, 0, 1, 5000, 0, 0, 1, 2]), 2.0),
    "large counts": (np.array([4e8, 3e8, 9e8, 1e8, 4e8, 6e8, 5e8, 2e8, 7e8]), 1e-8),
    "overdispersed": (np.array([5.0, 1, 9000, 0, 20, 1, 40, 3, 7]), 30.0),
}


def informations(fit: BlockFit, gamma, counts, alpha, design=DESIGN):
    """Fisher information, observed information and score at basis coordinates ``gamma``."""
    mu = np.exp(design @ (fit.basis.to_coef @ gamma))
    fisher = mu / (1 + alpha * mu)
    observed = fisher * (1 + alpha * counts) / (1 + alpha * mu)
    score = design.T @ ((counts - mu) / (1 + alpha * mu))
    return design.T @ (fisher[:, None] * design), design.T @ (observed[:, None] * design), score


def decrement(hessian, score) -> float:
    return float(np.sqrt(score @ np.linalg.solve(hessian, score)))


@pytest.mark.parametrize("fisher", [True, False])
@pytest.mark.parametrize("name", GENES)
def test_iterates_descend_to_the_optimum(name: str, fisher: bool) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, fisher=fisher, trace_rows=101)
    path = fit.path()
    assert fit.counters[0, blocks.CONVERGED] == 1
    deviance = path[:, DEVIANCE]
    assert np.all(np.diff(deviance) <= 1e-13 * np.abs(deviance[1:]) + 1e-12)
    # The last step takes the decrement below what it was before by its square.
    assert path[-1, DECREMENT] <= 1e-8
    newton = path[path[:, KIND] == solver.NEWTON, DECREMENT]
    close = newton[(newton < 0.2) & (newton > 1e-7)]
    assert np.all(np.diff(close) < 0)
    best = ref.maximise(ref.make_problem(counts, DESIGN), mpf(alpha))
    problem = ref.make_problem(counts, DESIGN)
    assert ref.distance(problem, fit.coefficients[0], best, mpf(alpha)) <= 1e-8


@pytest.mark.parametrize("name", GENES)
def test_recorded_numbers_are_those_of_the_iterate(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace_rows=101)
    path = fit.path()
    assert path[0, LENGTH] == 0.0
    assert np.all((path[1:, LENGTH] > 0.0) & (path[1:, LENGTH] <= 1.0))
    for row in path[path[:, DECREMENT] > 1e-3]:
        fisher, observed, score = informations(fit, row[GAMMA:], counts, alpha)
        hessian = fisher if row[KIND] == solver.FISHER else observed
        slack = 1e-14 * np.linalg.cond(hessian)
        assert row[DECREMENT] == pytest.approx(decrement(hessian, score), rel=1e-6 + slack)
    np.testing.assert_allclose(
        fit.basis.to_coef @ path[-1, GAMMA:], fit.coefficients[0], rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("name", GENES)
def test_steps_are_those_of_their_kind(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace_rows=101)
    path = fit.path()
    for row, after in pairwise(path):
        if row[DECREMENT] < 1e-3:
            break
        fisher, observed, score = informations(fit, row[GAMMA:], counts, alpha)
        hessian = fisher if row[KIND] == solver.FISHER else observed
        step = after[LENGTH] * np.linalg.solve(hessian, score)
        moved = fit.basis.to_coef @ (after[GAMMA:] - row[GAMMA:])
        # Far from the optimum the Hessian may be ill-conditioned: NumPy's solution is then as
        # uncertain as the step.
        slack = 1e-14 * np.linalg.cond(hessian)
        np.testing.assert_allclose(moved, step, rtol=1e-6 + slack, atol=1e-9)


@pytest.mark.parametrize("name", GENES)
def test_fisher_hands_over_below_a_tenth_or_after_two_slow_steps(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace_rows=101)
    slow, previous, expected = 0, np.inf, solver.FISHER
    for row in fit.path():
        if expected == solver.FISHER:
            fisher, _, score = informations(fit, row[GAMMA:], counts, alpha)
            size = decrement(fisher, score)
            slow = slow + 1 if size > previous / 4 else 0
            previous = size
            if size < 0.1 or slow == 2:
                expected = solver.NEWTON
        assert row[KIND] == expected


def test_newton_takes_no_fisher_step() -> None:
    counts, alpha = GENES["moderate"]
    fit = fit_block(counts, DESIGN, alpha, fisher=False, trace_rows=101)
    assert np.all(fit.path()[:, KIND] == solver.NEWTON)


def test_scoring_that_does_not_contract_is_left() -> None:
    design = np.column_stack([np.ones(8), np.arange(8) % 2, np.linspace(-1, 1, 8)])
    counts = np.array([1958.0, 0, 38, 0, 174, 0, 29, 551])
    alpha = 12.0
    fit = fit_block(counts, design, alpha, trace_rows=101)
    gamma = fit.path()[-1, GAMMA:]
    fisher, observed, _ = informations(fit, gamma, counts, alpha, design)
    contraction = np.eye(3) - np.linalg.solve(fisher, observed)
    # Scoring is the iteration by this matrix: near the optimum it would lead away for ever.
    assert np.max(np.abs(np.linalg.eigvals(contraction))) > 1.5
    path = fit.path()
    last_fisher = path[path[:, KIND] == solver.FISHER][-1]
    assert last_fisher[DECREMENT] > 0.1
    assert fit.counters[0, blocks.CONVERGED] == 1
    assert fit.counters[0, blocks.STEPS] <= 25


@pytest.mark.parametrize("name", GENES)
def test_both_solvers_reach_one_optimum(name: str) -> None:
    counts, alpha = GENES[name]
    fits = [fit_block(counts, DESIGN, alpha, fisher=f) for f in (True, False)]
    gap = np.abs(fits[0].coefficients - fits[1].coefficients) / fits[0].standard_errors
    # Each is within its own certificate, which at counts of 1e8 is a few 1e-10.
    assert np.max(gap) <= sum(fit.stats[0, blocks.BOUND] for fit in fits) <= 1e-8


@pytest.mark.parametrize("max_iter", [1, 2, 4])
def test_steps_stop_at_the_given_number(max_iter: int) -> None:
    counts, alpha = GENES["mostly zero"]
    fit = fit_block(counts, DESIGN, alpha, max_iter=max_iter, trace_rows=max_iter + 1)
    assert fit.counters[0, blocks.STEPS] == max_iter
    assert fit.counters[0, blocks.CONVERGED] == 0
    whole = fit_block(counts, DESIGN, alpha, trace_rows=101)
    np.testing.assert_array_equal(fit.path(), whole.path()[: max_iter + 1])


def test_a_coarser_tolerance_takes_no_more_steps_and_is_kept() -> None:
    counts, alpha = GENES["moderate"]
    steps = []
    for tol in (1e-1, 1e-4, 1e-8, 1e-14):
        fit = fit_block(counts, DESIGN, alpha, tol=tol)
        assert fit.counters[0, blocks.CONVERGED] == 1
        # At the rounding floor a fit is converged whatever the tolerance.
        assert fit.stats[0, blocks.DECREMENT] <= max(tol, 1e-11)
        steps.append(int(fit.counters[0, blocks.STEPS]))
    assert steps == sorted(steps)


def test_a_short_trace_keeps_the_first_rows() -> None:
    counts, alpha = GENES["mostly zero"]
    short = fit_block(counts, DESIGN, alpha, trace_rows=3)
    whole = fit_block(counts, DESIGN, alpha, trace_rows=101)
    np.testing.assert_array_equal(short.trace[0], whole.trace[0, :3])
    np.testing.assert_array_equal(short.coefficients, whole.coefficients)


@pytest.mark.parametrize("name", GENES)
def test_start_is_weighted_least_squares_of_logarithms(name: str) -> None:
    counts, alpha = GENES[name]
    offset = np.linspace(-1, 1, 9)
    weight = np.array([1.0, 2, 1, 0.5, 1, 1, 0, 1, 3])
    fit = fit_block(counts, DESIGN, alpha, offset=offset, weight=weight, trace_rows=101)
    m = counts + 0.25
    root = np.sqrt(weight * m / (1 + max(alpha, 0.1) * m))
    expected = np.linalg.lstsq(root[:, None] * DESIGN, root * (np.log(m) - offset), rcond=None)[0]
    start = fit.basis.to_coef @ fit.path()[0, GAMMA:]
    np.testing.assert_allclose(start, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.plain
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, solver.NEWTON) for name in GENES]
    + [(name, solver.FISHER) for name in ("poisson", "moderate", "mostly zero", "large counts")],
)
@pytest.mark.parametrize("shift", [[4.0, 0.0, 0.0], [-2.0, 2.0, -2.0], [0.0, 3.0, -3.0]])
def test_steps_are_cut_from_a_bad_start(name: str, shift: list[float], kind: float) -> None:
    counts, alpha = GENES[name]
    case = one_gene(counts, DESIGN)
    coef = case.start
    solver.set_start(case.y, case.w, case.offset, alpha, case.basis.columns, coef, case.ws)
    coef += shift
    trace = np.full((301, 7), np.nan)
    steps, near = solver.solve(
        case.y, case.w, case.offset, alpha, case.basis.columns, coef, case.ws, kind, 1e-8, 300.0,
        case.basis.skeel, trace,
    )  # fmt: skip
    assert near
    path = trace[: int(steps) + 1]
    deviance = path[:, DEVIANCE]
    assert np.all(np.diff(deviance) <= 1e-12 * np.abs(deviance[1:]) + 1e-12)
    problem = ref.make_problem(counts, DESIGN)
    beta = case.basis.to_coef @ coef
    assert ref.distance(problem, beta, ref.maximise(problem, mpf(alpha)), mpf(alpha)) <= 1e-8


@pytest.mark.plain
def test_a_singular_model_gets_the_smallest_ridge_that_mends_it() -> None:
    ws = one_gene(GENES["poisson"][0], DESIGN).ws
    ws.hessian[:] = np.eye(3)
    assert solver.factor_with_ridge(ws) == 0.0
    ws.hessian[:] = np.ones((3, 3))
    ridge = solver.factor_with_ridge(ws)
    assert 1e-13 <= ridge <= 1e-8
    ws.hessian[:] = np.nan
    assert solver.factor_with_ridge(ws) == -1.0


@pytest.mark.plain
@pytest.mark.parametrize("reach", [1e-3, 1.0, 5.0, 400.0])
def test_step_length_of_a_newton_step_is_never_below_its_guarantee(reach: float) -> None:
    counts, alpha = GENES["poisson"]
    case = one_gene(counts, DESIGN)
    gamma = np.array([0.5, -0.3, 0.2])
    args = (case.y, case.w, alpha)
    solver.evaluate(case.y, case.w, case.offset, alpha, case.basis.columns, gamma, case.ws)
    size, _ = solver.quadratic_model(*args, case.basis.columns, solver.NEWTON, case.ws)
    # A direction stretched to the given reach: a step that may be far too long.
    case.ws.step_eta[:9] = reach * np.linspace(-1, 1, 9)
    length = solver.step_length(*args, size, True, case.ws)
    assert length == 1.0 or length >= np.log1p(reach) / reach
    if reach <= 1.0:
        assert length == 1.0
