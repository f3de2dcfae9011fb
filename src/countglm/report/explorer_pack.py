"""Columns of a table as text that a page carries: deflated, in base64, equal columns once.

A number keeps the upper half of its bytes (6 decimal digits), which is more than a reader of a page
can use; the bytes of all numbers that stand for the same digits lie together, so that deflate finds
repeats.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Bits of a double that are dropped, of 52 behind its point.
_DROPPED = 32
_HALF = np.uint64(1 << (_DROPPED - 1))
_KEPT = np.uint64((1 << 64) - (1 << _DROPPED))
# A side of a picture in steps, each a fraction of a screen's dot; one number more: "not drawn".
STEPS = (1 << 12) - 2
NOWHERE = (1 << 12) - 1
_BREAKS = str.maketrans("\n\r", "  ")


def shortened(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers as a page has them, rounded to 6 digits; infinite and missing ones stay."""
    bits = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)
    # Half a step is added, so that cutting rounds.
    return ((bits + _HALF) & _KEPT).view(np.float64)


class Pack:
    """Columns in the order they came; an equal one is the same."""

    def __init__(self) -> None:
        self.segments: list[dict[str, Any]] = []
        self.n_characters = 0
        self._known: dict[tuple[Any, ...], int] = {}

    def numbers(self, values: NDArray[Any]) -> int:
        """Add numbers, `shortened`; return the place of the column."""
        upper = shortened(values).astype("<f8").view(np.uint8).reshape(-1, 8)[:, 4:]
        return self._add("number", upper)

    def wholes(self, values: NDArray[Any]) -> int:
        """Add numbers with all their digits."""
        exact = np.asarray(values, dtype="<f8").view(np.uint8).reshape(-1, 8)
        return self._add("whole", exact)

    def texts(self, values: Sequence[Any]) -> int:
        """Add texts, one a row; a break inside one becomes a space."""
        lines = "\n".join(str(value).translate(_BREAKS) for value in values)
        return self._add("text", np.frombuffer(lines.encode(), dtype=np.uint8)[:, None])

    def categories(self, values: Sequence[Any]) -> int:
        """Add texts of which there are few."""
        texts = np.asarray([str(value) for value in values], dtype=object)
        words, codes = np.unique(texts, return_inverse=True)
        column = codes.astype("<u2").view(np.uint8).reshape(-1, 2)
        return self._add("category", column, words=[str(word) for word in words])

    def fractions(self, values: NDArray[np.float64]) -> int:
        """Add parts of a side of a picture, in [0, 1]; NaN where a gene is not drawn."""
        inside = np.isfinite(values) & (values >= 0) & (values <= 1)
        steps = np.full(values.size, NOWHERE, dtype="<u2")
        steps[inside] = np.rint(values[inside] * STEPS)
        return self._add("fraction", steps.view(np.uint8).reshape(-1, 2))

    def order(self, places: NDArray[Any]) -> int:
        """Add places of genes."""
        return self._add("order", places.astype("<u4").view(np.uint8).reshape(-1, 4))

    def _add(self, kind: str, table: NDArray[np.uint8], **more: Any) -> int:
        """Keep the columns of a table of bytes (n, width), each for itself."""
        content = np.ascontiguousarray(table.T).tobytes()
        key = (kind, content, *more.get("words", ()))
        if key not in self._known:
            text = base64.b64encode(_deflated(content)).decode()
            self._known[key] = len(self.segments)
            self.segments.append({"kind": kind, **more, "data": text})
            self.n_characters += len(text)
        return self._known[key]


def _deflated(content: bytes) -> bytes:
    """Deflate, the shorter way: digits have no repeats, and looking for some spoils their code."""
    found = []
    for strategy in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY):
        packing = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
        found.append(packing.compress(content) + packing.flush())
    return min(found, key=len)
