"""A sparse design stored by rows and by columns, and its products on threads.

Sums run along a row or a column in the order of the storage and belong to one thread each: no bit
depends on the threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._parallel import run_blocks
from .kernels.sparse import compressed_product, compressed_squares

Floats = NDArray[np.float64]
# Rows of a block: sums over rows are made block by block, then over the blocks in their order.
BLOCK = 8192
# Fewer stored numbers than this are not worth a thread.
WORTH = 400_000


@dataclass(frozen=True, eq=False)
class Compressed:
    """One way of storage: lines with their bounds, places and values."""

    bounds: NDArray[np.int64]
    places: NDArray[np.int64]
    values: Floats
    threads: int

    @staticmethod
    def of(matrix: Any, threads: int) -> Compressed:
        """Return the storage of a compressed scipy matrix."""
        return Compressed(
            matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64),
            matrix.data.astype(np.float64), threads if matrix.nnz >= WORTH else 1,
        )  # fmt: skip

    def _over(self, task: Callable[[int, int], None]) -> None:
        lines = self.bounds.size - 1
        if self.threads == 1:
            task(0, lines)
            return
        # Ranges of equal work: the lines where so many numbers are passed.
        steps = np.linspace(0, self.bounds[-1], 4 * self.threads + 1)
        cuts = np.searchsorted(self.bounds, steps)
        cuts[0], cuts[-1] = 0, lines

        def part(start: int, stop: int) -> None:
            for block in range(start, stop):
                task(int(cuts[block]), int(cuts[block + 1]))

        run_blocks(part, cuts.size - 1, block_size=1, threads=self.threads)

    def product(self, vector: Floats) -> Floats:
        """Return one sum a line."""
        out = np.zeros(self.bounds.size - 1)
        self._over(
            lambda a, b: compressed_product(
                self.bounds, self.places, self.values, vector, out, a, b
            )
        )
        return out

    def squares(self, vector: Floats) -> Floats:
        """Return one sum a line of squared values."""
        out = np.zeros(self.bounds.size - 1)
        self._over(
            lambda a, b: compressed_squares(
                self.bounds, self.places, self.values, vector, out, a, b
            )
        )
        return out


@dataclass(frozen=True, eq=False)
class SparseDesign:
    """A design (n, p) by rows and by columns."""

    by_row: Compressed
    by_column: Compressed

    @staticmethod
    def of(matrix: Any, threads: int) -> SparseDesign:
        """Return the design of a scipy matrix; equal entries are summed, zeros dropped."""
        rows = matrix.tocsr(copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        rows.sort_indices()
        columns = rows.tocsc()
        columns.sort_indices()
        return SparseDesign(Compressed.of(rows, threads), Compressed.of(columns, threads))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.by_row.bounds.size - 1, self.by_column.bounds.size - 1

    @property
    def threads(self) -> int:
        """Threads that its size is worth."""
        return self.by_row.threads

    def times(self, beta: Floats) -> Floats:
        """Return X beta."""
        return self.by_row.product(beta)

    def transposed(self, vector: Floats) -> Floats:
        """Return X' vector."""
        return self.by_column.product(vector)

    def diagonal(self, weight: Floats) -> Floats:
        """Return the diagonal of X' diag(weight) X."""
        return self.by_column.squares(weight)

    def blocks(self, task: Callable[[int, int], float]) -> float:
        """Return the sum of ``task(start, stop)`` over blocks of rows, in their order."""
        rows = self.shape[0]
        starts = range(0, rows, BLOCK)
        parts = np.zeros(len(starts))

        def part(first: int, last: int) -> None:
            for block in range(first, last):
                parts[block] = task(starts[block], min(starts[block] + BLOCK, rows))

        run_blocks(part, parts.size, block_size=1, threads=self.threads)
        return float(np.add.accumulate(parts)[-1])
