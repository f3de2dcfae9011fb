"""Columns that run to infinity together: refused where nothing holds them, limits in refits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from countglm import InputError, fit_penalized_wide, penalties
from countglm._wide_problem import Rows
from countglm._wide_separation import direction
from countglm.existence import ExistenceTest
from countglm.kernels.families import COUNTS

LINE = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])


def test_a_separated_line_is_refused() -> None:
    with pytest.raises(InputError, match=r"2 columns .*infinity.*'0', '1'.*Together they tell"):
        fit_penalized_wide([0.0, 0, 1, 1], LINE, None, family="bernoulli")
    # At 0 a penalty holds nothing.
    with pytest.raises(InputError, match="Together they tell"):
        fit_penalized_wide(
            [0.0, 0, 1, 1], LINE, penalties.lasso([1]), family="bernoulli", lambdas=[1.0, 0.0]
        )
    for y, options in (([0.0, 1, 0, 1], {}), ([0.0, 0, 1, 1], {"ridge": 1e-3})):
        path = fit_penalized_wide(y, LINE, None, family="bernoulli", **options)
        assert path.converged.all()
        assert np.isfinite(path.coefficients).all()


def test_a_refit_that_is_separated_has_its_limit() -> None:
    path = fit_penalized_wide(
        [0.0, 0, 1, 1], LINE, penalties.lasso([1]), family="bernoulli", lambdas=[0.05]
    )
    assert path.clusters[0].tolist() == [0, 1]
    refit = path.refit(0)
    np.testing.assert_array_equal(refit.coefficients, [-np.inf, np.inf])
    assert refit.deviance == 0.0


def test_rows_on_the_border_keep_their_deviance() -> None:
    # Two of three at x = 1, none below it and all above: the border's own rows stay.
    x = np.column_stack([np.ones(7), [0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0]])
    y = [0.0, 0, 0, 1, 1, 1, 1]
    path = fit_penalized_wide(y, x, penalties.lasso([1]), family="bernoulli", lambdas=[0.01])
    refit = path.refit(0)
    np.testing.assert_array_equal(refit.coefficients, [-np.inf, np.inf])
    assert refit.deviance == pytest.approx(-2.0 * (2 * np.log(2 / 3) + np.log(1 / 3)), rel=1e-6)


def test_directions_exist_where_the_small_test_finds_them() -> None:
    rng = np.random.default_rng(3)
    seen = []
    for _ in range(60):
        x = np.column_stack([np.ones(12), rng.integers(-1, 2, (12, 3))])
        y = rng.poisson(0.5, 12).astype(float)
        ones, none = np.ones(12), np.zeros(12)
        rows = Rows(COUNTS, y, none, ones, none)
        found = direction(sparse.csr_matrix(x), rows, np.zeros(4), none, 1.0)
        rest: Any = ExistenceTest(x)(y > 0.0, ones > 0.0)
        moved = x @ found
        assert moved[y > 0.0] == pytest.approx(0.0, abs=1e-9)
        assert moved.max() < 1e-9
        assert found.any() == rest.separated.any()
        np.testing.assert_array_equal(moved < -1e-9, rest.separated)
        seen.append(found.any())
    assert 5 < sum(seen) < 55
