"""Arrays for a DESeqDataSet: the stages, tests of every column, matrices in R's order."""

from __future__ import annotations

import numpy as np
import pytest

import countglm
from countglm.adapters.deseqdataset import (
    dataset_arrays,
    dispersion_arrays,
    factor_arrays,
    same_counts,
)
from countglm.counts import as_count_matrix
from tests.support.analyses import N_GENES, SPIKED, ZERO, analysis, study

pytestmark = pytest.mark.compiled
LN2 = np.log(2.0)


def test_rows_are_the_stages_of_the_fit() -> None:
    result = analysis()
    arrays = dataset_arrays(result, assays=False)
    rows = arrays["rows"]
    for name, values in dispersion_arrays(result).items():
        np.testing.assert_array_equal(rows[name], values)
    np.testing.assert_array_equal(rows["dispersion"], result.dispersion.final)
    assert rows["allZero"][ZERO] == 1.0
    assert rows["allZero"].sum() == 1.0
    assert rows["replace"][SPIKED] == 1.0
    np.testing.assert_array_equal(arrays["coefficients"], result.fit.coefficients / LN2)
    assert arrays["assays"] == {}
    assert arrays["trend"]["kind"] == result.dispersion.trend_kind


def test_every_column_is_tested_as_a_contrast_of_its_own() -> None:
    result = analysis()
    arrays = dataset_arrays(result, assays=False)
    for j, name in enumerate(result.fit.coef_names):
        table = result.test(name, cooks_cutoff=False).table
        np.testing.assert_array_equal(arrays["stat"][:, j], table["stat"])
        np.testing.assert_array_equal(arrays["pvalue"][:, j], table["pvalue"])


def test_likelihood_ratio_belongs_to_no_column() -> None:
    result = analysis().test(analysis().contrast, test="lrt", reduced=["Intercept"])
    arrays = dataset_arrays(result, assays=False)
    assert arrays["stat"] is None
    assert arrays["pvalue"] is None


def test_matrices_are_genes_by_samples_in_fortran_order() -> None:
    result = analysis()
    counts = study().X
    matrices = dataset_arrays(result)["assays"]
    assert set(matrices) == {"mu", "H", "cooks", "replaceCounts"}
    for values in matrices.values():
        assert values.shape == (N_GENES, counts.shape[0])
        assert values.flags.f_contiguous
    np.testing.assert_array_equal(matrices["mu"], result.fit.mu().T)
    fitted = ~np.isnan(matrices["H"]).any(axis=1)
    ranks = matrices["H"][fitted].sum(axis=1)
    assert np.all(ranks <= len(result.fit.coef_names) + 1e-9)
    changed = matrices["replaceCounts"] != np.asarray(counts, dtype=float).T
    np.testing.assert_array_equal(np.flatnonzero(changed.any(axis=1)), [SPIKED])
    outliers = result.outliers
    place = int(np.argmax(matrices["cooks"][SPIKED]))
    assert changed[SPIKED, place]
    assert matrices["replaceCounts"][SPIKED, place] == outliers.replaced_count[0]


def test_factors_hold_the_offset() -> None:
    data = study()
    assert factor_arrays(analysis())["normalization_factors"] is None
    np.testing.assert_array_equal(
        factor_arrays(analysis())["size_factors"], analysis().fit.size_factors
    )
    shift = np.linspace(-0.1, 0.1, data.n_obs)
    shifted = countglm.differential_expression(data, "~ group", offset=shift)
    factors = factor_arrays(shifted)["normalization_factors"]
    expected = shifted.fit.size_factors * np.exp(shift)
    np.testing.assert_array_equal(factors, np.tile(expected, (N_GENES, 1)))


def test_counts_are_those_that_were_given_also_where_outliers_were_replaced() -> None:
    result, given = analysis(), np.asarray(study().X)
    assert result.outliers.replaced_gene.size
    assert same_counts(result, as_count_matrix(given))
    genes = np.array([SPIKED, 3, ZERO])
    assert same_counts(result, as_count_matrix(given[:, genes]), genes)
    assert not same_counts(result, as_count_matrix(given[:, genes]), genes[::-1])
    assert not same_counts(result, as_count_matrix(given[::-1]))
    other = given.copy()
    other[0, 0] += 1
    assert not same_counts(result, as_count_matrix(other))
