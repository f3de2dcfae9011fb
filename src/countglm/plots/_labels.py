"""Names beside points, each where it hides least."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm.plots._literal import printable
from countglm.plots._style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_SIZE = 7.5
# Points from a dot within which a line seems to lead to it.
_NEAR = 3.5
# A letter's width and height in parts of the font size, and points between name and dot.
_WIDTH, _HEIGHT, _GAP = 0.64, 1.15, 4.0
# Where a name may stand: horizontal and vertical side of its point, liked less from left to right.
_SIDES = ((1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1))
_TIERS = (1.0, 3.0, 5.0, 8.0, 12.0, 17.0)
# Names are placed one after the other, then again with all others in view.
_ROUNDS = 3
# What it costs to hide a name, to leave the axes, to cross a name with the line to the point, to
# hide a point, and to stand further off.
_ON_NAME, _OUTSIDE, _ACROSS, _ON_POINT, _FURTHER = 100.0, 150.0, 20.0, 8.0, 1.0


@dataclass(frozen=True, eq=False)
class Place:
    """Side and distance of a name from its point, and its box: left, bottom, right, top."""

    side: tuple[int, int]
    tier: float
    box: Floats


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
    axes.get_xlim()
    axes.get_ylim()
    to_points = 72.0 / figure.dpi
    at = axes.transData.transform(np.column_stack([x, y])) * to_points
    box = axes.get_window_extent()
    frame = np.array([box.x0, box.y0, box.x1, box.y1]) * to_points
    places: dict[int, Place] = {}
    for _ in range(_ROUNDS):
        for k, name in enumerate(names):
            taken = [other.box for j, other in places.items() if j != k]
            places[k] = _best(at, k, len(name), frame, taken)
    for k, place in places.items():
        arrow: dict[str, Any] = {"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkB": 1.5}
        axes.annotate(
            printable(names[k]), (float(x[k]), float(y[k])), xytext=_shift(place.side, place.tier),
            textcoords="offset points", fontsize=_SIZE, color=INK,
            ha={1: "left", -1: "right", 0: "center"}[place.side[0]],
            va={1: "bottom", -1: "top", 0: "center"}[place.side[1]],
            arrowprops=arrow if place.tier > 1.0 else None,
            bbox={"facecolor": "white", "alpha": 0.65, "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip


def _shift(side: tuple[int, int], tier: float) -> tuple[float, float]:
    slant = 0.5 if side[0] and side[1] and tier == 1.0 else 1.0
    return side[0] * _GAP * tier * slant, side[1] * _GAP * tier * slant


def _best(at: Floats, k: int, letters: int, frame: Floats, taken: list[Floats]) -> Place:
    """Return the cheapest place for the name of point ``k``."""
    width, height = letters * _WIDTH * _SIZE, _HEIGHT * _SIZE
    cheapest, best = np.inf, None
    for tier in _TIERS:
        for rank, side in enumerate(_SIDES):
            dx, dy = _shift(side, tier)
            left = at[k, 0] + dx + width * ((side[0] - 1) / 2.0)
            low = at[k, 1] + dy + height * ((side[1] - 1) / 2.0)
            box = np.array([left, low, left + width, low + height])
            outside = (box[:2] < frame[:2]).any() or (box[2:] > frame[2:]).any()
            hidden = (at > box[:2] - 1.5) & (at < box[2:] + 1.5)
            cost = 0.1 * rank + _FURTHER * (tier - 1.0)
            cost += _ON_NAME * sum(_overlap(box, other) for other in taken)
            cost += _OUTSIDE * bool(outside)
            if tier > 1.0:
                line = at[k] + np.linspace(0.0, 1.0, 9)[:, None] * np.array([dx, dy])
                cost += _ACROSS * sum(_touches(line, other) for other in taken)
                gap = np.abs(line[:, None, :] - np.delete(at, k, axis=0)[None, :, :])
                cost += _ON_POINT * int((gap < _NEAR).all(axis=2).any(axis=0).sum())
            cost += _ON_POINT * int(np.count_nonzero(hidden.all(axis=1)))
            if cost < cheapest:
                cheapest, best = cost, Place(side, tier, box)
    assert best is not None
    return best


def _overlap(a: Floats, b: Floats) -> bool:
    return bool((a[:2] < b[2:]).all() and (b[:2] < a[2:]).all())


def _touches(points: Floats, box: Floats) -> bool:
    return bool(((points > box[:2]) & (points < box[2:])).all(axis=1).any())
