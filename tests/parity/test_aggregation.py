"""Sums over cells are the frozen sums per sample and cell type of a study of interferon."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest

from countglm.aggregation import pseudobulk


@pytest.mark.data
@pytest.mark.parametrize("backed", [None, "r"])
def test_frozen_sums_of_cells(data_dir, backed):
    cells = anndata.read_h5ad(data_dir / "kang_muscat" / "counts.h5ad", backed=backed)
    folder = data_dir / "kang_muscat_pseudobulk"
    expected = pd.read_csv(folder / "counts.csv.gz", index_col=0).T
    samples = pd.read_csv(folder / "samples.csv", index_col=0)
    bulk = pseudobulk(cells, "sample_id", "cluster_id", min_cells=1)
    names = bulk.obs["cluster_id"].astype(str) + "|" + bulk.obs["sample_id"].astype(str)
    assert sorted(names) == sorted(expected.index)
    assert np.array_equal(bulk.X.toarray(), expected.loc[names, bulk.var_names])
    assert np.array_equal(bulk.obs["n_cells"], samples.loc[names, "n_cells"])
    assert list(bulk.obs["group_id"]) == list(samples.loc[names, "group_id"])
