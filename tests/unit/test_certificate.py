"""The certificate: its parts as plain numbers, and the theorem on fits that stop too early."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import blocks, certificate, gene, smallmat, solver
from tests.support import reference as ref
from tests.support.blocks import fit_block, one_gene

GENES = {
    "poisson": (np.array([3.0, 0, 7, 5, 1, 9, 12, 2]), 0.0),
    "moderate": (np.array([30.0, 0, 75, 52, 11, 90, 120, 2]), 0.4),
    "overdispersed": (np.array([1.0, 0, 4000, 2, 90, 3, 800, 5]), 30.0),
    "large": (np.array([4e8, 3e8, 9e8, 1e8, 4e8, 6e8, 5e8, 2e8]), 1e-6),
}
DESIGN = np.column_stack([np.ones(8), np.arange(8) % 2, [0.3, -1, 2, 0.5, 1.5, -0.7, 0.1, -2]])


@pytest.mark.parametrize("name", GENES)
@pytest.mark.parametrize("max_iter", [1, 2, 3, 5])
def test_bound_holds_wherever_the_iterations_stop(name: str, max_iter: int) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha, max_iter=max_iter, fisher=False)
    problem = ref.make_problem(counts, DESIGN)
    best = ref.maximise(problem, mpf(alpha))
    with mp.workdps(50):
        reported = [mpf(float(b)) for b in fit.coefficients[0]]
        gap = [b - t for b, t in zip(reported, best, strict=True)]
        hessian = ref.information(problem, reported, mpf(alpha), expected=False)
        away = float(
            mp.sqrt(sum(g * mp.fdot(row, gap) for g, row in zip(gap, hessian, strict=True)))
        )
        decrement = float(ref.decrement(problem, reported, mpf(alpha)))
    assert away <= fit.stats[0, blocks.BOUND]
    # The reported decrement is the exact one plus its rounding term, never less.
    assert decrement <= fit.stats[0, blocks.DECREMENT] <= decrement * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("name", GENES)
def test_converged_fits_are_within_their_bound_of_fifty_digits(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha)
    best = ref.maximise(ref.make_problem(counts, DESIGN), mpf(alpha))
    away = ref.distance(ref.make_problem(counts, DESIGN), fit.coefficients[0], best, mpf(alpha))
    assert fit.counters[0, blocks.CONVERGED] == 1
    assert away <= fit.stats[0, blocks.BOUND] <= 1e-8


@pytest.mark.parametrize("name", GENES)
def test_leverage_spectrum_and_score_of_the_report(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha)
    mu = np.exp(DESIGN @ fit.coefficients[0])
    observed = mu * (1 + alpha * counts) / (1 + alpha * mu) ** 2
    hessian = DESIGN.T @ (observed[:, None] * DESIGN)
    leverage = observed * np.einsum("ij,jk,ik->i", DESIGN, np.linalg.inv(hessian), DESIGN)
    stats = fit.stats[0]
    assert stats[blocks.MAX_LEVERAGE] == pytest.approx(leverage.max(), rel=1e-10)
    scale = 1 / np.sqrt(np.diag(hessian))
    values = np.linalg.eigvalsh(hessian * np.outer(scale, scale))
    assert stats[blocks.MIN_EIGENVALUE] == pytest.approx(values[0], rel=1e-10)
    assert stats[blocks.CONDITION] == pytest.approx(values[-1] / values[0], rel=1e-10)
    assert 0.0 <= stats[blocks.SCORE] <= 1e-8


def test_no_bound_is_claimed_without_proof() -> None:
    counts = np.array([0.0, 0, 0, 5000, 0, 0, 1, 2])
    fit = fit_block(counts, DESIGN, 2.0, max_iter=1)
    assert fit.stats[0, blocks.DECREMENT] > 0.5
    assert fit.stats[0, blocks.BOUND] == math.inf
    assert fit.counters[0, blocks.CONVERGED] == 0


@pytest.mark.plain
@pytest.mark.parametrize("radius", [0.0, 1e-12, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("decrement", [0.0, 1e-300, 1e-12, 1e-3, 0.3])
def test_bound_is_its_formula(decrement: float, radius: float) -> None:
    bound = certificate.distance_bound(decrement, radius)
    v = mpf(decrement) * mpf(radius)
    if v >= 1:
        assert bound == math.inf
        return
    with mp.workdps(50):
        exact = -mp.log1p(-v) / radius if radius else mpf(decrement)
        assert exact * (1 - mpf(2) ** -51) <= bound <= exact * (1 + mpf("1e-8"))


@pytest.mark.plain
def test_bound_refuses_what_is_not_a_number() -> None:
    assert certificate.distance_bound(math.nan, 1.0) == math.inf
    assert certificate.distance_bound(1.0, 1.0) == math.inf
    assert certificate.distance_bound(math.inf, 0.5) == math.inf


def at_optimum(name: str):
    """A gene laid out at its optimum, with the observed Hessian factored."""
    counts, alpha = GENES[name]
    case = one_gene(counts, DESIGN)
    fit = fit_block(counts, DESIGN, alpha)
    gamma = np.linalg.solve(case.basis.to_coef, fit.coefficients[0])
    ws = case.ws
    gene.evaluate(case.y, case.w, case.offset, alpha, case.basis.columns, gamma, ws)
    _, ridge = solver.quadratic_model(case.y, case.w, alpha, case.basis.columns, solver.NEWTON, ws)
    assert ridge == 0.0
    smallmat.invert_factor(ws.chol, ws.scale, ws.inverse)
    return case, gamma


@pytest.mark.plain
@pytest.mark.parametrize("name", GENES)
def test_leverages_are_quadratic_forms_of_the_inverse(name: str) -> None:
    case, _ = at_optimum(name)
    ws, q = case.ws, case.basis.columns
    out = np.zeros(q.shape[1])
    certificate.leverages(q, ws.inverse, ws.scratch, out)
    hessian = q @ np.diag(ws.info) @ q.T
    np.testing.assert_allclose(
        out, np.einsum("ji,jk,ki->i", q, np.linalg.inv(hessian), q), rtol=1e-9
    )
    assert np.sum(ws.info * out) == pytest.approx(3.0, rel=1e-9), "leverages sum to the rank"


@pytest.mark.plain
def test_decrement_and_scaled_score_are_their_formulas() -> None:
    case, _ = at_optimum("moderate")
    ws = case.ws
    ws.score[:] = [0.5, -2.0, 0.25]
    hessian = np.tril(ws.hessian) + np.tril(ws.hessian, -1).T
    exact = math.sqrt(ws.score @ np.linalg.inv(hessian) @ ws.score)
    assert certificate.decrement_of(ws) == pytest.approx(exact, rel=1e-12)
    worst = np.max(np.abs(ws.score) / np.sqrt(np.diag(hessian) * 40.0))
    assert certificate.scaled_score(ws.score, ws.hessian, 40.0) == pytest.approx(worst, rel=1e-15)
    few = certificate.scaled_score(ws.score, ws.hessian, 0.0)
    assert few == certificate.scaled_score(ws.score, ws.hessian, 1.0)
    assert certificate.scaled_score(ws.score, np.zeros((3, 3)), 40.0) == math.inf


@pytest.mark.plain
@pytest.mark.parametrize("name", GENES)
def test_rounding_term_covers_the_error_of_the_computed_score(name: str) -> None:
    case, gamma = at_optimum(name)
    _, alpha = GENES[name]
    ws, q, n = case.ws, case.basis.columns, 8
    with mp.workdps(60):
        exact = []
        for i in range(n):
            eta = mp.fdot([mpf(float(v)) for v in q[:, i]], [mpf(float(g)) for g in gamma])
            mu = mp.exp(eta)
            exact.append((mpf(float(case.y[i])) - mu) / (1 + mpf(alpha) * mu))
        score = [mp.fdot([mpf(float(v)) for v in row[:n]], exact) for row in q]
        error = np.array([float(mpf(float(u)) - s) for u, s in zip(ws.score, score, strict=True)])
    hessian = np.tril(ws.hessian) + np.tril(ws.hessian, -1).T
    effect = math.sqrt(error @ np.linalg.solve(hessian, error))
    spread = np.zeros(q.shape[1])
    certificate.add_absolute_terms(q, gamma, spread)
    radius = certificate.rounding_radius(q, gamma, case.offset, spread, case.basis.skeel, ws)
    assert effect <= radius
    # A term far above the error would call every fit converged.
    assert radius <= 1e-7


@pytest.mark.plain
def test_absolute_terms_are_added() -> None:
    columns = np.array([[1.0, -2.0, 0.0, 3.0], [0.5, 0.5, -4.0, 1.0]])
    out = np.ones(4)
    certificate.add_absolute_terms(columns, np.array([-2.0, 3.0]), out)
    np.testing.assert_array_equal(out, [4.5, 6.5, 13.0, 10.0])


@pytest.mark.plain
def test_largest_value_ignores_samples_without_weight() -> None:
    values = np.array([-5.0, 1.0, 2.0, np.nan, 7.0, -6.5, 0.0, 0.0])
    weight = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    assert certificate.largest_where(values, weight) == 6.5
    assert certificate.largest_where(values, np.zeros(8)) == 0.0
