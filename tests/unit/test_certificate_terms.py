"""The parts of the certificate as plain numbers, and the rounding term above the true error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._jit.lanes import load, store
from countglm.kernels import certificate, smallmat
from tests.support.blocks import Tile, fit_block, make_tile
from tests.support.certified import DESIGN, GENES
from tests.support.compiled import compiled


@compiled
def bound(d, at):
    store(d, at.value, certificate.distance_bound(load(d, at.alpha), load(d, at.slope)))


@compiled
def evaluated(d, at, frame, scale, weight):
    half, events = certificate.evaluate(d, at, frame, scale, weight, load(d, at.alpha))
    store(d, at.value, half)
    store(d, at.slope, events)
    smallmat.factor(d, at.hessian, at.rank, 0.0 * half, at.chol, at.size)
    smallmat.invert_factor(d, at.chol, at.size, at.rank, at.inverse)


@compiled
def radius(d, at):
    store(d, at.value, certificate.rounding_radius(d, at))


@compiled
def leverages(d, at, frame):
    form, leverage = certificate.largest_leverages(d, at, frame)
    store(d, at.value, form)
    store(d, at.slope, leverage)


@compiled
def score_of(d, at):
    store(d, at.value, certificate.scaled_score(d, at, load(d, at.slope)))


@compiled
def terms(d, at, frame):
    for s in range(at.segments):
        store(d, at.first + s, certificate.absolute_terms(d, at.coef, frame.rows, s))


RADII = [0.0, 1e-12, 0.3, 2.0, 50.0]


@pytest.mark.parametrize("decrement", [0.0, 1e-300, 1e-12, 1e-9, 1e-3, 0.3])
def test_bound_is_its_formula(decrement: float) -> None:
    case = make_tile(np.zeros(8), DESIGN, decrement)
    case.d[case.at.slope, :5] = RADII
    bound(case.d, case.at)
    for lane, size in enumerate(RADII):
        found = case.d[case.at.value, lane]
        v = mpf(decrement) * mpf(size)
        if v >= 1:
            assert found == math.inf
            continue
        with mp.workdps(50):
            exact = -mp.log1p(-v) / size if size else mpf(decrement)
            assert exact * (1 - mpf(2) ** -51) <= found <= exact * (1 + mpf("1e-8"))


def test_bound_refuses_what_is_not_a_number() -> None:
    case = make_tile(np.zeros((3, 8)), DESIGN, [math.nan, 1.0, math.inf])
    case.d[case.at.slope] = [1.0, 1.0, 0.5, *[1.0] * 5]
    bound(case.d, case.at)
    np.testing.assert_array_equal(case.d[case.at.value], math.inf)


def at_optimum(name: str, **options: Any) -> Tile:
    """A gene at its optimum, where all has been evaluated and the Hessian is factored."""
    counts, alpha = GENES[name]
    case = make_tile(counts, DESIGN, alpha, **options)
    fit = fit_block(counts, DESIGN, alpha, **options)
    case.put(case.at.raw_coef, fit.coefficients[0])
    case.put(case.at.coef, np.linalg.solve(case.basis.to_coef, fit.coefficients[0]))
    evaluated(*case.args)
    return case


def plain_terms(case: Tile, name: str, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Observed and expected information of the samples, and the terms of the score."""
    counts, alpha = GENES[name]
    mu = np.exp(DESIGN @ case.rows(case.at.raw_coef, 3))
    share = 1 / (1 + alpha * mu)
    expected = weight * mu * share
    return expected * (1 + alpha * counts) * share, expected, weight * (counts - mu) * share


