"""What all figures share: colours, style, points that become a raster image when many, legends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

# Okabe and Ito's colours, distinguishable with every common colour vision.
BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, GREY, INK = "#56B4E9", "#CC79A7", "#8A8F98", "#1B1F24"
UP, DOWN = VERMILION, BLUE
# Of groups of samples, in their order, and the markers beside them.
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK, GREY)
MARKERS = ("o", "^", "s", "D", "P", "X")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# From here on points are small and let others show through.
MANY = 5000
# A point of a vector image takes a hundred bytes, so that more become a raster image.
RASTER_ABOVE = 400
SIZE = (5.0, 3.5)
# Where numbers of a logarithmic axis are short without powers.
_SMALLEST, _LARGEST, _DECADES = 1e-3, 2e5, 3e3
DPI = 160
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # Where names are no formulas, numbers must not be written as some.
    "axes.formatter.use_mathtext": False,
    "svg.fonttype": "none",
    # Identifiers inside the SVG are hashes; a fixed salt makes equal fits give equal files.
    "svg.hashsalt": "countglm",
}


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
    """Make the axes ``which`` ("x", "y") logarithmic, with labels of plain text.

    Matplotlib's own labels are formulas, whose layout takes longer than the rest of a figure.
    Numbers of few decades are written as 0.5, 20 and 3,000, others as powers of ten.
    """
    from matplotlib.ticker import LogFormatterSciNotation

    class Plain(LogFormatterSciNotation):
        def __call__(self, x: float, pos: Any = None) -> str:
            text = super().__call__(x, pos)
            axis = self.axis
            assert axis is not None
            low, high = (float(end) for end in axis.get_view_interval())
            few = low >= _SMALLEST and high <= min(_LARGEST, _DECADES * low)
            return f"{float(f'{x:.3g}'):,g}" if text and few else _plain(text)

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


def whole_numbers(axes: Axes) -> None:
    """Put whole numbers on the vertical axis, with commas in the thousands."""
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def legend(axes: Axes, *, title: str | None = None, columns: int = 2) -> None:
    """Name what is drawn above the axes, in full colour."""
    if not axes.get_legend_handles_labels()[0]:
        return
    box = axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False, fontsize=9,
        handletextpad=0.2, columnspacing=1.2, markerscale=2.2, title=title, title_fontsize=9,
    )  # fmt: skip
    for handle in box.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)
