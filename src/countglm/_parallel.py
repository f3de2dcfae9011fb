"""Blocks of genes on a pool of threads: kernels release the GIL, every block writes its own rows.

Block boundaries depend on the shape of the data alone, and no result depends on them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from itertools import islice
from typing import TypeVar

import numpy as np

from .errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Entries of a block: small enough that an interrupt is answered at once and skewed genes balance,
# large enough that Python's share of the time is small; and its genes, in whole tiles.
BLOCK_ENTRIES = 65536
TILE, MIN_BLOCK, MAX_BLOCK = 8, 16, 1024


def is_whole(value: object, least: int) -> bool:
    """Return whether ``value`` is a whole number of at least ``least`` (no bool, no NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(np.isfinite(value) and value >= least and value == int(value))


def resolve_threads(threads: int | None) -> int:
    """Return the number of threads; None means every core this process may use."""
    if threads is None:
        if hasattr(os, "sched_getaffinity"):
            return max(1, len(os.sched_getaffinity(0)))
        return max(1, os.cpu_count() or 1)
    if not is_whole(threads, 1):
        raise InputError(f"threads={threads!r} must be a whole number of at least 1, or None.")
    return int(threads)


def resolve_block_size(block_size: int | None, n_samples: int) -> int:
    """Return the genes per block: as given, or from the number of samples."""
    if block_size is None:
        return min(MAX_BLOCK, max(MIN_BLOCK, BLOCK_ENTRIES // n_samples // TILE * TILE))
    if not is_whole(block_size, 1):
        raise InputError(
            f"block_size={block_size!r} must be a whole number of at least 1, or None."
        )
    return int(block_size)


def run_blocks(
    task: Callable[[int, int], None],
    n_items: int,
    *,
    block_size: int,
    threads: int,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Call ``task(start, stop)`` for every block of ``range(n_items)``.

    A first small block runs on the calling thread; see `as_done`.
    """
    first = block_size if threads == 1 else min(TILE, block_size)
    starts = [0, *range(first, n_items, block_size)]
    bounds = [(a, b) for a, b in zip(starts, [*starts[1:], n_items], strict=True) if b > a]

    def of_block(block: tuple[int, int]) -> None:
        task(*block)

    with closing(as_done(of_block, bounds, threads)) as finished:
        for (start, stop), _ in finished:
            if progress is not None:
                progress(stop - start)


def as_done(
    task: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield every item with what ``task`` makes of it, in the order in which they are finished.

    The first runs on the calling thread, where compiling takes place; an exception or an interrupt
    drops the items that have not begun and waits for those that have, as does closing.
    """
    # A task that asks for blocks of its own must not wait for a pool that waits for it.
    inside = threading.current_thread().name.startswith(_PREFIX)
    on_caller = threads == 1 or inside
    remaining = iter(items)
    for item in remaining if on_caller else islice(remaining, 1):
        yield item, task(item)
    if on_caller:
        return
    running: dict[Future[Result], Item] = {}
    try:
        for item in remaining:
            if len(running) >= 2 * threads:
                yield from _finished(running)
            running[_kept_pool(threads).submit(task, item)] = item
        while running:
            yield from _finished(running)
    finally:
        wait([future for future in running if not future.cancel()])


_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()
_PREFIX = "countglm"


def _kept_pool(threads: int) -> ThreadPoolExecutor:
    """Return a pool that outlives its blocks.

    New threads share a core for the first tenths of a second of a process, until the system moves
    them apart: as long as a whole analysis may take.
    """
    with _pools_lock:
        if threads not in _pools:
            _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix=_PREFIX)
        return _pools[threads]


def _forget_pools() -> None:
    """Begin anew in a forked process, which has none of its parent's threads."""
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def _finished(running: dict[Future[Result], Item]) -> Iterator[tuple[Item, Result]]:
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        item = running.pop(future)
        yield item, future.result()
