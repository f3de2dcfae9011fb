"""Outlying counts under weights: a sample of weight 0 is not there."""

from __future__ import annotations

import numpy as np
import pytest

from countglm import differential_expression
from tests.support.simulated import simulate

pytestmark = pytest.mark.compiled

CONTRAST = ["group", "b", "a"]


@pytest.mark.parametrize("samples", [12, 20])
def test_samples_of_weight_zero_are_as_if_dropped(samples: int) -> None:
    counts, obs = simulate(genes=150, samples=samples, seed=51)
    rng = np.random.default_rng(52)
    values = counts.to_numpy().copy()
    # Outliers to flag and to replace, and nonsense in the samples that do not count.
    values[rng.integers(0, samples, 30), np.arange(30)] *= 200
    left_out = [0, samples - 1]
    factors = rng.uniform(0.7, 1.4, samples)
    weights = np.ones(samples)
    weights[left_out] = 0.0
    kept = np.flatnonzero(weights)
    wild = values.copy()
    wild[left_out] *= 50
    tables = []
    for y, w, rows in ((wild, weights, slice(None)), (values[kept], None, kept)):
        result = differential_expression(
            y, "~ group", CONTRAST, obs=obs.iloc[rows].reset_index(drop=True), weights=w,
            size_factors=factors[rows],
        )  # fmt: skip
        assert result.dispersion.residual_df == samples - 4
        tables.append(result)
    one, other = tables
    assert one.outliers.cutoff == other.outliers.cutoff
    np.testing.assert_array_equal(one.outliers.outlier, other.outliers.outlier)
    np.testing.assert_array_equal(one.outliers.refitted, other.outliers.refitted)
    np.testing.assert_array_equal(one.outliers.replaced_count, other.outliers.replaced_count)
    np.testing.assert_allclose(one.outliers.max_cooks, other.outliers.max_cooks, rtol=1e-9)
    np.testing.assert_allclose(one.table["stat"], other.table["stat"], rtol=1e-7, atol=1e-9)
    assert one.outliers.refitted.any() == (samples == 20)
    assert one.outliers.outlier.any() == (samples == 12)


def test_an_outlier_of_little_weight_is_none() -> None:
    counts, obs = simulate(genes=60, samples=10, seed=53)
    values = counts.to_numpy().copy()
    values[2] *= 100
    for weight, expected in ((1.0, True), (0.01, False)):
        weights = np.ones(10)
        weights[2] = weight
        result = differential_expression(
            values, "~ group", CONTRAST, obs=obs.reset_index(drop=True), weights=weights,
            size_factors="none", fit_type="mean",
        )  # fmt: skip
        assert (result.outliers.outlier.mean() > 0.3) == expected


def test_no_cutoff_finds_no_outlier() -> None:
    counts, obs = simulate(genes=40, samples=8, seed=54)
    result = differential_expression(counts, "~ group", CONTRAST, obs=obs, cooks_cutoff=False)
    assert result.outliers is None
    assert not (result.table["na_reason"] == "outlier").any()


def test_a_gene_emptied_by_replacement() -> None:
    counts, obs = simulate(genes=80, samples=16, seed=55)
    values = counts.to_numpy().copy()
    values[:, 0] = 0
    values[3, 0] = 5000
    tables = {
        mode: differential_expression(
            values, "~ group", CONTRAST, obs=obs.reset_index(drop=True), mode=mode
        )
        for mode in ("exact", "replay")
    }
    for result in tables.values():
        assert result.outliers.refitted[0]
        assert result.table["status"].iloc[0] == "ALL_ZERO"
    exact, replay = (result.table.iloc[0] for result in tables.values())
    assert np.isnan(exact["pvalue"])
    assert exact["na_reason"] == "outlier"
    assert replay[["log2FoldChange", "lfcSE", "stat", "pvalue"]].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_another_table_filters_by_other_numbers() -> None:
    counts, obs = simulate(genes=80, samples=8, seed=56)
    result = differential_expression(counts, "~ group", CONTRAST, obs=obs)
    statistic = np.arange(80.0)
    again = result.test(CONTRAST, filter_statistic=statistic)
    direct = differential_expression(
        counts, "~ group", CONTRAST, obs=obs, filter_statistic=statistic
    )
    np.testing.assert_array_equal(again.table["padj"], direct.table["padj"])
