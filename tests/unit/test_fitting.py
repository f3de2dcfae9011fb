"""Blocks of genes from counts to results: sorting of special genes, limits, traces."""

from __future__ import annotations

import numpy as np
import pytest

import countglm
from countglm._arguments import resolve_offset, resolve_options, resolve_weights
from countglm._fitting import Problem, scaled_spectra
from countglm.counts import as_count_matrix
from countglm.kernels import blocks
from countglm.status import Status

GROUP = np.array([0, 0, 0, 1, 1, 1, 2, 2])
DESIGN = np.column_stack([np.ones(8), GROUP == 1, GROUP == 2]).astype(float)
FACTORS = np.array([0.8, 1.2, 1.0, 0.9, 1.1, 1.3, 0.7, 1.0])
COUNTS = np.array(
    [
        [3, 9, 4, 20, 31, 8, 2, 5],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [3, 9, 4, 0, 0, 0, 2, 5],
        [0, 0, 0, 20, 31, 8, 2, 5],
        [0, 9, 0, 0, 31, 0, 0, 5],
        [3, 9, 4, 0, 0, 0, 0, 0],
    ]
).T.astype(float)


def problem(weights=None, dispersion=0.3, **options) -> Problem:
    counts = as_count_matrix(COUNTS)
    chosen = {"solver": "irls", "tol": 1e-8, "max_iter": 100, "max_dispersion": None}
    trace = options.pop("trace", False)
    settings = resolve_options(**(chosen | options), trace=trace, n=8)
    alpha = None if dispersion is None else np.full(COUNTS.shape[1], dispersion)
    return Problem(
        counts, DESIGN, FACTORS, resolve_offset(None, FACTORS, counts),
        resolve_weights(weights, counts), alpha, settings,
    )  # fmt: skip


def run(bounds=((0, 6),), **options) -> Problem:
    made = problem(**options)
    for start, stop in bounds:
        made.fit_range(start, stop)
    return made


def means(gene: int) -> np.ndarray:
    """Logarithm of the group means of the normalised Poisson problem (dispersion 0)."""
    y = COUNTS[:, gene]
    with np.errstate(divide="ignore"):
        return np.log([y[g == GROUP].sum() / FACTORS[g == GROUP].sum() for g in range(3)])


def test_special_genes_are_told_apart() -> None:
    done = run()
    assert [Status(s).name for s in done.status] == [
        "CONVERGED", "ALL_ZERO", "SEPARATED", "SEPARATED", "CONVERGED", "SEPARATED",
    ]  # fmt: skip
    np.testing.assert_array_equal(
        np.isinf(done.coefficients).astype(int) * np.sign(np.nan_to_num(done.coefficients)),
        [[0, 0, 0], [0, 0, 0], [0, -1, 0], [-1, 1, 1], [0, 0, 0], [0, -1, -1]],
    )
    assert [mask is not None for mask in done.separated] == [False, False, True, True, False, True]


def test_poisson_coefficients_are_logarithms_of_means_also_in_the_limit() -> None:
    done = run(dispersion=0.0)
    for gene in (0, 2, 3, 4, 5):
        a, b, c = means(gene)
        with np.errstate(invalid="ignore"):
            expected = np.array([a, b - a, c - a])
        finite = np.isfinite(expected)
        np.testing.assert_allclose(
            done.coefficients[gene, finite], expected[finite], rtol=1e-10, atol=1e-10
        )
        # The finite vector gives the linear predictor of every sample that keeps a mean.
        eta = DESIGN @ done.finite_coefficients[gene]
        kept = np.isfinite(np.array([a, b, c])[GROUP])
        np.testing.assert_allclose(eta[kept], np.array([a, b, c])[GROUP][kept], atol=1e-10)


def test_errors_are_missing_where_there_is_no_estimate() -> None:
    done = run()
    missing = np.isnan(done.standard_errors)
    assert missing.tolist() == [
        [False] * 3, [True] * 3, [False, True, False], [True] * 3, [False] * 3,
        [False, True, True],
    ]  # fmt: skip
    # With mean mu and n samples of one group the error of its level is known.
    whole, part = done.standard_errors[0, 0], done.standard_errors[2, 0]
    assert whole == pytest.approx(part, rel=1e-10), "group a has the same counts in both genes"


def test_base_mean_is_the_mean_of_normalised_counts() -> None:
    np.testing.assert_allclose(
        run().base_mean, np.mean(COUNTS / FACTORS[:, None], axis=0), rtol=1e-15
    )


def test_statistics_of_genes_without_estimate() -> None:
    done = run()
    zero = done.stats[1]
    assert zero[blocks.LOG_LIKELIHOOD] == zero[blocks.DEVIANCE] == 0.0
    assert zero[blocks.DISPERSION] == 0.3
    assert np.isnan(done.coefficients[1]).all()
    assert np.isnan(zero[blocks.DECREMENT])
    for gene in (2, 3, 5):
        assert done.stats[gene, blocks.MIN_EIGENVALUE] == 0.0
        assert done.stats[gene, blocks.CONDITION] == np.inf
        assert done.stats[gene, blocks.DECREMENT] <= 1e-8
    assert np.isnan(run(dispersion=None).stats[1, blocks.DISPERSION])


