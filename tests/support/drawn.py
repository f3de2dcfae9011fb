"""What stands on an Axes: points, labels, words."""

from __future__ import annotations

import io
from typing import Any

import numpy as np


def offsets(axes: Any, colour: str | None = None) -> np.ndarray:
    """The points (k, 2) of all scatters, or of those filled with ``colour``, in drawing order."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_hex

    found = [np.zeros((0, 2))]
    for each in axes.collections:
        if isinstance(each, LineCollection):
            continue
        faces = each.get_facecolors()
        if colour is None or (len(faces) and to_hex(faces[0]).lower() == colour.lower()):
            found.append(np.asarray(each.get_offsets(), dtype=np.float64).reshape(-1, 2))
    return np.concatenate(found)


def words(axes: Any) -> list[str]:
    """Every text on the axes, legend and names included."""
    shown = [text.get_text() for text in axes.texts]
    box = axes.get_legend()
    if box is not None:
        shown += [text.get_text() for text in box.get_texts()]
        shown.append(box.get_title().get_text())
    return [text for text in shown if text]


def as_pdf(axes: Any) -> bytes:
    """The figure as a PDF file."""
    buffer = io.BytesIO()
    axes.figure.savefig(buffer, format="pdf")
    return buffer.getvalue()
