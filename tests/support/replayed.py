"""What R would return, made by our own replay of its rules: for tests that need no R."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from countglm.adapters.r import RResult
from countglm.deresult import DEResult


def replayed_result(result: DEResult) -> RResult:
    """Turn an analysis with ``mode="replay"`` into the answer that R's would be."""
    fit, stage, found = result.fit, result.dispersion, result.outliers
    refitted = np.zeros(fit.n_genes, dtype=bool) if found is None else found.refitted
    genes = pd.DataFrame(
        {
            "baseMean": stage.base_mean, "baseVar": stage.base_variance,
            "allZero": stage.base_mean == 0.0, "dispGeneEst": stage.genewise,
            "dispFit": stage.trend, "dispMAP": stage.map, "dispersion": stage.final,
            "dispOutlier": stage.outlier, "betaConv": fit.converged, "replace": refitted,
            "maxCooks": np.nan if found is None else found.max_cooks,
        },
        index=result.table.index,
    )  # fmt: skip
    rows = np.flatnonzero(refitted)
    counts = np.array([fit.counts.block(row, row + 1)[0] for row in rows])
    names = list(fit.coef_names)
    info: dict[str, Any] = {
        "trend": {"kind": stage.trend_kind, "coefficients": stage.trend_coefficients.tolist()},
        "prior_variance": stage.prior_variance, "residual_variance": stage.residual_variance,
        "cooks_cutoff": result.settings["cooks_cutoff"], "warnings": ["made up"],
    }  # fmt: skip
    return RResult(
        engine="DESeq2", label=result.label, table=result.table.copy(), genes=genes,
        coefficients=pd.DataFrame(fit.coefficients, index=genes.index, columns=names),
        standard_errors=pd.DataFrame(fit.standard_errors, index=genes.index, columns=names),
        size_factors=fit.size_factors, normalization_factors=None,
        design=pd.DataFrame(fit.design.matrix, columns=names), contrast=result.contrast,
        tables={}, replaced=pd.DataFrame(counts, index=genes.index[rows]) if rows.size else None,
        info=info, versions={"DESeq2": "1.38.3", "R": "4.2.2"}, log="", seconds=0.0,
    )  # fmt: skip
