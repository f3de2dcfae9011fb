"""Blocks of genes from counts to results: sorting of special genes, limits, traces."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import countglm
from countglm._arguments import resolve_offset, resolve_options, resolve_weights
from countglm._fitting import Prior, Problem
from countglm._tiles import Learnt
from countglm.counts import as_count_matrix
from countglm.kernels import columns
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
    search = {name: options.pop(name) for name in ("prior", "finish", "learnt") if name in options}
    settings = resolve_options(**(chosen | options), trace=trace, n=8)
    alpha = None if dispersion is None else np.full(COUNTS.shape[1], dispersion)
    return Problem(
        counts, DESIGN, FACTORS, resolve_offset(None, FACTORS, counts),
        resolve_weights(weights, counts), alpha, settings, **search,
    )  # fmt: skip


def run(bounds=((0, 6),), threads=1, **options) -> Problem:
    made = problem(**options)

    def each_block(task) -> None:
        for start, stop in bounds:
            task(start, stop)

    made.run(each_block, threads)
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
    assert zero[columns.LOG_LIKELIHOOD] == zero[columns.DEVIANCE] == 0.0
    assert zero[columns.DISPERSION] == 0.3
    assert np.isnan(done.coefficients[1]).all()
    assert np.isnan(zero[columns.DECREMENT])
    for gene in (2, 3, 5):
        assert done.stats[gene, columns.MIN_EIGENVALUE] == 0.0
        assert done.stats[gene, columns.CONDITION] == np.inf
        assert done.stats[gene, columns.DECREMENT] <= 1e-8
    assert np.isnan(run(dispersion=None).stats[1, columns.DISPERSION])


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
    assert done.counters[:, columns.STEPS].max() == 1


def test_traces_end_at_the_coefficients() -> None:
    done = run(trace=True)
    assert [t is None for t in done.traces] == [False, True, False, False, False, False]
    for gene in (0, 2, 3, 4, 5):
        trace = done.traces[gene]
        assert trace is not None
        steps = done.counters[gene, columns.STEPS]
        assert trace.coefficients.shape == (steps + 1, 3)
        assert len(trace.kind) == len(trace.deviance) == len(trace.step_length) == steps + 1
        assert set(trace.kind) <= {"fisher", "newton"}
        np.testing.assert_allclose(trace.coefficients[-1], done.finite_coefficients[gene])
        assert trace.deviance[-1] == pytest.approx(done.stats[gene, columns.DEVIANCE], abs=1e-9)
    assert run().traces == [None] * 6


def test_traces_change_nothing() -> None:
    np.testing.assert_array_equal(run(trace=True).stats, run().stats)


SEARCHED = ("stats", "counters")


def test_a_search_alone_leaves_coefficients_out() -> None:
    alone, whole = run(dispersion=None, finish=False), run(dispersion=None)
    np.testing.assert_array_equal(alone.alpha, whole.alpha)
    lead = columns.LEAD
    np.testing.assert_array_equal(alone.stats[:, lead], whole.stats[:, lead])
    for index in (columns.MAXIMA, columns.PASSES):
        np.testing.assert_array_equal(alone.counters[:, index], whole.counters[:, index])
    assert np.isnan(alone.coefficients).all()
    assert np.isnan(alone.stats[:, columns.DEVIANCE])[[0, 2, 3, 4, 5]].all()


@pytest.mark.parametrize("bounds", [((0, 6),), ((3, 6), (0, 3)), ((0, 1), (1, 5), (5, 6))])
def test_a_second_search_learns_from_the_first(bounds) -> None:
    prior = Prior(np.log([0.3, 1.0, 0.2, 0.4, 0.1, 0.2]), 2.0)
    first = run(bounds, dispersion=None, finish=False)
    assert isinstance(first.learnt, Learnt)
    fresh = run(dispersion=None, prior=prior, finish=False)
    again = run(bounds, dispersion=None, prior=prior, finish=False, learnt=first.learnt)
    np.testing.assert_allclose(again.alpha, fresh.alpha, rtol=1e-9)
    known = np.array([0, 4])
    passes = [p.counters[known, columns.PASSES].sum() for p in (again, fresh)]
    assert passes[0] < passes[1]
    # The bits are those of whatever blocks.
    whole = run(dispersion=None, finish=False)
    other = run(dispersion=None, prior=prior, finish=False, learnt=whole.learnt)
    for name in SEARCHED:
        np.testing.assert_array_equal(getattr(again, name), getattr(other, name))


def mixed(values: np.ndarray) -> np.ndarray:
    """Samples in an order in which equal rows of the design do not lie together."""
    return values[np.array([6, 0, 3, 4, 1, 7, 2, 5])]


@pytest.mark.parametrize("dispersion", [0.3, None])
def test_the_order_of_the_samples_moves_rounding_alone(dispersion) -> None:
    options = {"dispersion": dispersion}
    one = countglm.fit_glm(COUNTS, DESIGN, size_factors=FACTORS, **options)
    two = countglm.fit_glm(mixed(COUNTS), mixed(DESIGN), size_factors=mixed(FACTORS), **options)
    np.testing.assert_array_equal(one.status, two.status)
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.standard_errors, two.standard_errors, rtol=1e-9)
    np.testing.assert_allclose(one.dispersion, two.dispersion, rtol=1e-9)
    np.testing.assert_allclose(one.log_likelihood, two.log_likelihood, rtol=1e-11)
    order = np.array([6, 0, 3, 4, 1, 7, 2, 5])
    assert (one.separation_pattern >= 0).tolist() == [False, False, True, True, False, True]
    for gene in (2, 3, 5):
        lost, moved = (fit.separated_samples[fit.separation_pattern[gene]] for fit in (one, two))
        np.testing.assert_array_equal(lost[order], moved)


def test_offsets_and_weights_of_genes_follow_the_order_of_samples() -> None:
    rng = np.random.default_rng(2)
    offset, weights = rng.normal(size=(8, 6)), rng.uniform(0.5, 2.0, (8, 6))
    one = countglm.fit_glm(
        COUNTS, DESIGN, dispersion=0.3, size_factors=FACTORS, offset=offset, weights=weights
    )
    two = countglm.fit_glm(
        mixed(COUNTS), mixed(DESIGN), dispersion=0.3, size_factors=mixed(FACTORS),
        offset=mixed(offset), weights=mixed(weights),
    )  # fmt: skip
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one.deviance, two.deviance, rtol=1e-9)
    alone = countglm.fit_glm(
        COUNTS[:, [4]], DESIGN, dispersion=0.3, size_factors=FACTORS,
        offset=offset[:, [4]], weights=weights[:, [4]],
    )  # fmt: skip
    np.testing.assert_array_equal(alone.coefficients[0], one.coefficients[4])


def test_threads_block_sizes_and_storage_change_no_bit() -> None:
    rng = np.random.default_rng(7)
    y = rng.negative_binomial(1.0, 0.1, (8, 70))
    y[:, 5] = 0
    fits = [
        countglm.fit_glm(values, DESIGN, size_factors=FACTORS, block_size=size, threads=threads)
        for values, size, threads in (
            (y, None, 1), (y, 1, 1), (y, 9, 2), (np.asfortranarray(y), 64, 1),
            (y.astype(np.int32), 7, 1), (sparse.csc_matrix(y), 16, 2), (y.astype(float), 8, 1),
        )
    ]  # fmt: skip
    for other in fits[1:]:
        for name in ("coefficients", "standard_errors", "dispersion", "deviance", "status"):
            np.testing.assert_array_equal(getattr(other, name), getattr(fits[0], name))
