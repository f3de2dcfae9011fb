"""Size factors against their definitions, on any storage, with clear refusals."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import gmean, rankdata

from countglm import _by_samples, _columns, _tmm
from countglm.counts import as_count_matrix
from countglm.errors import InputError
from countglm.size_factors import estimate_size_factors, resolve_size_factors

FAST = ("ratio", "poscounts", "tmm", "library", "none")


@pytest.fixture(scope="module")
def y():
    rng = np.random.default_rng(7)
    mean = rng.gamma(0.7, 60, 400) * np.array([0.3, 0.8, 1.0, 1.7, 4.0, 1.1])[:, None]
    return rng.poisson(mean * rng.gamma(5, 0.2, mean.shape))


def unit_geometric_mean(s):
    return s / gmean(s)


def test_ratio_is_the_median_ratio_to_the_geometric_mean(y):
    full = y[:, (y > 0).all(axis=0)]
    expected = np.exp(np.median(np.log(full) - np.log(full).mean(axis=0), axis=1))
    np.testing.assert_allclose(estimate_size_factors(y), expected, rtol=1e-14)


def test_poscounts_takes_zeros_as_ones_and_scales(y):
    some = y[:, (y > 0).any(axis=0)]
    log_means = np.log(np.maximum(some, 1)).mean(axis=0)
    ratios = np.where(some > 0, np.log(np.maximum(some, 1)) - log_means, np.nan)
    expected = unit_geometric_mean(np.exp(np.nanmedian(ratios, axis=1)))
    np.testing.assert_allclose(estimate_size_factors(y, "poscounts"), expected, rtol=1e-14)


def test_library_and_none(y):
    expected = unit_geometric_mean(y.sum(axis=1).astype(float))
    np.testing.assert_allclose(estimate_size_factors(y, "library"), expected, rtol=1e-14)
    np.testing.assert_array_equal(estimate_size_factors(y, "none"), np.ones(6))


def naive_tmm(y, reference):
    library = y.sum(axis=1).astype(float)
    factors = []
    for i in range(len(y)):
        both = (y[i] > 0) & (y[reference] > 0)
        o, r, n_o, n_r = y[i, both], y[reference, both], library[i], library[reference]
        m, a = np.log2((o / n_o) / (r / n_r)), np.log2(o / n_o) + np.log2(r / n_r)
        keep = np.ones(m.size, dtype=bool)
        for values, trim in ((m, 0.3), (a, 0.05)):
            low = int(m.size * trim) + 1
            keep &= (rankdata(values) >= low) & (rankdata(values) <= m.size + 1 - low)
        weight = 1 / ((n_o - o) / (n_o * o) + (n_r - r) / (n_r * r))
        factors.append(1.0 if i == reference else 2 ** np.average(m[keep], weights=weight[keep]))
    return unit_geometric_mean(library * np.array(factors))


@pytest.mark.parametrize("reference", [0, 3])
def test_tmm_is_the_effective_library(y, reference):
    s = estimate_size_factors(y, "tmm", reference=reference)
    np.testing.assert_allclose(s, naive_tmm(y, reference), rtol=1e-12)


def test_tmm_reference_by_name_equals_index(y):
    table = pd.DataFrame(y, index=list("abcdef"))
    by_name = estimate_size_factors(table, "tmm", reference="d")
    np.testing.assert_array_equal(by_name, estimate_size_factors(y, "tmm", reference=3))


def test_tmm_chooses_the_sample_of_middle_upper_quartile(y):
    counts, library = as_count_matrix(y), y.sum(axis=1).astype(float)
    quartile = np.quantile(y[:, y.any(axis=0)], 0.75, axis=1) / library
    chosen = _tmm.reference_sample(counts, library)
    assert chosen == np.argmin(np.abs(quartile - quartile.mean()))


def test_tmm_of_mostly_zero_samples_refers_to_the_richest():
    sparse = np.zeros((5, 25), dtype=int)
    for i, depth in enumerate([2, 1, 9, 3, 20]):
        sparse[i, 5 * i : 5 * i + 5] = depth
    sparse[4, 21:] = 0
    library = sparse.sum(axis=1).astype(float)
    assert _tmm.reference_sample(as_count_matrix(sparse), library) == 2


@pytest.mark.parametrize("positive", [[3.0], [2.0, 7.0, 1.0], [5.0, 4.0, 9.0, 6.0, 8.0]])
@pytest.mark.parametrize("n_zero", [0, 1, 2, 7, 30])
def test_upper_quartile_interpolates(positive, n_zero):
    values = np.append(positive, np.zeros(n_zero))
    expected = np.quantile(values, 0.75)
    # Zeros that are left out are known by how many there are; what more there are does not count.
    for row in (values, np.array(positive), np.append(values, np.zeros(5))):
        found = _tmm._upper_quartiles(row[None].copy(), values.size)
        assert found[0] == pytest.approx(expected, rel=1e-15)


def test_identical_samples_have_factor_one(y):
    same = np.tile(y[:1], (4, 1))
    for method in FAST:
        np.testing.assert_allclose(estimate_size_factors(same, method), 1, rtol=1e-14)


@pytest.mark.parametrize("method", ["ratio", "poscounts", "library"])
def test_deeper_sequencing_scales_the_factor(y, method):
    deeper = y.copy()
    deeper[2] *= 8
    before = estimate_size_factors(y, method)
    after = estimate_size_factors(deeper, method)
    # Zeros count as ones in poscounts: its geometric means move by a gene's share of zeros.
    tolerance = 0.15 if method == "poscounts" else 1e-13
    np.testing.assert_allclose(after[2] / after[0], 8 * before[2] / before[0], rtol=tolerance)


@pytest.mark.parametrize("method", FAST)
def test_same_bits_for_every_storage_and_gene_order(y, method):
    expected = estimate_size_factors(y, method)
    order = np.random.default_rng(1).permutation(y.shape[1])
    for stored in (
        np.asfortranarray(y),
        y.astype(np.float32),
        y[:, order],
        sp.csr_matrix(y),
        sp.csc_array(y),
        pd.DataFrame(y),
        anndata.AnnData(y.astype(np.float32)),
    ):
        np.testing.assert_array_equal(estimate_size_factors(stored, method), expected)


@pytest.mark.parametrize("method", FAST)
def test_same_bits_for_every_block_and_memory_budget(y, method, monkeypatch):
    expected = estimate_size_factors(y, method)
    for block, budget in ((1, 1), (100, 700), (6 * 399, 10**6)):
        monkeypatch.setattr(_columns, "_BLOCK_ENTRIES", block)
        monkeypatch.setattr(_columns, "_GATHER_ENTRIES", budget)
        monkeypatch.setattr(_by_samples, "READ_ENTRIES", block)
        monkeypatch.setattr(_by_samples, "GATHERED_ENTRIES", budget)
        for stored in (y, sp.csc_array(y)):
            np.testing.assert_array_equal(estimate_size_factors(stored, method), expected)


def test_totals_are_exactly_rounded_beyond_two_to_the_53():
    big = np.full((2, 1000), 2.0**53 - 1)
    big[1, 1:] = 1.0
    totals = _columns.column_totals(as_count_matrix(big))
    assert totals[0] == float(1000 * (2**53 - 1))
    assert totals[1] == float(2**53 - 1 + 999)


def test_fractional_counts_when_allowed(y):
    fractional = y + 0.25
    s = estimate_size_factors(fractional, "library", allow_noninteger=True)
    np.testing.assert_allclose(s, unit_geometric_mean(fractional.sum(axis=1)), rtol=1e-14)


def test_control_genes_as_names_indices_and_mask(y):
    table = pd.DataFrame(y, columns=[f"g{j}" for j in range(y.shape[1])])
    chosen = np.flatnonzero((y > 0).all(axis=0))[:9]
    mask = np.isin(np.arange(y.shape[1]), chosen)
    logs = np.log(y[:, chosen])
    expected = np.exp(np.median(logs - logs.mean(axis=0), axis=1))
    for genes in (chosen, list(chosen), mask, [f"g{j}" for j in chosen]):
        s = estimate_size_factors(table, control_genes=genes)
        np.testing.assert_allclose(s, expected, rtol=1e-14)


def test_control_genes_of_the_library(y):
    s = estimate_size_factors(y, "library", control_genes=[5, 8, 11])
    expected = unit_geometric_mean(y[:, [5, 8, 11]].sum(axis=1).astype(float))
    np.testing.assert_allclose(s, expected, rtol=1e-14)


def test_given_geometric_means_scale_the_result(y):
    geo_means = np.where((y > 0).all(axis=0), gmean(np.maximum(y, 1), axis=0), 0)
    s = estimate_size_factors(y, geo_means=geo_means)
    expected = unit_geometric_mean(estimate_size_factors(y))
    np.testing.assert_allclose(s, expected, rtol=1e-13)


def every_gene_has_a_zero():
    y = np.full((3, 3), 5)
    np.fill_diagonal(y, 0)
    return pd.DataFrame(y, index=["s1", "s2", "s3"], columns=["a", "b", "c"])


def with_empty_sample():
    table = every_gene_has_a_zero()
    table.loc["s2"] = 0
    return table


@pytest.mark.parametrize(
    ("counts", "arguments", "words"),
    [
        (every_gene_has_a_zero, {"method": "ratio"}, ["'poscounts'", "'library'", "3 genes"]),
        (with_empty_sample, {"method": "ratio"}, ["'s2'", "1 of 3"]),
        (with_empty_sample, {"method": "poscounts"}, ["'s2'", "1 of 3"]),
        (with_empty_sample, {"method": "library"}, ["'s2'", "1 of 3"]),
        (with_empty_sample, {"method": "tmm"}, ["'s2'", "1 of 3"]),
        (every_gene_has_a_zero, {"method": "median"}, ["'median'", "ratio, poscounts"]),
        (every_gene_has_a_zero, {"method": "tmm", "reference": "s9"}, ["'s9'"]),
        (every_gene_has_a_zero, {"method": "tmm", "reference": 3}, ["reference=3", "0 to 2"]),
        (every_gene_has_a_zero, {"reference": 1}, ["reference", "'tmm'"]),
        (every_gene_has_a_zero, {"method": "tmm", "control_genes": [1]}, ["control_genes"]),
        (every_gene_has_a_zero, {"method": "library", "geo_means": [1, 1, 1]}, ["geo_means"]),
        (every_gene_has_a_zero, {"geo_means": [1, 1]}, ["(2,)", "3 genes"]),
        (every_gene_has_a_zero, {"geo_means": [1, -1, 1]}, ["-1", "'b'"]),
        (every_gene_has_a_zero, {"geo_means": [0, 0, 0]}, ["geo_means is 0"]),
        (every_gene_has_a_zero, {"geo_means": [5, 0, 0]}, ["'s1'", "1 of 3"]),
        (every_gene_has_a_zero, {"method": "poscounts", "control_genes": ["a"]}, ["'s1'"]),
        (every_gene_has_a_zero, {"method": "library", "control_genes": ["x"]}, ["'x'", "1 of 1"]),
        (every_gene_has_a_zero, {"method": "library", "control_genes": [7]}, ["index 7"]),
        (every_gene_has_a_zero, {"method": "library", "control_genes": [True]}, ["(1,)"]),
        (every_gene_has_a_zero, {"method": "library", "control_genes": []}, ["no gene"]),
    ],
)
def test_refusals_say_what_is_wrong_and_what_to_do(counts, arguments, words):
    with pytest.raises(InputError) as caught:
        estimate_size_factors(counts(), **arguments)
    for word in words:
        assert word in str(caught.value)


def test_resolve_takes_names_of_methods_and_values(y):
    counts = as_count_matrix(y)
    np.testing.assert_array_equal(
        resolve_size_factors(counts, "ratio"), estimate_size_factors(y, "ratio")
    )
    given = np.linspace(0.5, 2, 6)
    resolved = resolve_size_factors(counts, list(given))
    np.testing.assert_array_equal(resolved, given)


def test_resolve_copies_the_given_array(y):
    given = np.ones(6)
    resolve_size_factors(as_count_matrix(y), given)[0] = 5
    assert given[0] == 1


def test_resolve_matches_a_series_by_name(y):
    counts = as_count_matrix(pd.DataFrame(y, index=list("abcdef")))
    series = pd.Series([6.0, 5, 4, 3, 2, 1], index=list("fedcba"))
    np.testing.assert_array_equal(resolve_size_factors(counts, series), [1, 2, 3, 4, 5, 6])
    by_position = series.reset_index(drop=True)
    np.testing.assert_array_equal(resolve_size_factors(counts, by_position), series)
    with pytest.raises(InputError, match="missing in size_factors"):
        resolve_size_factors(counts, series.rename({"c": "z"}))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 1, 0, 1, 1, 0], ["is 0", "sample 2", "2 of 6"]),
        ([1, -2, 1, 1, 1, 1], ["-2", "1 of 6"]),
        ([1, np.nan, 1, 1, 1, 1], ["nan"]),
        ([1, 1, 1, 1, 1, np.inf], ["inf", "sample 5"]),
        ([1, 1], ["(2,)", "6 samples"]),
        (np.ones((6, 1)), ["(6, 1)"]),
        ("medians", ["'medians'", "ratio"]),
        (["a"] * 6, ["list"]),
        (None, ["None", "'none'"]),
    ],
)
def test_resolve_refuses(y, values, words):
    with pytest.raises(InputError) as caught:
        resolve_size_factors(as_count_matrix(y), values)
    for word in words:
        assert word in str(caught.value)


def test_options_that_cannot_be_used_are_named(y):
    zeros = y.copy()
    zeros[0, :3] = 0
    zeros[:, 4] = 0
    with pytest.raises(InputError, match="control_genes selects 2 genes, none of which is pos"):
        estimate_size_factors(zeros, control_genes=[0, 1])
    with pytest.raises(InputError, match="control_genes selects 1 gene, none of which has a count"):
        estimate_size_factors(zeros, "poscounts", control_genes=[4])
    means = np.ones(y.shape[1])
    means[2] = 0
    with pytest.raises(InputError, match="none of which has a positive value in geo_means"):
        estimate_size_factors(y, geo_means=means, control_genes=[2])
    for reference in (1.5, True, [0], float("nan"), -1):
        with pytest.raises(InputError, match="reference="):
            estimate_size_factors(y, "tmm", reference=reference)
    with pytest.raises(InputError, match="geo_means cannot be read as numbers"):
        estimate_size_factors(y, geo_means=["a"] * y.shape[1])


@pytest.mark.parametrize("method", [*FAST, "iterate"])
def test_threads_are_checked_for_every_method(y, method):
    with pytest.raises(InputError, match="threads=-3"):
        estimate_size_factors(y, method, threads=-3)
