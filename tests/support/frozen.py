"""Frozen results of DESeq2 1.38.3 as `run_r` would return them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from countglm.adapters.r import RResult
from tests.support.studies import Analysed


def frozen_result(study: Analysed) -> RResult:
    """DESeq2's analysis of a study, with its defaults, from the golden tables."""
    genes, table = study.golden("deseq2_genes"), study.golden("deseq2_wald")
    coefficients, p = study.golden("deseq2_coef"), study.golden("design").shape[1]
    replay = study.analyse("replay")
    found = replay.outliers.refitted
    rows = np.flatnonzero(found)
    counts = replay.fit.counts.take_genes(rows).block(0, rows.size)
    if rows.size:
        told = (genes["replace"] == True).to_numpy()  # noqa: E712 - NA is no flag
        assert (told == found).all(), "the replayed genes with replaced counts are not R's"
    kind: dict[str, Any] = {
        "kind": "parametric",
        "coefficients": [study.info("asymptDisp"), study.info("extraPois")],
    }
    natural = coefficients * np.log(2.0)
    return RResult(
        engine="DESeq2", label=" ".join(study.contrast), table=table, genes=genes,
        coefficients=natural.iloc[:, :p], standard_errors=natural.iloc[:, p:],
        size_factors=study.size_factors, normalization_factors=None,
        design=study.golden("design"), contrast=replay.contrast, tables={},
        replaced=pd.DataFrame(counts, index=genes.index[rows]) if rows.size else None,
        info={"trend": kind, "prior_variance": study.info("dispPriorVar"),
              "residual_variance": study.info("varLogDispEsts")},
        versions={"DESeq2": "1.38.3", "R": "4.2.2"}, log="", seconds=0.0,
    )  # fmt: skip
