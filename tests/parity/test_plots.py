"""What `countglm.plots` draws is what DESeq2's plotting functions return as data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from countglm import datasets, differential_expression, plots
from tests.support.r import run_r

pytestmark = pytest.mark.r

# Both read the same doubles: singular values of 7 x 500 differ in their last digits.
ROUNDING = 1e-9
GENE = "FBgn0039155"

R_CODE = """
suppressPackageStartupMessages(library(DESeq2))
save <- function(x, name) {
  write.csv(format(as.data.frame(x), digits = 17), paste0(name, ".csv"), quote = FALSE)
}
y <- as.matrix(read.csv("counts.csv", row.names = 1, check.names = FALSE))
samples <- read.csv("samples.csv", row.names = 1, stringsAsFactors = TRUE)
dds <- DESeqDataSetFromMatrix(y, samples, ~ type + condition)
dds <- DESeq(dds, quiet = TRUE)
values <- vst(dds, blind = FALSE, nsub = 1000)
save(t(assay(values)), "vst")
scores <- plotPCA(values, intgroup = c("condition", "type"), returnData = TRUE)
save(scores, "scores")
save(data.frame(share = attr(scores, "percentVar")), "share")
save(plotCounts(dds, "FBgn0039155", intgroup = "condition", returnData = TRUE), "one")
save(data.frame(size = sizeFactors(dds)), "sizes")
"""


@pytest.fixture(scope="module")
def study() -> Any:
    return datasets.pasilla()


@pytest.fixture(scope="module")
def drawn(study: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    counts = pd.DataFrame(study.X.T, index=study.var_names, columns=study.obs_names)
    folder = tmp_path_factory.mktemp("plots")
    samples = study.obs[["type", "condition"]].astype(str)
    return run_r(R_CODE, folder, counts=counts, samples=samples)


@pytest.fixture(scope="module")
def result(study: Any, drawn: dict[str, pd.DataFrame]) -> Any:
    return differential_expression(
        study, "~ type + condition", ["condition", "treated", "untreated"],
        size_factors=drawn["sizes"]["size"].to_numpy(),
    )  # fmt: skip


def points(axes: Any) -> np.ndarray:
    """All samples on the axes, sorted by where they stand across."""
    found = np.concatenate([np.asarray(each.get_offsets()) for each in axes.collections])
    return found[np.argsort(found[:, 0])]


def test_principal_components(result: Any, drawn: dict[str, pd.DataFrame]) -> None:
    axes = plots.pca(result, values=drawn["vst"].to_numpy())
    theirs = drawn["scores"][["PC1", "PC2"]].to_numpy()
    ours = points(axes)
    # The sign of a component is free.
    for component in (0, 1):
        if np.sign(ours[np.argmax(np.abs(ours[:, component])), component]) != np.sign(
            theirs[np.argmax(np.abs(theirs[:, component])), component]
        ):
            theirs[:, component] *= -1.0
    theirs = theirs[np.argsort(theirs[:, 0])]
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=ROUNDING * np.abs(theirs).max())
    share = 100 * drawn["share"]["share"]
    assert axes.get_xlabel() == f"PC1: {share.iloc[0]:.0f}% variance"
    assert axes.get_ylabel() == f"PC2: {share.iloc[1]:.0f}% variance"


def test_counts_of_a_gene(result: Any, drawn: dict[str, pd.DataFrame]) -> None:
    axes = plots.counts(result, GENE, color="condition")
    heights = np.concatenate([
        np.asarray(each.get_offsets())[:, 1]
        for each in axes.collections
        if len(each.get_offsets()) > 1
    ])  # fmt: skip
    np.testing.assert_allclose(np.sort(heights), np.sort(drawn["one"]["count"]), rtol=1e-14)
