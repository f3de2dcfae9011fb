"""The embedded studies carry the published counts, samples and citations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from countglm import datasets

SHAPES = {"airway": (8, 64102), "pasilla": (7, 14599)}


@pytest.fixture(scope="module", params=sorted(SHAPES))
def study(request):
    return request.param, getattr(datasets, request.param)()


def test_shape_type_and_layout(study):
    name, adata = study
    assert adata.shape == SHAPES[name]
    assert adata.X.dtype == np.int32
    assert adata.X.T.flags.c_contiguous
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique


def test_citation_names_journal_and_accession(study):
    name, adata = study
    assert "doi:10." in adata.uns["citation"]
    assert adata.uns["accession"] == {"airway": "GEO GSE52778", "pasilla": "GEO GSE18508"}[name]
    assert adata.uns["design"].startswith("~")


def test_factors_are_categories_with_sorted_levels(study):
    name, adata = study
    factors = {"airway": ["cell", "dex"], "pasilla": ["type", "condition"]}[name]
    for factor in factors:
        levels = list(adata.obs[factor].cat.categories)
        assert levels == sorted(set(adata.obs[factor]))
        assert len(levels) > 1


def test_known_entries():
    airway, pasilla = datasets.airway(), datasets.pasilla()
    assert airway["SRR1039509", "ENSG00000000003"].X.item() == 448
    assert int((airway.X.sum(axis=0) == 0).sum()) == 30633
    assert pasilla["treated2", "FBgn0000008"].X.item() == 88
    assert list(pasilla.obs["number of lanes"]) == [2, 6, 2, 2, 5, 2, 2]


def test_survives_h5ad(study, tmp_path):
    import anndata

    _, adata = study
    adata.write_h5ad(tmp_path / "study.h5ad")
    back = anndata.read_h5ad(tmp_path / "study.h5ad")
    np.testing.assert_array_equal(back.X, adata.X)
    assert back.uns["citation"] == adata.uns["citation"]


def test_each_call_returns_an_own_copy():
    first = datasets.pasilla()
    first.X[0, 0] = 99
    assert datasets.pasilla().X[0, 0] == 0


def test_size_in_the_wheel():
    folder = Path(datasets.__file__).parent / "data"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_500_000


@pytest.mark.data
def test_equal_to_the_published_tables(study, data_dir):
    name, adata = study
    folder = data_dir / name
    counts = pd.read_csv(folder / "counts.csv.gz", index_col=0)
    samples = pd.read_csv(folder / "samples.csv", index_col=0)
    np.testing.assert_array_equal(adata.X, counts.to_numpy().T)
    assert list(adata.var_names) == list(counts.index)
    assert list(adata.obs_names) == list(counts.columns) == list(samples.index)
    for column in samples.columns:
        assert list(adata.obs[column]) == list(samples[column])
