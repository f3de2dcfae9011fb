"""Offsets, weights, dispersions and options: what is accepted, and what each refusal says."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from countglm._arguments import (
    PerSample,
    as_real_array,
    resolve_dispersion,
    resolve_offset,
    resolve_options,
    resolve_weights,
)
from countglm.counts import as_count_matrix
from countglm.errors import InputError

N, G = 3, 4
COUNTS = as_count_matrix(np.ones((N, G)))
FACTORS = np.array([0.5, 1.0, 2.0])


def says(message: str):
    """Expect an InputError with exactly these words in it."""
    return pytest.raises(InputError, match=re.escape(message))


class TestPerSample:
    def test_a_vector_is_one_row_for_all_genes(self) -> None:
        rows = PerSample(FACTORS).rows(1, 3)
        np.testing.assert_array_equal(rows, [[0.5, 1.0, 2.0]])

    def test_a_matrix_gives_the_rows_of_its_genes(self) -> None:
        values = np.arange(12.0).reshape(N, G)
        rows = PerSample(values).rows(1, 3)
        assert rows.flags.c_contiguous
        np.testing.assert_array_equal(rows, [[1.0, 5.0, 9.0], [2.0, 6.0, 10.0]])


class TestOffset:
    def test_none_is_the_logarithm_of_the_size_factors(self) -> None:
        total = resolve_offset(None, FACTORS, COUNTS)
        assert total.given is None
        np.testing.assert_allclose(total.values, np.log(FACTORS))

    @pytest.mark.parametrize("kind", [list, tuple, np.array])
    def test_a_vector_adds_to_every_gene(self, kind) -> None:
        total = resolve_offset(kind([0.1, -0.2, 600.0]), FACTORS, COUNTS)
        np.testing.assert_array_equal(total.given, [0.1, -0.2, 600.0])
        np.testing.assert_allclose(total.values, np.log(FACTORS) + total.given)

    def test_a_matrix_adds_sample_by_sample(self) -> None:
        offset = np.arange(12.0).reshape(N, G)
        total = resolve_offset(offset, FACTORS, COUNTS)
        np.testing.assert_array_equal(total.given, offset)
        np.testing.assert_allclose(total.values, np.log(FACTORS)[:, None] + offset)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 601.0, -601.0])
    def test_values_beyond_double_precision_are_named(self, bad: float) -> None:
        offset = np.zeros((N, G))
        offset[1, 2] = offset[2, 3] = bad
        with says(
            f"offset has 2 value(s) that are not finite or beyond ±600; the first is {bad} at "
            "sample 1, gene 2 (counted from 0). Offsets are natural logarithms: pass "
            "log(normalisation factors), without zeros."
        ):
            resolve_offset(offset, FACTORS, COUNTS)
        with says(f"the first is {bad} at sample 2 (counted from 0)"):
            resolve_offset([0.0, 0.0, bad], FACTORS, COUNTS)

    @pytest.mark.parametrize("shape", [(), (1,), (N, 1), (G,), (N, G, 1)])
    def test_wrong_shapes_are_named(self, shape: tuple[int, ...]) -> None:
        with says(
            f"offset has shape {shape}; it must be (3,), one value per sample, or (3, 4), "
            "samples x genes."
        ):
            resolve_offset(np.zeros(shape), FACTORS, COUNTS)

    def test_a_transposed_matrix_gets_its_hint(self) -> None:
        with says("It looks transposed: pass its transpose."):
            resolve_offset(np.zeros((G, N)), FACTORS, COUNTS)

    @pytest.mark.parametrize("value", [["a", "b", "c"], object(), [[1.0], [1.0, 2.0]], {"a": 1}])
    def test_what_is_no_number_is_named(self, value: object) -> None:
        with says(
            f"offset must hold real numbers; got {type(value).__name__}. Convert it to float."
        ):
            resolve_offset(value, FACTORS, COUNTS)


class TestWeights:
    def test_default_is_one(self) -> None:
        total = resolve_weights(None, COUNTS)
        assert total.given is None
        np.testing.assert_array_equal(total.values, np.ones(N))

    def test_zero_and_large_weights_are_kept(self) -> None:
        total = resolve_weights([0, 1e300, 2], COUNTS)
        np.testing.assert_array_equal(total.given, [0.0, 1e300, 2.0])
        assert total.values is total.given

    @pytest.mark.parametrize("bad", [-1e-9, np.nan, np.inf, -np.inf])
    def test_impossible_weights_are_named(self, bad: float) -> None:
        weights = np.ones((N, G))
        weights[2, 0] = bad
        with says(
            f"weights has 1 value(s) that are negative, NaN or infinite; the first is {bad} at "
            "sample 2, gene 0 (counted from 0). Weights are >= 0 and finite; 0 leaves the sample "
            "out."
        ):
            resolve_weights(weights, COUNTS)

    @pytest.mark.parametrize("shape", [(N,), (N, G)])
    def test_no_weight_at_all_is_refused(self, shape: tuple[int, ...]) -> None:
        with says("All weights are zero, so there is nothing to fit. Give positive weights."):
            resolve_weights(np.zeros(shape), COUNTS)

    def test_wrong_shape_is_named(self) -> None:
        with says("weights has shape (4,); it must be (3,), one value per sample, or (3, 4)"):
            resolve_weights(np.ones(G), COUNTS)


class TestDispersion:
    def test_none_means_estimate(self) -> None:
        assert resolve_dispersion(None, "nb", COUNTS) is None

    @pytest.mark.parametrize("value", [0.2, np.float32(0.5), [0.2], 0, [0.0, 1e-12, 1.0, 1e8]])
    def test_numbers_are_spread_over_the_genes(self, value) -> None:
        got = resolve_dispersion(value, "nb", COUNTS)
        assert got is not None
        assert got.shape == (G,)
        assert got.flags.c_contiguous
        np.testing.assert_array_equal(got, np.broadcast_to(np.asarray(value, dtype=float), (G,)))

    @pytest.mark.parametrize("value", [None, 0, 0.0, np.zeros(G)])
    def test_poisson_is_zero(self, value) -> None:
        np.testing.assert_array_equal(resolve_dispersion(value, "poisson", COUNTS), np.zeros(G))

    @pytest.mark.parametrize("value", [0.1, [0.0, 0.0, 1e-9, 0.0], np.nan])
    def test_poisson_takes_no_dispersion(self, value) -> None:
        with says("family='poisson' has dispersion 0; leave dispersion out or use family='nb'."):
            resolve_dispersion(value, "poisson", COUNTS)

    def test_unknown_family_lists_the_choices(self) -> None:
        with says("family='gamma' is not known; choose 'nb' or 'poisson'."):
            resolve_dispersion(None, "gamma", COUNTS)

    @pytest.mark.parametrize("shape", [(3,), (G, 1), (1, G), (2, 2)])
    def test_wrong_shape_is_named(self, shape: tuple[int, ...]) -> None:
        with says(f"dispersion has shape {shape}; give one number or 4 values, one a gene."):
            resolve_dispersion(np.ones(shape), "nb", COUNTS)

    @pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf, 1.0000001e8])
    def test_impossible_values_are_named(self, bad: float) -> None:
        with says(
            "dispersion has 2 value(s) that are negative, NaN or above 1e8; the first is "
            f"{np.float64(bad)} at gene 1 (counted from 0). The variance is mu + dispersion mu²; "
            "use dispersion=None to estimate it."
        ):
            resolve_dispersion([0.1, bad, 0.2, bad], "nb", COUNTS)

    def test_words_are_refused(self) -> None:
        with says("dispersion must hold real numbers; got str. Convert it to float."):
            resolve_dispersion("auto", "nb", COUNTS)


def named_counts():
    """Counts with names of samples and genes."""
    return as_count_matrix(pd.DataFrame(np.ones((N, G)), index=list("abc"), columns=list("wxyz")))


class TestNames:
    def test_tables_are_brought_into_the_order_of_the_counts(self) -> None:
        table = pd.DataFrame(np.arange(12.0).reshape(N, G), index=list("cab"), columns=list("wxyz"))
        total = resolve_offset(table, FACTORS, named_counts())
        np.testing.assert_array_equal(total.given, table.loc[list("abc")])
        weights = pd.Series([3.0, 1.0, 2.0], index=list("cab"))
        np.testing.assert_array_equal(resolve_weights(weights, named_counts()).given, [1, 2, 3])

    def test_tables_without_names_go_by_position(self) -> None:
        table = pd.DataFrame(np.arange(12.0).reshape(N, G))
        total = resolve_offset(table, FACTORS, named_counts())
        np.testing.assert_array_equal(total.given, table)
        weights = pd.Series([3.0, 1.0, 2.0], index=list("cab"))
        np.testing.assert_array_equal(resolve_weights(weights, COUNTS).given, weights)

    def test_other_samples_are_refused(self) -> None:
        with says("1 of 3 samples of the counts is missing in weights ('c')"):
            resolve_weights(pd.Series([1.0, 2.0, 3.0], index=list("abd")), named_counts())

    def test_other_genes_are_refused(self) -> None:
        table = pd.DataFrame(np.zeros((N, G)), index=list("abc"), columns=list("wyxz"))
        with says(
            "The gene names of offset are not those of the counts: 2 of 4 differ, first 'y' where "
            "the counts have 'x'. Bring them into the order of the counts."
        ):
            resolve_offset(table, FACTORS, named_counts())
        with says("The gene names of dispersion are not those of the counts: 4 of 4 differ"):
            resolve_dispersion(pd.Series(0.1, index=list("zwxy")), "nb", named_counts())


class TestOptions:
    def test_defaults_and_types(self) -> None:
        options = resolve_options("irls", 1e-8, 100, None, False, 6)
        assert (options.fisher, options.tol, options.max_iter, options.trace) == (
            True,
            1e-8,
            100,
            False,
        )
        assert options.cap == 10.0
        assert type(options.cap) is float
        assert resolve_options("newton", 1e-8, 100, None, True, 25).cap == 25.0
        assert not resolve_options("newton", 1e-8, 100, None, True, 25).fisher

    def test_numpy_numbers_are_numbers(self) -> None:
        options = resolve_options("irls", np.float64(1e-6), np.int64(7), np.float32(3), False, 6)
        assert (options.tol, options.max_iter, options.cap) == (1e-6, 7, 3.0)
        assert type(options.max_iter) is int
        assert resolve_options("irls", 1e-6, 7.0, 3, False, 6).max_iter == 7

    def test_unknown_solver_lists_the_choices(self) -> None:
        with says("solver='lbfgs' is not known; choose 'irls' or 'newton'."):
            resolve_options("lbfgs", 1e-8, 100, None, False, 6)

    @pytest.mark.parametrize("tol", [0.0, -1e-8, 1.0, 2, np.nan, np.inf, "1e-8", None, True])
    def test_tolerance_out_of_range_is_named(self, tol) -> None:
        with says(f"tol={tol!r} must lie between 0 and 1 (standard errors); 1e-8 is usual."):
            resolve_options("irls", tol, 100, None, False, 6)

    @pytest.mark.parametrize("max_iter", [0, -3, 1.5, np.nan, np.inf, "9", None, False])
    def test_number_of_steps_out_of_range_is_named(self, max_iter) -> None:
        with says(f"max_iter={max_iter!r} must be a whole number of at least 1."):
            resolve_options("irls", 1e-8, max_iter, None, False, 6)

    @pytest.mark.parametrize("cap", [0.0, -1.0, np.nan, np.inf, 1.1e8, "10", True])
    def test_largest_dispersion_out_of_range_is_named(self, cap) -> None:
        with says(f"max_dispersion={cap!r} must be positive and at most 1e8."):
            resolve_options("irls", 1e-8, 100, cap, False, 6)


def test_arrays_of_any_real_dtype_become_float64() -> None:
    for value in ([1, 2], np.array([1, 2], dtype=np.uint8), np.array([1, 2], dtype=">f4")):
        got = as_real_array(value, "x")
        assert got.dtype == np.float64
        assert got.dtype.isnative
        np.testing.assert_array_equal(got, [1.0, 2.0])


def test_the_caller_may_change_his_arrays_after_the_fit() -> None:
    from countglm import fit_glm

    counts = np.array([[5, 9], [7, 3], [6, 8], [9, 20], [11, 30], [8, 25]])
    design = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    offset, weights = np.zeros(6), np.ones(6)
    fit = fit_glm(
        counts, design, offset=offset, weights=weights, dispersion=0.1, size_factors="none"
    )
    before = fit.mu()
    offset += 5.0
    weights[:] = 0.0
    np.testing.assert_array_equal(fit.mu(), before)
    np.testing.assert_array_equal(fit.weights, np.ones(6))
