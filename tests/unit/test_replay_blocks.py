"""Replay gives a gene the same bits whichever genes stand beside it, and however they are stored.

With 20 samples in groups of 8 and more, sums have several orders: NumPy adds up the columns of one
row in another order than those of many rows, unless a row's numbers stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm import differential_expression, replay

N, GENES = 20, 67
GROUP = np.repeat([0.0, 1.0], [9, 11])
ROWS = (1, 2, 3, 7, 8, 64)
COVARIATE = np.random.default_rng(1).normal(size=N)
DESIGNS = {
    "one way": np.column_stack([np.ones(N), GROUP]),
    "covariate": np.column_stack([np.ones(N), GROUP, COVARIATE]),
    "intercept": np.ones((N, 1)),
    "eleven columns": np.column_stack([np.ones(N), np.eye(10).repeat(2, axis=0)[:, 1:], COVARIATE]),
}


def study() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (g, n), scale (1, n), weights (g, n): large counts, small ones and a silent group."""
    rng = np.random.default_rng(8)
    mean = np.exp(rng.uniform(-1.0, 7.0, (GENES, 1)))
    effect = np.exp(rng.normal(size=(GENES, 1)) * GROUP)
    y = rng.negative_binomial(1.5, 1.5 / (1.5 + mean * effect)).astype(float)
    y[:, 0] += 1.0
    y[5, 1:9], y[6, 3] = 0.0, 90000.0
    return y, np.exp(rng.normal(0, 0.3, (1, N))), np.clip(rng.uniform(0, 1.3, y.shape), 0, 1)


def stages(y: np.ndarray, scale: np.ndarray, x: np.ndarray, weights: Any) -> list[np.ndarray]:
    """All numbers of replay, array by array, first axis genes."""
    if weights is not None:
        weights, fails = replay.usable_weights(weights, x)
        assert not fails.any()
    first = replay.genewise_dispersion(y, scale, x, weights=weights)
    trend = np.full(y.shape[0], 0.4)
    second = replay.map_dispersion(
        y, first.mu, x, first.alpha, trend, 0.7, weights=weights, cap=20.0
    )
    fit = replay.fit_coefficients(y, scale, x, second.alpha, weights=weights)
    vector = np.arange(1.0, x.shape[1] + 1.0)
    tested = replay.contrast_values(fit.beta, scale, x, second.alpha, vector, weights=weights)
    return [*first, *second, *fit, *tested]


def in_parts(rows: int, *arguments: Any) -> list[np.ndarray]:
    """The same, so many genes at a time."""
    y, scale, x, weights = arguments
    parts = []
    for start in range(0, GENES, rows):
        own = slice(start, start + rows)
        spread = scale if scale.shape[0] == 1 else scale[own]
        parts.append(stages(y[own], spread, x, None if weights is None else weights[own]))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def same_bits(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_any_number_of_genes_at_a_time(name: str, weighted: bool) -> None:
    y, scale, weights = study()
    given = weights if weighted else None
    whole = stages(y, scale, DESIGNS[name], given)
    for rows in ROWS if name == "one way" else (1, 7):
        same_bits(in_parts(rows, y, scale, DESIGNS[name], given), whole)


@pytest.mark.parametrize(
    "store",
    [np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a[::-1].copy()[::-1]],
    ids=["by sample", "every second", "backwards"],
)
def test_any_layout_in_memory(store: Callable[[np.ndarray], np.ndarray]) -> None:
    y, scale, weights = study()
    x = DESIGNS["covariate"]
    whole = stages(y, scale, x, weights)
    same_bits(stages(store(y), scale, x, store(weights)), whole)
    same_bits(stages(y, store(np.repeat(scale, GENES, axis=0)), x, weights), whole)


def test_size_factors_are_normalisation_factors_that_are_equal() -> None:
    y, scale, _ = study()
    for name in ("one way", "covariate"):
        whole = stages(y, scale, DESIGNS[name], None)
        spread = np.repeat(scale, GENES, axis=0)
        same_bits(stages(y, spread, DESIGNS[name], None), whole)
        same_bits(in_parts(1, y, spread, DESIGNS[name], None), whole)


def test_one_row_of_weights_is_many_equal_rows() -> None:
    y, scale, weights = study()
    x = DESIGNS["covariate"]
    whole = stages(y, scale, x, np.repeat(weights[:1], GENES, axis=0))
    same_bits(stages(y, scale, x, np.broadcast_to(weights[:1], y.shape)), whole)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_whole_analysis_in_any_blocks(weighted: bool) -> None:
    y, scale, weights = study()
    obs = pd.DataFrame({"group": np.where(GROUP > 0, "b", "a"), "x": COVARIATE})

    def analysed(block: int) -> Any:
        return differential_expression(
            y.T, "~ x + group" if weighted else "~ group", obs=obs, mode="replay",
            size_factors=scale[0], weights=weights[0] if weighted else None, fit_type="mean",
            block_size=block, threads=1, min_replicates_for_replacement=7,
        )  # fmt: skip

    whole = analysed(GENES)
    # A covariate leaves no replicates, whose counts could be replaced.
    assert bool(whole.outliers.replaced_gene.size) != weighted
    for block in ROWS:
        part = analysed(block)
        pd.testing.assert_frame_equal(part.table, whole.table, check_exact=True)
        for name in ("coefficients", "standard_errors", "log_likelihood", "deviance"):
            np.testing.assert_array_equal(getattr(part.fit, name), getattr(whole.fit, name))
        np.testing.assert_array_equal(part.outliers.max_cooks, whole.outliers.max_cooks)
        np.testing.assert_array_equal(part.dispersion.genewise, whole.dispersion.genewise)
