"""Names beside points, each where it hides least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.plots._style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_SIZE = 7.5
# A letter's width and height in parts of the font size, and points between name and dot.
_WIDTH, _HEIGHT, _GAP = 0.58, 1.15, 4.0
# Where a name may stand: horizontal and vertical side of its point, liked less from left to right.
_SIDES = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))
_TIERS = (1.0, 3.0, 6.0)
# What it costs to hide a name, to leave the axes, to hide a point, and to stand further off.
_ON_NAME, _OUTSIDE, _ON_POINT, _FURTHER = 100.0, 60.0, 8.0, 1.0


def name_points(axes: Axes, x: Floats, y: Floats, names: Sequence[str]) -> None:
    """Write ``names`` beside the points (k,), given in the units of the axes."""
    if not len(names):
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    if figure.get_layout_engine() is not None:
        # The layout moves the axes, and with them what is near.
        figure.draw_without_rendering()
    # Asking for the limits settles them.
    axes.get_xlim(), axes.get_ylim()
    to_points = 72.0 / figure.dpi
    at = axes.transData.transform(np.column_stack([x, y])) * to_points
    box = axes.get_window_extent()
    frame = np.array([box.x0, box.y0, box.x1, box.y1]) * to_points
    taken: list[Floats] = []
    for place, name in enumerate(names):
        side, tier, found = _best(at, place, len(name), frame, taken)
        taken.append(found)
        far = tier > 1.0
        arrow: dict[str, Any] = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkB": 1.5}
        axes.annotate(
            name, (float(x[place]), float(y[place])), xytext=_shift(side, tier),
            textcoords="offset points", fontsize=_SIZE, color=INK,
            ha={1: "left", -1: "right", 0: "center"}[side[0]],
            va={1: "bottom", -1: "top", 0: "center"}[side[1]],
            arrowprops=arrow if far else None,
        )  # fmt: skip


def _shift(side: tuple[int, int], tier: float) -> tuple[float, float]:
    slant = 0.5 if side[0] and side[1] and tier == 1.0 else 1.0
    return side[0] * _GAP * tier * slant, side[1] * _GAP * tier * slant


def _best(
    at: Floats, place: int, letters: int, frame: Floats, taken: list[Floats]
) -> tuple[tuple[int, int], float, Floats]:
    """Return side, distance and box (left, bottom, right, top) of the cheapest place."""
    width, height = letters * _WIDTH * _SIZE, _HEIGHT * _SIZE
    best: tuple[float, tuple[int, int], float, Floats] | None = None
    for tier in _TIERS:
        for rank, side in enumerate(_SIDES):
            dx, dy = _shift(side, tier)
            left = at[place, 0] + dx + width * ((side[0] - 1) / 2.0)
            low = at[place, 1] + dy + height * ((side[1] - 1) / 2.0)
            box = np.array([left, low, left + width, low + height])
            outside = np.maximum(frame[:2] - box[:2], 0.0) + np.maximum(box[2:] - frame[2:], 0.0)
            hidden = (at > box[:2] - 1.5) & (at < box[2:] + 1.5)
            cost = 0.1 * rank + _FURTHER * (tier - 1.0)
            cost += _ON_NAME * sum(_overlap(box, other) for other in taken)
            cost += _OUTSIDE * bool((outside > 0.0).any())
            cost += _ON_POINT * int(np.count_nonzero(hidden.all(axis=1)))
            if best is None or cost < best[0]:
                best = (cost, side, tier, box)
    assert best is not None
    return best[1:]


def _overlap(a: Floats, b: Floats) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())
