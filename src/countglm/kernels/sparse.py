"""Products with a sparse matrix, one sum a row or a column, in the order of the storage.

Every entry works on a range of rows (of the compressed rows) or columns (of the compressed
columns) and writes there alone, so that no bit depends on how the ranges are cut.
"""

from __future__ import annotations

from countglm._jit import entry


@entry
def compressed_product(bounds, places, values, vector, out, start, stop):
    """Set ``out[i]`` to the sum of ``values * vector[places]`` of line i, for a range of lines."""
    for i in range(start, stop):
        total = 0.0
        for e in range(bounds[i], bounds[i + 1]):
            total += values[e] * vector[places[e]]
        out[i] = total


@entry
def compressed_squares(bounds, places, values, vector, out, start, stop):
    """Set ``out[i]`` to the sum of ``values² * vector[places]`` of line i."""
    for i in range(start, stop):
        total = 0.0
        for e in range(bounds[i], bounds[i + 1]):
            total += values[e] * values[e] * vector[places[e]]
        out[i] = total
