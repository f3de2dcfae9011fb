"""Distances between samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from countglm.plots._axes import canvas
from countglm.plots._groups import sample_groups
from countglm.plots._strip import clustered, colour_strip
from countglm.plots._tables import require_result
from countglm.plots._values import sample_labels, sample_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 50


def sample_distances(
    result: Any,
    *,
    color: Any = None,
    values: Any = None,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the Euclidean distances between samples of their variance-stabilised counts.

    Samples stand in the order of a tree by complete linkage: dark blocks are samples alike.

    Parameters
    ----------
    result : DEResult
    color, values, counts, obs, ax
        As in `pca`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `pca`.
    """
    from scipy.spatial.distance import pdist, squareform

    found = require_result(result)
    groups = sample_groups(found, color, obs)
    condensed = pdist(sample_values(found, values, counts))
    order = clustered(condensed)
    square = squareform(condensed)[order][:, order]
    with canvas(ax, (5.6, 4.4)) as axes:
        picture = axes.imshow(square, cmap="Blues_r", vmin=0.0, interpolation="nearest")
        n = order.size
        if n <= _NAMED:
            names, size = sample_labels(found), 8.5 if n <= 20 else 6.0
            axes.set_yticks(range(n), [names[k] for k in order], fontsize=size)
        else:
            axes.set_yticks([])
            axes.set_ylabel(f"{n:,} samples")
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = axes.figure.colorbar(picture, ax=axes, shrink=0.6, location="bottom", pad=0.03)
        bar.set_label("distance")
        colour_strip(axes, groups, order)
    return axes
