"""A strip of colours beside a picture of samples, and how samples and genes are ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm.plots._groups import Groups
from countglm.plots._sample_points import legend_entries

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# Letters of a legend in one line.
_LETTERS = 46
# Beyond so many the best order of the leaves takes too long, and any is taken.
_OPTIMAL = 200


def clustered(distances: Floats) -> Index:
    """Return the order of the leaves of a tree by complete linkage of condensed ``distances``."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if distances.size == 0:
        return np.zeros(1, dtype=np.intp)
    n = round((1.0 + np.sqrt(1.0 + 8.0 * distances.size)) / 2.0)
    tree = linkage(distances, "complete", optimal_ordering=n <= _OPTIMAL)
    return np.asarray(leaves_list(tree), dtype=np.intp)


def colour_strip(axes: Axes, groups: Groups, order: Index) -> None:
    """Draw the group of every sample above a picture whose columns are the samples in ``order``."""
    from matplotlib.colors import ListedColormap

    if groups.values is None and len(groups.labels) < 2:
        return
    box = axes.get_position()
    figure = axes.get_figure(root=True)
    assert figure is not None
    # As high as a line of text, whatever the size of the figure.
    height = 9.0 / 72.0 / (figure.get_size_inches()[1] * box.height)
    strip = axes.inset_axes((0.0, 1.0 + 0.35 * height, 1.0, height))
    if groups.values is None:
        strip.imshow(
            groups.codes[order][None, :], aspect="auto", cmap=ListedColormap(groups.colours),
            vmin=-0.5, vmax=len(groups.labels) - 0.5, interpolation="nearest",
        )  # fmt: skip
        entries = legend_entries(
            replace(groups, name=""), ["s"] * len(groups.labels), groups.colours
        )
        strip.legend(
            handles=entries, loc="lower left", bbox_to_anchor=(-0.02, 1.0), frameon=False,
            fontsize=8.5, handletextpad=0.1, columnspacing=0.9, ncols=_columns(groups),
            borderaxespad=0.2, title=groups.name or None, title_fontsize=8.5, alignment="left",
        )  # fmt: skip
    else:
        strip.imshow(
            groups.values[order][None, :], aspect="auto", cmap="viridis", interpolation="nearest"
        )
        strip.set_ylabel(groups.name, rotation=0, ha="right", va="center", fontsize=8.5)
    strip.set_xticks([])
    strip.set_yticks([])
    strip.spines[:].set_visible(False)


def _columns(groups: Groups) -> int:
    """Return how many entries of the legend go into a line."""
    longest = max(map(len, groups.labels))
    return max(1, min(_LETTERS // (longest + 3), len(groups.labels)))
