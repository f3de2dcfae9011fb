"""Values of some genes in all samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._gene_labels import labels_of
from countglm._parallel import is_whole
from countglm._ranking import called, ranked
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._groups import sample_groups
from countglm.plots._literal import printable
from countglm.plots._strip import clustered, colour_strip
from countglm.plots._tables import level_of, require_result
from countglm.plots._values import sample_labels, sample_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.deresult import DEResult
    from countglm.plots._groups import Groups

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

_NAMED_SAMPLES, _NAMED_GENES, _FEW = 40, 80, 24
# Colours reach as far as all but this part of the entries.
_SHARE = 0.99


def heatmap(
    result: Any,
    genes: Sequence[str] | Sequence[int] | None = None,
    *,
    top: int = 30,
    color: Any = None,
    values: Any = None,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the variance-stabilised counts of some genes, each less its mean over the samples.

    Samples stand by group, genes in the order of a tree by complete linkage.

    Parameters
    ----------
    result : DEResult
    genes : list of str or of int, optional
        Names or rows of the genes; by default the best ``top`` of those that are significant, or
        of all where none is.
    top : int
        How many genes without ``genes``.
    color, values, counts, obs, ax
        As in `pca`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        As `pca`; an unknown gene.
    """
    found = require_result(result)
    rows, note = _rows(found, genes, top)
    groups = sample_groups(found, color, obs)
    with canvas(ax, (5.8, 1.6 + 0.135 * min(max(rows.size, 10), _NAMED_GENES))) as axes:
        if not rows.size:
            say(axes, "No gene to draw: none has a p-value.")
            return axes
        shown = sample_values(found, values, counts)[:, rows].T
        _draw(axes, found, rows, shown - shown.mean(axis=1, keepdims=True), groups)
        axes.set_xlabel(note)
    return axes


def _rows(result: DEResult, genes: Any, top: int) -> tuple[Index, str]:
    """Return the rows to draw and, where they are no choice of the caller, what they are."""
    if genes is not None:
        return result.fit.gene_index([genes] if isinstance(genes, str) else genes), ""
    if not is_whole(top, 1):
        raise InputError(f"top={top!r} must be a whole number of at least 1, a number of genes.")
    best, level = ranked(result.table), level_of(result, None)
    below = best[called(result.table, level)[best]]
    if below.size:
        return below[: int(top)], ""
    return best[: int(top)], f"no gene is below {level:g}: those of smallest p-value"


def _draw(axes: Axes, result: DEResult, rows: Index, shown: Floats, groups: Groups) -> None:
    from scipy.spatial.distance import pdist

    by = groups.codes if groups.values is None else groups.values
    columns = np.argsort(by, kind="stable")
    lines = clustered(pdist(shown))
    edge = max(float(np.quantile(np.abs(shown), _SHARE)), 1e-9)
    picture = axes.imshow(
        shown[lines][:, columns], aspect="auto", cmap="RdBu_r", vmin=-edge, vmax=edge,
        interpolation="nearest",
    )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    if columns.size <= _NAMED_SAMPLES:
        names = sample_labels(result)
        axes.set_xticks(
            range(columns.size),
            [names[k] for k in columns],
            rotation=90,
            fontsize=8.0 if columns.size <= _FEW else 6.0,
        )
    if rows.size <= _NAMED_GENES:
        labels = labels_of(result.table.iloc[rows])
        axes.yaxis.tick_right()
        axes.set_yticks(range(rows.size), [printable(labels[k]) for k in lines], fontsize=7.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(picture, ax=axes, shrink=0.5, location="left", extend="both")
    bar.set_label("less the gene's mean (log2)")
    colour_strip(axes, groups, columns)
