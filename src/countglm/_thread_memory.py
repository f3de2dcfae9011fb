"""How many threads fit in a limit of memory, by what one of them takes of the problem at hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._memory import in_words, resident_memory
from ._tiles import lent_memory
from ._zero_rule import MOST_NONZEROS
from .errors import InputError

# Bytes of a sample in the lanes: its count, and two sums where it is a segment of its own.
LANES_OF_SAMPLE, LANES_OF_SEGMENT = 64, 128
# Bytes of a nonzero of the gene at hand in the lanes, with what is left empty of its group; and of
# a nonzero of the block, with all that is made of it.
LANES_OF_NONZERO, BLOCK_OF_NONZERO = 192, 64
# Bytes of a dense count of the block, with all that is made of it.
BLOCK_OF_COUNT = 32
# What results, the interpreter and reading ahead take meanwhile.
RESERVE = 48 << 20


@dataclass(frozen=True)
class Work:
    """What the blocks of a fit have: samples, segments, genes, and perhaps their nonzeros."""

    n_samples: int
    n_segments: int
    genes: int
    dense_entries: int
    sizes: NDArray[np.int64] | None = None

    def bytes_of_thread(self) -> int:
        """Return the bytes that one thread takes at most."""
        n, sizes = self.n_samples, self.sizes
        lanes = LANES_OF_SAMPLE * n + LANES_OF_SEGMENT * self.n_segments
        if sizes is None:
            return lanes + BLOCK_OF_COUNT * n * self.genes
        served = sizes[sizes <= MOST_NONZEROS * n]
        block = int(np.add.reduceat(sizes, np.arange(0, sizes.size, self.genes)).max())
        by_rule = LANES_OF_NONZERO * int(served.max(initial=0)) + BLOCK_OF_NONZERO * block
        if served.size == sizes.size:
            return by_rule
        at_once = max(n, min(self.dense_entries, n * self.genes))
        return max(by_rule, lanes + BLOCK_OF_COUNT * at_once + BLOCK_OF_NONZERO * block)


def threads_within(limit: int | None, threads: int, work: Work) -> int:
    """Return how many of the threads fit in the limit; results do not depend on it.

    Raises
    ------
    InputError
        Not even one fits.
    """
    if limit is None:
        return threads
    held, each = resident_memory() - lent_memory(), work.bytes_of_thread()
    fitting = (limit - held - RESERVE) // each
    if fitting < 1:
        raise InputError(
            f"memory_limit={in_words(limit)} is too little to fit genes of {work.n_samples:,} "
            f"samples: the process holds {in_words(held)}, and one thread takes "
            f"{in_words(each + RESERVE)} more; give at least {in_words(held + each + RESERVE)}."
        )
    return min(threads, int(fitting))
