"""Where a wide fit begins: any size of response, and the path from the largest penalty on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from countglm import condition_design, fit_penalized_wide, penalties

ROWS, COLUMNS = 60, 6


def problem() -> tuple[Any, Any]:
    """A normal design with a constant, and a linear predictor."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(ROWS), rng.normal(size=(ROWS, COLUMNS - 1))])
    return x, x @ [1.0, 0.5, 0.0, 0.0, -0.3, 0.0]


@pytest.mark.parametrize("dispersion", [0.0, 1e-4, 10.0])
def test_counts_of_any_size_have_the_same_fit(dispersion: float) -> None:
    x, eta = problem()
    y = np.random.default_rng(6).poisson(np.exp(eta)).astype(float)
    for size in (1e5, 1e7, 1e12):
        path = fit_penalized_wide(y * size, x, penalties.lasso(), dispersion=dispersion, lambdas=4)
        assert path.converged.all()
        assert path.n_coefficients[0] == 1
        assert path.n_iter.max() < 50
        # Of Poisson counts the size is the intercept's alone, and the penalty's.
        if dispersion == 0.0:
            small = fit_penalized_wide(y, x, penalties.lasso(), family="poisson", lambdas=4)
            shift = path.coefficients - small.coefficients
            np.testing.assert_allclose(shift[:, 0], np.log(size), rtol=1e-9)
            np.testing.assert_allclose(shift[:, 1:], 0.0, atol=1e-9)
            np.testing.assert_allclose(path.lambdas, small.lambdas * size, rtol=1e-9)


@pytest.mark.parametrize("power", [-500, -30, -10, 40, 490])
def test_a_gaussian_has_no_scale(power: int) -> None:
    x, _ = problem()
    y = x @ np.arange(6.0) + np.random.default_rng(1).normal(size=ROWS)
    offset, weights = np.linspace(-1.0, 1.0, ROWS), np.linspace(0.0, 2.0, ROWS)
    size = 2.0**power

    def fitted(size: float) -> Any:
        return fit_penalized_wide(
            y * size, x, penalties.lasso(), family="gaussian", lambdas=4, offset=offset * size,
            weights=weights, ridge=0.1,
        )  # fmt: skip

    here, there = fitted(1.0), fitted(size)
    # Powers of 2 round nothing.
    np.testing.assert_array_equal(there.coefficients, here.coefficients * size)
    np.testing.assert_array_equal(there.lambdas, here.lambdas * size)
    # Squares of 1e-150 have few digits.
    np.testing.assert_allclose(there.relative_gap, here.relative_gap, rtol=1e-9, atol=1e-20)
    np.testing.assert_array_equal(there.deviance, here.deviance * size**2)
    np.testing.assert_array_equal(there.select().coefficients, here.select().coefficients * size)
    np.testing.assert_array_equal(
        there.cross_validate(3).deviance, here.cross_validate(3).deviance * size**2
    )


def test_a_gaussian_without_noise_is_measured_by_its_responses() -> None:
    x, _ = problem()
    for size in (1e-9, 1.0, 1e9):
        path = fit_penalized_wide(x @ np.arange(6.0) * size, x, None, family="gaussian")
        assert path.converged.all()
        np.testing.assert_allclose(path.coefficients[0] / size, np.arange(6.0), atol=1e-9)


@pytest.mark.parametrize("tol", [1e-8, 1e-12])
@pytest.mark.parametrize("kind", ["pairwise", "chain", "lasso"])
def test_a_path_begins_without_differences(kind: str, tol: float) -> None:
    rng = np.random.default_rng(7)
    x = (rng.random((120, 3)) < 0.4).astype(float)
    condition = np.repeat(list("abc"), 40)
    mu = np.exp(1.0 + x @ [0.5, -0.5, 0.2] + (condition == "b") * x[:, 0])
    y = rng.negative_binomial(5, 5.0 / (5.0 + mu)).astype(float)
    penalty = penalties.lasso() if kind == "lasso" else getattr(penalties, kind)("condition")
    path = fit_penalized_wide(
        y, condition_design(x, condition), penalty, dispersion=0.2, lambdas=3, tol=tol
    )
    assert path.converged.all()
    assert path.n_coefficients[0] == (3 if kind == "lasso" else 6)
    assert path.n_coefficients[1] > path.n_coefficients[0]


@pytest.mark.compiled
def test_more_columns_than_rows_begin_without_any() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(50, 120))
    y = (rng.random(50) < 1.0 / (1.0 + np.exp(x[:, 1] - 2.0 * x[:, 0]))).astype(float)
    path = fit_penalized_wide(y, x, penalties.lasso(), family="bernoulli", lambdas=5)
    assert path.converged.all()
    assert path.n_coefficients[0] == 0