@pytest.mark.parametrize("name", GENES)
def test_matrices_are_those_of_the_reported_coefficients(name: str) -> None:
    weight = np.array([1.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0, 1.0])
    case = at_optimum(name, weight=weight)
    observed, expected, _ = plain_terms(case, name, weight)
    at, q = case.at, case.frame.rows
    for place, info in ((at.hessian, observed), (at.fisher, expected)):
        exact = q.T @ (info[:, None] * q)
        size = np.sqrt(np.outer(np.diag(exact), np.diag(exact)))
        np.testing.assert_allclose(case.matrix(place) / size, exact / size, atol=1e-13)
    raw = case.rows(at.raw_hessian, 9).reshape(3, 3)
    exact = DESIGN.T @ (observed[:, None] * DESIGN)
    np.testing.assert_allclose(np.tril(raw), np.tril(exact), rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(case.rows(at.first, 8), weight > 0)
    np.testing.assert_allclose(case.rows(at.second, 8), observed, rtol=1e-12)
    assert case.d[at.slope, 0] == np.sum(weight * GENES[name][0])


@pytest.mark.parametrize("name", GENES)
def test_leverages_are_quadratic_forms_of_the_inverse(name: str) -> None:
    case = at_optimum(name)
    leverages(case.d, case.at, case.frame)
    q, hessian = case.frame.rows, case.matrix(case.at.hessian)
    form = np.einsum("ij,jk,ik->i", q, np.linalg.inv(hessian), q)
    observed, _, _ = plain_terms(case, name, np.ones(8))
    assert np.sum(observed * form) == pytest.approx(3.0, rel=1e-9), "leverages sum to the rank"
    assert case.d[case.at.value, 0] == pytest.approx(form.max(), rel=1e-9)
    assert case.d[case.at.slope, 0] == pytest.approx((observed * form).max(), rel=1e-9)


def test_the_largest_leverage_of_a_segment_is_that_of_its_heaviest_sample() -> None:
    group = np.repeat([0.0, 1.0], 4)
    design = np.column_stack([1 - group, group])
    offset = np.array([0.0, 1, 2, 3, 0, 0, 0, -2])
    y = np.array([5.0, 9, 30, 90, 4, 7, 5, 1])
    fit = fit_block(y, design, 0.2, offset=offset)
    mu = np.exp(offset + design @ fit.coefficients[0])
    info = mu * (1 + 0.2 * y) / (1 + 0.2 * mu) ** 2
    exact = max(info[k].max() / info[k].sum() for k in (slice(0, 4), slice(4, 8)))
    assert fit.layout.at.segments == 2
    assert fit.stats[0, 8] == pytest.approx(exact, rel=1e-12)


def test_scaled_score_is_its_formula() -> None:
    case = at_optimum("moderate")
    at = case.at
    case.put(at.score, [0.5, -2.0, 0.25])
    hessian = case.matrix(at.hessian)
    case.d[at.slope] = [40.0, 0.0, 1.0, *[40.0] * 5]
    score_of(case.d, at)
    worst = np.max(np.abs([0.5, -2.0, 0.25]) / np.sqrt(np.diag(hessian)))
    found = case.d[at.value]
    assert found[0] == pytest.approx(worst / math.sqrt(40.0), rel=1e-15)
    assert found[1] == found[2] == pytest.approx(worst, rel=1e-15)
    case.d[at.hessian : at.hessian + 6] = 0.0
    score_of(case.d, at)
    np.testing.assert_array_equal(case.d[at.value], math.inf)


def exact_score(case: Tile, name: str, offset: np.ndarray) -> list[mpf]:
    """Score of the reported coefficients in the rounded basis, in sixty digits."""
    counts, alpha = GENES[name]
    beta = [mpf(float(b)) for b in case.rows(case.at.raw_coef, 3)]
    slopes = []
    for i in range(8):
        eta = mp.fdot([mpf(float(v)) for v in DESIGN[i]], beta) + mpf(float(offset[i]))
        mu = mp.exp(eta)
        slopes.append((mpf(float(counts[i])) - mu) / (1 + mpf(alpha) * mu))
    rows = case.frame.rows
    return [mp.fdot([mpf(float(v)) for v in rows[:, k]], slopes) for k in range(3)]


@pytest.mark.parametrize("shift", [0.0, 3.0])
@pytest.mark.parametrize("name", GENES)
def test_rounding_term_covers_the_error_of_the_computed_score(name: str, shift: float) -> None:
    offset = shift * np.linspace(-1, 1, 8)
    case = at_optimum(name, offset=offset)
    with mp.workdps(60):
        exact = exact_score(case, name, offset)
        found = case.rows(case.at.score, 3)
        error = np.array([float(mpf(float(u)) - s) for u, s in zip(found, exact, strict=True)])
    hessian = case.matrix(case.at.hessian)
    effect = math.sqrt(error @ np.linalg.solve(hessian, error))
    radius(case.d, case.at)
    noise = case.d[case.at.value, 0]
    assert effect <= noise
    # A term far above the error would call every fit converged.
    assert noise <= 1e-7


def test_absolute_terms_are_added() -> None:
    case = make_tile(np.zeros(8), DESIGN)
    case.put(case.at.coef, [-2.0, 3.0, 0.5])
    terms(case.d, case.at, case.frame)
    expected = np.abs(case.frame.rows) @ [2.0, 3.0, 0.5]
    np.testing.assert_allclose(case.rows(case.at.first, 8), expected, rtol=1e-15)
