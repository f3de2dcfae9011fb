"""The coefficient solver by its iterates: descent, hand-over, contraction, stopping."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from mpmath import mpf

from countglm.basis import make_basis
from countglm.kernels import columns
from tests.support import reference as ref
from tests.support.blocks import fit_block
from tests.support.iterates import (
    DECREMENT,
    DESIGN,
    DEVIANCE,
    FISHER,
    GAMMA,
    GENES,
    KIND,
    LENGTH,
    NEWTON,
)  # fmt: skip


def to_coef(design=DESIGN) -> np.ndarray:
    """From the coordinates of the solver to coefficients."""
    return make_basis(design).to_coef


def informations(gamma, counts, alpha, design=DESIGN):
    """Fisher information, observed information and score at basis coordinates ``gamma``."""
    mu = np.exp(design @ (to_coef(design) @ gamma))
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
    fit = fit_block(counts, DESIGN, alpha, fisher=fisher, trace=True)
    path = fit.path()
    assert fit.counters[0, columns.CONVERGED] == 1
    deviance = path[:, DEVIANCE]
    assert np.all(np.diff(deviance) <= 1e-13 * np.abs(deviance[1:]) + 1e-12)
    # The last step takes the decrement below what it was before by its square.
    assert path[-1, DECREMENT] <= 1e-8
    newton = path[path[:, KIND] == NEWTON, DECREMENT]
    close = newton[(newton < 0.2) & (newton > 1e-7)]
    assert np.all(np.diff(close) < 0)
    best = ref.maximise(ref.make_problem(counts, DESIGN), mpf(alpha))
    problem = ref.make_problem(counts, DESIGN)
    assert ref.distance(problem, fit.coefficients[0], best, mpf(alpha)) <= 1e-8


@pytest.mark.parametrize("name", GENES)
def test_recorded_numbers_are_those_of_the_iterate(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace=True)
    path = fit.path()
    assert path[0, LENGTH] == 0.0
    assert np.all((path[1:, LENGTH] > 0.0) & (path[1:, LENGTH] <= 1.0))
    for row in path[path[:, DECREMENT] > 1e-3]:
        fisher, observed, score = informations(row[GAMMA:], counts, alpha)
        hessian = fisher if row[KIND] == FISHER else observed
        slack = 1e-14 * np.linalg.cond(hessian)
        assert row[DECREMENT] == pytest.approx(decrement(hessian, score), rel=1e-6 + slack)
    np.testing.assert_allclose(
        to_coef() @ path[-1, GAMMA:], fit.coefficients[0], rtol=1e-14, atol=1e-14
    )


@pytest.mark.parametrize("name", GENES)
def test_steps_are_those_of_their_kind(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace=True)
    path = fit.path()
    for row, after in pairwise(path):
        if row[DECREMENT] < 1e-3:
            break
        fisher, observed, score = informations(row[GAMMA:], counts, alpha)
        hessian = fisher if row[KIND] == FISHER else observed
        step = after[LENGTH] * np.linalg.solve(hessian, score)
        moved = to_coef() @ (after[GAMMA:] - row[GAMMA:])
        # Far from the optimum the Hessian may be ill-conditioned: NumPy's solution is then as
        # uncertain as the step.
        slack = 1e-14 * np.linalg.cond(hessian)
        np.testing.assert_allclose(moved, step, rtol=1e-6 + slack, atol=1e-9)


@pytest.mark.parametrize("name", GENES)
def test_fisher_hands_over_below_a_tenth_or_after_two_slow_steps(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, trace=True)
    slow, previous, expected = 0, np.inf, FISHER
    for row in fit.path():
        assert row[KIND] == expected
        if expected == FISHER:
            fisher, _, score = informations(row[GAMMA:], counts, alpha)
            size = decrement(fisher, score)
            slow = slow + 1 if size > previous / 4 else 0
            previous = size
            if size < 0.1 or slow == 2:
                expected = NEWTON


def test_newton_takes_no_fisher_step() -> None:
    counts, alpha = GENES["moderate"]
    fit = fit_block(counts, DESIGN, alpha, fisher=False, trace=True)
    assert np.all(fit.path()[:, KIND] == NEWTON)


def test_scoring_that_does_not_contract_is_left() -> None:
    design = np.column_stack([np.ones(8), np.arange(8) % 2, np.linspace(-1, 1, 8)])
    counts = np.array([1958.0, 0, 38, 0, 174, 0, 29, 551])
    alpha = 12.0
    fit = fit_block(counts, design, alpha, trace=True)
    gamma = fit.path()[-1, GAMMA:]
    fisher, observed, _ = informations(gamma, counts, alpha, design)
    contraction = np.eye(3) - np.linalg.solve(fisher, observed)
    # Scoring is the iteration by this matrix: near the optimum it would lead away for ever.
    assert np.max(np.abs(np.linalg.eigvals(contraction))) > 1.5
    path = fit.path()
    last_fisher = path[path[:, KIND] == FISHER][-1]
    assert last_fisher[DECREMENT] > 0.1
    assert fit.counters[0, columns.CONVERGED] == 1
    assert fit.counters[0, columns.STEPS] <= 25


@pytest.mark.parametrize("name", GENES)
def test_both_solvers_reach_one_optimum(name: str) -> None:
    counts, alpha = GENES[name]
    fits = [fit_block(counts, DESIGN, alpha, fisher=f) for f in (True, False)]
    gap = np.abs(fits[0].coefficients - fits[1].coefficients) / fits[0].standard_errors
    # Each is within its own certificate, which at counts of 1e8 is a few 1e-10.
    assert np.max(gap) <= sum(fit.stats[0, columns.BOUND] for fit in fits) <= 1e-8


@pytest.mark.parametrize("max_iter", [1, 2, 4])
def test_steps_stop_at_the_given_number(max_iter: int) -> None:
    counts, alpha = GENES["mostly zero"]
    fit = fit_block(counts, DESIGN, alpha, max_iter=max_iter, trace=True)
    assert fit.counters[0, columns.STEPS] == max_iter
    assert fit.counters[0, columns.CONVERGED] == 0
    whole = fit_block(counts, DESIGN, alpha, trace=True)
    np.testing.assert_array_equal(fit.path(), whole.path()[: max_iter + 1])


def test_a_coarser_tolerance_takes_no_more_steps_and_is_kept() -> None:
    counts, alpha = GENES["moderate"]
    steps = []
    for tol in (1e-1, 1e-4, 1e-8, 1e-14):
        fit = fit_block(counts, DESIGN, alpha, tol=tol)
        assert fit.counters[0, columns.CONVERGED] == 1
        # At the rounding floor a fit is converged whatever the tolerance.
        assert fit.stats[0, columns.DECREMENT] <= max(tol, 1e-11)
        steps.append(int(fit.counters[0, columns.STEPS]))
    assert steps == sorted(steps)


def test_traces_are_those_of_the_genes_alone() -> None:
    counts = np.array([y for y, _ in GENES.values()])
    alphas = [alpha for _, alpha in GENES.values()]
    together = fit_block(counts, DESIGN, alphas, trace=True)
    assert len(set(together.counters[:, columns.STEPS].tolist())) > 2
    for g, alpha in enumerate(alphas):
        alone = fit_block(counts[g], DESIGN, alpha, trace=True)
        np.testing.assert_array_equal(alone.path(), together.path(g))
        assert np.isfinite(alone.path()).all()
        stop = int(together.counters[g, columns.STEPS])
        assert np.isnan(together.trace[g, stop + 1 :]).all()


def test_a_trace_changes_nothing() -> None:
    counts, alpha = GENES["mostly zero"]
    traced, plain = fit_block(counts, DESIGN, alpha, trace=True), fit_block(counts, DESIGN, alpha)
    np.testing.assert_array_equal(traced.coefficients, plain.coefficients)
    np.testing.assert_array_equal(traced.stats, plain.stats)


@pytest.mark.parametrize("name", GENES)
def test_start_is_weighted_least_squares_of_logarithms(name: str) -> None:
    counts, alpha = GENES[name]
    offset = np.linspace(-1, 1, 9)
    weight = np.array([1.0, 2, 1, 0.5, 1, 1, 0, 1, 3])
    fit = fit_block(counts, DESIGN, alpha, offset=offset, weight=weight, trace=True)
    m = counts + 0.25
    root = np.sqrt(weight * m / (1 + max(alpha, 0.1) * m))
    expected = np.linalg.lstsq(root[:, None] * DESIGN, root * (np.log(m) - offset), rcond=None)[0]
    start = to_coef() @ fit.path()[0, GAMMA:]
    np.testing.assert_allclose(start, expected, rtol=1e-8, atol=1e-8)
