"""Deviance and log-likelihood of the genes of a tile against fifty digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm._jit.lanes import load, store
from countglm.kernels import deviance, loading
from countglm.kernels.layout import LANES
from tests.support import reference as ref
from tests.support.blocks import Tile, make_tile, singles
from tests.support.compiled import compiled

N = 11
DESIGN = np.column_stack([np.ones(N), np.arange(N) % 2, np.linspace(-1, 2, N) ** 2])
COUNTS = np.array([0.0, 3, 8, 1, 0, 250, 17, 2, 9, 4, 31])
WEIGHT = np.array([1.0, 2, 0.5, 1, 0, 1, 3, 1, 1, 0.1, 1])
OFFSET = np.linspace(-0.7, 0.9, N)
GAMMA = np.array([4.0, -1.0, 0.5])
# Both forms of the series in one tile.
ALPHAS = np.array([0.0, 1e-9, 0.01, 0.1, 0.11, 0.3, 50.0, 1e6])


@compiled
def half(d, at, frame, scale, weight):
    store(
        d,
        at.value,
        deviance.half_deviance_sum(d, at, frame, scale, weight, at.coef, load(d, at.alpha)),
    )


@compiled
def saturated(d, at, rows):
    store(d, at.value, deviance.saturated_log_likelihood(d, at, rows, load(d, at.alpha)))


@compiled
def listed(d, at, lane, y, weight):
    count, _ = loading.tabulate(d, at, lane, y, weight)
    return count


def half_of(case: Tile) -> np.ndarray:
    half(*case.args)
    return case.d[case.at.value].copy()


def saturated_of(y: np.ndarray, weight: np.ndarray, alpha) -> np.ndarray:
    """Of the genes (g, n), whose tables are of different lengths."""
    y = np.atleast_2d(y)
    case = make_tile(y, np.ones((y.shape[1], 1)), alpha)
    rows = 0
    for lane in range(LANES):
        gene = y[min(lane, y.shape[0] - 1)]
        rows = max(rows, listed(case.d, case.at, lane, gene, weight))
    saturated(case.d, case.at, rows)
    return case.d[case.at.value, : y.shape[0]].copy()


@pytest.mark.parametrize("own", [False, True])
def test_log_likelihood_and_deviance_are_those_of_fifty_digits(own: bool) -> None:
    y = np.tile(COUNTS, (8, 1))
    offset, weight = (np.tile(v, (8, 1)) if own else v for v in (OFFSET, WEIGHT))
    case = make_tile(y, DESIGN, ALPHAS, offset=offset, weight=weight)
    case.put(case.at.coef, GAMMA)
    halves, tops = half_of(case), saturated_of(y, WEIGHT, ALPHAS)
    problem = ref.make_problem(COUNTS, DESIGN, offset=OFFSET, weights=WEIGHT)
    for lane, alpha in enumerate(ALPHAS.tolist()):
        with mp.workdps(50):
            beta = [mpf(float(b)) for b in case.basis.to_coef @ GAMMA]
            log_likelihood = float(ref.log_likelihood(problem, beta, mpf(alpha)))
            exact = float(ref.deviance(problem, beta, mpf(alpha)))
        assert 2 * halves[lane] == pytest.approx(exact, rel=1e-12)
        assert tops[lane] - halves[lane] == pytest.approx(log_likelihood, rel=1e-12)


def test_deviance_of_counts_that_are_their_means_is_zero() -> None:
    y = np.array([1.0, 7.0, 1e3, 1e6])
    case = make_tile(y, np.eye(4), ALPHAS[0], offset=np.log(y))
    case.put(case.at.coef, np.zeros(4))
    np.testing.assert_allclose(half_of(case), 0.0, atol=1e-15)


def test_segments_give_what_their_samples_give() -> None:
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [70, 5, 200])
    design = (group[:, None] == np.arange(3)).astype(float)
    case = make_tile(rng.poisson(20.0, (8, 275)), design, ALPHAS, offset=rng.normal(size=275))
    case.put(case.at.coef, [3.0, 2.0, 2.5])
    np.testing.assert_allclose(half_of(case), half_of(singles(case)), rtol=1e-13)


def test_a_table_of_values_gives_what_the_counts_give() -> None:
    rng = np.random.default_rng(7)
    small = rng.integers(0, 9, (8, 60)).astype(float)
    weight = rng.uniform(0.1, 2.0, 60)
    tables = saturated_of(small, weight, ALPHAS)
    # A count that is no whole number keeps the others from being put together.
    listed_one_by_one = small.copy()
    listed_one_by_one[:, 0] = 0.5
    without = weight.copy()
    without[0] = 0.0
    left = np.array([saturated_of(small[g, :1], weight[:1], ALPHAS[g])[0] for g in range(8)])
    rest = saturated_of(listed_one_by_one, without, ALPHAS)
    np.testing.assert_allclose(tables, rest + left, rtol=1e-13)


def test_a_gene_has_the_same_bits_beside_any_other() -> None:
    rng = np.random.default_rng(8)
    y = np.stack([rng.integers(0, 5 * 4**k, 60) for k in range(8)]).astype(float)
    weight = np.ones(60)
    together = saturated_of(y, weight, ALPHAS)
    for lane in range(8):
        alone = saturated_of(y[lane], weight, ALPHAS[lane])
        assert alone[0] == together[lane]
