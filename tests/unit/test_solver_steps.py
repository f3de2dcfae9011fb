"""One step of the coefficients: start, ridge, Newton step, length, and whole paths of them."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mpf

from countglm._jit.lanes import load, store
from countglm.kernels import solver
from tests.support import reference as ref
from tests.support.blocks import fit_block, make_tile
from tests.support.compiled import compiled
from tests.support.iterates import DESIGN, DEVIANCE, FISHER, GENES, LENGTH, NEWTON


@compiled
def run(d, at, frame, scale, weight, fisher, max_steps, genes, trace):
    alpha = load(d, at.alpha)
    steps = solver.solve(d, at, frame, scale, weight, alpha, fisher, 1e-8, max_steps, genes, trace)
    store(d, at.value, steps)


@compiled
def begin(d, at, frame, scale, weight):
    solver.set_start(d, at, frame, scale, weight, load(d, at.alpha))


@compiled
def mended(d, at):
    store(d, at.value, solver.factor_with_ridge(d, at))


@compiled
def newton(d, at):
    decrement, ridge = solver.newton_step(d, at)
    store(d, at.value, decrement)
    store(d, at.slope, ridge)


@compiled
def length_of(d, at, frame, weight):
    store(d, at.value, solver.step_length(d, at, frame, weight))


@compiled
def taken(d, at):
    solver.take_step(d, at, load(d, at.slope))


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, NEWTON) for name in GENES]
    + [(name, FISHER) for name in ("poisson", "moderate", "mostly zero", "large counts")],
)
@pytest.mark.parametrize("shift", [[4.0, 0.0, 0.0], [-2.0, 2.0, -2.0], [0.0, 3.0, -3.0]])
def test_steps_are_cut_from_a_bad_start(name: str, shift: list[float], kind: float) -> None:
    counts, alpha = GENES[name]
    case = make_tile(counts, DESIGN, alpha)
    at = case.at
    begin(*case.args)
    case.d[at.coef : at.coef + 3] += np.array(shift)[:, None]
    trace = np.full((1, 301, 7), np.nan)
    run(*case.args, 1.0 - kind, 300.0, np.zeros(1, dtype=np.int64), trace)
    steps = int(case.d[at.value, 0])
    assert steps < 300
    path = trace[0, : steps + 1]
    deviance = path[:, DEVIANCE]
    assert np.all(np.diff(deviance) <= 1e-12 * np.abs(deviance[1:]) + 1e-12)
    assert np.all(path[1:, LENGTH] > 0.0)
    assert path[:, LENGTH].max() <= 1.0
    problem = ref.make_problem(counts, DESIGN)
    beta = case.basis.to_coef @ case.rows(at.coef, 3)
    assert ref.distance(problem, beta, ref.maximise(problem, mpf(alpha)), mpf(alpha)) <= 1e-8


def with_hessian(matrices: list[np.ndarray], score=(1.0, -2.0, 0.5)):
    case = make_tile(np.zeros((8, 9)), DESIGN)
    below = np.tril_indices(3)
    case.put(case.at.hessian, [matrix[below] for matrix in matrices])
    case.put(case.at.score, score)
    return case


def test_a_singular_model_gets_the_smallest_ridge_that_mends_it() -> None:
    nearly = np.eye(3)
    nearly[0, 1] = nearly[1, 0] = 1.0 + 1e-11
    matrices = [np.eye(3), np.ones((3, 3)), np.full((3, 3), np.nan), nearly] + [np.eye(3)] * 3
    negative = np.diag([1.0, -1.0, 1.0])
    case = with_hessian([*matrices, negative])
    mended(case.d, case.at)
    ridge = case.d[case.at.value]
    np.testing.assert_array_equal(ridge[[0, 4, 5, 6]], 0.0)
    assert 1e-13 <= ridge[1] <= 1e-8
    assert 1e-11 <= ridge[3] <= 1e-8
    assert ridge[2] > solver.MAX_RIDGE
    assert ridge[7] > solver.MAX_RIDGE


def test_a_step_solves_the_quadratic_model() -> None:
    rng = np.random.default_rng(2)
    matrices = []
    for k in range(8):
        root = rng.normal(size=(3, 3)) * 10.0 ** rng.uniform(-4, 4, 3)
        matrices.append(root.T @ root + 10.0**-k * np.diag(np.diag(root.T @ root)))
    score = rng.normal(size=(8, 3))
    case = with_hessian(matrices, score)
    newton(case.d, case.at)
    for lane, matrix in enumerate(matrices):
        exact = np.linalg.solve(matrix, score[lane])
        found = case.rows(case.at.step, 3, lane)
        slack = 1e-14 * np.linalg.cond(matrix / np.sqrt(np.outer(*[np.diag(matrix)] * 2)))
        np.testing.assert_allclose(found, exact, rtol=1e-7 + slack)
        size = np.sqrt(score[lane] @ exact)
        assert case.d[case.at.value, lane] == pytest.approx(size, rel=1e-7 + slack)
    np.testing.assert_array_equal(case.d[case.at.slope], 0.0)


def test_a_model_that_cannot_be_mended_is_far_from_its_optimum() -> None:
    case = with_hessian([np.eye(3), np.full((3, 3), np.nan)] + [np.eye(3)] * 6)
    newton(case.d, case.at)
    assert case.d[case.at.value, 1] == 1e300
    assert np.all(case.d[case.at.value, [0, 2, 7]] == np.sqrt(5.25))


def test_a_design_without_rank_in_the_weighted_samples_stands_still() -> None:
    # Only two samples weigh, three coefficients: the ridge decides, and nothing breaks.
    counts, alpha = GENES["moderate"]
    weight = np.where(np.arange(9) < 2, 1.0, 0.0)
    fit = fit_block(counts, DESIGN, alpha, weight=weight)
    assert np.isfinite(fit.coefficients).all()
    means = np.exp(DESIGN[:2] @ fit.coefficients[0])
    np.testing.assert_allclose(means[0], counts[0], rtol=1e-5)


@pytest.mark.parametrize("reach", [1e-3, 0.999, 1.001, 400.0])
def test_step_length_is_its_formula_where_a_predictor_moves_far(reach: float) -> None:
    counts, alpha = GENES["poisson"]
    weight = np.ones(9)
    weight[3] = 0.0
    case = make_tile(counts, DESIGN, alpha, weight=weight)
    rows = case.frame.rows
    steps = np.random.default_rng(3).normal(size=(8, 3))
    steps *= reach / np.abs(rows @ steps.T)[weight > 0].max(axis=0)[:, None]
    # Lanes do not wait for each other: the last steps are short.
    steps[5:] *= 1e-3
    case.put(case.at.step, steps)
    length_of(case.d, case.at, case.frame, case.weight)
    move = np.abs(rows @ steps.T)[weight > 0].max(axis=0)
    expected = np.where(move > 1.0, np.log1p(move) / move, 1.0)
    np.testing.assert_allclose(case.d[case.at.value], expected, rtol=1e-13)


def test_only_steps_with_a_length_are_taken() -> None:
    case = make_tile(np.zeros((8, 9)), DESIGN)
    case.put(case.at.coef, [1.0, 2.0, 3.0])
    case.put(case.at.step, [[1.0, -1.0, 0.5], [np.nan, np.inf, 1.0], [4.0, 4.0, 4.0]])
    case.d[case.at.slope] = [0.5, 0.0, 1.0, *[0.0] * 5]
    taken(case.d, case.at)
    expected = [[1.5, 1.5, 3.25], [1, 2, 3], [5, 6, 7]] + [[1, 2, 3]] * 5
    np.testing.assert_array_equal(case.d[case.at.coef : case.at.coef + 3].T, expected)
