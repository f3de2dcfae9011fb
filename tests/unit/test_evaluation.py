"""Estimates of others judged: objective, decrement, error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm._model import prepare_model
from countglm.evaluation import adjusted_profile, judge_coefficients
from tests.support.profile import adjusted_profile_grid

N = 8
DESIGN = np.column_stack([np.ones(N), np.repeat([0.0, 1.0], 4), np.arange(N) / N])
FACTORS = np.linspace(0.7, 1.4, N)


def model(weights: Any = None) -> Any:
    rng = np.random.default_rng(11)
    counts = rng.poisson(FACTORS[:, None] * np.array([3.0, 40.0, 800.0, 12.0, 5.0]))
    counts[:4, 3] = 0
    counts[:, 4] = 0
    return prepare_model(
        counts, DESIGN, size_factors=FACTORS, weights=weights, allow_saturated=True
    )


def optimum(problem: Any, alpha: np.ndarray) -> Any:
    run = problem.problem(alpha)
    run.run(problem.each_block, 1)
    return problem.assemble(run, "nb", {})


ALPHA = np.array([0.2, 0.05, 0.01, 0.1, 0.1])


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 3.0, 1.0])])
def test_the_optimum_has_no_loss_and_no_decrement(weights: Any) -> None:
    problem = model(weights)
    fit = optimum(problem, ALPHA)
    judged = judge_coefficients(problem, fit, fit.finite_coefficients)
    assert np.abs(judged.loss[:3]).max() < 1e-12
    assert judged.decrement[:3].max() < 1e-10
    np.testing.assert_allclose(judged.lowest_mean[:3], fit.mu().min(axis=0)[:3], rtol=1e-12)


def test_a_step_away_is_as_far_as_the_decrement_says() -> None:
    problem = model()
    fit = optimum(problem, ALPHA)
    step = 1e-4
    beta = fit.finite_coefficients.copy()
    beta[:, 1] += step
    judged = judge_coefficients(problem, fit, beta)
    along = np.linalg.inv(fit.observed_covariance()[:3])[:, 1, 1]
    np.testing.assert_allclose(judged.decrement[:3], step * np.sqrt(along), rtol=1e-3)
    np.testing.assert_allclose(judged.loss[:3], 0.5 * step**2 * along, rtol=1e-3)
    assert (judged.noise[:3] < 1e-10).all()


def test_separated_genes_lose_against_the_supremum_and_empty_ones_have_no_value() -> None:
    problem = model()
    fit = optimum(problem, ALPHA)
    beta = np.where(np.isfinite(fit.coefficients), fit.coefficients, 0.0)
    judged = judge_coefficients(problem, fit, beta)
    assert judged.loss[3] > 0.1
    assert judged.decrement[3] > 0.1
    assert np.isnan(judged.loss[4])


def test_adjusted_profile_is_that_of_long_double() -> None:
    problem = model()
    grid = np.array([1e-8, 0.003, 0.4])
    values = np.array([adjusted_profile(problem, np.full(5, alpha)) for alpha in grid])
    counts = problem.counts.block(0, 5)
    for gene in range(3):
        exact = adjusted_profile_grid(counts[gene], DESIGN, np.log(FACTORS), grid)
        np.testing.assert_allclose(np.diff(values[:, gene]), np.diff(exact), atol=1e-9)
    assert np.isnan(values[:, 4]).all()
    gaps = adjusted_profile(problem, np.array([np.nan, 0.1, 0.1, 0.1, 0.1]))
    assert np.isnan(gaps[0])
    assert np.isfinite(gaps[1])
