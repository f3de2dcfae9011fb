"""A point per sample, and the legend of what its colour and form stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from countglm.plots._style import INK, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.plots._groups import Groups

# More groups than this are not listed one by one.
MOST_LISTED = 12


def draw_samples(
    axes: Axes, x: Any, y: Any, groups: Groups, markers: Groups | None, size: float
) -> None:
    """Draw a point per sample, coloured by ``groups`` and formed by ``markers``."""
    forms = MARKERS if markers is not None else MARKERS[:1]
    form = np.zeros(len(x), dtype=np.intp) if markers is None else markers.codes % len(forms)
    style: dict[str, Any] = {"s": size, "linewidths": 0.4, "edgecolors": "white", "zorder": 3}
    if groups.values is not None:
        low, high = np.nanmin(groups.values), np.nanmax(groups.values)
        shown = None
        for k in np.unique(form):
            some = form == k
            shown = axes.scatter(
                x[some], y[some], c=groups.values[some], cmap="viridis", vmin=low, vmax=high,
                marker=forms[k], plotnonfinite=True, **style,
            )  # fmt: skip
        if shown is not None:
            bar = axes.figure.colorbar(shown, ax=axes, shrink=0.8)
            bar.set_label(groups.name)
    else:
        for code, colour in enumerate(groups.colours):
            for k in np.unique(form[groups.codes == code]):
                some = (groups.codes == code) & (form == k)
                axes.scatter(x[some], y[some], color=colour, marker=forms[k], **style)
    handles: list[Any] = []
    if groups.values is None and len(groups.labels) > 1:
        handles += legend_entries(groups, ["o"] * len(groups.labels), groups.colours)
    if markers is not None:
        handles += legend_entries(markers, list(MARKERS), [INK] * len(markers.labels))
    group_legend(axes, handles)


def legend_entries(groups: Groups, forms: Sequence[str], colours: Sequence[str]) -> list[Any]:
    """Handles of a legend: the name of the variable, then its levels, not too many of them."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="none", label=groups.name)] if groups.name else []
    count = len(groups.labels)
    shown = range(count) if count <= MOST_LISTED else range(MOST_LISTED - 1)
    handles += [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=forms[k % len(forms)],
            color=colours[k],
            markersize=5.5,
            label=groups.labels[k],
        )
        for k in shown
    ]
    if count > MOST_LISTED:
        more = f"and {count - MOST_LISTED + 1} more"
        handles.append(Line2D([], [], linestyle="none", label=more))
    return handles


def group_legend(axes: Axes, handles: list[Any]) -> None:
    """Put a legend to the right of the axes."""
    if handles:
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False,
            fontsize=8.5, handletextpad=0.1, labelspacing=0.35, borderaxespad=0.3,
        )  # fmt: skip
