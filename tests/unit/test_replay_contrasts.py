"""Contrasts and weight checks of replay."""

from __future__ import annotations

import numpy as np

from countglm import replay

X = np.column_stack([np.ones(9), np.repeat([0, 1, 0], 3), np.repeat([0, 0, 1], 3)]).astype(float)


def test_contrast_of_one_coefficient_is_that_coefficient():
    rng = np.random.default_rng(0)
    y = rng.poisson(rng.uniform(1, 50, (50, 1)), (50, 9)).astype(float)
    scale, alpha = np.exp(rng.normal(0, 0.2, (1, 9))), rng.uniform(0.01, 1.0, 50)
    weights = rng.uniform(0.1, 1.0, y.shape)
    fit = replay.fit_coefficients(y, scale, X, alpha, weights=weights)
    for j, unit in enumerate(np.eye(3)):
        estimate, error = replay.contrast_values(
            fit.beta, scale, X, alpha, -2.0 * unit, weights=weights
        )
        np.testing.assert_allclose(estimate, -2.0 * fit.beta[:, j], 1e-14)
        np.testing.assert_allclose(error, 2.0 * fit.standard_errors[:, j], 1e-12)


def test_contrast_error_is_that_of_a_design_that_holds_it():
    rng = np.random.default_rng(1)
    y = rng.poisson(rng.uniform(5, 50, (20, 1)), (20, 9)).astype(float)
    scale, alpha = np.ones((1, 9)), np.full(20, 0.1)
    fit = replay.fit_coefficients(y, scale, X, alpha)
    estimate, error = replay.contrast_values(fit.beta, scale, X, alpha, np.array([0.0, 1, -1]))
    other = np.column_stack([X[:, 0], X[:, 1], 1 - X[:, 1] - X[:, 2]])
    swapped = replay.fit_coefficients(y, scale, other, alpha)
    np.testing.assert_allclose(estimate, swapped.beta[:, 1], 1e-3, 1e-3)
    np.testing.assert_allclose(error, swapped.standard_errors[:, 1], 1e-3)


def test_contrast_of_samples_without_counts():
    y = np.array(
        [[5, 0, 1, 0, 0, 0, 0, 0, 0], [5, 0, 1, 0, 2, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0]],
        dtype=float,
    )
    both = np.array([0.0, 1.0, -1.0])
    np.testing.assert_array_equal(replay.zero_contrast(y, X, both), [True, False, False])
    # One sign compares nothing.
    assert not replay.zero_contrast(y, X, np.array([0.0, 1.0, 0.0])).any()
    assert not replay.zero_contrast(y, X, np.array([0.0, -1.0, -1.0])).any()


def test_weights_are_scaled_and_their_rank_checked():
    weights = np.ones((6, 9))
    weights[0] *= 0.2
    weights[1, 3:6] = 0.0  # a level without weight
    weights[2, 3:6] = 0.005  # above zero, below the threshold
    weights[3, 3:5] = 0.0  # one sample left
    weights[4] = 0.0
    weights[5, :3] = 0.001  # the reference level, below the threshold
    scaled, fails = replay.usable_weights(weights, X)
    np.testing.assert_array_equal(scaled[0], 1.0)
    np.testing.assert_array_equal(scaled[4], 0.0)
    np.testing.assert_array_equal(fails, [False, True, False, False, True, True])
