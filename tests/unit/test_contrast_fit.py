"""Contrasts of a fit gene by gene, and fits under a linear constraint."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mpmath import mp, mpf

import countglm
from countglm._contrast_fit import (
    constrained_log_likelihood,
    contrast_values,
    incomplete_groups,
)
from countglm._points import points_of, positive_weights
from countglm.status import Status
from tests.support import reference as ref

N = 9
LEVEL = np.array(list("aaabbbccc"))
OBS = pd.DataFrame({"level": LEVEL, "t": [0.1, 0.9, 0.4, 0.7, 0.2, 1.1, 0.5, 0.3, 0.8]})
COUNTS = np.array(
    [
        [14, 3, 60, 9, 1, 31, 5, 22, 8],
        [0, 0, 0, 9, 1, 31, 5, 22, 8],  # reference level silent
        [14, 3, 60, 9, 1, 31, 0, 0, 0],
        [5, 1, 2, 9, 30, 3, 1, 2, 8],
    ]
).T.astype(float)
ALPHA = np.array([0.4, 0.2, 0.3, 0.0])
FACTORS = np.linspace(0.7, 1.4, N)


def fitted(**options):
    chosen = {"dispersion": ALPHA, "size_factors": FACTORS, "obs": OBS} | options
    return countglm.fit_glm(COUNTS, "~ level + t", **chosen)


def test_regular_genes_use_estimate_and_covariance() -> None:
    fit = fitted()
    for vector in ([0.0, 1, 0, 0], [0.0, 1, -1, 0], [1.0, 0.5, 0.5, 2], [0.0, 0, 0, -3]):
        c = np.array(vector)
        estimate, error = contrast_values(fit, c)
        for gene in (0, 3):
            assert estimate[gene] == pytest.approx(c @ fit.coefficients[gene], rel=1e-14)
            variance = c @ fit.covariance[gene] @ c
            assert error[gene] == pytest.approx(np.sqrt(variance), rel=1e-11)


def test_infinite_and_finite_contrasts_of_separated_genes() -> None:
    fit = fitted()
    assert fit.status[1] == fit.status[2] == Status.SEPARATED
    estimate, error = contrast_values(fit, np.array([0.0, 1, 0, 0]))
    assert estimate[1] == np.inf
    assert np.isnan(error[1])
    assert np.isfinite(estimate[2])
    estimate, error = contrast_values(fit, np.array([0.0, 1, -1, 0]))
    part = LEVEL != "a"
    alone = countglm.fit_glm(
        COUNTS[part][:, [1]], "~ level + t", obs=OBS[part].reset_index(drop=True),
        dispersion=ALPHA[1], size_factors=FACTORS[part],
    )  # fmt: skip
    # In the part the reference is b: its coefficient is c against b.
    assert estimate[1] == pytest.approx(-alone.coefficients[0, 1], rel=1e-9)
    assert error[1] == pytest.approx(alone.standard_errors[0, 1], rel=1e-9)
    assert estimate[2] == np.inf


def test_genes_without_a_fit_have_neither() -> None:
    counts = np.column_stack([COUNTS[:, 0], np.zeros(N)])
    fit = countglm.fit_glm(counts, "~ level", obs=OBS, dispersion=0.1, size_factors="none")
    estimate, error = contrast_values(fit, np.array([0.0, 1.0, 0.0]))
    assert np.isnan(estimate).tolist() == np.isnan(error).tolist() == [False, True]


def test_many_genes_are_taken_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fitted(weights=np.linspace(0.5, 2.0, N * 4).reshape(N, 4))
    whole = contrast_values(fit, np.array([0.0, 1, -1, 0]))
    monkeypatch.setattr("countglm._points.TILE_ENTRIES", 1)
    tiled = contrast_values(fit, np.array([0.0, 1, -1, 0]))
    np.testing.assert_array_equal(whole, tiled)


def test_weights_by_sample_and_by_gene_are_read_alike() -> None:
    weights = np.array([1.0, 0, 2, 1, 1, 0.5, 1, 1, 3])
    by_sample, by_gene = fitted(weights=weights), fitted(weights=np.tile(weights[:, None], (1, 4)))
    for gene in range(4):
        expected = weights > 0
        np.testing.assert_array_equal(positive_weights(by_sample, gene), expected)
        np.testing.assert_array_equal(positive_weights(by_gene, gene), expected)
    assert positive_weights(fitted(), 0).all()
    c = np.array([0.0, 1, -1, 0])
    np.testing.assert_allclose(contrast_values(by_sample, c), contrast_values(by_gene, c))


def test_incomplete_genes_are_grouped_by_what_remains() -> None:
    weights = np.ones((N, 4))
    weights[:3, 3] = 0.0
    fit = fitted(weights=weights)
    groups = {
        tuple(genes.tolist()): completion
        for genes, completion in incomplete_groups(fit, points_of(fit))
    }
    assert set(groups) == {(1,), (2,), (3,)}
    np.testing.assert_array_equal(groups[(1,)].separated, LEVEL == "a")
    np.testing.assert_array_equal(groups[(2,)].separated, LEVEL == "c")
    assert groups[(3,)].singular
    fit = fitted(weights=None)
    assert list(incomplete_groups(fit, points_of(fit))) != []


@pytest.mark.parametrize("value", [0.0, 0.8, -2.5])
@pytest.mark.parametrize(
    "vector", [[0, 1, 0, 0], [0, 1, -1, 0], [1, 0, 0, 0], [2, 0.5, -1, 3], [0, 0, 0, 1]]
)
def test_constrained_supremum_against_fifty_digits(vector, value: float) -> None:
    fit = fitted()
    c = np.array(vector, dtype=float)
    genes = np.array([3, 0])
    found = constrained_log_likelihood(fit, fit.require_counts(), genes, c, value)
    # The constraint by elimination of the last coefficient that it holds.
    x = fit.design.matrix
    last = int(np.flatnonzero(c)[-1])
    free = [j for j in range(4) if j != last]
    design = x[:, free] - x[:, [last]] * c[free] / c[last]
    offset = x[:, last] * value / c[last]
    for gene, got in zip(genes, found, strict=True):
        problem = ref.make_problem(COUNTS[:, gene], design, size_factors=FACTORS, offset=offset)
        alpha = mpf(float(ALPHA[gene]))
        with mp.workdps(50):
            best = ref.maximise(problem, alpha)
            exact = float(ref.log_likelihood(problem, best, alpha))
        assert got == pytest.approx(exact, rel=1e-9)
        assert got <= fit.log_likelihood[gene] + 1e-9


def test_constraint_at_the_estimate_costs_nothing() -> None:
    fit = fitted(offset=np.linspace(-0.3, 0.3, N), weights=np.linspace(0.5, 2, N))
    c = np.array([0.0, 1.0, -1.0, 0.5])
    value = float(c @ fit.coefficients[0])
    found = constrained_log_likelihood(fit, fit.require_counts(), np.array([0]), c, value)
    assert found[0] == pytest.approx(fit.log_likelihood[0], rel=1e-12)


def test_constraint_that_leaves_a_level_silent_is_a_supremum() -> None:
    # Level a is silent and so is the rest of the contrast's null: b = c in gene 1.
    fit = fitted()
    c = np.array([0.0, 1.0, -1.0, 0.0])
    found = constrained_log_likelihood(fit, fit.require_counts(), np.array([1]), c, 0.0)
    part = LEVEL != "a"
    alone = countglm.fit_glm(
        COUNTS[part][:, [1]], np.column_stack([np.ones(6), OBS["t"][part]]),
        dispersion=ALPHA[1], size_factors=FACTORS[part],
    )  # fmt: skip
    assert found[0] == pytest.approx(alone.log_likelihood[0], rel=1e-10)
