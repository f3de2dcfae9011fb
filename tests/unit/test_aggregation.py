"""Sums of technical replicates and of cells: values, tables, storages and mistakes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from scipy import sparse

from countglm import CountglmWarning, InputError
from countglm.aggregation import collapse_replicates, pseudobulk

N_CELLS, N_GENES = 240, 30


@pytest.fixture
def counts():
    return np.random.default_rng(3).poisson(0.4, (N_CELLS, N_GENES))


@pytest.fixture
def obs():
    rng = np.random.default_rng(4)
    donor = rng.choice(["d2", "d1", "d3"], N_CELLS)
    kind = rng.choice(["T", "B"], N_CELLS)
    return pd.DataFrame(
        {
            "donor": pd.Categorical(donor, categories=["d3", "d1", "d2", "unused"]),
            "kind": kind,
            "treated": donor == "d1",
            "lineage": np.where(kind == "T", "thymus", "marrow"),
            "depth": rng.normal(size=N_CELLS),
        },
        index=[f"cell{i}" for i in range(N_CELLS)],
    )


def cells(values, obs):
    var = pd.DataFrame(
        {"symbol": [f"S{j}" for j in range(N_GENES)]}, [f"g{j}" for j in range(N_GENES)]
    )
    return AnnData(values, obs=obs, var=var)


def dense(values):
    return values.toarray() if sparse.issparse(values) else np.asarray(values)


STORAGES = {
    "dense": np.asarray,
    "float": lambda x: x.astype(np.float32),
    "CSR": sparse.csr_matrix,
    "CSC": sparse.csc_array,
}


@pytest.mark.parametrize("storage", STORAGES)
def test_sums_of_cells(counts, obs, storage):
    adata = cells(STORAGES[storage](counts), obs)
    bulk = pseudobulk(adata, "donor", "kind", min_cells=1)
    assert bulk.obs_names.tolist() == ["d3_B", "d3_T", "d1_B", "d1_T", "d2_B", "d2_T"]
    for row, name in zip(dense(bulk.X), bulk.obs_names, strict=True):
        donor, kind = name.split("_")
        mine = ((obs["donor"] == donor) & (obs["kind"] == kind)).to_numpy()
        assert np.array_equal(row, counts[mine].sum(axis=0))
        assert bulk.obs.loc[name, "n_cells"] == mine.sum()
        assert bulk.obs.loc[name, "n_counts"] == counts[mine].sum()
    assert sparse.issparse(bulk.X) == sparse.issparse(adata.X)
    assert bulk.X.dtype == np.int64
    assert bulk.var.equals(adata.var)
    assert np.array_equal(dense(adata.X), counts)


def test_columns_that_a_sample_or_a_type_determines_are_carried(counts, obs):
    bulk = pseudobulk(cells(counts, obs), "donor", "kind", min_cells=1)
    assert bulk.obs.columns.tolist() == [
        "donor",
        "kind",
        "treated",
        "lineage",
        "n_cells",
        "n_counts",
    ]
    assert bulk.obs["treated"].tolist() == [False, False, True, True, False, False]
    assert bulk.obs["donor"].cat.categories.tolist() == ["d3", "d1", "d2"]


def test_all_cells_of_a_sample(counts, obs):
    bulk = pseudobulk(cells(counts, obs), "donor")
    assert bulk.obs_names.tolist() == ["d3", "d1", "d2"]
    assert np.array_equal(bulk.X.sum(axis=0), counts.sum(axis=0))


@pytest.mark.parametrize("storage", ["dense", "CSR", "CSC"])
def test_a_file_is_read_in_parts(counts, obs, storage, tmp_path):
    expected = dense(pseudobulk(cells(counts, obs), "donor", "kind").X)
    cells(STORAGES[storage](counts), obs).write_h5ad(tmp_path / "cells.h5ad")
    backed = read_h5ad(tmp_path / "cells.h5ad", backed="r")
    assert np.array_equal(dense(pseudobulk(backed, "donor", "kind").X), expected)
    backed.file.close()


def test_small_sums_are_left_out_and_reported(counts, obs):
    obs["kind"] = np.where(np.arange(N_CELLS) < 5, "rare", obs["kind"])
    with pytest.warns(CountglmWarning, match="have fewer than 10 cells") as caught:
        bulk = pseudobulk(cells(sparse.csr_array(counts), obs), "donor", "kind")
    assert len(caught) == 1
    assert "rare" not in set(bulk.obs["kind"])
    n_counts = bulk.obs["n_counts"].sort_values()
    with pytest.warns(CountglmWarning, match="left out"):
        fewer = pseudobulk(cells(counts, obs), "donor", "kind", min_counts=n_counts.iloc[2])
    assert set(fewer.obs_names) == set(n_counts.index[2:])
    pd.testing.assert_frame_equal(
        fewer.obs, bulk.obs.loc[fewer.obs_names], check_categorical=False, check_dtype=False
    )
    assert np.array_equal(fewer.X.sum(axis=1), fewer.obs["n_counts"])


def test_a_layer_is_taken_and_x_left(counts, obs):
    adata = cells(np.log1p(counts), obs)
    adata.layers["counts"] = sparse.csr_array(counts)
    bulk = pseudobulk(adata, "donor", layer="counts")
    assert bulk.X.sum() == counts.sum()
    assert np.array_equal(adata.X, np.log1p(counts))


def test_names_stay_different(counts, obs):
    obs["donor"] = np.where(np.arange(N_CELLS) % 2, "a", "a_b")
    obs["kind"] = np.where(np.arange(N_CELLS) % 4 < 2, "b_c", "c")
    names = pseudobulk(cells(counts, obs), "donor", "kind").obs_names
    assert names.tolist() == ["a|b_c", "a|c", "a_b|b_c", "a_b|c"]


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("value", [-1.0, 0.5, np.nan])
def test_values_that_are_no_counts_are_named(counts, obs, storage, value):
    wrong = counts.astype(float)
    wrong[7, 11] = value
    adata = cells(STORAGES[storage](wrong), obs)
    with pytest.raises(InputError, match=r"1 values are no counts.* at cell 7 and gene 11"):
        pseudobulk(adata, "donor")


def test_mistakes_with_cells_are_named(counts, obs):
    adata = cells(counts, obs)
    obs["holes"] = obs["kind"].where(np.arange(N_CELLS) != 9)
    for call, message in (
        (lambda: pseudobulk(counts, "donor"), "needs an AnnData"),
        (lambda: pseudobulk(adata, "patient"), "'patient' is no column"),
        (lambda: pseudobulk(adata, "donor", layer="raw"), "no layer 'raw'"),
        (lambda: pseudobulk(adata, "donor", min_cells=0), "at least 1"),
        (lambda: pseudobulk(adata, "donor", min_cells="3"), "min_cells='3'"),
        (lambda: pseudobulk(adata, "donor", min_cells=np.inf), "min_cells=inf"),
        (lambda: pseudobulk(adata, "donor", min_counts=None), "min_counts=None"),
        (lambda: pseudobulk(adata, "donor", min_cells=500), "None of 3 sums"),
        (lambda: pseudobulk(cells(counts, obs), "donor", "holes"), "row 9"),
        (lambda: pseudobulk(AnnData(obs=obs, var=adata.var), "donor"), "no X"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("storage", STORAGES)
def test_the_layer_with_the_counts_is_named(counts, obs, storage):
    adata = cells(STORAGES[storage](np.log1p(counts)), obs)
    adata.layers["raw"] = sparse.csr_array(counts)
    adata.layers["scaled"] = counts / 3
    with pytest.raises(InputError, match=r"no counts.*layers\['raw'\] holds .* pass layer='raw'"):
        pseudobulk(adata, "donor")


def test_columns_of_lists_and_of_mixed_values_stay_behind(counts, obs):
    obs["tags"] = [None, *([["a"]] * (N_CELLS - 1))]
    obs["mixed"] = [1 if i % 2 else "one" for i in range(N_CELLS)]
    bulk = pseudobulk(cells(counts, obs), "donor")
    assert bulk.obs.columns.tolist() == ["donor", "treated", "n_cells", "n_counts"]


def test_a_column_is_not_overwritten(counts, obs):
    obs["n_counts"] = counts.sum(axis=1)
    bulk = pseudobulk(cells(counts, obs), "donor")
    assert bulk.obs["n_counts"].sum() == counts.sum()
    obs["n_cells"] = obs["donor"].cat.codes
    with pytest.raises(InputError, match=r"'n_cells', which pseudobulk writes itself.*rename"):
        pseudobulk(cells(counts, obs), "donor")


RUNS = ["run1", "run2", "run3", "run4", "run5"]
SAMPLES = ["s2", "s1", "s2", "s1", "s3"]


@pytest.fixture
def runs():
    y = np.random.default_rng(6).poisson(20, (5, 8))
    table = pd.DataFrame({"sample": SAMPLES, "dex": [1, 0, 1, 0, 1], "lane": [1, 2, 3, 4, 5]}, RUNS)
    return pd.DataFrame(y, index=RUNS, columns=[f"g{j}" for j in range(8)]), table


def test_runs_of_a_sample_are_added_up(runs):
    y, table = runs
    result = collapse_replicates(y, "sample", table)
    assert result.counts.index.tolist() == ["s1", "s2", "s3"]
    assert result.counts.columns.equals(y.columns)
    assert np.array_equal(result.counts, y.groupby(SAMPLES).sum())
    assert result.obs.columns.tolist() == ["sample", "dex", "n_replicates", "replicates"]
    assert result.obs["dex"].tolist() == [0, 1, 1]
    assert result.obs["replicates"].tolist() == ["run2,run4", "run1,run3", "run5"]


def test_labels_and_tables_go_by_name(runs):
    y, table = runs
    expected = collapse_replicates(y, "sample", table)
    by_series = collapse_replicates(y, table["sample"][::-1])
    shuffled = collapse_replicates(y, "sample", table[::-1])
    for other in (by_series, shuffled):
        assert other.counts.equals(expected.counts)
    assert shuffled.obs.equals(expected.obs)
    by_dict = collapse_replicates(y, "sample", {name: list(table[name]) for name in table})
    assert by_dict.obs.equals(expected.obs)
    plain = collapse_replicates(y.to_numpy(), SAMPLES)
    assert np.array_equal(plain.counts, expected.counts)
    assert plain.obs["replicates"].tolist() == ["1,3", "0,2", "4"]


def test_an_anndata_gives_an_anndata(runs):
    y, table = runs
    adata = AnnData(sparse.csr_matrix(y.to_numpy()), obs=table, var=pd.DataFrame(index=y.columns))
    result = collapse_replicates(adata, "sample")
    assert result.obs_names.tolist() == ["s1", "s2", "s3"]
    assert np.array_equal(result.X, collapse_replicates(y, "sample", table).counts)
    assert result.var_names.equals(adata.var_names)


def test_mistakes_with_runs_are_named(runs):
    y, table = runs
    for options, message in (
        ({"groupby": "patient", "obs": table}, "'patient' is no column"),
        ({"groupby": "sample"}, "there is none"),
        ({"groupby": ["a", "b"]}, "2 labels for 5 samples"),
        ({"groupby": ["a", None, "b", "b", "b"]}, "row 1"),
        ({"groupby": "sample", "obs": table.iloc[:4]}, "missing in the sample table"),
        ({"groupby": "sample", "obs": table.iloc[:4].reset_index(drop=True)}, "4 rows"),
    ):
        with pytest.raises(InputError, match=message):
            collapse_replicates(y, **options)
