"""A picture of the model matrix: samples in groups, the sum of each group, the contrasts below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from countglm._names import plural
from countglm.plots._style import BLUE, INK, ORANGE, VERMILION
from countglm.report.drawing import draw
from countglm.report.sample_groups import SampleGroup, sample_groups, sample_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from countglm.design import Design

Floats = NDArray[np.float64]

# Rows that can be read by name, groups whose sums can, columns that can, and values in cells.
_MOST_ROWS, _MOST_SUMS, _MOST_COLUMNS, _MOST_VALUED = 40, 24, 30, 16
_LONGEST, _LINE = 32, 48
# In rows of the picture: the space between groups, a line of a sum, the space before contrasts.
_GAP, _LINE_HEIGHT, _BEFORE = 0.35, 0.68, 0.8
# In inches: a row, a column at least and at most, a letter of 8.5 points.
_ROW, _NARROW, _WIDE, _LETTER = 0.235, 0.4, 0.62, 0.09
# Height, in rows, of a matrix whose samples have no room for their names.
_UNNAMED = 20.0
_MARGIN = 0.16
_EMPTY = "#E9ECEF"


@dataclass(frozen=True)
class _Layout:
    """Where everything stands; heights in rows from the top."""

    groups: Sequence[SampleGroup]
    heights: Sequence[float]  # of each group
    tops: Sequence[float]  # of each group, and below the last
    labels: Sequence[str]  # of the rows; none where they are too many
    sums: Sequence[Sequence[str]]  # lines beside each group

    @property
    def end(self) -> float:
        return self.tops[-1]


def model_matrix(design: Design, contrasts: Mapping[str, Floats]) -> str:
    """Return the picture as SVG; ``contrasts`` (n_coef,) are drawn below, by name."""
    layout = _layout(design)
    n_coef = len(design.names)
    bottom = layout.end + (_BEFORE + len(contrasts) - _GAP if contrasts else -_GAP)
    longest = max((len(line) for text in layout.sums for line in text), default=0)
    named = [*layout.labels, *(_short(name) for name in contrasts)]
    side = _LETTER * max((len(label) for label in named), default=0)
    across = n_coef * float(np.clip(4.5 / n_coef, _NARROW, _WIDE)) if n_coef <= 14 else 6.0
    head = _LETTER * 0.75 * max((len(_short(name)) for name in design.names), default=0)
    size = (0.3 + side + across + _LETTER * longest, 0.4 + head + max(_ROW * bottom, 0.5))

    def paint(axes: Axes) -> None:
        _cells(axes, design, layout)
        for top, height, text in zip(layout.tops, layout.heights, layout.sums, strict=False):
            axes.text(
                n_coef + 0.3, top + height / 2, "\n".join(text), va="center", fontsize=8.5,
                linespacing=1.15,
            )  # fmt: skip
        ticks = _places(layout) if layout.labels else []
        labels = list(layout.labels)
        for k, (name, weights) in enumerate(contrasts.items()):
            top = layout.end - _GAP + _BEFORE + k
            _boxes(axes, weights[None, :], [top], [1.0], VERMILION, BLUE)
            _values(axes, weights, top, np.abs(weights).max(), sign="+")
            ticks, labels = [*ticks, top + 0.5], [*labels, _short(name)]
        if contrasts:
            axes.axhline(layout.end - _GAP + _BEFORE / 2, color=INK, linewidth=0.6)
        _frame(axes, design, ticks, labels, bottom)
        # A browser may write wider than was measured here.
        whole = axes.get_figure(root=True)
        if whole is not None:
            whole.set_layout_engine("constrained", w_pad=_MARGIN, h_pad=_MARGIN)

    return draw(paint, size)


def picture_words(design: Design, contrasts: Mapping[str, Floats]) -> str:
    """What the picture shows, for those who cannot see it."""
    groups = sample_groups(design)
    listed = "; ".join(
        f"{group.label or plural(group.samples.size, 'sample')}: {group.total}"
        for group in groups[:_MOST_SUMS]
    )
    more = len(groups) - _MOST_SUMS
    told = f"{listed}; and {more} more" if more > 0 else listed
    below = f" Below: the weights of {', '.join(contrasts)}." if contrasts else ""
    return (
        f"Model matrix of {plural(design.matrix.shape[0], 'sample')} and "
        f"{plural(len(design.names), 'coefficient')}. Sums of coefficients by group of samples: "
        f"{told}.{below}"
    )


def picture_caption(design: Design) -> str:
    """What to look at in the picture."""
    beside = (
        "beside each group stands the sum of coefficients that is the logarithm of its mean"
        if any(_layout(design).sums)
        else "there are too many groups to name here"
    )
    return (
        f"The model matrix. Samples with equal rows belong together: {beside}. Below: the weights "
        "of what was compared."
    )


def _layout(design: Design) -> _Layout:
    groups = sample_groups(design)
    sizes = [int(group.samples.size) for group in groups]
    readable = len(groups) <= _MOST_SUMS and len(design.names) <= _MOST_COLUMNS
    sums = [_beside(group) if readable else [] for group in groups]
    labels: list[str] = []
    if sum(sizes) <= _MOST_ROWS:
        names = sample_names(design)
        labels = [_short(names[i]) for group in groups for i in group.samples]
    elif len(groups) <= _MOST_ROWS:
        labels = [plural(size, "sample") for size in sizes]
        sizes = [1] * len(groups)
    heights = [float(size) for size in sizes]
    if not labels:
        # Without names the order of the samples says nothing, that of the values does.
        groups, sums = sorted(groups, key=lambda group: tuple(group.row)), [[]] * len(groups)
        heights = [group.samples.size * _UNNAMED / sum(sizes) for group in groups]
    gap = _GAP if labels else 0.0
    tops = [0.0]
    for height, text in zip(heights, sums, strict=True):
        tops.append(tops[-1] + max(height, _LINE_HEIGHT * len(text)) + gap)
    return _Layout(groups, heights, tops, labels, sums)


def _beside(group: SampleGroup) -> list[str]:
    """Lines beside a group: its levels, and the sum of coefficients that its mean is."""
    named = [f"{_short(group.label, _LINE)}:"] if group.label else []
    return named + wrap(group.total, _LINE)


def _short(name: str, most: int = _LONGEST) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _cells(axes: Axes, design: Design, layout: _Layout) -> None:
    """Draw every row of every group."""
    most = np.abs(design.matrix).max(axis=0)
    most[most == 0.0] = 1.0
    rows, tops, heights = [], [], []
    for group, top, height in zip(layout.groups, layout.tops, layout.heights, strict=False):
        each = 1.0 if layout.labels else height
        for step in range(int(height) if layout.labels else 1):
            rows.append(group.row / most)
            tops.append(top + step)
            heights.append(each)
            if layout.labels and len(design.names) <= _MOST_VALUED:
                _values(axes, group.row, top + step, most)
    _boxes(axes, np.array(rows), tops, heights, BLUE, ORANGE, lines=bool(layout.labels))


def _boxes(
    axes: Axes,
    shares: Floats,
    tops: Sequence[float],
    heights: Sequence[float],
    more: str,
    less: str,
    *,
    lines: bool = True,
) -> None:
    """Draw rows of cells (k, n_coef), coloured by shares of the largest in their column."""
    from matplotlib.collections import PolyCollection

    room = 0.04 if lines else 0.0
    corners, colours = [], []
    largest = max(float(np.abs(shares).max()), 1.0)
    for row, top, height in zip(shares / largest, tops, heights, strict=True):
        low, high = top + room, top + height - room
        for j, share in enumerate(row):
            left, right = j + room, j + 1 - room
            corners.append([(left, low), (right, low), (right, high), (left, high)])
            colours.append(_mixed(float(share), more, less))
    boxes = PolyCollection(corners, facecolors=colours, linewidths=0, rasterized=not lines)
    axes.add_collection(boxes)


def _mixed(share: float, more: str, less: str) -> tuple[float, float, float]:
    """A colour between that of 0 and that of the largest."""
    from matplotlib.colors import to_rgb

    empty, full = np.array(to_rgb(_EMPTY)), np.array(to_rgb(more if share >= 0 else less))
    red, green, blue = empty + (full - empty) * min(abs(share), 1.0)
    return float(red), float(green), float(blue)


def _values(axes: Axes, row: Floats, top: float, most: Floats | float, *, sign: str = "") -> None:
    """Write the numbers of a row into its cells; a contrast leaves out zeros."""
    for j, (value, share) in enumerate(zip(row, np.abs(row) / most, strict=True)):
        if value or not sign:
            text = f"{value:{sign}.3g}".replace("-", "\N{MINUS SIGN}")
            axes.text(
                j + 0.5, top + 0.52, text, ha="center", va="center", fontsize=7.5,
                color="white" if share > 0.5 else INK,
            )  # fmt: skip


def _places(layout: _Layout) -> list[float]:
    """The middle of every row."""
    return [
        top + step + 0.5
        for top, height in zip(layout.tops, layout.heights, strict=False)
        for step in range(int(height))
    ]


def _frame(
    axes: Axes, design: Design, ticks: Sequence[float], labels: Sequence[str], bottom: float
) -> None:
    n_coef = len(design.names)
    axes.set_xlim(0, n_coef)
    axes.set_ylim(bottom, 0)
    axes.xaxis.tick_top()
    if n_coef <= _MOST_COLUMNS:
        axes.set_xticks(
            np.arange(n_coef) + 0.5, [_short(name) for name in design.names], rotation=40,
            ha="left", rotation_mode="anchor", fontsize=8.5,
        )  # fmt: skip
    else:
        axes.set_xlabel(f"{n_coef} coefficients")
        axes.xaxis.set_label_position("top")
        axes.set_xticks([])
    axes.set_yticks(list(ticks), list(labels), fontsize=8.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
