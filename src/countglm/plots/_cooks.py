"""Cook's distances by sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._design_cautions import ALONE
from countglm._replaced import given_counts
from countglm.analysis import analysis_of
from countglm.cooks import cooks_distances
from countglm.dispersion import make_steps
from countglm.plots._axes import canvas, say
from countglm.plots._groups import Groups, sample_groups
from countglm.plots._sample_points import group_legend, legend_entries
from countglm.plots._style import GREY, INK, logarithmic
from countglm.plots._tables import require_result
from countglm.plots._values import sample_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.deresult import DEResult

Floats = NDArray[np.float64]

# Entries are enough to tell the quantiles of every sample; genes are looked at in blocks.
_ENTRIES, _BLOCK = 1 << 23, 256
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
# The axis begins a little below the boxes: distances of 0 have no logarithm.
_BELOW, _LEAST = 0.1, 1e-12
# More samples than this are drawn as bands, and not named.
_BOXES = 50


def cooks(
    result: Any,
    *,
    color: Any = None,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the Cook's distances of every sample's counts: how much they move the fits.

    A sample that stands higher than the rest moves many genes. Boxes hold the middle half of the
    genes, whiskers nine tenths, dots are the largest distances; the dashed line is the cutoff from
    which a count is an outlier.

    Parameters
    ----------
    result : DEResult
    color, counts, obs, ax
        As in `pca`.

    Returns
    -------
    Axes
        Counts that were replaced are shown as they were given, against the fit without them. Of
        very many counts some genes stand for all. A sample that a coefficient is for alone has
        no distance.

    Raises
    ------
    InputError
        As `pca`.
    """
    found = require_result(result)
    groups = sample_groups(found, color, obs)
    n, p = found.fit.design.matrix.shape
    with canvas(ax, (5.2, 3.5)) as axes:
        if n <= p:
            say(axes, "As many coefficients as samples: every count is fitted by itself.")
            return axes
        quantiles = cooks_quantiles(found, counts)
        if not np.isfinite(quantiles).any():
            say(axes, "No gene has a Cook's distance.")
            return axes
        logarithmic(axes, "y")
        _draw(axes, found, groups, np.maximum(quantiles, _LEAST))
        cutoff = found.settings.get("cooks_cutoff")
        if cutoff:
            axes.axhline(cutoff, color=INK, linewidth=1.0, linestyle="--")
        axes.set_ylabel("Cook's distance")
    return axes


def cooks_quantiles(result: DEResult, counts: Any = None) -> Floats:
    """Return quantiles (6, n_samples) over the genes: 5, 25, 50, 75, 95% and the largest.

    NaN for a sample that is fitted exactly whatever its counts: it has no distance.
    """
    # A replayed fit keeps no means: those of its coefficients serve as well.
    steps = make_steps(analysis_of(result, counts).steps.model, "exact")
    given, x, fit = given_counts(result, counts), result.fit.design.matrix, result.fit
    parts = []
    for start in _starts(fit.n_genes, fit.n_samples):
        stop = min(start + _BLOCK, fit.n_genes)
        mu, hat, weights = steps.entries(fit, start, stop)
        # At a leverage of 1 the distance is rounding over rounding.
        none = np.isnan(fit.dispersion[start:stop, None]) | (hat > ALONE)
        hat = np.where(none, np.nan, hat)
        scale = np.asarray(steps.model.scale(start, stop))
        y = given.block(start, stop)
        distances = cooks_distances(y, scale, mu, hat, x, weights=weights)
        parts.append(distances[fit.base_mean[start:stop] > 0.0])
    everything = np.concatenate(parts)
    out = np.full((len(_QUANTILES), fit.n_samples), np.nan)
    for sample, column in enumerate(everything.T):
        known = column[np.isfinite(column)]
        if known.size:
            out[:, sample] = np.quantile(known, _QUANTILES)
    return out


def _starts(n_genes: int, n_samples: int) -> list[int]:
    """Return where blocks of genes begin: all, or some that are evenly spaced."""
    starts = np.arange(0, n_genes, _BLOCK)
    most = max(_ENTRIES // (_BLOCK * n_samples), 8)
    if starts.size > most:
        starts = starts[np.linspace(0, starts.size - 1, most).astype(np.intp)]
    return [int(start) for start in starts]


def _draw(axes: Axes, result: DEResult, groups: Groups, quantiles: Floats) -> None:
    # Samples of a group stand together.
    order = np.argsort(groups.codes, kind="stable")
    least, left, middle, right, high, most = quantiles[:, order]
    place, n = np.arange(order.size), order.size
    colours = np.array(groups.colours or [GREY], dtype=object)[groups.codes[order]]
    if n > _BOXES:
        axes.fill_between(place, least, high, color=GREY, alpha=0.25, linewidth=0, step="mid")
        axes.fill_between(place, left, right, color=GREY, alpha=0.6, linewidth=0, step="mid")
        axes.scatter(place, middle, s=5, c=colours, linewidths=0, zorder=3)
        axes.scatter(place, most, s=5, c=colours, linewidths=0, zorder=3)
        axes.set_xlabel(f"{n:,} samples, by group")
        axes.set_xticks([])
    else:
        line: dict[str, Any] = {"color": INK, "linewidth": 0.8}
        axes.vlines(place, least, high, **line)
        axes.bar(
            place, right - left, bottom=left, width=0.6, color=colours, edgecolor=INK,
            linewidth=0.6,
        )  # fmt: skip
        axes.hlines(middle, place - 0.3, place + 0.3, **line)
        axes.scatter(place, most, s=9, c=colours, linewidths=0, zorder=3)
        names = sample_labels(result)
        small = 8 if n < 25 else 6
        axes.set_xticks(place, [names[k] for k in order], rotation=90, fontsize=small)
        for k in np.flatnonzero(np.isnan(most)).tolist():
            axes.text(
                k, 0.04, "no distance", transform=axes.get_xaxis_transform(), rotation=90,
                ha="center", va="bottom", fontsize=small, color=INK,
            )  # fmt: skip
    axes.set_xlim(-0.8, n - 0.2)
    top = max(float(np.nanmax(most)), result.settings.get("cooks_cutoff") or 0.0)
    low = max(_BELOW * float(np.nanmin(left)), _BELOW**4 * float(np.nanmin(right)))
    axes.set_ylim(low, 2.0 * top)
    if len(groups.labels) > 1:
        group_legend(axes, legend_entries(groups, ["s"] * len(groups.labels), groups.colours))
