"""Results of differential expression inside an AnnData, through h5ad and back."""

from __future__ import annotations

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import countglm
from countglm.deresult import DEResult
from countglm.errors import InputError

KEY = "countglm_de"


@pytest.fixture(scope="module")
def adata() -> ad.AnnData:
    """The first genes of the pasilla study, with symbols and a layer."""
    study = countglm.datasets.pasilla()[:, :1200].copy()
    study.var["symbol"] = [f"S{i}" for i in range(study.n_vars)]
    study.layers["doubled"] = study.X * 2
    return study


@pytest.fixture(scope="module")
def result(adata: ad.AnnData) -> DEResult:
    contrast = ["condition", "treated", "untreated"]
    return countglm.differential_expression(adata, "~ type + condition", contrast, threads=1)


def dense(values: object) -> np.ndarray:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def test_h5ad_keeps_all_and_nothing_else_changes(
    adata: ad.AnnData, result: DEResult, tmp_path: Path
) -> None:
    own = adata.copy()
    returned = result.to_anndata(own)
    assert returned is own
    own.write_h5ad(tmp_path / "study.h5ad")
    again = ad.read_h5ad(tmp_path / "study.h5ad")
    np.testing.assert_array_equal(dense(again.X), dense(adata.X))
    np.testing.assert_array_equal(dense(again.layers["doubled"]), dense(adata.layers["doubled"]))
    pd.testing.assert_frame_equal(again.obs, adata.obs, check_dtype=False)
    assert list(again.var.columns) == ["symbol"]
    assert set(again.varm) == {KEY}
    assert set(again.uns) == {*adata.uns, KEY}

    table = again.varm[KEY]
    assert "symbol" not in table, "the annotation stands in .var already"
    numbers = ["baseMean", "log2FoldChange", "lfcSE", "stat", "pvalue", "padj"]
    np.testing.assert_array_equal(table[numbers], result.table[numbers])
    np.testing.assert_array_equal(table["dispersion"], result.dispersion.final)
    for name in ("test", "status", "na_reason"):
        np.testing.assert_array_equal(table[name].isna(), result.table[name].isna())
        known = result.table[name].notna().to_numpy()
        assert table[name][known].tolist() == result.table[name][known].tolist()

    behind = again.uns[KEY]
    assert json.loads(behind["settings"]) == result.settings
    assert json.loads(behind["provenance"])["versions"]["countglm"] == countglm.__version__
    assert behind["contrast"] == result.label
    assert behind["dispersion"]["trend_kind"] == "parametric"
    assert behind["dispersion"]["prior_variance"] == result.dispersion.prior_variance
    np.testing.assert_array_equal(behind["size_factors"], result.fit.size_factors)


def test_an_entry_is_replaced_only_by_force(adata: ad.AnnData, result: DEResult) -> None:
    own = result.to_anndata(adata.copy())
    with pytest.raises(InputError, match="holds 'countglm_de' already; give another key="):
        result.to_anndata(own)
    result.to_anndata(own, force=True)
    result.test("type[T.single-read]", threads=1).to_anndata(own, "second")
    assert set(own.varm) == {KEY, "second"}
    own.uns["third"] = "mine"
    with pytest.raises(InputError, match="'third'"):
        result.to_anndata(own, "third")


def test_genes_are_matched_by_name(adata: ad.AnnData, result: DEResult) -> None:
    turned = result.to_anndata(adata[:, ::-1])
    assert not turned.is_view
    assert KEY not in adata.varm
    np.testing.assert_array_equal(
        turned.varm[KEY]["pvalue"], result.table["pvalue"].to_numpy()[::-1]
    )
    with pytest.raises(InputError, match="adata has 10 genes, the fit has 1200"):
        result.to_anndata(adata[:, :10])


def test_a_new_object_and_a_shrunken_result(result: DEResult, tmp_path: Path) -> None:
    shrunken = result.shrink(method="apeglm", svalue=True, threads=1).to_anndata()
    shrunken.write_h5ad(tmp_path / "new.h5ad")
    again = ad.read_h5ad(tmp_path / "new.h5ad")
    assert again.shape == (7, 1200)
    assert again.X is None
    assert again.varm[KEY]["svalue"].notna().any()
    assert json.loads(again.uns[KEY]["settings"])["shrinkage"]["method"] == "apeglm"


def test_log_normalised_values_name_the_layer_of_counts(adata: ad.AnnData) -> None:
    data = adata.copy()
    data.layers["counts"] = data.X.copy()
    data.X = np.log1p(dense(data.X))
    with pytest.raises(InputError, match=r"layers\['counts'\].*pass layer='counts'"):
        countglm.differential_expression(data, "~ condition", "condition[T.untreated]")
