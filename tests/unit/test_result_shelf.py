"""Results of many groups: beyond the room they wait in a folder, and come back the same."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from countglm import differential_expression
from countglm._result_shelf import ResultShelf, size_of
from countglm.counts import as_count_matrix
from tests.support.analyses import CONTRAST, analysis, study
from tests.support.screens import cells

pytestmark = pytest.mark.compiled


def test_what_has_no_room_waits_in_a_folder() -> None:
    result = analysis()
    shelf = ResultShelf(
        1.5 * size_of(result), lambda group: result.fit.counts.without_replacement()
    )
    shelf.put("a", result)
    shelf.put("b", result)
    assert list(shelf) == ["a", "b"]
    assert "b" in shelf
    assert shelf["a"] is result
    (file,) = shelf._folder.path.glob("*.h5")
    again = shelf["b"]
    assert again is not result
    pd.testing.assert_frame_equal(again.table, result.table, check_exact=True)
    # Outlying counts of the study are replaced; with them the fit is what it was.
    assert again.outliers.replaced_gene.size
    other = again.test(CONTRAST, test="lrt", reduced="~ batch")
    expected = result.test(CONTRAST, test="lrt", reduced="~ batch")
    assert np.array_equal(other.table["pvalue"], expected.table["pvalue"], equal_nan=True)
    assert list(shelf.empty()) == []
    del shelf
    assert not file.exists()


def test_a_pickle_holds_the_results() -> None:
    shelf = ResultShelf(0.0, lambda group: as_count_matrix(study()))
    shelf.put("a", analysis())
    again = pickle.loads(pickle.dumps(shelf))
    pd.testing.assert_frame_equal(again["a"].table, analysis().table, check_exact=True)


def test_groups_without_room_are_those_with(monkeypatch: pytest.MonkeyPatch) -> None:
    adata = cells()
    adata = adata[adata.obs["kind"] != "B"].copy()
    options = {"size_factors": "library", "replicates": False, "fit_type": "mean", "by": "kind"}
    roomy = differential_expression(adata, "~ condition", **options)
    monkeypatch.setattr("countglm.workflows.by._SHARE_OF_RESULTS", 0.0)
    tight = differential_expression(adata, "~ condition", p_adjust_across="BH", **options)
    assert tight.results._folder is not None
    pd.testing.assert_frame_equal(
        tight.table.drop(columns="padj_across"), roomy.table, check_exact=True
    )
    assert str(tight.summary()).splitlines()[3].startswith("  NK")
    shrunken = tight.shrink(method="normal")
    assert shrunken.results._folder is not None
    expected = roomy.shrink(method="normal").table
    assert np.array_equal(shrunken.table["log2FoldChange"], expected["log2FoldChange"])
