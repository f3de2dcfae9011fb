"""Figures over groups: how many genes respond in each, and which respond in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm.plots._style import BLUE, GREY, INK, VERMILION, legend
from countglm.report.drawing import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 24
# Cells of more than this part of the largest change are too dark for a dark dot.
_DARK = 0.55


def responses(labels: Sequence[str], up: Sequence[int], down: Sequence[int]) -> str:
    """Genes up to the right, genes down to the left, a bar for each group."""
    from matplotlib.ticker import MaxNLocator

    places = np.arange(len(labels))
    wide = max([*up, *down, 1])

    def paint(axes: Axes) -> None:
        axes.barh(places, np.asarray(up), color=VERMILION, label="up")
        axes.barh(places, -np.asarray(down), color=BLUE, label="down")
        for place, more, less in zip(places.tolist(), up, down, strict=True):
            for value, side, align in ((more, 1, "left"), (-less, -1, "right")):
                axes.annotate(
                    f"{abs(value):,}", (value, place), xytext=(3 * side, 0), ha=align, va="center",
                    textcoords="offset points", fontsize=8, color=INK,
                )  # fmt: skip
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_yticks(places, [_short(label) for label in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(-1.25 * wide, 1.25 * wide)
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        axes.set_xlabel("genes")
        legend(axes)

    return draw(paint, (5.0, 1.2 + 0.24 * max(len(labels), 4)))


def shared_genes(
    genes: Sequence[str],
    labels: Sequence[str],
    change: NDArray[np.float64],
    found: NDArray[np.bool_],
) -> str:
    """log2 fold changes of some genes (rows) in the groups (columns); a dot where significant."""
    finite = np.abs(change[np.isfinite(change)])
    edge = max(float(np.quantile(finite, 0.9)), 1.0) if finite.size else 1.0
    shown = np.ma.masked_invalid(np.where(np.isinf(change), np.sign(change) * edge, change))

    def paint(axes: Axes) -> None:
        mesh = axes.pcolormesh(shown, cmap="RdBu_r", vmin=-edge, vmax=edge, linewidth=0)
        rows, columns = np.nonzero(found)
        colours = [dot_colour(value, edge) for value in shown[rows, columns].filled(0.0)]
        axes.scatter(columns + 0.5, rows + 0.5, s=8, c=colours, linewidths=0)
        axes.set_facecolor(GREY + "40")
        axes.set_xticks(
            np.arange(len(labels)) + 0.5, [_short(label) for label in labels], rotation=45,
            ha="right", rotation_mode="anchor",
        )  # fmt: skip
        axes.set_yticks(np.arange(len(genes)) + 0.5, [_short(gene) for gene in genes], fontsize=8)
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(mesh, ax=axes, shrink=0.5, extend="both")
        bar.set_label("log2 fold change")

    width = 3.2 + 0.32 * max(len(labels), 4)
    return draw(paint, (width, 1.6 + 0.19 * max(len(genes), 6)))


def dot_colour(change: float, edge: float) -> str:
    """A colour that can be seen on the cell of a fold change: white on dark ones."""
    return "white" if abs(change) > _DARK * edge else INK


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
