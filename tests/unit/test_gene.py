"""Sums over the samples of one gene against exactly rounded sums and plain matrix algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import gene, solver
from tests.support import reference as ref
from tests.support.blocks import one_gene

pytestmark = pytest.mark.plain

N = 11
DESIGN = np.column_stack([np.ones(N), np.arange(N) % 2, np.linspace(-1, 2, N) ** 2])
COUNTS = np.array([0.0, 3, 8, 1, 0, 250, 17, 2, 9, 4, 31])
WEIGHT = np.array([1.0, 2, 0.5, 1, 0, 1, 3, 1, 1, 0.1, 1])
OFFSET = np.linspace(-0.7, 0.9, N)


def laid_out(**options):
    """The gene above in a workspace, with eta, mu and residual at some coefficients."""
    case = one_gene(COUNTS, DESIGN, offset=OFFSET, weight=WEIGHT, **options)
    gamma = np.array([4.0, -1.0, 0.5])
    gene.evaluate(case.y, case.w, case.offset, 0.3, case.basis.columns, gamma, case.ws)
    return case, gamma


def test_lanes_divide_the_padding() -> None:
    case, _ = laid_out()
    assert case.y.size == 16
    assert case.y.size % gene.LANES == 0
    assert np.all(case.w[N:] == 0.0)


@pytest.mark.parametrize("n", [3, 8, 9, 24, 40, 65, 104, 1000])
def test_sums_are_within_rounding_of_the_exact_sum(n: int) -> None:
    rng = np.random.default_rng(n)
    design = np.column_stack([np.ones(n), rng.normal(size=n)])
    counts, weight = rng.poisson(10.0 ** rng.uniform(0, 5, n)), rng.uniform(0.1, 4.0, n)
    case = one_gene(counts, design, weight=weight)
    ws, q = case.ws, case.basis.columns
    gene.evaluate(case.y, case.w, case.offset, 0.3, q, np.array([1.0, 0.2]), ws)
    solver.quadratic_model(case.y, case.w, 0.3, q, solver.NEWTON, ws)
    for j in range(2):
        terms = (q[j] * ws.resid).tolist()
        bound = (n + 2) * 2.0**-53 * math.fsum(map(abs, terms))
        assert abs(ws.score[j] - math.fsum(terms)) <= bound
        for k in range(j + 1):
            terms = (q[j] * q[k] * ws.info).tolist()
            bound = (n + 4) * 2.0**-53 * math.fsum(map(abs, terms))
            assert abs(ws.hessian[j, k] - math.fsum(terms)) <= bound


@pytest.mark.parametrize("sample", range(N))
def test_every_sample_enters_a_sum_once(sample: int) -> None:
    weight = (np.arange(N) == sample).astype(float)
    case = one_gene(COUNTS, np.ones((N, 1)), weight=weight)
    gene.evaluate(case.y, case.w, case.offset, 0.0, case.basis.columns, np.zeros(1), case.ws)
    solver.quadratic_model(case.y, case.w, 0.0, case.basis.columns, solver.NEWTON, case.ws)
    assert case.ws.score[0] == COUNTS[sample] - 1.0
    assert case.ws.hessian[0, 0] == 1.0


def test_linear_predictor_mean_and_residual() -> None:
    case, gamma = laid_out()
    beta = case.basis.to_coef @ gamma
    eta = OFFSET + DESIGN @ beta
    mu = np.exp(eta)
    np.testing.assert_allclose(case.ws.eta[:N], eta, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(case.ws.mu[:N], mu, rtol=1e-13)
    expected = WEIGHT * (COUNTS - mu) / (1 + 0.3 * mu)
    np.testing.assert_allclose(case.ws.resid[:N], expected, rtol=1e-12, atol=1e-13)
    assert np.all(case.ws.resid[N:] == 0.0)


def test_informations_carry_the_weights() -> None:
    case, _ = laid_out()
    mu, out = case.ws.mu, np.zeros(16)
    gene.expected_weights(case.w, 0.3, mu, out)
    np.testing.assert_allclose(out[:N], WEIGHT * mu[:N] / (1 + 0.3 * mu[:N]), rtol=1e-15)
    gene.observed_weights(case.y, case.w, 0.3, mu, out)
    observed = WEIGHT * mu[:N] * (1 + 0.3 * COUNTS) / (1 + 0.3 * mu[:N]) ** 2
    np.testing.assert_allclose(out[:N], observed, rtol=1e-15)
    assert np.all(out[N:] == 0.0)


@pytest.mark.parametrize("kind", [solver.FISHER, solver.NEWTON])
def test_quadratic_model_is_a_matrix_product(kind: float) -> None:
    case, _ = laid_out()
    ws, q = case.ws, case.basis.columns[:, :N]
    ws.hessian[:] = np.nan
    size, ridge = solver.quadratic_model(case.y, case.w, 0.3, case.basis.columns, kind, ws)
    mu = ws.mu[:N]
    info = WEIGHT * mu / (1 + 0.3 * mu)
    if kind == solver.NEWTON:
        info *= (1 + 0.3 * COUNTS) / (1 + 0.3 * mu)
    expected = q @ np.diag(info) @ q.T
    np.testing.assert_allclose(np.tril(ws.hessian), np.tril(expected), rtol=1e-12, atol=1e-13)
    assert np.isnan(ws.hessian[0, 1]), "only the lower triangle is written"
    score = q @ (WEIGHT * (COUNTS - mu) / (1 + 0.3 * mu))
    np.testing.assert_allclose(ws.score, score, rtol=1e-11, atol=1e-12)
    assert ridge == 0.0
    assert size == pytest.approx(math.sqrt(score @ np.linalg.solve(expected, score)), rel=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 50.0])
def test_log_likelihood_and_deviance_of_a_gene(alpha: float) -> None:
    case, gamma = laid_out()
    problem = ref.make_problem(COUNTS, DESIGN, offset=OFFSET, weights=WEIGHT)
    with mp.workdps(50):
        beta = [mpf(float(b)) for b in case.basis.to_coef @ gamma]
        log_likelihood = float(ref.log_likelihood(problem, beta, mpf(alpha)))
        deviance = float(ref.deviance(problem, beta, mpf(alpha)))
    half = gene.half_deviance_sum(case.y, case.w, alpha, case.ws.mu)
    saturated = gene.saturated_log_likelihood(case.y, case.w, alpha)
    assert 2 * half == pytest.approx(deviance, rel=1e-12)
    assert saturated - half == pytest.approx(log_likelihood, rel=1e-12)


@pytest.mark.parametrize("length", [1.0, 0.25, 1e-6])
def test_change_of_deviance_along_a_step(length: float) -> None:
    case, gamma = laid_out()
    step = np.array([0.3, -0.8, 0.1])
    gene.combine(case.basis.columns, step, case.ws.step_eta)
    change = gene.deviance_change(case.y, case.w, 0.3, case.ws, length)
    problem = ref.make_problem(COUNTS, DESIGN, offset=OFFSET, weights=WEIGHT)
    with mp.workdps(50):
        ends = [
            ref.objective(problem, [mpf(float(b)) for b in case.basis.to_coef @ g], mpf("0.3"))
            for g in (gamma, gamma + length * step)
        ]
    # The coefficients of the two ends are rounded, which costs their sizes and not the step's.
    assert change == pytest.approx(float(ends[1] - ends[0]), rel=1e-9, abs=1e-11)


def test_start_is_the_weighted_logarithm_of_the_counts() -> None:
    case, _ = laid_out()
    gene.start_response(case.y, case.w, case.offset, 0.3, case.ws)
    m = COUNTS + 0.25
    np.testing.assert_allclose(case.ws.info[:N], WEIGHT * m / (1 + 0.3 * m), rtol=1e-15)
    np.testing.assert_allclose(
        case.ws.resid[:N], case.ws.info[:N] * (np.log(m) - OFFSET), rtol=1e-13, atol=1e-15
    )
    assert np.all(case.ws.info[N:] == 0.0)


def test_workspace_shares_no_memory_between_its_parts() -> None:
    ws = gene.lay_out(gene.make_scratch(16, 3))
    parts = [part for part in ws if part.size]
    for i, part in enumerate(parts):
        assert not any(np.shares_memory(part, other) for other in parts[i + 1 :])
    assert ws.hessian.shape == ws.chol.shape == ws.inverse.shape == (3, 3)
    assert ws.no_trace.shape[0] == 0
