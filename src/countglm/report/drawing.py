"""Figures as SVG text, in the style of `countglm.plots`."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from countglm.plots._style import DPI, SIZE, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(paint: Callable[[Axes], Any], size: tuple[float, float] = SIZE) -> str:
    """Return what ``paint`` puts on the axes of a figure of ``size`` (inches) as SVG."""
    # The font cache of a first run is announced as a warning on stderr; it is no news here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
