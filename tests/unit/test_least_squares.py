"""Gaussian fits: against statsmodels, exact solutions and rational arithmetic; their bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import statsmodels.api as sm

import countglm
from countglm import InputError, Status

BITS = ("coefficients", "standard_errors", "dispersion", "deviance", "log_likelihood")


def problem(seed=0, n=40, genes=3):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.integers(0, 2, n)])
    return x, x @ rng.normal(size=(4, genes)) + rng.normal(size=(n, genes)), rng


@pytest.mark.parametrize("weighted", [False, True])
def test_everything_agrees_with_statsmodels(weighted):
    x, y, rng = problem()
    weights = rng.random(len(x)) if weighted else np.ones(len(x))
    weights[3] = 0.0 if weighted else 1.0
    offset = rng.normal(size=len(x))
    fit = countglm.fit_glm(y, x, family="gaussian", offset=offset, weights=weights)
    keep = weights > 0
    table = countglm.wald_test(fit, "x2", use_t=True)
    ends = countglm.confidence_intervals(fit, "x2", use_t=True)
    ratio = countglm.likelihood_ratio_test(fit, ["-x2"])
    for gene in range(3):
        z = (y[:, gene] - offset)[keep]
        other = sm.WLS(z, x[keep], weights=weights[keep]).fit()
        small = sm.WLS(z, x[keep][:, [0, 1, 3]], weights=weights[keep]).fit()
        np.testing.assert_allclose(fit.coefficients[gene], other.params, rtol=1e-12)
        np.testing.assert_allclose(fit.standard_errors[gene], other.bse, rtol=1e-12)
        np.testing.assert_allclose(fit.dispersion[gene], other.scale, rtol=1e-12)
        np.testing.assert_allclose(fit.deviance[gene], other.ssr, rtol=1e-12)
        np.testing.assert_allclose(fit.log_likelihood[gene], other.llf, rtol=1e-12)
        np.testing.assert_allclose(fit.covariance[gene], other.cov_params(), rtol=1e-10, atol=1e-14)
        row = table.iloc[gene]
        np.testing.assert_allclose(row["pvalue"], other.pvalues[2], rtol=1e-9)
        np.testing.assert_allclose(row[["estimate", "se"]].astype(float),
                                   [other.params[2], other.bse[2]], rtol=1e-12)  # fmt: skip
        np.testing.assert_allclose(
            ends.iloc[gene][["lower", "upper"]].astype(float), other.conf_int()[2], rtol=1e-11
        )
        np.testing.assert_allclose(ratio["stat"].iloc[gene], 2 * (other.llf - small.llf), rtol=1e-9)
    assert (fit.status == Status.CONVERGED).all()
    assert (fit.newton_decrement < 1e-12).all()
    np.testing.assert_array_equal(fit.mu(), fit.predict(x, offset))


def test_an_ill_conditioned_design_keeps_its_digits():
    # Powers of 100 to 110: the normal equations have a condition number of 1e24.
    t = np.arange(100.0, 111.0)
    x = np.column_stack([np.ones(11), t, t**2])
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0])
    fit = countglm.fit_glm(y, x, family="gaussian")
    exact = rational_least_squares(x, y)
    # The condition number of the columns is 1e7, their rounding 1e-16.
    np.testing.assert_allclose(fit.coefficients[0], exact, rtol=1e-8)
    np.testing.assert_allclose(fit.mu()[:, 0], x @ exact, rtol=1e-9)


def rational_least_squares(x, y):
    """Solve the normal equations in rational numbers."""
    a = [[Fraction(float(v)) for v in row] for row in x]
    p = x.shape[1]
    system = [
        [sum(row[i] * row[j] for row in a) for j in range(p)]
        + [sum(row[i] * Fraction(float(v)) for row, v in zip(a, y, strict=True))]
        for i in range(p)
    ]
    for i in range(p):
        system[i] = [v / system[i][i] for v in system[i]]
        for k in range(p):
            if k != i:
                system[k] = [
                    v - system[k][i] * w for v, w in zip(system[k], system[i], strict=True)
                ]
    return np.array([float(row[-1]) for row in system])


def test_weights_of_genes_are_those_of_each_alone():
    x, y, rng = problem()
    weights = rng.random(y.shape)
    weights[rng.random(y.shape) < 0.2] = 0.0
    weights[:, 2] = weights[:, 0]
    fit = countglm.fit_glm(y, x, family="gaussian", weights=weights, threads=2, block_size=2)
    for gene in range(3):
        alone = countglm.fit_glm(y[:, gene], x, family="gaussian", weights=weights[:, gene])
        for name in BITS:
            np.testing.assert_array_equal(getattr(fit, name)[gene], getattr(alone, name)[0])


def test_twice_the_weights_are_the_same_fit():
    x, y, rng = problem(genes=1)
    weights = rng.random(len(x))
    one, two = (countglm.fit_glm(y, x, family="gaussian", weights=k * weights) for k in (1.0, 2.0))
    np.testing.assert_allclose(one.standard_errors, two.standard_errors, rtol=1e-13)
    np.testing.assert_allclose(two.dispersion, 2.0 * one.dispersion, rtol=1e-13)
    np.testing.assert_allclose(
        countglm.wald_test(one, "x1", use_t=True)["pvalue"],
        countglm.wald_test(two, "x1", use_t=True)["pvalue"], rtol=1e-11,
    )  # fmt: skip


def test_responses_without_residuals_have_no_errors():
    x, _, _ = problem()
    y = np.column_stack([np.full(40, 2.0), x @ [1.0, -2.0, 0.5, 3.0]])
    fit = countglm.fit_glm(y, x, family="gaussian")
    assert (fit.status == Status.BOUNDARY_DISPERSION).all()
    np.testing.assert_allclose(fit.coefficients[1], [1.0, -2.0, 0.5, 3.0], rtol=1e-13)
    assert fit.dispersion.tolist() == [0.0, 0.0]
    assert np.isnan(fit.standard_errors).all()
    assert (fit.log_likelihood == np.inf).all()
    assert np.isnan(fit.covariance).all()
    for table in (
        countglm.wald_test(fit, "x1"),
        countglm.wald_test(fit, np.array([0.0, 1.0, -1.0, 0.0])),
        countglm.likelihood_ratio_test(fit, ["-x1"]),
    ):
        assert table["pvalue"].isna().all()
        assert table["na_reason"].tolist() == ["not_estimable"] * 2


def test_weights_that_leave_a_coefficient_open():
    x, y, _ = problem(genes=1)
    weights = np.where(x[:, 3] > 0, 0.0, 1.0)
    fit = countglm.fit_glm(y, x, family="gaussian", weights=weights)
    assert fit.status[0] == Status.SINGULAR
    assert np.isnan(fit.coefficients[0]).tolist() == [False, False, False, True]
    keep = weights > 0
    part = countglm.fit_glm(y[keep], x[keep][:, :3], family="gaussian")
    np.testing.assert_allclose(fit.coefficients[0, :3], part.coefficients[0], rtol=1e-12)
    np.testing.assert_allclose(fit.standard_errors[0, :3], part.standard_errors[0], rtol=1e-12)


def test_as_few_samples_as_coefficients_have_no_variance():
    x, y, _ = problem(n=6, genes=1)
    weights = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    x[:4, 3] = [0, 1, 0, 1]
    fit = countglm.fit_glm(y, x, family="gaussian", weights=weights)
    assert fit.status[0] == Status.SINGULAR
    assert np.isnan(fit.dispersion[0])
    assert np.isnan(fit.standard_errors).all()
    np.testing.assert_allclose(fit.mu()[:4, 0], y[:4, 0], rtol=1e-10)


def test_two_points_are_kept_of_the_way():
    x, y, _ = problem(genes=1)
    fit = countglm.fit_glm(y, x, family="gaussian", trace=True)
    trace = fit.trace[0]
    np.testing.assert_array_equal(trace.coefficients[-1], fit.coefficients[0])
    np.testing.assert_allclose(trace.deviance, [(y**2).sum(), fit.deviance[0]], rtol=1e-13)
    assert fit.n_iter.tolist() == [1]


def test_a_profile_of_a_parabola_is_refused():
    x, y, _ = problem(genes=1)
    fit = countglm.fit_glm(y, x, family="gaussian")
    with pytest.raises(InputError, match="parabola; use method='wald'"):
        countglm.confidence_intervals(fit, "x1", method="profile")


def test_the_hessian_is_told_as_of_counts():
    x, y, rng = problem(genes=1)
    weights = rng.random(len(x)) + 0.1
    fit = countglm.fit_glm(y, x, family="gaussian", weights=weights)
    gram = x.T @ (weights[:, None] * x)
    scaled = gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram)))
    values = np.linalg.eigvalsh(scaled)
    np.testing.assert_allclose(fit.condition_number[0], values[-1] / values[0], rtol=1e-12)
    np.testing.assert_allclose(fit.min_eigenvalue[0], values[0], rtol=1e-12)
    leverage = weights * ((x @ np.linalg.inv(gram)) * x).sum(axis=1)
    np.testing.assert_allclose(fit.max_leverage[0], leverage.max(), rtol=1e-12)
