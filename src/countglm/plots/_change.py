"""Fold changes of all genes: against their mean, and against their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import is_number
from countglm._gene_labels import labels_of
from countglm._ranking import called, evidence
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._labels import name_points
from countglm.plots._points import Points, ma_points, volcano_points
from countglm.plots._style import DOWN, GREY, INK, MANY, UP, legend, logarithmic, scatter
from countglm.plots._tables import (
    change_label,
    criterion,
    level_of,
    named_rows,
    table_of,
    threshold_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_FRAME = 1.08
_NOTHING = "No gene has a fold change to draw."


def ma(
    result: Any,
    *,
    alpha: float | None = None,
    limit: float | None = None,
    label: int | Sequence[str] | Sequence[int] = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw log2 fold changes against mean counts.

    Genes whose fold change is infinite or beyond the axis are triangles at the margin. Dashed
    lines mark the fold change that was tested against.

    Parameters
    ----------
    result : DEResult or DataFrame
        Shrunken or not; or a table of `wald_test`.
    alpha : float, optional
        Level, in (0, 1), below which adjusted p-values (or s-values) are coloured; that of the
        analysis by default.
    limit : float, optional
        Largest absolute log2 fold change on the axis.
    label : int, list of str or list of int
        How many of the best genes to name, or which: names, symbols, or rows of the table.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        No result, a gene that it does not have, a level or limit out of range.
    """
    table, level = table_of(result, "baseMean", "log2FoldChange"), level_of(result, alpha)
    points = ma_points(result, _checked_limit(limit))
    with canvas(ax) as axes:
        if not points.rows.size:
            say(axes, _NOTHING)
            return axes
        axes.axhline(0.0, color=INK, linewidth=0.8)
        _threshold_lines(axes.axhline, result)
        logarithmic(axes, "x")
        axes.set_ylim(-_FRAME * points.limit, _FRAME * points.limit)
        _infinite_ticks(axes.yaxis, table, points)
        # A table alone tells of no weights.
        weights = getattr(getattr(result, "fit", None), "weights", None)
        weighted = "" if weights is None else "weighted "
        axes.set_xlabel(f"{weighted}mean of counts divided by size factors")
        axes.set_ylabel(change_label(result))
        _genes(axes, table, points, level)
        _name(axes, table, points, label, level)
    return axes


def volcano(
    result: Any,
    *,
    alpha: float | None = None,
    limit: float | None = None,
    label: int | Sequence[str] | Sequence[int] = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw p-values against log2 fold changes, and name the best genes.

    The dotted line is the largest p-value of a gene below ``alpha``. Genes whose fold change is
    infinite or beyond the axis are triangles at the margin, as are p-values of 0. A result that
    has s-values is drawn with these.

    Parameters
    ----------
    result, alpha, limit, label, ax
        As in `ma`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `ma`.
    """
    table, level = table_of(result, "log2FoldChange"), level_of(result, alpha)
    points = volcano_points(result, _checked_limit(limit))
    with canvas(ax) as axes:
        if not points.rows.size:
            say(axes, "No gene has a fold change and a p-value to draw.")
            return axes
        name = "p-value" if evidence(table)[1] == "pvalue" else "s-value"
        axes.axvline(0.0, color=INK, linewidth=0.8)
        _threshold_lines(axes.axvline, result)
        found = called(table, level)[points.rows] & (points.y > 0.0)
        if found.any():
            axes.axhline(float(points.y[found].min()), color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlim(-_FRAME * points.limit, _FRAME * points.limit)
        _infinite_ticks(axes.xaxis, table, points)
        axes.set_ylim(0.0, 1.05 * max(float(points.y.max()), 1.0))
        axes.set_xlabel(change_label(result).replace("\n", ", "))
        axes.set_ylabel(f"\N{MINUS SIGN}log10 {name}")
        _genes(axes, table, points, level)
        _name(axes, table, points, label, level)
    return axes


def _checked_limit(limit: float | None) -> float | None:
    if limit is None:
        return None
    if not is_number(limit) or not 0.0 < limit < np.inf:
        raise InputError(f"limit={limit!r} must be a positive number, a log2 fold change.")
    return float(limit)


def _threshold_lines(line: Any, result: Any) -> None:
    threshold = threshold_of(result)
    for side in (-threshold, threshold) if threshold else ():
        line(side, color=INK, linewidth=0.8, linestyle="--")


def _infinite_ticks(axis: Axis, table: pd.DataFrame, points: Points) -> None:
    """Where every fold change is infinite, say so on the axis, which has no scale then."""
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)[points.rows]
    if np.isinf(change).all():
        axis.set_ticks(
            [-points.limit, 0.0, points.limit], ["\N{MINUS SIGN}\N{INFINITY}", "0", "\N{INFINITY}"]
        )


def _genes(axes: Axes, table: pd.DataFrame, points: Points, level: float) -> None:
    """Draw the points by what was found: the others first, so that those found lie above."""
    found = called(table, level)[points.rows]
    change = table["log2FoldChange"].to_numpy(dtype=np.float64)[points.rows]
    many = points.rows.size > MANY
    for flag, colour, word in (
        (~found, GREY, "other"),
        (found & (change < 0.0), DOWN, "down"),
        (found & (change > 0.0), UP, "up"),
    ):
        _group(axes, points, flag, colour, f"{word} {int(flag.sum()):,}", many)
    legend(axes, title=criterion(table, level), columns=3)


def _group(
    axes: Axes, points: Points, flag: NDArray[np.bool_], colour: str, label: str, many: bool
) -> None:
    named: str | None = label
    for form in ("o", "^", "v", "<", ">"):
        some = flag & (points.form == form)
        if some.any():
            scatter(axes, points.x[some], points.y[some], colour, form, named, many)
            named = None


def _name(
    axes: Axes,
    table: pd.DataFrame,
    points: Points,
    label: int | Sequence[str] | Sequence[int],
    level: float,
) -> None:
    rows = named_rows(table, label, level)
    place = np.searchsorted(points.rows, rows)
    drawn = place < points.rows.size
    drawn[drawn] = points.rows[place[drawn]] == rows[drawn]
    if not drawn.any():
        return
    x, y = points.x[place[drawn]], points.y[place[drawn]]
    axes.scatter(x, y, s=16, facecolors="none", edgecolors=INK, linewidths=0.6)
    name_points(axes, x, y, list(labels_of(table)[rows[drawn]]))
