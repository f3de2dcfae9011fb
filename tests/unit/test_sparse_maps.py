"""Sparse maps: products are those of the dense matrices, sums keep their digits."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from countglm import _sparse_maps
from countglm._sparse_maps import diagonal, from_array, from_entries, from_sparse, identity_and


def test_products_and_transposes_are_those_of_the_matrices(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    left = np.where(rng.random((9, 7)) < 0.4, rng.integers(-3, 4, (9, 7)), 0).astype(float)
    right = np.where(rng.random((7, 5)) < 0.4, rng.integers(-3, 4, (7, 5)), 0).astype(float)
    monkeypatch.setattr(_sparse_maps, "_ROWS_AT_ONCE", 2)
    product = from_array(left).times(from_array(right))
    np.testing.assert_array_equal(product.dense(), left @ right)
    np.testing.assert_array_equal(product.csr().toarray(), left @ right)
    assert (product.values != 0).all()
    np.testing.assert_array_equal(from_array(left).transposed().dense(), left.T)
    np.testing.assert_array_equal(from_sparse(sparse.coo_matrix(left)).dense(), left)


def test_entries_of_one_place_add_up_and_rounding_that_is_left_goes() -> None:
    third = 1.0 / 3.0
    made = from_entries([0, 0, 0, 1], [1, 1, 1, 0], [third, third, -2.0 * third, 2.0], (2, 2))
    np.testing.assert_array_equal(made.dense(), [[0.0, 0.0], [2.0, 0.0]])
    empty = from_entries([], [], [], (2, 3))
    assert empty.apply(np.ones(3)).tolist() == [0.0, 0.0]


def test_a_sum_of_many_terms_has_the_rounding_of_one() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(4, 41)) * 10.0 ** rng.integers(-8, 9, (4, 41))
    total = from_array(np.ones((1, 41))).apply(values)[:, 0]
    np.testing.assert_array_equal(total, [math.fsum(row) for row in values.tolist()])


def test_infinities_pass_and_opposite_ones_have_no_limit() -> None:
    step = identity_and(3, [0, 0], [1, 2], [1.0, -1.0])
    assert step.apply(np.array([1.0, np.inf, 2.0])).tolist() == [np.inf, np.inf, 2.0]
    assert np.isnan(step.apply(np.array([1.0, np.inf, np.inf]))[0])
    assert diagonal([2.0, -1.0]).apply(np.array([3.0, np.inf])).tolist() == [6.0, -np.inf]
