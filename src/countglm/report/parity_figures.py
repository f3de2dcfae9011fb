"""Figures of a parity certificate: our values against the other engine's, coloured by reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._names import plural
from countglm.adapters.parity import stages
from countglm.plots._style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    MANY,
    ORANGE,
    PURPLE,
    RASTER_ABOVE,
    SKY,
    VERMILION,
    Floats,
    logarithmic,
)
from countglm.report.drawing import draw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Bools = NDArray[np.bool_]

# Large groups come first and lie below: softer colours for them, the strong ones for the few.
_COLOURS = (SKY, ORANGE, BLUE, GREEN, PURPLE, VERMILION)
_FORMS = ("o", "D", "s", "P")
_SIZE = (4.0, 4.0)
_CELLS = 500


@dataclass(frozen=True)
class Mark:
    """How the genes of one reason are drawn; ``form`` is a marker of matplotlib."""

    colour: str
    form: str

    @property
    def round(self) -> bool:
        """Whether the form is a disc."""
        return self.form == "o"


WITHIN = Mark(GREY, "o")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Panel:
    """One scatter: the stage, how its axes are scaled, and what they show."""

    stage: str
    scale: str
    title: str
    note: str


PANELS = (
    Panel(stages.GENEWISE, "log", "dispersion of each gene alone", "Both axes logarithmic."),
    Panel(stages.FINAL, "log", "dispersion as used", "Both axes logarithmic."),
    Panel(stages.LFC, "linear", "log2 fold change", ""),
    Panel(stages.ERROR, "log", "standard error of the log2 fold change", "Both logarithmic."),
    Panel(stages.P, "minus log", "\N{MINUS SIGN}log10 p-value", ""),
)


@dataclass(frozen=True)
class Points:
    """Points of one figure in the units of its axes, beside what the figure leaves out."""

    x: Floats
    y: Floats
    groups: NDArray[np.object_]
    n_one_sided: int
    n_beyond: int
    limits: tuple[float, float]


def marks(reasons: pd.DataFrame) -> dict[str, Mark]:
    """Return a mark for every reason that occurs, the most frequent first.

    Beyond as many reasons as there are colours the form tells; what has no reason is black.
    """
    codes = reasons.to_numpy(dtype=object).ravel()
    found, counts = np.unique(codes[codes != ""].astype(str), return_counts=True)
    names = [str(found[i]) for i in np.lexsort((found, -counts))]
    looks = [Mark(colour, form) for form in _FORMS for colour in _COLOURS]
    own = dict(zip([name for name in names if name != UNKNOWN], looks, strict=False))
    return own | ({UNKNOWN: Mark(INK, "X")} if UNKNOWN in names else {})


def stage_points(values: pd.DataFrame, reasons: pd.DataFrame, panel: Panel) -> Points:
    """Return what a panel draws: the genes with a value on both sides."""
    ours = values[f"{panel.stage} ours"].to_numpy(dtype=np.float64)
    theirs = values[f"{panel.stage} theirs"].to_numpy(dtype=np.float64)
    if panel.scale == "minus log":
        with np.errstate(divide="ignore"):
            ours, theirs = -np.log10(ours), -np.log10(theirs)
    known = ~(np.isnan(ours) | np.isnan(theirs))
    one_sided = int(np.count_nonzero(np.isnan(ours) != np.isnan(theirs)))
    x, y = theirs[known], ours[known]
    low, high = _limits(np.concatenate([x, y]), panel.scale)
    beyond = (np.minimum(x, y) < low) | (np.maximum(x, y) > high)
    return Points(
        x, y, _groups(reasons, panel.stage)[known], one_sided, int(beyond.sum()), (low, high)
    )


def against(points: Points, panel: Panel, engine: str, palette: Mapping[str, Mark]) -> str:
    """Draw one stage: ours against theirs, with the diagonal; far values at the margin."""
    low, high = points.limits

    def paint(axes: Axes) -> None:
        if panel.scale == "log":
            logarithmic(axes, "x", "y")
        axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
        _groups_of_points(axes, points, palette, points.limits, points.limits)
        axes.set_aspect("equal", adjustable="box")
        pad = _padded(points.limits, panel.scale)
        axes.set_xlim(*pad)
        axes.set_ylim(*pad)
        axes.set_title(panel.title, fontsize=10, color=INK)
        axes.set_xlabel(engine)
        axes.set_ylabel("countglm")

    return draw(paint, _SIZE)


def difference_points(values: pd.DataFrame, reasons: pd.DataFrame) -> Points:
    """Return the mean (x) and the absolute difference of log2 fold changes (y) of the genes."""
    stage = stages.LFC
    mean = values[f"{stages.BASE_MEAN} theirs"].to_numpy(dtype=np.float64)
    ours = values[f"{stage} ours"].to_numpy(dtype=np.float64)
    theirs = values[f"{stage} theirs"].to_numpy(dtype=np.float64)
    known = ~(np.isnan(ours) | np.isnan(theirs)) & (mean > 0)
    ours, theirs = ours[known], theirs[known]
    with np.errstate(invalid="ignore"):
        gap = np.where(ours == theirs, 0.0, np.abs(ours - theirs))
    inside = gap[np.isfinite(gap) & (gap > 0)]
    low = max(float(inside.min()), 1e-16) if inside.size else 1e-16
    high = max(float(inside.max()), 10 * low) if inside.size else 1.0
    beyond = int(np.count_nonzero((gap < low) | (gap > high)))
    return Points(mean[known], gap, _groups(reasons, stage)[known], 0, beyond, (low, high))


def difference(points: Points, palette: Mapping[str, Mark]) -> str:
    """Draw the differences of the fold changes over the mean; none and infinite at the margins."""

    def paint(axes: Axes) -> None:
        logarithmic(axes, "x", "y")
        if points.x.size:
            span = (float(points.x.min()), float(points.x.max()))
            _groups_of_points(axes, points, palette, span, points.limits)
        axes.set_ylim(*_padded(points.limits, "log"))
        axes.set_title("difference of log2 fold changes", fontsize=10, color=INK)
        axes.set_xlabel("mean of counts divided by size factors")
        axes.set_ylabel("absolute difference (log2)")

    return draw(paint, _SIZE)


def _groups(reasons: pd.DataFrame, stage: str) -> NDArray[np.object_]:
    if stage in reasons:
        return reasons[stage].to_numpy(dtype=object)
    return np.full(len(reasons), "", dtype=object)


def _limits(values: Floats, scale: str) -> tuple[float, float]:
    """Return the ends of both axes; what lies beyond is drawn at the margin."""
    if scale == "log":
        inside = values[np.isfinite(values) & (values > 0)]
        if not inside.size:
            return 0.1, 1.0
        low = max(float(np.quantile(inside, 0.002)) / 3, float(inside.min()), 1e-9)
        return low, max(float(inside.max()), 10 * low)
    finite = values[np.isfinite(values)]
    if scale == "minus log":
        return 0.0, max(float(finite.max()), 1.0) if finite.size else 1.0
    edge = max(float(np.quantile(np.abs(finite), 0.999)), 1.0) if finite.size else 1.0
    return -1.15 * edge, 1.15 * edge


def _padded(limits: tuple[float, float], scale: str) -> tuple[float, float]:
    low, high = limits
    if scale == "log":
        factor = (high / low) ** 0.04
        return low / factor, high * factor
    return low - 0.04 * (high - low), high + 0.04 * (high - low)


def _groups_of_points(
    axes: Axes,
    points: Points,
    palette: Mapping[str, Mark],
    across: tuple[float, float],
    along: tuple[float, float],
) -> None:
    """Draw all points, equal genes first, then the reasons from the most frequent on."""
    many, raster = points.x.size > MANY, points.x.size > RASTER_ABOVE
    x, y = np.clip(points.x, *across), np.clip(points.y, *along)
    arrows = np.select(
        [points.y > along[1], points.y < along[0], points.x > across[1], points.x < across[0]],
        ["^", "v", ">", "<"],
        default="",
    )
    cell = _cells(x, y, axes.get_xscale() == "log", axes.get_yscale() == "log")
    for group, mark in {"": WITHIN, **palette}.items():
        mine = points.groups == group
        for arrow in ("", "<", ">", "v", "^"):
            places = np.flatnonzero(mine & (arrows == arrow))
            # Points that would fall on the same dot are drawn once: the picture is the same and
            # its file stays small however many genes there are.
            places = places[np.sort(np.unique(cell[places], return_index=True)[1])]
            if places.size:
                axes.scatter(
                    x[places], y[places], s=_area(group, arrow, places.size, many),
                    c=mark.colour, marker=arrow or mark.form, linewidths=0, rasterized=raster,
                    antialiased=not raster, zorder=2,
                )  # fmt: skip


def _area(group: str, arrow: str, n: int, many: bool) -> float:
    """Size of a point: larger where few, so that none is lost among many."""
    if not group:
        return 3.0 if many else 8.0
    base = 6.0 if n > 500 else 14.0
    return base * (1.5 if arrow else 1.0)


def _cells(x: Floats, y: Floats, log_x: bool, log_y: bool) -> NDArray[np.int64]:
    """Number of the dot (n,) that a point falls on."""
    cells = np.zeros(x.size, dtype=np.int64)
    for values, log in ((x, log_x), (y, log_y)):
        scaled = np.log(values) if log else values
        low, high = (float(scaled.min()), float(scaled.max())) if x.size else (0.0, 1.0)
        width = (high - low) or 1.0
        cells = cells * (_CELLS + 1) + np.round((scaled - low) / width * _CELLS).astype(np.int64)
    return cells


def captions(panel: Panel, points: Points, engine: str) -> tuple[str, str]:
    """Return the caption of a panel and its alternative text."""
    told = [f"{plural(points.x.size, 'gene')}, {engine} across and countglm up.", panel.note]
    if points.n_beyond:
        told.append(f"Triangles: {points.n_beyond:,} infinite or beyond the axis.")
    if points.n_one_sided:
        verb = "is" if points.n_one_sided == 1 else "are"
        told.append(f"{points.n_one_sided:,} with a value on one side only {verb} not drawn.")
    caption = " ".join(text for text in told if text)
    differing = int(np.count_nonzero(points.groups != ""))
    return caption, (
        f"Scatter of the {panel.title}, countglm against {engine}, with the diagonal; "
        f"{differing:,} of {plural(points.x.size, 'gene')} beyond the tolerance. {caption}"
    )
