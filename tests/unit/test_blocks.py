"""The compiled entries: what they say of a gene, and that genes of a block do not meet."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from countglm.basis import Basis, make_basis
from countglm.kernels import columns
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
    codes = fit.counters[:, columns.CODE]
    left_out = codes != columns.EXISTS
    assert np.isnan(fit.stats[left_out, columns.DEVIANCE]).all()
    assert np.isfinite(fit.stats[~left_out, columns.DEVIANCE]).all()
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
        columns.EXISTS,
        columns.UNDECIDED,
        columns.UNDECIDED,
        columns.ALL_ZERO,
        columns.EXISTS,
    ]


def test_screen_counts_only_samples_with_weight() -> None:
    counts = np.array([[1.0, 2, 0, 4, 0, 0, 0]] * 4)
    weight = np.ones((4, 7))
    weight[0, [0, 1, 3]] = 0.0
    weight[1] = 0.0
    weight[2, 3] = 0.0
    assert screen(counts, DESIGN, weight) == [
        columns.ALL_ZERO,
        columns.NO_WEIGHT,
        columns.UNDECIDED,
        columns.EXISTS,
    ]


def test_screen_leaves_nearly_dependent_rows_to_the_exact_test() -> None:
    # The positive rows differ from one group by 1e-6 only: rank by a hair.
    design = np.column_stack([np.ones(6), [0.0, 0.0, 1e-6, 1.0, 2.0, 3.0]])
    assert screen([5.0, 3, 2, 0, 0, 0], design) == [columns.UNDECIDED]
    assert screen([5.0, 3, 2, 1, 0, 0], design) == [columns.EXISTS]


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
    assert fit.stats[gene, columns.LOG_LIKELIHOOD] == pytest.approx(log_likelihood, rel=1e-12)
    assert fit.stats[gene, columns.DEVIANCE] == pytest.approx(deviance, rel=1e-9)
    assert fit.stats[gene, columns.DISPERSION] == ALPHA[gene]


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


def many_genes(n_genes: int = 45, n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Counts of all sizes, some genes undecided, zero or of few counts, and their dispersions."""
    rng = np.random.default_rng(8)
    design = np.column_stack([np.ones(n), np.arange(n) % 2, np.linspace(-1, 1, n)])
    y = rng.negative_binomial(1.0, 10.0 ** rng.uniform(-4, -0.3, (n_genes, 1)), (n_genes, n))
    y[3], y[17, 1:] = 0, 0
    return y.astype(float), design


@pytest.mark.parametrize("estimate", [False, True])
@pytest.mark.parametrize("first", [0, 1, 7, 8, 13])
def test_bits_do_not_depend_on_the_place_in_the_block(estimate: bool, first: int) -> None:
    y, design = many_genes()
    options = {"screened": True, "estimate": estimate}
    whole = fit_block(y, design, 0.2, **options)
    part = fit_block(y[first : first + 19], design, 0.2, **options)
    for name in ("coefficients", "standard_errors", "stats", "counters"):
        np.testing.assert_array_equal(
            getattr(part, name), getattr(whole, name)[first : first + 19], err_msg=name
        )


def test_genes_that_are_left_out_do_not_move_the_others() -> None:
    y, design = many_genes()
    fit = fit_block(y, design, 0.2, screened=True, estimate=True)
    codes = fit.counters[:, columns.CODE]
    assert {columns.EXISTS, columns.UNDECIDED, columns.ALL_ZERO} == set(codes.tolist())
    kept = codes == columns.EXISTS
    alone = fit_block(y[kept], design, 0.2, estimate=True)
    np.testing.assert_array_equal(alone.stats, fit.stats[kept])
    np.testing.assert_array_equal(alone.coefficients, fit.coefficients[kept])


@pytest.mark.parametrize("estimate", [False, True])
def test_a_sample_of_weight_zero_is_as_if_dropped(estimate: bool) -> None:
    weight = np.array([1.0, 0.0, 2.0, 1.0, 0.0, 3.0, 0.25])
    kept = weight > 0
    wild = COUNTS.copy()
    wild[:, ~kept] = 7e8
    # The basis of the samples that are kept, so that both are the same problem to the last digit.
    basis = make_basis(DESIGN[kept])
    wide = np.zeros((basis.columns.shape[0], 7))
    wide[:, kept] = basis.columns
    spread_out = Basis(wide, DESIGN.T, basis.to_coef, basis.skeel, basis.null)
    options = {"estimate": estimate, "alpha": ALPHA}
    whole = fit_block(wild, DESIGN, weight=weight, offset=OFFSET, basis=spread_out, **options)
    part = fit_block(
        COUNTS[:, kept], DESIGN[kept], weight=weight[kept], offset=OFFSET[kept], **options
    )
    np.testing.assert_allclose(whole.coefficients, part.coefficients, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(whole.standard_errors, part.standard_errors, rtol=1e-10)
    same = [columns.DISPERSION, columns.DEVIANCE, columns.LOG_LIKELIHOOD, columns.MAX_LEVERAGE]
    np.testing.assert_allclose(whole.stats[:, same], part.stats[:, same], rtol=1e-9)


def test_whole_weights_are_so_many_samples() -> None:
    rng = np.random.default_rng(3)
    repeats = np.array([1, 2, 1, 3, 1, 1, 2])
    y = COUNTS + rng.integers(0, 2, COUNTS.shape)
    weighted = fit_block(y, DESIGN, ALPHA, weight=repeats, offset=OFFSET)
    times = np.repeat(np.arange(7), repeats)
    repeated = fit_block(y[:, times], DESIGN[times], ALPHA, offset=OFFSET[times])
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, rtol=1e-9)
    np.testing.assert_allclose(weighted.standard_errors, repeated.standard_errors, rtol=1e-10)
    same = [columns.DEVIANCE, columns.LOG_LIKELIHOOD]
    np.testing.assert_allclose(weighted.stats[:, same], repeated.stats[:, same], rtol=1e-11)


