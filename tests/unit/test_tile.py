"""Genes in lanes: where their numbers lie, and sums over samples against exactly rounded ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from countglm._jit.lanes import load, store
from countglm.kernels import tile
from tests.support.blocks import Tile, make_tile, singles
from tests.support.compiled import compiled

N = 11
DESIGN = np.column_stack([np.ones(N), np.arange(N) % 2, np.linspace(-1, 2, N) ** 2])
COUNTS = np.array([0.0, 3, 8, 1, 0, 250, 17, 2, 9, 4, 31])
WEIGHT = np.array([1.0, 2, 0.5, 1, 0, 1, 3, 1, 1, 0.1, 1])
OFFSET = np.linspace(-0.7, 0.9, N)


@compiled
def model(d, at, frame, scale, weight):
    # Fisher's information in the lanes whose slope is marked.
    fisher = load(d, at.slope) > 0.0
    tile.score_and_information(d, at, frame, scale, weight, at.coef, load(d, at.alpha), fisher)


@compiled
def start(d, at, frame, scale, weight):
    tile.start_equations(d, at, frame, scale, weight, load(d, at.alpha))


@compiled
def positive(d, at, frame, weight):
    count, heavy = tile.positive_equations(d, at, frame, weight)
    store(d, at.value, count)
    store(d, at.slope, heavy)


@compiled
def move(d, at, frame, weight):
    store(d, at.value, tile.largest_move(d, at, frame, weight, at.step))


@compiled
def mean(d, at, scale):
    store(d, at.value, tile.mean_of(d, at, scale, load(d, at.slope), 0))


def modelled(case: Tile, gamma: Any, fisher: Any = 0.0) -> Tile:
    case.put(case.at.coef, gamma)
    case.d[case.at.slope] = fisher
    model(*case.args)
    return case


def laid_out(alpha: Any = 0.3, **options: Any) -> Tile:
    return make_tile(COUNTS, DESIGN, alpha, offset=OFFSET, weight=WEIGHT, **options)


@pytest.mark.parametrize("n", [3, 8, 9, 24, 65, 104, 1000, 5000])
@pytest.mark.parametrize("groups", [0, 3])
def test_sums_are_within_rounding_of_the_exact_sum(n: int, groups: int) -> None:
    rng = np.random.default_rng(n)
    design = np.column_stack([np.ones(n), rng.normal(size=n)])
    if groups:
        design[:, 1] = np.sort(rng.integers(0, groups, n))
        design[0, 1], design[-1, 1] = 0, 2
    y, weight = rng.poisson(10.0 ** rng.uniform(0, 5, n)), rng.uniform(0.1, 4.0, n)
    case = modelled(make_tile(y, design, 0.3, weight=weight), [1.0, 0.2])
    rows = np.repeat(case.frame.rows, np.diff(case.frame.bounds), axis=0)
    mu = np.exp(rows @ [1.0, 0.2])
    share = 1.0 / (1.0 + 0.3 * mu)
    slope, curve = weight * (y - mu) * share, weight * mu * share * share * (1.0 + 0.3 * y)
    # An entry is rounded about ten times; a sum adds at most 64 + 64 + n / 4096 partial ones.
    units = min(n, 130 + n // 4096) + 10
    for j in range(2):
        terms = (rows[:, j] * slope).tolist()
        bound = units * 2.0**-53 * math.fsum(map(abs, (rows[:, j] * weight * (y + mu) * share)))
        assert abs(case.d[case.at.score + j, 0] - math.fsum(terms)) <= bound
        for k in range(j + 1):
            terms = (rows[:, j] * rows[:, k] * curve).tolist()
            bound = units * 2.0**-53 * math.fsum(map(abs, terms))
            assert abs(case.matrix(case.at.hessian)[j, k] - math.fsum(terms)) <= bound


@pytest.mark.parametrize("sample", range(N))
def test_every_sample_enters_a_sum_once(sample: int) -> None:
    weight = (np.arange(N) == sample).astype(float)
    case = modelled(make_tile(COUNTS, np.ones((N, 1)), 0.0, weight=weight), [0.0])
    assert case.d[case.at.score, 0] == COUNTS[sample] - 1.0
    assert case.d[case.at.hessian, 0] == 1.0


@pytest.mark.parametrize("own", [False, True])
def test_score_and_information_are_matrix_products(own: bool) -> None:
    offset = np.tile(OFFSET, (8, 1)) if own else OFFSET
    weight = np.tile(WEIGHT, (8, 1)) if own else WEIGHT
    alpha = np.array([0.3, 0.0, 2.0, 0.3, 1e-8, 50.0, 0.01, 0.3])
    case = make_tile(np.tile(COUNTS, (8, 1)), DESIGN, alpha, offset=offset, weight=weight)
    fisher = np.array([0.0, 1, 1, 1, 0, 0, 1, 0])
    gamma = np.array([4.0, -1.0, 0.5])
    modelled(case, gamma, fisher)
    q = case.frame.rows
    for lane in range(8):
        mu = np.exp(OFFSET + q @ gamma)
        share = 1 / (1 + alpha[lane] * mu)
        info = WEIGHT * mu * share
        if not fisher[lane]:
            info *= (1 + alpha[lane] * COUNTS) * share
        expected = q.T @ (info[:, None] * q)
        np.testing.assert_allclose(
            case.matrix(case.at.hessian, lane), expected, rtol=1e-12, atol=1e-13
        )
        score = q.T @ (WEIGHT * (COUNTS - mu) * share)
        found = case.rows(case.at.score, 3, lane)
        np.testing.assert_allclose(found, score, rtol=1e-11, atol=1e-12)


def test_segments_give_what_their_samples_give() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [70, 5, 200])
    design = (group[:, None] == np.arange(3)).astype(float)
    y = rng.poisson(20.0, (8, 275)).astype(float)
    case = make_tile(y, design, 0.2, offset=rng.normal(size=275))
    assert case.at.segments == 2 + 1 + 4
    apart = singles(case)
    for one in (case, apart):
        modelled(one, [3.0, 2.0, 2.5], [0.0, 1.0] * 4)
    for start_row, count in ((case.at.score, 3), (case.at.hessian, 6)):
        other = apart.at.score if start_row == case.at.score else apart.at.hessian
        np.testing.assert_allclose(
            case.d[start_row : start_row + count], apart.d[other : other + count],
            rtol=1e-12, atol=1e-12,
        )  # fmt: skip


def test_lanes_do_not_meet() -> None:
    rng = np.random.default_rng(5)
    y = rng.poisson(30.0, (8, N)).astype(float)
    y[3] = 1e300
    case = modelled(make_tile(y, DESIGN, 0.3), [4.0, 0.0, 0.0])
    for lane in range(8):
        alone = modelled(make_tile(y[lane], DESIGN, 0.3), [4.0, 0.0, 0.0])
        part = slice(case.at.score, case.at.score + 3)
        np.testing.assert_array_equal(case.d[part, lane], alone.d[part, 0])
        part = slice(case.at.hessian, case.at.hessian + 6)
        np.testing.assert_array_equal(case.d[part, lane], alone.d[part, 5])


def test_means_stay_within_the_range_of_numbers() -> None:
    for own in (False, True):
        offset = np.full((8, N), 5.0) if own else np.full(N, 5.0)
        case = make_tile(np.tile(COUNTS, (8, 1)), DESIGN, 0.3, offset=offset)
        unit = np.array([0.0, 1e-305, 1e-300, 1.0, 7.5, 1e299, 1e305, np.inf])
        case.d[case.at.slope] = unit
        mean(case.d, case.at, case.scale)
        expected = np.clip(unit * math.exp(5.0), tile.LEAST_MEAN, tile.MOST_MEAN)
        np.testing.assert_allclose(case.d[case.at.value], expected, rtol=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_start_equations_are_those_of_logarithms(alpha: float) -> None:
    case = laid_out(alpha)
    start(*case.args)
    m = COUNTS + 0.25
    # At alpha near 0 the zero counts would weigh next to nothing.
    w = WEIGHT * m / (1 + max(alpha, 0.1) * m)
    q = case.frame.rows
    hessian, score = q.T @ (w[:, None] * q), q.T @ (w * (np.log(m) - OFFSET))
    np.testing.assert_allclose(case.matrix(case.at.hessian), hessian, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(case.rows(case.at.score, 3), score, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("own", [False, True])
def test_positive_samples_are_counted(own: bool) -> None:
    y = np.stack([COUNTS, COUNTS[::-1], np.zeros(N)])
    case = make_tile(y, DESIGN, weight=np.tile(WEIGHT, (3, 1)) if own else WEIGHT)
    positive(case.d, case.at, case.frame, case.weight)
    for lane in range(3):
        kept = (y[lane] > 0) & (WEIGHT > 0)
        assert case.d[case.at.value, lane] == kept.sum()
        assert case.d[case.at.slope, lane] == (WEIGHT > 0).sum() == N - 1
        q = case.frame.rows[kept]
        found = case.matrix(case.at.hessian, lane)
        np.testing.assert_allclose(found, q.T @ q, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("own", [False, True])
def test_the_largest_move_is_of_a_sample_with_weight(own: bool) -> None:
    case = make_tile(
        np.tile(COUNTS, (8, 1)), DESIGN, weight=np.tile(WEIGHT, (8, 1)) if own else WEIGHT
    )
    steps = np.random.default_rng(6).normal(size=(8, 3))
    # The step of the first gene moves the sample without weight most.
    steps[0] = case.frame.rows[4] * 100.0
    case.put(case.at.step, steps)
    move(case.d, case.at, case.frame, case.weight)
    moves = np.abs(case.frame.rows @ steps.T)
    np.testing.assert_allclose(case.d[case.at.value], moves[WEIGHT > 0].max(axis=0), rtol=1e-14)
