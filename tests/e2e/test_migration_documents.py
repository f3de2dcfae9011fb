"""Every cell of the tables of equivalents runs; those in R are run by test_r_documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import matplotlib
import numpy as np
import pytest

import countglm
from tests.support.documents import equivalents

pytestmark = pytest.mark.compiled
FORMULA = "~ type + condition"
CONTRAST = ["condition", "treated", "untreated"]


def page(name: str) -> list[tuple[str, str]]:
    """Return the rows of a page's tables."""
    return equivalents(f"docs/migrate/{name}.md")


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """Return what the pages say their tables name, for a part of pasilla's genes."""
    adata = countglm.datasets.pasilla()
    adata = adata[:, adata.X.sum(axis=0) >= 10].copy()
    adata = adata[
        :, np.unique([*range(0, adata.n_vars, 12), adata.var_names.get_loc("FBgn0039155")])
    ]
    adata = adata.copy()
    adata.obs["condition"] = adata.obs["condition"].cat.reorder_categories(CONTRAST[:0:-1])
    adata.obs["sample"] = adata.obs["runs"] = [*"aabcdef"]
    options: dict[str, Any] = {"size_factors": "tmm"}
    rng = np.random.default_rng(4)
    return {
        "adata": adata,
        "anndata": anndata,
        "contrast": CONTRAST,
        "countglm": countglm,
        "counts": adata.to_df(),
        "estimated": adata.X + 0.3,
        "fitted": countglm.fit_glm(adata, FORMULA, **options),
        "formula": FORMULA,
        "lengths": np.broadcast_to(rng.uniform(500.0, 3000.0, adata.n_vars), adata.shape),
        "np": np,
        "offsets": np.zeros(adata.n_obs),
        "result": countglm.differential_expression(adata, FORMULA, CONTRAST),
        "samples": adata.obs,
    }


@pytest.mark.parametrize("name", ["deseq2", "edger", "pydeseq2"])
def test_our_side_runs(
    name: str, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    ours = [right for _, right in page(name)]
    assert len(ours) >= 20
    # Counts that come from R are genes x samples.
    counts = names["counts"] if name == "pydeseq2" else names["counts"].T
    for code in ours:
        exec(code, names | {"counts": counts})


@pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
)
def test_the_side_of_pydeseq2_runs(names: dict[str, Any]) -> None:
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    matplotlib.use("agg")
    space = names | {"DeseqDataSet": DeseqDataSet, "DeseqStats": DeseqStats}
    dds = DeseqDataSet(counts=names["counts"], metadata=names["samples"], design=FORMULA)
    dds.deseq2()
    space |= {"dds": dds, "stats": DeseqStats(dds, contrast=CONTRAST)}
    space["stats"].summary()
    for code, _ in page("pydeseq2"):
        exec(code, dict(space))
