"""A result as annotation of an AnnData."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ._de_store import plain
from ._samples import annotation_columns
from ._tables import matched_adata
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from .deresult import DEResult


def annotate(result: DEResult, adata: AnnData | None, key: str, force: bool) -> AnnData:
    """Write ``result`` to ``.varm[key]`` and ``.uns[key]`` of ``adata`` or of a new one."""
    adata, genes = matched_adata(result.fit, adata)
    if not force and (key in adata.varm or key in adata.uns):
        raise InputError(
            f"adata holds {key!r} already; give another key=, or replace it with force=True."
        )
    adata.varm[key] = _frame(result).iloc[genes].set_index(adata.var_names)
    adata.uns[key] = _facts(result)
    return adata


def _frame(result: DEResult) -> pd.DataFrame:
    """The table without the genes' own annotation, in types that h5ad keeps."""
    table = result.table.drop(columns=annotation_columns(result.var))
    for name in table.columns:
        if table[name].dtype == object:
            table[name] = table[name].astype("category")
    stages = result.dispersion
    table["dispersion"] = stages.final
    table["dispersionOutlier"] = stages.outlier
    return table


def _facts(result: DEResult) -> dict[str, Any]:
    stages = result.dispersion
    return {
        "contrast": result.label,
        "contrast_vector": result.contrast,
        "coef_names": np.array(result.fit.coef_names, dtype=object),
        "settings": json.dumps(plain(result.settings)),
        "provenance": json.dumps(plain(result.provenance)),
        "counts_fingerprint": result.fit.counts_fingerprint,
        "size_factors": result.fit.size_factors,
        "dispersion": {
            "trend_kind": stages.trend_kind,
            "trend_coefficients": stages.trend_coefficients,
            "prior_variance": float(stages.prior_variance),
            "residual_variance": float(stages.residual_variance),
            "residual_df": int(stages.residual_df),
        },
    }
