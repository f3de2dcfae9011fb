"""Counts of one gene in every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._arguments import is_number
from countglm._gene_labels import labels_of
from countglm._replaced import given_counts
from countglm.errors import InputError
from countglm.plots._axes import canvas
from countglm.plots._groups import Groups, other_factor, sample_groups
from countglm.plots._literal import printable
from countglm.plots._sample_points import draw_samples
from countglm.plots._style import INK, MARKERS, logarithmic
from countglm.plots._tables import require_result
from countglm.plots._values import scale_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.deresult import DEResult

Floats = NDArray[np.float64]

_WIDTH = 0.28
# Beyond so many letters together the names of the groups are written upright.
_LETTERS = 44
_CROWD = 60


def counts(
    result: Any,
    gene: str | int,
    *,
    by: Any = None,
    color: Any = None,
    normalized: bool = True,
    pseudocount: float = 0.5,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the counts of one gene by group, on a logarithmic axis.

    Bars mark the mean of each group. Counts that were replaced as outliers are drawn as they were
    given, with a ring.

    Parameters
    ----------
    result : DEResult
    gene : str or int
        Name of a gene, or its row in the table.
    by : str, list of str or (n_samples,) values, optional
        What samples are grouped by: columns of the sample table, or values; numbers of many values
        become the horizontal axis. By default the factor that was tested, or samples with equal
        rows of a design given as a matrix.
    color : str, list of str or (n_samples,) values, optional
        What colours stand for; another factor of the design by default.
    normalized : bool
        Divide by size factors.
    pseudocount : float
        What is added to every count, > 0, so that 0 has a place.
    counts, obs, ax
        As in `pca`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        No result, an unknown gene or column, counts missing or others.
    """
    found = require_result(result)
    row = _row(found, gene)
    if not is_number(pseudocount) or not 0.0 < pseudocount < np.inf:
        raise InputError(f"pseudocount={pseudocount!r} must be a positive number, such as 0.5.")
    groups = sample_groups(found, by, obs)
    if color is None and by is None:
        color = other_factor(found, len(MARKERS))
    colours = groups if color is None else sample_groups(found, color, obs)
    if colours.values is not None and colours is groups:
        colours = Groups("", ("samples",), groups.codes)
    y = _values(found, row, normalized, counts) + pseudocount
    with canvas(ax, (5.2, 3.5)) as axes:
        logarithmic(axes, "y")
        x = _places(axes, groups) if groups.values is None else groups.values
        draw_samples(axes, x, y, colours, None, 36.0 if y.size <= _CROWD else 10.0)
        if groups.values is None:
            _means(axes, groups, y)
            told = axes.get_legend()
            if colours is groups and told is not None:
                told.remove()
        _replaced(axes, found, row, x, y)
        axes.margins(y=0.1)
        axes.set_xlabel(groups.name)
        kind = "count divided by size factor" if normalized else "count"
        axes.set_ylabel(f"{kind} + {pseudocount:g}")
        axes.set_title(_title(found, row), fontsize=9.5)
    return axes


def _row(result: DEResult, gene: Any) -> int:
    if not isinstance(gene, str | int | np.integer) or isinstance(gene, bool):
        raise InputError(f"gene={gene!r} must be the name of one gene, or its row in the table.")
    return int(result.fit.gene_index(np.array([gene]))[0])


def _values(result: DEResult, row: int, normalized: bool, counts: Any) -> Floats:
    y: Floats = given_counts(result, counts).block(row, row + 1)[0]
    return y / np.ravel(scale_of(result).rows(row, row + 1)) if normalized else y


def _places(axes: Axes, groups: Groups) -> Floats:
    """Return where samples stand across; label the groups."""
    n_groups = len(groups.labels)
    axes.set_xlim(-0.6, n_groups - 0.4)
    upright = sum(map(len, groups.labels)) > _LETTERS
    axes.set_xticks(range(n_groups), groups.labels, rotation=90 if upright else 0)
    x = groups.codes.astype(np.float64)
    for code in range(n_groups):
        here = np.flatnonzero(groups.codes == code)
        x[here] += 2.0 * _WIDTH * (_spread(here.size) - 0.5)
    return x


def _spread(n: int) -> Floats:
    """Return ``n`` places in [0, 1], evenly filled however many: bits of 1 to n in reverse."""
    if n <= 6:
        return (np.arange(n) + 0.5) / max(n, 1)
    places = np.zeros(n)
    left, step = np.arange(1, n + 1), 0.5
    while left.any():
        places += step * (left & 1)
        left, step = left >> 1, step / 2.0
    return places


def _means(axes: Axes, groups: Groups, y: Floats) -> None:
    for code in range(len(groups.labels)):
        here = groups.codes == code
        if here.any():
            axes.hlines(
                float(y[here].mean()), code - 1.3 * _WIDTH, code + 1.3 * _WIDTH, color=INK,
                linewidth=1.2, zorder=2,
            )  # fmt: skip


def _replaced(axes: Axes, result: DEResult, row: int, x: Floats, y: Floats) -> None:
    if result.outliers is None:
        return
    samples = result.outliers.replaced_sample[result.outliers.replaced_gene == row]
    if samples.size:
        axes.scatter(
            x[samples], y[samples], s=90, facecolors="none", edgecolors=INK, linewidths=1.0
        )


def _title(result: DEResult, row: int) -> str:
    table = result.table
    own, label = str(table.index[row]), str(labels_of(table.iloc[[row]])[0])
    name = own if label == own else f"{label} ({own})"
    told = [f"log2 fold change {table['log2FoldChange'].iloc[row]:.3g}"]
    for column, word in (("padj", "adjusted p"), ("svalue", "s-value")):
        if column in table:
            value = float(table[column].iloc[row])
            reason = table["na_reason"].iloc[row] if "na_reason" in table else ""
            told.append(f"{word} {value:.2g}" if value == value else f"no {word} ({reason})")
    return f"{printable(name)}\n{', '.join(told)}"
