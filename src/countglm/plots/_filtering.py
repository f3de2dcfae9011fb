"""The curve by which independent filtering chose its threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from countglm._names import plural
from countglm.plots._axes import canvas, say
from countglm.plots._style import BLUE, INK, VERMILION, legend, whole_numbers
from countglm.plots._tables import require_result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.deresult import DEResult


def filtering(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw how many genes are found by the share of genes left out, and which share was taken.

    Parameters
    ----------
    result : DEResult
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Something other than a result.
    """
    found = require_result(result)
    curve = found.filtering
    with canvas(ax) as axes:
        if curve is None:
            say(axes, "No independent filtering: every gene with a p-value was adjusted for.")
            return axes
        share = 100.0 * curve.theta
        axes.plot(share, curve.rejections, "o", color=BLUE, markersize=4, label="genes found")
        axes.plot(share, curve.smooth, color=VERMILION, linewidth=1.5, label="smoothed")
        at = float(share[curve.chosen])
        axes.axvline(at, color=INK, linewidth=1.0, linestyle="--")
        axes.set_ylim(0.0, 1.12 * max(float(curve.rejections.max()), 1.0))
        left = at > 0.5 * (share[0] + share[-1])
        axes.annotate(
            _told(found), (at, 0.03), xycoords=("data", "axes fraction"),
            xytext=(-5 if left else 5, 0), textcoords="offset points",
            ha="right" if left else "left", fontsize=8.5,
        )  # fmt: skip
        axes.set_xlabel("genes left out, lowest first (%)")
        whole_numbers(axes)
        axes.set_ylabel(f"genes with adjusted p < {found.settings['alpha']:g}")
        legend(axes)
    return axes


def _told(result: DEResult) -> str:
    curve = result.filtering
    assert curve is not None
    kept = plural(int(np.count_nonzero(curve.passed)), "gene")
    chosen = int(curve.rejections[curve.chosen])
    by_mean = result.settings.get("filter_statistic", "baseMean") == "baseMean"
    what = "mean count" if by_mean else "statistic"
    return f"kept: {what} from {curve.threshold:.3g} on\n{kept}, {chosen:,} found"
