"""Figures as SVG text, in the style of `countglm.plots`."""

from __future__ import annotations

import io
import logging
import textwrap
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from countglm._warn import warn
from countglm.plots._literal import printable
from countglm.plots._style import DPI, INK, SIZE, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a sentence in place of a figure: letters of a line, and points of a letter and of a line.
_LINE, _LETTER, _LEADING = 60, 5.2, 14.0


def draw(paint: Callable[[Axes], Any], size: tuple[float, float] = SIZE) -> str:
    """Return what ``paint`` puts on the axes of a figure of ``size`` (inches) as SVG.

    A figure that fails is a sentence that says so: the rest of the page, and the analysis it tells
    of, are worth more than any figure.
    """
    try:
        return _drawn(paint, size)
    except Exception as error:
        told = f"This figure could not be drawn: {type(error).__name__}: {error}"
        warn(f"A figure of the report could not be drawn: {type(error).__name__}: {error}")
        return _instead(told, size)


def _drawn(paint: Callable[[Axes], Any], size: tuple[float, float]) -> str:
    # The font cache of a first run is announced as a warning on stderr; it is no news here.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE | {"text.parse_math": False}):
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = printable(buffer.getvalue())
    return text[text.index("<svg") :]


def _instead(sentence: str, size: tuple[float, float]) -> str:
    """Return an SVG that says ``sentence``, made without what has just failed."""
    width, height = (72.0 * side for side in size)
    letters = max(int(width / _LETTER) - 4, 1)
    lines = textwrap.wrap(printable(sentence), min(letters, _LINE), max_lines=12)
    rows = "".join(
        f'<text x="12" y="{24 + _LEADING * k:g}">{escape(line)}</text>'
        for k, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}pt" height="{height:g}pt" '
        f'viewBox="0 0 {width:g} {height:g}"><title>{escape(printable(sentence))}</title>'
        f'<g font-family="sans-serif" font-size="10" fill="{INK}">{rows}</g></svg>'
    )
