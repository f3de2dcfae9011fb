"""Sums over the samples of one gene against exactly rounded sums and plain matrix algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf
from tests.support import reference as ref
from tests.support.blocks import one_gene

from countglm.kernels import gene

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


def test_sums_are_within_rounding_of_the_exact_sum() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 64)) * 10.0 ** rng.uniform(-8, 8, (2, 64))
    scale = math.fsum(np.abs(a * b).tolist())
    assert abs(gene.dot(a, b) - math.fsum((a * b).tolist())) <= 8 * 2.0**-52 * scale
    exact = math.fsum(a.tolist())
    assert abs(gene.total(a) - exact) <= 8 * 2.0**-52 * math.fsum(np.abs(a).tolist())


def test_padding_with_zeros_leaves_every_bit() -> None:
    a = np.random.default_rng(2).normal(size=24)
    longer = np.r_[a, np.zeros(16)]
    assert gene.total(longer) == gene.total(a)
    assert gene.dot(longer, longer) == gene.dot(a, a)


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


def test_gram_and_projection_are_matrix_products() -> None:
    case, _ = laid_out()
    columns = case.basis.columns
    weights = np.r_[WEIGHT, np.zeros(5)]
    out, vector = np.full((3, 3), np.nan), np.zeros(3)
    gene.gram(columns, weights, np.zeros(16), out)
    expected = columns @ np.diag(weights) @ columns.T
    np.testing.assert_allclose(np.tril(out), np.tril(expected), rtol=1e-13, atol=1e-15)
    assert np.isnan(out[0, 1]), "only the lower triangle is written"
    gene.project(columns, weights, vector)
    np.testing.assert_allclose(vector, columns @ weights, rtol=1e-13, atol=1e-15)


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
    ws = gene.lay_out(gene.make_scratch(16, 3, 4))
    parts = [part for part in ws if part.size]
    for i, part in enumerate(parts):
        assert not any(np.shares_memory(part, other) for other in parts[i + 1 :])
    assert ws.hessian.shape == ws.chol.shape == ws.inverse.shape == (3, 3)
    assert ws.raw_square.shape == (8, 4)
    assert ws.raw_vectors.shape == (3, 4)
    assert ws.no_trace.shape[0] == 0
