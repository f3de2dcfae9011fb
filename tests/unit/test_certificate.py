"""The certificate: its parts as plain numbers, and the theorem on fits that stop too early."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.kernels import columns
from tests.support import reference as ref
from tests.support.blocks import fit_block
from tests.support.certified import DESIGN, GENES


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
    assert away <= fit.stats[0, columns.BOUND]
    # The reported decrement is the exact one plus its rounding term, never less.
    assert decrement <= fit.stats[0, columns.DECREMENT] <= decrement * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("name", GENES)
def test_converged_fits_are_within_their_bound_of_fifty_digits(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha)
    best = ref.maximise(ref.make_problem(counts, DESIGN), mpf(alpha))
    away = ref.distance(ref.make_problem(counts, DESIGN), fit.coefficients[0], best, mpf(alpha))
    assert fit.counters[0, columns.CONVERGED] == 1
    assert away <= fit.stats[0, columns.BOUND] <= 1e-8


@pytest.mark.parametrize("name", GENES)
def test_leverage_spectrum_and_score_of_the_report(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha)
    mu = np.exp(DESIGN @ fit.coefficients[0])
    observed = mu * (1 + alpha * counts) / (1 + alpha * mu) ** 2
    hessian = DESIGN.T @ (observed[:, None] * DESIGN)
    leverage = observed * np.einsum("ij,jk,ik->i", DESIGN, np.linalg.inv(hessian), DESIGN)
    stats = fit.stats[0]
    assert stats[columns.MAX_LEVERAGE] == pytest.approx(leverage.max(), rel=1e-10)
    scale = 1 / np.sqrt(np.diag(hessian))
    values = np.linalg.eigvalsh(hessian * np.outer(scale, scale))
    assert stats[columns.MIN_EIGENVALUE] == pytest.approx(values[0], rel=1e-10)
    assert stats[columns.CONDITION] == pytest.approx(values[-1] / values[0], rel=1e-10)
    assert 0.0 <= stats[columns.SCORE] <= 1e-8


def test_no_bound_is_claimed_without_proof() -> None:
    counts = np.array([0.0, 0, 0, 5000, 0, 0, 1, 2])
    fit = fit_block(counts, DESIGN, 2.0, max_iter=1)
    assert fit.stats[0, columns.DECREMENT] > 0.5
    assert fit.stats[0, columns.BOUND] == math.inf
    assert fit.counters[0, columns.CONVERGED] == 0


def test_certificates_do_not_depend_on_neighbours_or_segments() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat([0, 1, 2], [70, 8, 90])
    design = (group[:, None] == np.arange(3)).astype(float)
    y = rng.negative_binomial(2.0, 0.05, (8, group.size)).astype(float)
    alpha = 10.0 ** np.arange(-6.0, 2.0)
    together = fit_block(y, design, alpha)
    # The samples of a group lie apart: a segment each, and another basis row order.
    mixed = rng.permutation(group.size)
    apart = fit_block(y[:, mixed], design[mixed], alpha)
    for g in range(8):
        alone = fit_block(y[g], design, alpha[g])
        np.testing.assert_array_equal(alone.stats[0], together.stats[g])
    exact = [columns.DEVIANCE, columns.LOG_LIKELIHOOD, columns.MAX_LEVERAGE, columns.CONDITION]
    np.testing.assert_allclose(apart.stats[:, exact], together.stats[:, exact], rtol=1e-10)
    np.testing.assert_allclose(apart.coefficients, together.coefficients, rtol=1e-10)
    np.testing.assert_allclose(apart.standard_errors, together.standard_errors, rtol=1e-12)


@pytest.mark.parametrize("name", GENES)
def test_errors_and_spectra_are_those_of_fifty_digits(name: str) -> None:
    counts, alpha = GENES[name]
    fit = fit_block(counts, DESIGN, alpha)
    problem = ref.make_problem(counts, DESIGN)
    with mp.workdps(50):
        beta = [mpf(float(b)) for b in fit.coefficients[0]]
        errors = [float(v) for v in ref.standard_errors(problem, beta, mpf(alpha))]
        hessian = mp.matrix(ref.information(problem, beta, mpf(alpha), expected=False))
        for j in range(3):
            for k in range(3):
                if j != k:
                    hessian[j, k] /= mp.sqrt(hessian[j, j] * hessian[k, k])
        for j in range(3):
            hessian[j, j] = mpf(1)
        values = sorted(float(v) for v in mp.eigsy(hessian, eigvals_only=True))
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-13)
    assert fit.stats[0, columns.MIN_EIGENVALUE] == pytest.approx(values[0], rel=1e-12)
    assert fit.stats[0, columns.CONDITION] == pytest.approx(values[-1] / values[0], rel=1e-12)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
def test_smallest_eigenvalue_of_nearly_dependent_columns(gap: float) -> None:
    # The second column is the first but for one part in 1/gap: still the caller's coding.
    half = np.where(np.arange(8) % 2, 1.0, -1.0)
    design = np.column_stack([np.ones(8), 1.0 + gap * half])
    fit = fit_block(np.full(8, 40.0), design, 0.1)
    # Equal means: the scaled Hessian has the cosine of the columns beside its diagonal.
    cosine = 1.0 / math.sqrt(1.0 + gap * gap)
    low = gap * gap / (1.0 + gap * gap) / (1.0 + cosine)
    # Entries of the matrix are rounded: 1 - cosine is what remains of them.
    assert fit.stats[0, columns.MIN_EIGENVALUE] == pytest.approx(low, rel=1e-6, abs=3e-15)
    assert fit.counters[0, columns.CONVERGED] == 1


def test_a_singular_coding_has_no_condition() -> None:
    design = np.column_stack([np.ones(8), np.arange(8) % 2, 1 - np.arange(8) % 2])
    fit = fit_block(GENES["moderate"][0], design, 0.3)
    assert fit.stats[0, columns.MIN_EIGENVALUE] <= 1e-15
    assert fit.stats[0, columns.CONDITION] >= 1e15
    assert fit.counters[0, columns.CONVERGED] == 1


def test_nothing_is_certified_where_the_hessian_is_singular() -> None:
    weight = np.where(np.arange(8) < 2, 1.0, 0.0)
    fit = fit_block(GENES["moderate"][0], DESIGN, 0.3, weight=weight)
    assert fit.stats[0, columns.DECREMENT] == math.inf
    assert fit.stats[0, columns.BOUND] == math.inf
    assert np.isnan(fit.stats[0, columns.MAX_LEVERAGE])
    assert np.isnan(fit.standard_errors).all()
    assert fit.counters[0, columns.CONVERGED] == 0


def test_samples_without_weight_have_no_leverage() -> None:
    counts, alpha = GENES["moderate"]
    weight = np.ones(8)
    weight[7] = 0.0
    design = DESIGN.copy()
    design[7, 2] = 30.0
    fit = fit_block(counts, design, alpha, weight=weight)
    kept = fit_block(counts[:7], design[:7], alpha)
    found = fit.stats[0, columns.MAX_LEVERAGE], fit.stats[0, columns.BOUND]
    assert found[0] == pytest.approx(kept.stats[0, columns.MAX_LEVERAGE], rel=1e-8)
    assert found[0] <= 1.0