@pytest.mark.parametrize("dispersion", [0.3, None])
@pytest.mark.parametrize(
    "bounds", [((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)), ((3, 6), (0, 3)), ((0, 5), (5, 6))]
)
def test_blocks_and_their_order_change_no_bit(bounds, dispersion) -> None:
    whole, parts = run(dispersion=dispersion), run(bounds, dispersion=dispersion)
    for name in ("coefficients", "standard_errors", "stats", "counters", "status", "base_mean"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name), err_msg=name)


def test_weights_by_gene_decide_what_exists() -> None:
    weights = np.ones((8, 6))
    weights[:, 0] = 0.0
    weights[GROUP == 1, 2] = 0.0  # the silent group has no weight
    weights[GROUP == 2, 4] = 0.0
    weights[[3, 6], 3] = 0.0
    weights[:3, 5] = 0.0  # all that counted
    done = run(weights=weights)
    assert [Status(s).name for s in done.status] == [
        "INVALID", "ALL_ZERO", "SINGULAR", "SEPARATED", "SINGULAR", "ALL_ZERO",
    ]  # fmt: skip
    assert np.isnan(done.coefficients[2]).tolist() == [False, True, False]
    assert np.isnan(done.coefficients[4]).tolist() == [False, False, True]
    poisson = run(weights=weights, dispersion=0.0)
    a, _, c = means(2)
    np.testing.assert_allclose(poisson.coefficients[2, [0, 2]], [a, c - a], rtol=1e-10)


def test_a_silent_group_beside_one_without_weight() -> None:
    # Group 1 has no weight and group 2 is silent: undetermined is undetermined, the others
    # are what they are without group 1.
    weights = np.where(GROUP == 1, 0.0, 1.0)
    y = np.array([3.0, 9, 4, 7, 7, 7, 0, 0])[:, None]
    fit = countglm.fit_glm(y, DESIGN, dispersion=0.3, size_factors=FACTORS, weights=weights)
    part = GROUP != 1
    alone = countglm.fit_glm(
        y[part], DESIGN[part][:, [0, 2]], dispersion=0.3, size_factors=FACTORS[part]
    )
    assert fit.status[0] == Status.SINGULAR
    assert np.isnan(fit.coefficients[0, 1])
    assert fit.coefficients[0, 0] == pytest.approx(alone.coefficients[0, 0], rel=1e-9)
    assert fit.coefficients[0, 2] == alone.coefficients[0, 1] == -np.inf
    assert fit.log_likelihood[0] == pytest.approx(alone.log_likelihood[0], rel=1e-12)


def test_status_of_dispersions_at_the_ends() -> None:
    y = np.array([[20, 21, 20, 19, 20, 21, 20, 20], [0, 400, 0, 0, 0, 900, 0, 1]]).T.astype(float)
    fit = countglm.fit_glm(y, np.ones((8, 1)), size_factors="none", max_dispersion=0.5)
    assert fit.dispersion.tolist() == [0.0, 0.5]
    assert fit.status.tolist() == [Status.BOUNDARY_DISPERSION] * 2
    given = countglm.fit_glm(y, np.ones((8, 1)), size_factors="none", dispersion=0.0)
    assert given.status.tolist() == [Status.CONVERGED] * 2


def test_running_out_of_steps() -> None:
    done = run(max_iter=1)
    assert Status.MAX_ITER in done.status
    assert done.counters[:, blocks.STEPS].max() == 1


def test_traces_end_at_the_coefficients() -> None:
    done = run(trace=True)
    assert [t is None for t in done.traces] == [False, True, False, False, False, False]
    for gene in (0, 2, 3, 4, 5):
        trace = done.traces[gene]
        assert trace is not None
        steps = done.counters[gene, blocks.STEPS]
        assert trace.coefficients.shape == (steps + 1, 3)
        assert len(trace.kind) == len(trace.deviance) == len(trace.step_length) == steps + 1
        assert set(trace.kind) <= {"fisher", "newton"}
        np.testing.assert_allclose(trace.coefficients[-1], done.finite_coefficients[gene])
        assert trace.deviance[-1] == pytest.approx(done.stats[gene, blocks.DEVIANCE], abs=1e-9)
    assert run().traces == [None] * 6


def test_traces_change_nothing() -> None:
    np.testing.assert_array_equal(run(trace=True).stats, run().stats)


@pytest.mark.parametrize("gap", [1e-2, 1e-6, 1e-10, 1e-13])
def test_smallest_eigenvalue_near_singularity(gap: float) -> None:
    # Correlation 1 - gap between two columns of any scale: eigenvalues gap and 2 - gap.
    corner = 1e2 * (1 - gap)
    low, condition = scaled_spectra(np.array([[[1e10, 0.0], [corner, 1e-6]]]))
    assert low[0] == pytest.approx(gap, rel=1e-2, abs=1e-15)
    assert condition[0] == pytest.approx((2 - gap) / low[0], rel=1e-14)


def test_spectra_of_matrices_that_have_none() -> None:
    with_nan = np.array([[np.nan, 0.0], [0.0, 1.0]])
    hessian = np.array([np.diag([4.0, 0.0]), with_nan, np.diag([3.0, 5.0])])
    low, condition = scaled_spectra(hessian)
    np.testing.assert_array_equal(np.isnan(low), [True, True, False])
    np.testing.assert_allclose(condition, [np.inf, np.inf, 1.0], rtol=1e-14)
