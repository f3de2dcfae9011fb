"""Size factors against library sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._columns import column_totals
from countglm._replaced import given_counts
from countglm.plots._axes import canvas, say
from countglm.plots._groups import sample_groups
from countglm.plots._labels import name_points
from countglm.plots._sample_points import draw_samples
from countglm.plots._style import GREY, logarithmic
from countglm.plots._tables import require_result
from countglm.plots._values import sample_labels, scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMED = 12
# Totals are told in millions from here on.
_LARGE, _MILLION = 2e5, 1e6


def size_factors(
    result: Any,
    *,
    color: Any = None,
    label: bool | None = None,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the size factor of every sample against its total count.

    Samples off the line, on which both are proportional, hold other RNA than the rest: a few genes
    that take most reads, or many that are missing.

    Parameters
    ----------
    result : DEResult
    color, label, counts, obs, ax
        As in `pca`.

    Returns
    -------
    Axes
        Normalisation factors by gene are drawn as their geometric mean over the genes.

    Raises
    ------
    InputError
        As `pca`.
    """
    found = require_result(result)
    groups = sample_groups(found, color, obs)
    totals = column_totals(given_counts(found, counts))
    factors = scale_of(found).per_sample
    shown = totals > 0.0
    with canvas(ax, (5.2, 3.5)) as axes:
        if not shown.any():
            say(axes, "No sample has a count.")
            return axes
        large = totals.max() >= _LARGE
        x, y = totals[shown] / (_MILLION if large else 1.0), factors[shown]
        ends = np.array([x.min(), x.max()])
        slope = float(np.exp(np.mean(np.log(y) - np.log(x))))
        axes.plot(ends, slope * ends, color=GREY, linewidth=1.0, linestyle="--", zorder=1)
        logarithmic(axes, "x", "y")
        axes.margins(0.1)
        part = _only(groups, shown)
        draw_samples(axes, x, y, part, None, 42.0 if x.size <= 60 else 16.0)
        axes.set_xlabel("total count (millions)" if large else "total count")
        axes.set_ylabel("size factor")
        if label or (label is None and x.size <= _NAMED):
            names = np.array(sample_labels(found), dtype=object)[shown]
            name_points(axes, x, y, list(names))
    return axes


def _only(groups: Any, shown: Any) -> Any:
    from dataclasses import replace

    values = None if groups.values is None else groups.values[shown]
    return replace(groups, codes=groups.codes[shown], values=values)
