"""What a call may use of the machine, or of others: threads, memory, a cluster, a checkpoint."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ._backed import Reading
from ._parallel import MIN_BLOCK, TILE, is_whole, resolve_block_size, resolve_threads
from .errors import InputError

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)
# Counts, and what is made of them while a block is fitted: float64 arrays of its size.
ARRAYS_OF_BLOCK = 6
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

    def block(self, n_samples: int) -> int:
        """Genes of a block: as given, or so that blocks fit in the memory of the threads."""
        if self.block_size is not None and not self.in_parts:
            return self.block_size
        genes = resolve_block_size(None, n_samples)
        if self.memory_limit is None:
            return genes
        return min(genes, _genes_within(self.memory_limit, n_samples, self.threads))

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


def _genes_within(limit: int, n_samples: int, threads: int) -> int:
    """Return the genes of a block of which ``threads`` and as many more fit in their share."""
    a_gene = 8 * n_samples * ARRAYS_OF_BLOCK
    genes = int(limit * SHARE_OF_BLOCKS) // (a_gene * 2 * threads)
    return max(1, genes // TILE * TILE if genes >= MIN_BLOCK else genes)


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
    if isinstance(limit, str):
        found = _AMOUNT.fullmatch(limit)
        if found is not None:
            number, unit, binary = found[1], found[2].upper(), found[3]
            scale = (_BINARY if binary and unit else _UNITS)[unit]
            if (size := int(float(number) * scale)) >= 1:
                return size
    elif is_whole(limit, 1):
        return int(limit)
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
