"""A gene whose samples are fitted exactly whatever its dispersion: nothing is left to estimate."""

import numpy as np

from countglm import Status, fit_glm, wald_test

GROUP = np.repeat([0.0, 1.0], 3)
DESIGN = np.column_stack([np.ones(6), GROUP])


def test_gene_whose_zero_group_leaves_one_sample_has_no_dispersion() -> None:
    counts = np.array([[0, 0, 0, 0, 0, 7], [3, 9, 4, 20, 11, 15]], dtype=float).T
    fit = fit_glm(counts, DESIGN, size_factors="none", weights=np.array([1, 1, 1, 0, 0, 1.0]))
    assert fit.status[0] == Status.SEPARATED
    assert np.isnan(fit.dispersion[0])
    assert np.isnan(fit.log_likelihood[0])
    assert fit.coefficients[0, 1] == np.inf
    assert np.isfinite(fit.dispersion[1])


def test_gene_with_as_many_weighted_samples_as_coefficients_keeps_its_coefficients() -> None:
    counts = np.array([[4, 3, 3, 20, 1, 2], [3, 9, 4, 20, 11, 15]], dtype=float).T
    weights = np.ones((6, 2))
    weights[[1, 2, 4, 5], 0] = 0.0
    fit = fit_glm(counts, DESIGN, size_factors="none", weights=weights)
    assert fit.status[0] == Status.SINGULAR
    np.testing.assert_allclose(fit.coefficients[0], np.log([4.0, 5.0]), rtol=1e-12)
    assert np.isnan(fit.standard_errors[0]).all()
    table = wald_test(fit, "x1")
    assert table["na_reason"].iloc[0] == "not_estimable"
    assert np.isfinite(table["pvalue"].iloc[1])
