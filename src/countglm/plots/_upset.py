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
from countglm.plots._style import BLUE, GREY, INK
from countglm.plots._tables import level_of, table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DIRECTIONS = ("both", "up", "down")
_LONGEST = 28
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
    size = (2.2 + 0.27 * max(min(len(counts), int(most)), 8), 2.4 + 0.24 * len(names))
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
        axes.set_xlim(-0.6, shown.size - 0.4)
        axes.set_xticks([])
        axes.set_ylabel("genes")
        left = int(counts[order[int(most) :]].sum())
        if left:
            more = plural(order.size - shown.size, "combination")
            axes.set_title(f"{more} more, of {plural(left, 'gene')}", fontsize=8.5, loc="right")
        _dots(axes, patterns[shown], names, member.sum(axis=0))
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
    axes: Axes, patterns: NDArray[np.bool_], names: list[str], totals: NDArray[np.int64]
) -> None:
    """Draw which contrasts every bar belongs to, on axes below."""
    n_sets = len(names)
    figure = axes.get_figure(root=True)
    assert figure is not None
    high = 0.24 / (figure.get_size_inches()[1] - 0.24 * n_sets - 0.6)
    below = axes.inset_axes((0.0, -high * n_sets - 0.03, 1.0, high * n_sets), sharex=axes)
    for line in range(0, n_sets, 2):
        below.axhspan(line - 0.5, line + 0.5, color=GREY, alpha=0.15, linewidth=0)
    column, row = np.nonzero(~patterns.reshape(-1, n_sets))
    below.scatter(column, row, s=16, color=GREY, alpha=0.35, linewidths=0)
    column, row = np.nonzero(patterns)
    below.scatter(column, row, s=24, color=INK, linewidths=0, zorder=3)
    for k, pattern in enumerate(patterns):
        ends = np.flatnonzero(pattern)
        below.vlines(k, ends[0], ends[-1], color=INK, linewidth=1.2)
    labels = [f"{_short(name)}  {total:,}" for name, total in zip(names, totals, strict=True)]
    below.set_yticks(range(n_sets), labels, fontsize=8.5)
    below.set_ylim(n_sets - 0.5, -0.5)
    below.tick_params(length=0)
    below.xaxis.set_visible(False)
    below.spines[:].set_visible(False)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
