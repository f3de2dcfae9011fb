"""The compiled entries: what they say of a gene, and that genes of a block do not meet."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.basis import make_basis
from countglm.kernels import blocks
from tests.support import reference as ref
from tests.support.blocks import fit_block

DESIGN = np.column_stack([np.ones(7), [0.0, 1, 0, 1, 0, 1, 1], [0.2, -1, 0.7, 1.4, -0.5, 0, 0.9]])
COUNTS = np.array(
    [
        [14.0, 3, 60, 9, 0, 31, 5],
        [1.0, 0, 3, 0, 2, 1, 1],
        [90000.0, 41000, 120000, 77000, 51000, 99000, 68000],
    ]
)
ALPHA = np.array([0.5, 0.0, 0.02])
OFFSET = np.array([0.3, -0.2, 0.0, 0.1, -0.5, 0.2, 0.4])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.0, 0.0, 3.0, 0.25])


def screen(counts, design, weight=None) -> list[int]:
    fit = fit_block(counts, design, 0.1, weight=weight, screened=True)
    codes = fit.counters[:, blocks.CODE]
    left_out = codes != blocks.EXISTS
    assert np.isnan(fit.stats[left_out, blocks.DEVIANCE]).all()
    assert np.isfinite(fit.stats[~left_out, blocks.DEVIANCE]).all()
    return codes.tolist()


def test_screen_tells_what_the_positive_counts_determine() -> None:
    counts = [
        [1.0, 2, 0, 4, 0, 0, 0],  # three rows of full rank
        [1.0, 0, 2, 0, 3, 0, 0],  # one group only
        [0.0, 0, 0, 0, 0, 0, 7],
        [0.0, 0, 0, 0, 0, 0, 0],
        [1.0, 1, 1, 1, 1, 1, 1],
    ]
    assert screen(counts, DESIGN) == [
        blocks.EXISTS,
        blocks.UNDECIDED,
        blocks.UNDECIDED,
        blocks.ALL_ZERO,
        blocks.EXISTS,
    ]


def test_screen_counts_only_samples_with_weight() -> None:
    counts = np.array([[1.0, 2, 0, 4, 0, 0, 0]] * 4)
    weight = np.ones((4, 7))
    weight[0, [0, 1, 3]] = 0.0
    weight[1] = 0.0
    weight[2, 3] = 0.0
    assert screen(counts, DESIGN, weight) == [
        blocks.ALL_ZERO,
        blocks.NO_WEIGHT,
        blocks.UNDECIDED,
        blocks.EXISTS,
    ]


def test_screen_leaves_nearly_dependent_rows_to_the_exact_test() -> None:
    # The positive rows differ from one group by 1e-6 only: rank by a hair.
    design = np.column_stack([np.ones(6), [0.0, 0.0, 1e-6, 1.0, 2.0, 3.0]])
    assert screen([5.0, 3, 2, 0, 0, 0], design) == [blocks.UNDECIDED]
    assert screen([5.0, 3, 2, 1, 0, 0], design) == [blocks.EXISTS]


@pytest.mark.parametrize("gene", range(3))
def test_fit_agrees_with_fifty_digits(gene: int) -> None:
    fit = fit_block(COUNTS, DESIGN, ALPHA, offset=OFFSET, weight=WEIGHT)
    problem = ref.make_problem(COUNTS[gene], DESIGN, offset=OFFSET, weights=WEIGHT)
    alpha = mpf(float(ALPHA[gene]))
    best = ref.maximise(problem, alpha)
    assert ref.distance(problem, fit.coefficients[gene], best, alpha) <= 1e-9
    with mp.workdps(50):
        errors = [float(v) for v in ref.standard_errors(problem, best, alpha)]
        log_likelihood = float(ref.log_likelihood(problem, best, alpha))
        deviance = float(ref.deviance(problem, best, alpha))
    np.testing.assert_allclose(fit.standard_errors[gene], errors, rtol=1e-9)
    assert fit.stats[gene, blocks.LOG_LIKELIHOOD] == pytest.approx(log_likelihood, rel=1e-12)
    assert fit.stats[gene, blocks.DEVIANCE] == pytest.approx(deviance, rel=1e-9)
    assert fit.stats[gene, blocks.DISPERSION] == ALPHA[gene]


@pytest.mark.parametrize("estimate", [False, True])
def test_a_gene_has_the_same_bits_alone_and_in_company(estimate: bool) -> None:
    options = {"offset": OFFSET, "weight": WEIGHT, "estimate": estimate}
    together = fit_block(COUNTS, DESIGN, ALPHA, **options)
    for g in (2, 0, 1):
        alone = fit_block(COUNTS[g], DESIGN, ALPHA[g], **options)
        np.testing.assert_array_equal(alone.coefficients[0], together.coefficients[g])
        np.testing.assert_array_equal(alone.standard_errors[0], together.standard_errors[g])
        np.testing.assert_array_equal(alone.stats[0], together.stats[g])
        np.testing.assert_array_equal(alone.counters[0], together.counters[g])


def test_rows_for_every_gene_have_the_bits_of_one_row_for_all() -> None:
    one = fit_block(COUNTS, DESIGN, ALPHA, offset=OFFSET, weight=WEIGHT)
    many = fit_block(
        COUNTS, DESIGN, ALPHA, offset=np.tile(OFFSET, (3, 1)), weight=np.tile(WEIGHT, (3, 1))
    )
    np.testing.assert_array_equal(one.coefficients, many.coefficients)
    np.testing.assert_array_equal(one.stats, many.stats)


def test_every_gene_reads_its_own_offset_and_weight() -> None:
    rng = np.random.default_rng(3)
    offset, weight = rng.normal(size=(3, 7)), rng.uniform(0.2, 3.0, (3, 7))
    together = fit_block(COUNTS, DESIGN, ALPHA, offset=offset, weight=weight)
    for g in range(3):
        alone = fit_block(COUNTS[g], DESIGN, ALPHA[g], offset=offset[g], weight=weight[g])
        np.testing.assert_array_equal(alone.coefficients[0], together.coefficients[g])


def test_counts_without_weight_do_not_matter() -> None:
    other = COUNTS.copy()
    other[:, 4] = 12345.0
    one = fit_block(COUNTS, DESIGN, ALPHA, offset=OFFSET, weight=WEIGHT)
    two = fit_block(other, DESIGN, ALPHA, offset=OFFSET, weight=WEIGHT)
    np.testing.assert_array_equal(one.coefficients, two.coefficients)
    np.testing.assert_array_equal(one.stats, two.stats)


def test_conditioning_is_in_the_coding_of_the_caller() -> None:
    # An uncentred covariate is ill-conditioned as given, however well the solver's basis is.
    year = np.array([1960.0, 1962, 1965, 1969, 1971, 1978, 1980])
    design = np.column_stack([np.ones(7), year])
    fit = fit_block(COUNTS[0], design, 0.3)
    mu = np.exp(design @ fit.coefficients[0])
    observed = mu * (1 + 0.3 * COUNTS[0]) / (1 + 0.3 * mu) ** 2
    hessian = design.T @ (observed[:, None] * design)
    scale = 1 / np.sqrt(np.diag(hessian))
    values = np.linalg.eigvalsh(hessian * np.outer(scale, scale))
    assert fit.stats[0, blocks.CONDITION] > 1e4
    assert fit.stats[0, blocks.MIN_EIGENVALUE] == pytest.approx(values[0], rel=1e-6)
    assert fit.stats[0, blocks.CONDITION] == pytest.approx(values[1] / values[0], rel=1e-6)
    assert fit.counters[0, blocks.CONVERGED] == 1


def test_a_reduced_basis_fits_what_remains() -> None:
    keep = np.array([True, False, True, False, True, False, False])
    basis = make_basis(DESIGN, keep)
    weight = keep.astype(float)
    fit = fit_block(COUNTS[0], DESIGN, 0.5, basis=basis, weight=weight)
    whole = fit_block(COUNTS[0][keep], DESIGN[keep][:, [0, 2]], 0.5)
    np.testing.assert_allclose(fit.coefficients[0, [0, 2]], whole.coefficients[0], rtol=1e-10)
    np.testing.assert_allclose(fit.standard_errors[0, [0, 2]], whole.standard_errors[0], rtol=1e-10)
    assert fit.coefficients[0, 1] == 0.0
    assert fit.stats[0, blocks.LOG_LIKELIHOOD] == pytest.approx(
        whole.stats[0, blocks.LOG_LIKELIHOOD], rel=1e-13
    )
