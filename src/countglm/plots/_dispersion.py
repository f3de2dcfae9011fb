"""Dispersions against means: of each gene alone, the trend, and as used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.plots._axes import canvas, say
from countglm.plots._points import Points, dispersion_floor, dispersion_points, stages_of
from countglm.plots._style import (
    BLUE,
    GREY,
    MANY,
    ORANGE,
    RASTER_ABOVE,
    VERMILION,
    legend,
    logarithmic,
    scatter,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.dispersion import DispersionFit

# Points of the line of a trend, evenly spaced in the logarithm of the mean.
_LINE = 200


def dispersion(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the dispersion of every gene against its mean count.

    Grey: of each gene alone. Vermilion: the trend. Blue: as used. Orange rings: genes that vary so
    much more than the trend that they keep their own. Dispersions near 0 are triangles at the
    lower margin.

    Parameters
    ----------
    result : DEResult, DispersionFit or GLMFit
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Something other than a result or dispersions.
    """
    stages = stages_of(result)
    used = dispersion_points(stages)
    with canvas(ax) as axes:
        if not used.rows.size:
            say(axes, "No gene has a dispersion to draw.")
            return axes
        if not (used.y > used.limit).any() and not (stages.final[used.rows] > 0.0).any():
            say(axes, "All dispersions are 0: the counts were taken for Poisson counts.")
            return axes
        _stages(axes, stages, used)
        logarithmic(axes, "x", "y")
        axes.set_xlabel("mean of counts divided by size factors")
        axes.set_ylabel("dispersion")
        legend(axes, columns=4)
    return axes


def _stages(axes: Axes, stages: DispersionFit, used: Points) -> None:
    floor, many = dispersion_floor(stages), used.rows.size > MANY
    estimated = stages.trend_kind != "none"
    if estimated:
        alone = np.flatnonzero((stages.base_mean > 0.0) & np.isfinite(stages.genewise))
        mean, value = stages.base_mean[alone], stages.genewise[alone]
        _forms(axes, mean, np.maximum(value, floor), value < floor, GREY, "each gene alone", many)
    word = "as used"
    _forms(axes, used.x, used.y, used.form == "v", BLUE, word, many)
    _trend(axes, stages)
    kept = used.rows[stages.outlier[used.rows]]
    if kept.size:
        axes.scatter(
            stages.base_mean[kept], np.maximum(stages.final[kept], floor), s=14 if many else 26,
            facecolors="none", edgecolors=ORANGE, linewidths=0.8, alpha=0.9,
            label=f"keeps its own ({kept.size:,})", rasterized=kept.size > RASTER_ABOVE,
        )  # fmt: skip


def _forms(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    low: NDArray[np.bool_],
    colour: str,
    label: str,
    many: bool,
) -> None:
    """Draw points, those at the floor as triangles."""
    scatter(axes, x[~low], y[~low], colour, "o", label, many)
    scatter(axes, x[low], y[low], colour, "v", None if (~low).any() else label, many)


def _trend(axes: Axes, stages: DispersionFit) -> None:
    known = (stages.base_mean > 0.0) & np.isfinite(stages.trend)
    if not known.any():
        return
    mean, trend = stages.base_mean[known], stages.trend[known]
    if stages.trend_function is None:
        # Values that were given, one a gene, need not lie on a line.
        scatter(axes, mean, trend, VERMILION, "o", "trend", mean.size > MANY)
        return
    grid = np.exp(np.linspace(np.log(mean.min()), np.log(mean.max()), _LINE))
    line = np.asarray(stages.trend_function(grid), dtype=np.float64)
    axes.plot(grid, line, color=VERMILION, linewidth=1.5, label="trend")
