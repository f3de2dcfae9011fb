"""What all figures share: colours, style, SVG as text, points as raster images when many."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

# Okabe and Ito's colours, distinguishable with every common colour vision.
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, GREY, INK = "#56B4E9", "#CC79A7", "#8A8F98", "#1B1F24"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# From here on points are small and let others show through.
MANY = 5000
# A point of a vector image takes a hundred bytes, so that more become a raster image.
RASTER_ABOVE = 400
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    # Identifiers inside the SVG are hashes; a fixed salt makes equal fits give equal files.
    "svg.hashsalt": "countglm",
}


def draw(paint: Callable[[Axes], None], size: tuple[float, float] = (5.0, 3.5)) -> str:
    """Return what ``paint`` puts on the axes of a figure of ``size`` (inches) as SVG."""
    # The font cache of a first run is announced as a warning on stderr; it is no news here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, dpi=160, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def scatter(
    axes: Axes, x: Floats, y: Floats, colour: str, marker: str, label: str | None, many: bool
) -> None:
    """Draw points, half transparent; small ones where the figure holds ``many``."""
    if not x.size:
        return
    axes.scatter(
        x, y, s=4 if many else 9, c=colour, marker=marker, linewidths=0, label=label,
        alpha=0.35 if many else 0.7, rasterized=x.size > RASTER_ABOVE,
    )  # fmt: skip


def logarithmic(axes: Axes, *which: str) -> None:
    """Make the axes ``which`` ("x", "y") logarithmic, powers of ten written as plain text.

    Matplotlib's own labels are formulas, whose layout takes longer than the rest of a figure.
    """
    from matplotlib.ticker import LogFormatterSciNotation

    class Plain(LogFormatterSciNotation):
        def __call__(self, x: float, pos: Any = None) -> str:
            return _plain(super().__call__(x, pos))

    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axes.set(**{f"{name}scale": "log"})
        axis.set_major_formatter(Plain())
        axis.set_minor_formatter(Plain())


def _plain(formula: str) -> str:
    r"""Write ``$\mathdefault{2\times10^{-3}}$`` with characters."""
    text = formula.replace(r"\times", "\N{MULTIPLICATION SIGN}")
    text = re.sub(r"\^\{(-?\d+)\}", lambda power: power.group(1).translate(_RAISED), text)
    return re.sub(r"\\mathdefault|[${}]", "", text)


def legend(axes: Axes) -> None:
    """Name what is drawn above the axes, in full colour."""
    if not axes.get_legend_handles_labels()[0]:
        return
    box = axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9,
        handletextpad=0.2, markerscale=1.6,
    )  # fmt: skip
    for handle in box.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)
