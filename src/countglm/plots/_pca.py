"""Samples by their principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._parallel import is_whole
from countglm.errors import InputError
from countglm.plots._axes import canvas, say
from countglm.plots._groups import other_factor, sample_groups
from countglm.plots._labels import name_points
from countglm.plots._sample_points import draw_samples
from countglm.plots._style import MARKERS
from countglm.plots._tables import require_result
from countglm.plots._values import sample_labels, sample_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_NAMED = 12
_CROWD = 60
# A share of the variance that is rounding.
_NONE = 1e-12


def pca(
    result: Any,
    *,
    color: Any = None,
    shape: Any = None,
    components: Sequence[int] = (1, 2),
    top: int = 500,
    label: bool | None = None,
    values: Any = None,
    counts: Any = None,
    obs: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the samples by principal components of their variance-stabilised counts.

    Parameters
    ----------
    result : DEResult
    color, shape : str, list of str or (n_samples,) values, optional
        What colours and markers stand for: columns of the sample table, or values. By default the
        factor that was tested, and another factor of the design; for a design given as a matrix
        the samples with equal rows.
    components : (int, int)
        Which components, from 1.
    top : int
        Number of genes of largest variance that take part.
    label : bool, optional
        Name the samples; by default up to 12 of them.
    values : (n_samples, n_genes), optional
        Transformed counts, such as `vst` or `rlog` return; made from the counts by default, with
        the result's own size factors and dispersion trend.
    counts : optional
        The counts of the analysis; needed for a loaded result without ``values``.
    obs : DataFrame, optional
        Sample table, if not that of the analysis.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    Axes
        Labelled with the share of the variance of those genes that each component holds.

    Raises
    ------
    InputError
        No result, counts missing or others, an unknown column, values or numbers out of range.
    """
    found = require_result(result)
    first, second = _checked_components(components, found.fit.n_samples)
    if not is_whole(top, 2):
        raise InputError(f"top={top!r} must be a whole number of at least 2, a number of genes.")
    groups = sample_groups(found, color, obs)
    if shape is None and color is None:
        shape = other_factor(found, len(MARKERS))
    markers = None if shape is None else sample_groups(found, shape, obs)
    scores, share = principal_components(sample_values(found, values, counts), int(top))
    with canvas(ax, (5.2, 3.5)) as axes:
        if max(first, second) >= share.size or not share[second] > _NONE:
            say(axes, f"The samples differ in fewer than {max(first, second) + 1} directions.")
            return axes
        x, y = scores[:, first], scores[:, second]
        axes.margins(0.1)
        draw_samples(axes, x, y, groups, markers, 42.0 if x.size <= _CROWD else 16.0)
        axes.set_xlabel(f"PC{first + 1}: {100 * share[first]:.0f}% variance")
        axes.set_ylabel(f"PC{second + 1}: {100 * share[second]:.0f}% variance")
        if label or (label is None and x.size <= _NAMED):
            name_points(axes, x, y, sample_labels(found))
    return axes


def principal_components(values: Floats, top: int = 500) -> tuple[Floats, Floats]:
    """Return the scores (n_samples, k) of the samples and the components' share (k,) of variance.

    Of ``values`` (n_samples, n_genes) the ``top`` genes of largest variance take part, centred. A
    component points to where its largest score lies.
    """
    variance = values.var(axis=0)
    chosen = np.sort(np.argsort(-variance, kind="stable")[:top])
    centred = values[:, chosen] - values[:, chosen].mean(axis=0)
    left, length, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left * length
    scores = scores * np.sign(scores[np.argmax(np.abs(scores), axis=0), np.arange(length.size)])
    total = float(np.add.reduce(length**2))
    return scores, length**2 / total if total > 0.0 else np.zeros_like(length)


def _checked_components(components: Any, n_samples: int) -> tuple[int, int]:
    chosen = list(components) if hasattr(components, "__len__") else [components]
    if len(chosen) != 2 or not all(is_whole(k, 1) and k <= n_samples for k in chosen):
        raise InputError(
            f"components={components!r} must be two whole numbers from 1 to {n_samples}."
        )
    return int(chosen[0]) - 1, int(chosen[1]) - 1