@pytest.mark.parametrize("estimate", [False, True])
def test_long_runs_of_equal_rows_give_what_scattered_ones_give(estimate: bool) -> None:
    rng = np.random.default_rng(9)
    group = np.repeat([0, 1, 2], [70, 9, 130])
    design = np.column_stack([np.ones(209), group == 1, group == 2]).astype(float)
    y = rng.negative_binomial(2.0, [[0.5], [0.1], [0.01]], (3, 209)).astype(float)
    offset = rng.normal(0, 0.5, 209)
    mixed = rng.permutation(209)
    runs = fit_block(y, design, ALPHA, offset=offset, estimate=estimate)
    apart = fit_block(y[:, mixed], design[mixed], ALPHA, offset=offset[mixed], estimate=estimate)
    assert runs.layout.at.segments == 2 + 1 + 3
    assert apart.layout.at.segments > 80
    np.testing.assert_allclose(runs.coefficients, apart.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(runs.standard_errors, apart.standard_errors, rtol=1e-8)
    same = [columns.DISPERSION, columns.DEVIANCE, columns.LOG_LIKELIHOOD, columns.MAX_LEVERAGE]
    np.testing.assert_allclose(runs.stats[:, same], apart.stats[:, same], rtol=1e-8)


def test_means_that_are_fixed_are_exponentials_of_the_offset() -> None:
    mu = np.exp(OFFSET) * 20.0
    fixed = fit_block(COUNTS[0], DESIGN, offset=np.log(mu), estimate=True, fixed=True, finish=False)
    alpha = float(fixed.stats[0, columns.DISPERSION])
    with mp.workdps(40):

        def value(a: mpf) -> mpf:
            total, gram = mpf(0), mp.zeros(3)
            for y, m, x in zip(COUNTS[0], mu, DESIGN, strict=True):
                row = mp.matrix([mpf(float(v)) for v in x])
                total += ref.log_pmf(mpf(float(y)), mpf(float(m)), a)
                gram += mpf(float(m)) / (1 + a * mpf(float(m))) * row * row.T
            return total - mp.log(mp.det(gram)) / 2

        around = [value(mpf(alpha) * (1 + mpf(s))) for s in ("-1e-7", "0", "1e-7")]
        assert around[1] > max(around[0], around[2])
        for other in np.geomspace(1e-6, 10.0, 50):
            assert value(mpf(float(other))) <= around[1]
    assert fixed.counters[0, columns.PASSES] > 0
    np.testing.assert_array_equal(fixed.coefficients, 0.0)


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
    assert fit.stats[0, columns.CONDITION] > 1e4
    assert fit.stats[0, columns.MIN_EIGENVALUE] == pytest.approx(values[0], rel=1e-6)
    assert fit.stats[0, columns.CONDITION] == pytest.approx(values[1] / values[0], rel=1e-6)
    assert fit.counters[0, columns.CONVERGED] == 1


def test_a_reduced_basis_fits_what_remains() -> None:
    keep = np.array([True, False, True, False, True, False, False])
    basis = make_basis(DESIGN, keep)
    weight = keep.astype(float)
    fit = fit_block(COUNTS[0], DESIGN, 0.5, basis=basis, weight=weight)
    whole = fit_block(COUNTS[0][keep], DESIGN[keep][:, [0, 2]], 0.5)
    np.testing.assert_allclose(fit.coefficients[0, [0, 2]], whole.coefficients[0], rtol=1e-10)
    np.testing.assert_allclose(fit.standard_errors[0, [0, 2]], whole.standard_errors[0], rtol=1e-10)
    assert fit.coefficients[0, 1] == 0.0
    assert fit.stats[0, columns.LOG_LIKELIHOOD] == pytest.approx(
        whole.stats[0, columns.LOG_LIKELIHOOD], rel=1e-13
    )
