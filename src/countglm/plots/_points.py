"""The points of the plots that show a point per gene, exactly as they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._families import require_count_family
from countglm._ranking import evidence
from countglm.deresult import DEResult
from countglm.dispersion import DispersionFit
from countglm.errors import InputError
from countglm.plots._tables import table_of
from countglm.results import GLMFit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

# Fold changes reach as far as all but one gene of a thousand, with some air.
_LEAST_CHANGE = 0.1
_SHARE, _AIR, _FRAME = 0.999, 1.15, 1.04
# A p-value of 0 stands above the smallest positive one.
_ABOVE = 1.06
# Dispersions below this are 0 for all that counts; replayed ones end at 1e-8.
_NEAR_ZERO = 1e-6


@dataclass(frozen=True, eq=False)
class Points:
    """One point per gene.

    Attributes
    ----------
    rows : (k,) int64
        Rows of the result's table, ascending.
    x, y : (k,) float64
        Where the point is drawn, in the units of the axes.
    form : (k,) str
        Marker: "o" where the gene stands, a triangle at the margin beyond which it lies.
    limit : float
        Half the width of the axis of fold changes that holds all but the triangles; the floor of
        dispersions.
    """

    rows: NDArray[np.int64]
    x: Floats
    y: Floats
    form: NDArray[np.str_]
    limit: float


def reach(table: pd.DataFrame, rows: NDArray[np.intp]) -> float:
    """Return the absolute log2 fold change from which genes are drawn at the margin.

    Genes that were adjusted for, which are no noise of a few counts, widen the axis to twice.
    """
    change = np.abs(_column(table, "log2FoldChange")[rows])
    finite = np.isfinite(change)
    if not finite.any():
        return 1.0
    edge = max(float(np.quantile(change[finite], _SHARE)), _LEAST_CHANGE)
    sure = finite & ~np.isnan(_column(table, evidence(table)[0])[rows])
    largest = float(change[sure].max()) if sure.any() else 0.0
    return _AIR * edge if largest > 2.0 * edge else max(_AIR * edge, _FRAME * largest)


def ma_points(result: Any, limit: float | None = None) -> Points:
    """Mean of normalised counts and log2 fold change of the genes that have both."""
    table = table_of(result, "baseMean", "log2FoldChange")
    mean, change = _column(table, "baseMean"), _column(table, "log2FoldChange")
    rows = np.flatnonzero(~np.isnan(change) & (mean > 0.0))
    mean, change = mean[rows], change[rows]
    edge = reach(table, rows) if limit is None else limit
    form = np.where(change > edge, "^", np.where(change < -edge, "v", "o"))
    return Points(rows.astype(np.int64), mean, np.clip(change, -edge, edge), form, edge)


def volcano_points(result: Any, limit: float | None = None) -> Points:
    """Log2 fold change and minus log10 p-value (or s-value) of the genes that have both."""
    table = table_of(result, "log2FoldChange")
    change, p = _column(table, "log2FoldChange"), _column(table, evidence(table)[1])
    rows = np.flatnonzero(~np.isnan(change) & ~np.isnan(p))
    change, p = change[rows], p[rows]
    edge = reach(table, rows) if limit is None else limit
    none = p == 0.0
    height = -np.log10(np.where(none, 1.0, p)) + 0.0
    height[none] = _ABOVE * max(float(height.max(initial=0.0)), 1.0)
    form = np.where(none, "^", "o")
    form = np.where(change > edge, ">", np.where(change < -edge, "<", form))
    return Points(rows.astype(np.int64), np.clip(change, -edge, edge), height, form, edge)


def dispersion_points(result: Any) -> Points:
    """Mean of normalised counts and dispersion as used; those near 0 stand at a floor."""
    stages = stages_of(result)
    rows = np.flatnonzero((stages.base_mean > 0.0) & np.isfinite(stages.final))
    floor = dispersion_floor(stages)
    used = stages.final[rows]
    form = np.where(used < floor, "v", "o")
    return Points(
        rows.astype(np.int64), stages.base_mean[rows], np.maximum(used, floor), form, floor
    )


def stages_of(result: Any) -> DispersionFit:
    """Return the dispersions of a result, or of a fit of genes that share nothing.

    Raises
    ------
    InputError
        Something that has none.
    """
    if isinstance(result, DEResult):
        return result.dispersion
    if isinstance(result, DispersionFit):
        return result
    if not isinstance(result, GLMFit):
        raise InputError(
            "dispersion() draws the result of differential_expression, estimate_dispersion or "
            f"fit_glm, not an object of type {type(result).__name__}."
        )
    require_count_family(result, "dispersion()")
    none = np.full(result.n_genes, np.nan)
    return DispersionFit(
        genewise=none, trend=none, map=none,
        final=np.where(result.converged, result.dispersion, np.nan),
        outlier=np.zeros(result.n_genes, dtype=np.bool_), base_mean=result.base_mean,
        base_variance=none, prior_variance=np.nan, residual_variance=np.nan, trend_kind="none",
        trend_coefficients=np.zeros(0), trend_function=None, residual_df=0,
    )  # fmt: skip


def dispersion_floor(stages: DispersionFit) -> float:
    """Return the dispersion below which genes are drawn at the lower margin."""
    shown = stages.base_mean > 0.0
    low = [
        values[shown & (values > _NEAR_ZERO) & np.isfinite(values)]
        for values in (stages.genewise, stages.final)
    ]
    least = [float(np.quantile(values, 0.01)) for values in low if values.size]
    return min(least) / 3.0 if least else 1e-3


def _column(table: pd.DataFrame, name: str) -> Floats:
    return table[name].to_numpy(dtype=np.float64)
