"""Histograms of p-values and s-values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import is_number
from countglm._parallel import is_whole
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._style import BLUE, GREY, INK, SKY, VERMILION, legend, whole_numbers
from countglm.plots._tables import level_of, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def p_values(
    result: Any, *, bins: int = 40, least_mean: float = 0.0, ax: Axes | None = None
) -> Axes:
    """Draw the histogram of the p-values.

    Without any effect it is flat, at the height of the dotted line; effects pile up at the left.
    Tests of a threshold or of one direction have no such line: genes far inside pile up at 1.
    Genes of low mean, which the filtering left out of the adjustment, are stacked in light blue.

    Parameters
    ----------
    result : DEResult or DataFrame
        Or a table of `wald_test`.
    bins : int
        Number of bars.
    least_mean : float
        Leave out genes of smaller mean, whose few counts allow only few p-values.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        No result, or a number of bins that is none.
    """
    table, edges = table_of(result), _edges(bins)
    if not is_number(least_mean):
        raise InputError(f"least_mean={least_mean!r} must be a number, a mean of counts.")
    with canvas(ax) as axes:
        if "pvalue" not in table:
            say(axes, "This result has s-values in place of p-values; see s_values().")
            return axes
        known = table["pvalue"].notna()
        if least_mean > 0.0:
            known &= table_of(result, "baseMean")["baseMean"] >= least_mean
        values = table["pvalue"][known].to_numpy(dtype=np.float64)
        if not values.size:
            say(axes, "No gene has a p-value.")
            return axes
        low = np.zeros(values.size, dtype=np.bool_)
        if "na_reason" in table:
            low = (table["na_reason"][known] == "low_mean").to_numpy()
        parts = [(~low, BLUE, "adjusted"), (low, SKY, "low mean, left out of the adjustment")]
        shown = [part for part in parts if part[0].any()]
        axes.hist(
            [values[part[0]] for part in shown], bins=edges.tolist(), stacked=True,
            color=[part[1] for part in shown],
            label=[f"{part[2]} ({int(part[0].sum()):,})" for part in shown],
        )  # fmt: skip
        axes.set_xlim(0, 1)
        if _flat_without_effect(result):
            axes.axhline(values.size / (edges.size - 1), color=INK, linewidth=0.8, linestyle=":")
            axes.set_xlabel("p-value (dotted: flat, as without any effect)")
        else:
            axes.set_xlabel("p-value (of a threshold or a direction: not flat without effect)")
        axes.set_ylabel("genes")
        whole_numbers(axes)
        if len(shown) > 1:
            legend(axes)
    return axes


def s_values(
    result: Any, *, alpha: float | None = None, bins: int = 40, ax: Axes | None = None
) -> Axes:
    """Draw the histogram of the s-values: of all genes as sure, the share with a wrong sign.

    Parameters
    ----------
    result : DEResult
        Of ``shrink(svalue=True)``.
    alpha : float, optional
        Level, in (0, 1), below which genes are coloured; that of the analysis by default.
    bins, ax
        As in `p_values`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        No result, or a level or number of bins out of range.
    """
    table, level, edges = table_of(result), level_of(result, alpha), _edges(bins)
    with canvas(ax) as axes:
        if "svalue" not in table:
            say(axes, "This result has no s-values; result.shrink(svalue=True) gives them.")
            return axes
        values = table["svalue"].dropna().to_numpy(dtype=np.float64)
        if not values.size:
            say(axes, "No gene has an s-value.")
            return axes
        edges = np.linspace(0.0, max(float(values.max()), level), edges.size)
        below = values < level
        axes.hist(
            [values[below], values[~below]], bins=edges.tolist(), stacked=True, color=[BLUE, GREY],
            label=[f"below {level:g} ({int(below.sum()):,})", f"other ({int((~below).sum()):,})"],
        )  # fmt: skip
        axes.axvline(level, color=VERMILION, linewidth=1.2, linestyle="--")
        axes.set_xlim(0, float(edges[-1]))
        less = " or too small changes" if _sign_threshold(result) else ""
        axes.set_xlabel(f"s-value (share of wrong signs{less} among all genes as sure)")
        axes.set_ylabel("genes")
        whole_numbers(axes)
        legend(axes)
    return axes


def _flat_without_effect(result: Any) -> bool:
    settings = getattr(result, "settings", {})
    one_coefficient = settings.get("test") != "lrt"
    two_sided = str(settings.get("alternative", "greaterAbs")).startswith("greaterAbs")
    return not one_coefficient or (two_sided and not settings.get("lfc_threshold"))


def _sign_threshold(result: Any) -> float:
    shrinkage = getattr(result, "settings", {}).get("shrinkage") or {}
    return float(shrinkage.get("lfc_threshold") or 0.0)


def _edges(bins: int) -> NDArray[np.float64]:
    if not is_whole(bins, 1):
        raise InputError(f"bins={bins!r} must be a whole number of at least 1.")
    return np.linspace(0.0, 1.0, int(bins) + 1)
