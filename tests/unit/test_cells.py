"""Cells of a design, and what is computed on them instead of on samples."""

from __future__ import annotations

import numpy as np
import pytest

from countglm._cells import add_rows, cells_of, distinct_rows
from countglm._covariance import contrast_variance, half_log_determinant, inverse_information

RNG = np.random.default_rng(12)
GROUPS = np.column_stack([np.ones(4), [0.0, 1, 0, 1], [0.0, 0, 1, 1]])
CELL = RNG.permutation(np.arange(37) % 4)
DESIGNS = {
    "cells": GROUPS[CELL],
    "a covariate": np.column_stack([GROUPS[CELL], RNG.normal(size=37)]),
}


def test_cells_of_a_design() -> None:
    cells = cells_of(DESIGNS["cells"])
    np.testing.assert_array_equal(cells.rows[cells.cell], DESIGNS["cells"])
    assert not cells.each_alone
    assert cells_of(DESIGNS["a covariate"]).each_alone
    values = RNG.normal(size=(5, 37))
    for k, members in enumerate(cells.members):
        assert set(cells.cell[members]) == {k}
        np.testing.assert_allclose(cells.sums(values)[:, k], values[:, members].sum(axis=1))


@pytest.mark.parametrize("rows", [1, 3, 30, 300])
def test_a_column_alone_is_added_up_as_among_others(rows: int) -> None:
    values = RNG.normal(size=(rows, 6))
    together = add_rows(values)
    np.testing.assert_allclose(together, values.sum(axis=0), rtol=1e-12)
    for i in range(6):
        np.testing.assert_array_equal(add_rows(values[:, i : i + 1].copy()), together[i : i + 1])


@pytest.mark.parametrize("name", DESIGNS)
def test_information_of_cells_is_that_of_their_samples(name: str) -> None:
    x = DESIGNS[name]
    weight = RNG.gamma(1.0, 1.0, (7, 37))
    along = RNG.normal(size=x.shape[1])
    active = np.ones((7, x.shape[1]), dtype=np.bool_)
    inverse = inverse_information(x, weight, active)
    variance = contrast_variance(x, weight, along)
    half = half_log_determinant(x, weight, active)
    for gene in range(7):
        information = x.T @ (weight[gene][:, None] * x)
        np.testing.assert_allclose(inverse[gene], np.linalg.inv(information), rtol=1e-11)
        np.testing.assert_allclose(variance[gene], along @ inverse[gene] @ along, rtol=1e-12)
        np.testing.assert_allclose(2 * half[gene], np.linalg.slogdet(information)[1], rtol=1e-12)
        one = weight[gene : gene + 1]
        np.testing.assert_array_equal(contrast_variance(x, one, along), variance[gene : gene + 1])
        np.testing.assert_array_equal(inverse_information(x, one, active[:1])[0], inverse[gene])


@pytest.mark.parametrize("values", [2, 5, 1000])
def test_distinct_rows_are_those_of_numpy(values: int) -> None:
    x = RNG.integers(-1, values, (60, 3)) * 0.5
    rows, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    found = distinct_rows(x)
    for mine, theirs in zip(found, (rows, first, group.reshape(-1)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_latest_designs_are_remembered() -> None:
    x = RNG.integers(0, 2, (50, 2)).astype(float)
    cells = cells_of(x)
    assert cells_of(x.copy()) is cells
    x[0, 0] += 1.0
    assert cells_of(x) is not cells
    for k in range(20):
        cells_of(x + k)
    np.testing.assert_array_equal(cells_of(x).rows[cells_of(x).cell], x)
