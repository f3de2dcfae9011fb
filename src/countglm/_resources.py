"""What a call may use of the machine, or of others: threads, memory, a cluster, a checkpoint."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._backed import Reading
from ._fitting import DENSE_ENTRIES
from ._names import plural
from ._parallel import TILE, is_whole, resolve_block_size, resolve_threads
from .errors import InputError

Sizes = NDArray[np.int64]
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)
# What is made of the counts of a block while it is fitted: float64 arrays of its size, or bytes for
# a count other than zero where a rule stands for the zeros (measured: 2.4 arrays, 56 bytes).
ARRAYS_OF_BLOCK, BYTES_OF_NONZERO = 4, 64
# A number without a unit that is smaller was not meant as bytes.
LEAST_LIMIT = 10**6
# Part of the limit that blocks may take; the rest is for Python, results and reading ahead.
SHARE_OF_BLOCKS = 0.25


@dataclass(frozen=True, eq=False)
class Resources:
    """Checked once by `resolve_resources`, and carried by every model.

    Nothing in it changes a result.  ``client`` is a Dask client or its address; ``checkpoint`` the
    folder of finished work; ``memory_limit`` in bytes.
    """

    threads: int
    block_size: int | None = None
    memory_limit: int | None = None
    client: Any = None
    checkpoint: Path | None = None
    progress: bool = False

    @property
    def in_parts(self) -> bool:
        """Whether fits are cut into parts that run elsewhere, or are kept when finished."""
        return self.client is not None or self.checkpoint is not None

    @property
    def room(self) -> int | None:
        """Bytes that the block of one thread may take; None where there is no limit."""
        if self.memory_limit is None:
            return None
        return int(self.memory_limit * SHARE_OF_BLOCKS) // self.threads

    def block(self, n_samples: int, sizes: Sizes | None = None) -> int:
        """Genes of a block: as given, or so that the blocks of all threads fit in the limit.

        ``sizes`` (n_genes,) are the numbers of counts other than zero, where no others are made
        dense more than a few at once.
        """
        if self.block_size is not None and not self.in_parts:
            return self.block_size
        return block_within(self.room, n_samples, sizes)

    @property
    def reading(self) -> Reading:
        """How counts in a file may be read."""
        return Reading(self.memory_limit, self.checkpoint, keep=self.checkpoint is not None)

    def record(self, n_samples: int) -> dict[str, Any]:
        """What the provenance of a result tells of it."""
        return {"threads": self.threads, "block_size": self.block(n_samples)}

    def silent(self) -> Resources:
        """The same without a bar of progress."""
        return replace(self, progress=False)


def block_within(room: int | None, n_samples: int, sizes: Sizes | None = None) -> int:
    """Return the genes of a block that fit in ``room`` bytes, if there is a limit.

    All samples of each are read, or its ``sizes``: its counts other than zero.
    """
    read = n_samples if sizes is None else max(1, int(sizes.sum()) // max(1, sizes.size))
    genes = resolve_block_size(None, read)
    if room is None:
        return genes
    if sizes is None:
        most = max(1, room // (8 * ARRAYS_OF_BLOCK * n_samples))
        return min(genes, most // TILE * TILE if most > TILE else most)
    while genes > 1:
        sums = np.add.reduceat(sizes, np.arange(0, sizes.size, genes))
        if int(sums.max()) * BYTES_OF_NONZERO <= room:
            break
        genes = genes // (2 * TILE) * TILE if genes > TILE else genes // 2
    return genes


def entries_within(room: int | None) -> int:
    """Return the counts, zeros and all, that are made dense at once within ``room`` bytes."""
    return DENSE_ENTRIES if room is None else min(DENSE_ENTRIES, room // (8 * ARRAYS_OF_BLOCK))


def resolve_resources(
    threads: int | None = None,
    block_size: int | None = None,
    memory_limit: int | str | None = None,
    client: Any = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Resources:
    """Return what a call may use, or raise naming what is wrong with it."""
    if block_size is not None:
        block_size = resolve_block_size(block_size, 1)
    return Resources(
        resolve_threads(threads), block_size, resolve_memory_limit(memory_limit),
        _client(client), _folder(checkpoint), bool(progress),
    )  # fmt: skip


def resolve_memory_limit(limit: int | str | None) -> int | None:
    """Return bytes from a number of them, or from text such as "4GB", "512MiB" or "0.5G"."""
    if limit is None:
        return None
    size, unit = 0, ""
    if isinstance(limit, str):
        found = _AMOUNT.fullmatch(limit)
        if found is not None:
            number, unit, binary = found[1], found[2].upper(), found[3]
            scale = (_BINARY if binary and unit else _UNITS)[unit]
            size = int(float(number) * scale)
    elif is_whole(limit, 1):
        size = int(limit)
    if size >= LEAST_LIMIT or (size and unit):
        return size
    if size:
        number = f"{limit:g}" if not isinstance(limit, str) else limit.strip(" bB")
        raise InputError(
            f"memory_limit={limit!r} is {plural(size, 'byte')}; did you mean '{number}GB'?"
        )
    raise InputError(
        f"memory_limit={limit!r} is no amount of memory; give bytes, or text such as '4GB' or "
        "'512MB'."
    )


def _client(client: Any) -> Any:
    if client is None or (isinstance(client, str) and client) or hasattr(client, "submit"):
        return client
    # The command line brings what runs parts itself (`Executor`).
    if hasattr(client, "genes_of_part"):
        return client
    raise InputError(
        f"client={client!r} is no Dask client; give a dask.distributed.Client or the address of a "
        "scheduler, such as 'tcp://10.0.0.1:8786'."
    )


def _folder(checkpoint: Any) -> Path | None:
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | os.PathLike) or not os.fspath(checkpoint):
        raise InputError(f"checkpoint={checkpoint!r} is no path; name a folder, which may be new.")
    return Path(os.fsdecode(checkpoint))
