"""Bases of a design: identities, one-way layouts, reduced bases and null vectors."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from countglm.basis import invert_upper, make_basis
from countglm.kernels import columns
from tests.support.blocks import fit_block
from tests.support.separation import null_space

GROUP = np.array([0, 2, 1, 1, 0, 2, 1, 0, 2, 2])
TREATMENT = np.column_stack([np.ones(10), GROUP == 1, GROUP == 2]).astype(float)
MEANS = (GROUP[:, None] == np.arange(3)).astype(float)
HELMERT = np.column_stack(
    [np.ones(10), np.array([-1.0, 1, 0])[GROUP], np.array([-1.0, -1, 2])[GROUP]]
)
COVARIATE = np.column_stack([TREATMENT, np.linspace(1900, 2000, 10) ** 1.01])
DESIGNS = {
    "intercept": np.ones((10, 1)),
    "treatment": TREATMENT,
    "cell means": MEANS,
    "Helmert": HELMERT,
    "covariate": COVARIATE,
    "scales": COVARIATE * [1e-8, 1.0, 1e8, 1e3],
}


@pytest.mark.parametrize("name", DESIGNS)
def test_design_is_columns_from_the_inverse_of_to_coef(name: str) -> None:
    design = DESIGNS[name]
    basis = make_basis(design)
    # design @ to_coef = columns': a step in the basis moves eta as its coefficients do.
    size = np.abs(design) @ np.abs(basis.to_coef)
    gap = np.abs(design @ basis.to_coef - basis.columns.T)
    assert np.all(gap <= 1e-14 * (1 + size))
    np.testing.assert_array_equal(basis.raw, design.T)
    assert basis.null.shape == (design.shape[1], 0)


@pytest.mark.parametrize("name", ["treatment", "cell means", "Helmert", "intercept"])
def test_one_way_layouts_work_with_group_indicators(name: str) -> None:
    columns = make_basis(DESIGNS[name]).columns
    assert set(np.unique(columns)) <= {0.0, 1.0}
    np.testing.assert_array_equal(columns.sum(axis=0), np.ones(10))


@pytest.mark.parametrize("name", ["covariate", "scales"])
def test_other_designs_get_orthonormal_columns(name: str) -> None:
    columns = make_basis(DESIGNS[name]).columns
    np.testing.assert_allclose(columns @ columns.T, np.eye(4), atol=1e-15 * 10)


def test_as_many_rows_as_columns_without_full_rank_is_no_one_way_layout() -> None:
    design = np.column_stack([np.ones(6), [0.0, 0, 1, 1, 2, 2], [0.0, 0, 2, 2, 4, 4]])
    basis = make_basis(design)
    assert basis.columns.shape[0] == 2
    np.testing.assert_allclose(design @ basis.null, 0.0, atol=1e-14)


def test_one_way_and_general_coordinates_give_one_fit() -> None:
    counts = np.array([3.0, 90, 12, 14, 0, 70, 30, 6, 120, 44])
    general = make_basis(TREATMENT, np.ones(10, dtype=bool))
    assert not np.all(np.isin(general.columns, (0.0, 1.0)))
    fits = [fit_block(counts, TREATMENT, 0.3), fit_block(counts, TREATMENT, 0.3, basis=general)]
    np.testing.assert_allclose(fits[0].coefficients, fits[1].coefficients, rtol=1e-12)
    np.testing.assert_allclose(fits[0].standard_errors, fits[1].standard_errors, rtol=1e-12)
    # Saturated in the groups: the coefficients are logarithms of group means.
    means = np.log([counts[g == GROUP].mean() for g in range(3)])
    expected = [means[0], means[1] - means[0], means[2] - means[0]]
    np.testing.assert_allclose(fits[0].coefficients[0], expected, rtol=1e-13)


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("estimate", [False, True])
def test_fit_does_not_depend_on_the_coding(name: str, estimate: bool) -> None:
    counts = np.array([3.0, 90, 12, 14, 0, 70, 30, 6, 120, 44])
    design = DESIGNS[name]
    p = design.shape[1]
    recode = np.eye(p) + np.triu(np.arange(p * p).reshape(p, p) % 3, 1)
    fit = fit_block(counts, design, 0.3, estimate=estimate)
    other = fit_block(counts, design @ recode, 0.3, estimate=estimate)
    for column in (columns.DISPERSION, columns.DEVIANCE, columns.LOG_LIKELIHOOD):
        assert other.stats[0, column] == pytest.approx(fit.stats[0, column], rel=1e-7)
    np.testing.assert_allclose(
        design @ recode @ other.coefficients[0], design @ fit.coefficients[0], rtol=1e-7, atol=1e-8
    )


def test_reduced_basis_lives_on_the_kept_samples() -> None:
    keep = GROUP != 2
    basis = make_basis(TREATMENT, keep)
    assert basis.columns.shape[0] == 2
    assert np.all(basis.columns[:, ~keep] == 0.0)
    np.testing.assert_allclose(
        basis.columns[:, keep] @ basis.columns[:, keep].T, np.eye(2), atol=1e-15
    )
    np.testing.assert_allclose(
        TREATMENT[keep] @ basis.to_coef, basis.columns[:, keep].T, atol=1e-15
    )
    np.testing.assert_array_equal(basis.null, [[0.0], [0.0], [1.0]])
    assert np.all(basis.to_coef[2] == 0.0)


@pytest.mark.parametrize("lost", [(), (0,), (1,), (0, 1), (1, 2), (0, 1, 2)])
def test_null_vectors_span_what_moves_no_kept_sample(lost: tuple[int, ...]) -> None:
    design = np.column_stack([TREATMENT, np.arange(10) % 2, (GROUP == 1) * (np.arange(10) % 2)])
    keep = ~np.isin(GROUP, lost)
    basis = make_basis(design, keep)
    exact = null_space([[Fraction(v) for v in row] for row in design[keep].tolist()], 5)
    assert basis.null.shape == (5, len(exact))
    assert basis.columns.shape[0] == 5 - len(exact)
    np.testing.assert_allclose(design[keep] @ basis.null, 0.0, atol=1e-14)
    assert np.linalg.matrix_rank(basis.null) == len(exact)
    # Small whole numbers: what is zero is zero and no rounding.
    np.testing.assert_allclose(basis.null, np.round(basis.null), atol=1e-14)
    assert not np.any((basis.null != 0.0) & (np.abs(basis.null) < 1e-9))


def test_nothing_kept_leaves_only_null_vectors() -> None:
    basis = make_basis(TREATMENT, np.zeros(10, dtype=bool))
    assert basis.columns.shape == (0, 10)
    np.testing.assert_array_equal(basis.null, np.eye(3))
    assert basis.skeel == 1.0


def test_amplification_is_the_largest_row_sum() -> None:
    design = COVARIATE
    basis = make_basis(design)
    from_coef = np.linalg.inv(basis.to_coef)
    exact = (np.abs(from_coef) @ np.abs(basis.to_coef)).sum(axis=1).max()
    assert basis.skeel == pytest.approx(max(1.0, exact), rel=1e-9)
    assert make_basis(np.ones((4, 1))).skeel == 1.0


@pytest.mark.parametrize("p", [0, 1, 4, 9])
def test_inverse_of_a_triangle(p: int) -> None:
    r = np.triu(np.random.default_rng(p).normal(size=(p, p))) + 3 * np.eye(p)
    np.testing.assert_allclose(invert_upper(r), np.linalg.inv(r), rtol=1e-12, atol=1e-14)
