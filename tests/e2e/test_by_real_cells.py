"""A real table of cells by type, as sums over samples and cell by cell."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import countglm
from countglm import CountglmWarning
from countglm.report import write_groups_report

pytestmark = [pytest.mark.data, pytest.mark.compiled]
MODEL = ("~ group_id", ["group_id", "stim", "ctrl"])


@pytest.fixture(scope="module")
def cells(data_dir: Path) -> ad.AnnData:
    return ad.read_h5ad(data_dir / "kang_muscat" / "counts.h5ad")


# Genes with adjusted p below 0.1: by sums over samples, and cell by cell
# (docs/guides/single-cell.md).
CALLED = {
    "B cells": (153, 350), "CD4 T cells": (128, 249), "CD8 T cells": (35, 128),
    "CD14+ Monocytes": (497, 943), "FCGR3A+ Monocytes": (313, 629),
}  # fmt: skip


def test_sums_over_samples_by_type(cells: ad.AnnData) -> None:
    bulk = countglm.pseudobulk(cells, "sample_id", "cluster_id")
    grouped = countglm.differential_expression(bulk, *MODEL, by="cluster_id")
    assert len(grouped) == 5
    assert grouped.caution == ""
    for kind, result in grouped.items():
        part = bulk[bulk.obs["cluster_id"] == kind].copy()
        alone = countglm.differential_expression(part, *MODEL)
        assert alone.table.equals(result.table)
        # Interferon: these answer in every type of blood cell.
        assert (result.table.loc[["ISG15", "IFI6"], "padj"] < 0.05).all()
        assert (result.table.loc[["ISG15", "IFI6"], "log2FoldChange"] > 2).all()


def test_cell_by_cell_by_type(cells: ad.AnnData, tmp_path: Path) -> None:
    with pytest.warns(CountglmWarning, match=r"pseudobulk\(adata, 'sample_id', 'cluster_id'\)"):
        grouped = countglm.differential_expression(
            cells, *MODEL, by="cluster_id", size_factors="library"
        )
    part = cells[cells.obs["cluster_id"] == "B cells"].copy()
    alone = countglm.differential_expression(part, *MODEL, size_factors="library", replicates=False)
    assert alone.table.equals(grouped["B cells"].table)
    bulk = countglm.pseudobulk(cells, "sample_id", "cluster_id")
    sums = countglm.differential_expression(bulk, *MODEL, by="cluster_id")
    called = {
        kind: tuple(int((each[kind].table["padj"] < 0.1).sum()) for each in (sums, grouped))
        for kind in grouped
    }
    assert called == CALLED
    for kind in grouped:
        both = sums[kind].table["padj"] < 0.05
        one, other = (each[kind].table.loc[both, "log2FoldChange"] for each in (grouped, sums))
        known = np.isfinite(one) & np.isfinite(other)
        assert (np.sign(one[known]) == np.sign(other[known])).mean() > 0.98
    paths = write_groups_report(grouped, tmp_path / "report.html")
    assert len(paths) == 6
    # Figures and all genes of a group on each page.
    assert max(path.stat().st_size for path in paths) < 2_500_000


def test_donors_that_have_both_conditions_are_no_mistake(cells: ad.AnnData) -> None:
    # The donor is in the name of the sample; both donors were given both conditions.
    part = cells[cells.obs["cluster_id"] == "B cells"].copy()
    part.obs["donor"] = part.obs.pop("sample_id").str[-3:].to_numpy()
    result = countglm.differential_expression(
        part, "~ donor + group_id", ["group_id", "stim", "ctrl"], size_factors="library"
    )
    assert result.fit.n_samples == 298
