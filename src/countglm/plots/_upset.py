"""Genes that several contrasts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._names import plural
from countglm._parallel import is_whole
from countglm._ranking import called
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._literal import printable
from countglm.plots._style import BLUE, GREY, INK
from countglm.plots._tables import level_of, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DIRECTIONS = ("both", "up", "down")
_LONGEST = 32
# Height of a line, in inches.
_ROW = 0.24
_MOST_SETS = 24


def upset(
    results: Mapping[Any, Any],
    *,
    alpha: float | None = None,
    direction: str = "both",
    most: int = 20,
    ax: Axes | None = None,
) -> Axes:
    """Draw how many genes are significant in exactly these contrasts and in no other.

    Every column is a combination of contrasts, marked by dots; its bar counts the genes.

    Parameters
    ----------
    results : mapping of name to DEResult
        As a dict of contrasts or ``by=`` gives them.
    alpha : float, optional
        Level, in (0, 1), of the adjusted p-value (or s-value); that of each analysis by default.
    direction : {"both", "up", "down"}
        Which genes count. ``"both"``: whichever sign.
    most : int
        How many combinations to draw, the largest first.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        That of the bars; the dots are on axes below it.

    Raises
    ------
    InputError
        No mapping of results, or an unknown direction.
    """
    names, member = _members(results, alpha, direction)
    if not is_whole(most, 1):
        raise InputError(f"most={most!r} must be a whole number of at least 1.")
    patterns, counts = np.unique(member[member.any(axis=1)], axis=0, return_counts=True)
    size = (2.2 + 0.27 * max(min(len(counts), int(most)), 8), 2.4 + _ROW * len(names))
    with canvas(ax, size) as axes:
        if not counts.size:
            say(axes, "No gene is significant in any contrast.")
            return axes
        # Largest first; of equal ones that of fewer contrasts.
        order = np.lexsort((patterns.sum(axis=1), -counts))
        shown = order[: int(most)]
        place = np.arange(shown.size)
        axes.bar(place, counts[shown], width=0.62, color=BLUE)
        for k, number in zip(place.tolist(), counts[shown].tolist(), strict=True):
            axes.annotate(
                f"{number:,}", (k, number), xytext=(0, 2), textcoords="offset points",
                ha="center", fontsize=7.5 if number < 10_000 else 6.5,
            )  # fmt: skip
        _dots(axes, patterns[shown], names, member.sum(axis=0), int(counts.max()))
        left = int(counts[order[int(most) :]].sum())
        if left:
            more = plural(order.size - shown.size, "combination")
            axes.set_title(f"{more} more, of {plural(left, 'gene')}", fontsize=8.5, loc="right")
    return axes


def _members(
    results: Any, alpha: float | None, direction: str
) -> tuple[list[str], NDArray[np.bool_]]:
    """Return names of the contrasts, and which genes (k, n_contrasts) each of them calls."""
    if not isinstance(results, Mapping) or not results:
        raise InputError(
            "upset() compares results by name: give a dict of them, as contrast={...} returns, or "
            "what by= returns."
        )
    if len(results) > _MOST_SETS:
        raise InputError(
            f"upset() was given {len(results)} results, too many to be told apart; give up to "
            f"{_MOST_SETS} of them."
        )
    if direction not in _DIRECTIONS:
        raise InputError(f"direction={direction!r} is not known; choose from both, up, down.")
    names = ["-".join(map(str, k)) if isinstance(k, tuple) else str(k) for k in results]
    tables = [table_of(result, "log2FoldChange") for result in results.values()]
    chosen = []
    for table, result in zip(tables, results.values(), strict=True):
        below = called(table, level_of(result, alpha))
        change = table["log2FoldChange"].to_numpy(dtype=np.float64)
        if direction != "both":
            below &= change > 0.0 if direction == "up" else change < 0.0
        chosen.append(below)
    if all(table.index.equals(tables[0].index) for table in tables):
        return names, np.stack(chosen, axis=1)
    found = [{str(gene) for gene in table.index[below]}
             for table, below in zip(tables, chosen, strict=True)]  # fmt: skip
    genes = sorted(set().union(*found))
    return names, np.array([[gene in each for each in found] for gene in genes], dtype=np.bool_)


def _dots(
    axes: Axes,
    patterns: NDArray[np.bool_],
    names: list[str],
    totals: NDArray[np.int64],
    highest: int,
) -> None:
    """Draw which contrasts every bar belongs to, in rows below 0."""
    n_sets, n_bars = len(names), len(patterns)
    figure = axes.get_figure(root=True)
    assert figure is not None
    # A row is as high as a line of text, in the units of the bars.
    rows = _ROW * n_sets / (figure.get_size_inches()[1] * axes.get_position().height)
    unit = 1.1 * highest * min(rows, 0.8) / (1.0 - min(rows, 0.8)) / n_sets
    place = -unit * (np.arange(n_sets) + 0.8)
    for k in range(0, n_sets, 2):
        axes.axhspan(place[k] - unit / 2, place[k] + unit / 2, color=GREY, alpha=0.15, linewidth=0)
    column, row = np.nonzero(~patterns)
    axes.scatter(column, place[row], s=16, color=GREY, alpha=0.35, linewidths=0)
    column, row = np.nonzero(patterns)
    axes.scatter(column, place[row], s=24, color=INK, linewidths=0, zorder=3)
    for k, pattern in enumerate(patterns):
        ends = place[np.flatnonzero(pattern)[[0, -1]]]
        axes.vlines(k, ends[1], ends[0], color=INK, linewidth=1.2)
    for k, (name, total) in enumerate(zip(names, totals.tolist(), strict=True)):
        axes.annotate(
            f"{printable(_short(name))}  {total:,}", (0.0, place[k]),
            xycoords=("axes fraction", "data"), xytext=(-5, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8.5,
        )  # fmt: skip
    low, high = place[-1] - 0.6 * unit, 1.1 * highest
    axes.set(xlim=(-0.6, n_bars - 0.4), ylim=(low, high), xticks=[])
    axes.set_yticks([tick for tick in _ticks(highest) if tick <= high])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.spines["left"].set_bounds(0.0, high)
    axes.spines["bottom"].set_position(("data", 0.0))
    axes.set_ylabel("genes", y=(high / 2.0 - low) / (high - low))


def _ticks(highest: int) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    return [float(tick) for tick in MaxNLocator(5, integer=True).tick_values(0, highest)]


def _short(text: str) -> str:
    """Return the text with its middle left out where it is long: names differ at their ends."""
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 1) // 2
    return f"{text[: _LONGEST - 1 - half]}…{text[-half:]}"
