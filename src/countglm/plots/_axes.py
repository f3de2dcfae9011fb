"""Where a plot is drawn: on the caller's axes, or on a figure of its own."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from countglm.errors import InputError
from countglm.plots._literal import literal
from countglm.plots._style import DPI, INK, SIZE, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_LINE = 44


@contextmanager
def canvas(ax: Axes | None, size: tuple[float, float] = SIZE) -> Iterator[Axes]:
    """Yield the axes to draw on, in the style of all figures, which ends with the block."""
    import matplotlib as mpl
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise InputError(
            f"ax is of type {type(ax).__name__}; give one Axes of matplotlib, such as "
            "plt.subplots()[1], or leave ax out for a figure of its own."
        )
    # The first figure loads pyplot's backend. Within the style what that sets, such as to show each
    # figure of a notebook, would be taken back at the end.
    figure = ax.figure if ax is not None else _new_figure(size)
    with mpl.rc_context(STYLE):
        axes = figure.add_subplot() if ax is None else ax
        with literal(axes):
            yield axes


def _new_figure(size: tuple[float, float]) -> Figure:
    """Return a new figure, which pyplot knows of only where the caller works with it.

    In a notebook that is what shows it; elsewhere no figure is kept that nobody closes.
    """
    options: dict[str, Any] = {"figsize": size, "dpi": DPI, "layout": "constrained"}
    if "matplotlib.pyplot" in sys.modules or _in_ipython():
        import matplotlib.pyplot as plt

        return plt.figure(**options)
    from matplotlib.figure import Figure

    return Figure(**options)


def _in_ipython() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


def say(axes: Axes, sentence: str) -> None:
    """Leave the axes empty but for the reason why there is nothing to draw."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.text(
        0.5, 0.5, textwrap.fill(sentence, _LINE), transform=axes.transAxes, ha="center",
        va="center", color=INK,
    )  # fmt: skip
