"""Blocks of genes on a pool of threads: kernels release the GIL, every block writes its own rows.

Block boundaries depend on the shape of the data alone, and no result depends on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import numpy as np

from .errors import InputError

# Entries of a block: small enough that an interrupt is answered at once and skewed genes balance,
# large enough that Python's share of the time is small; and its genes, in whole tiles.
BLOCK_ENTRIES = 65536
TILE, MIN_BLOCK, MAX_BLOCK = 8, 16, 2048


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

    The first block runs on the calling thread, where compiling takes place; an exception or an
    interrupt drops the blocks that have not begun and waits for those that have.
    """
    bounds = [(a, min(a + block_size, n_items)) for a in range(0, n_items, block_size)]

    def done(block: tuple[int, int]) -> None:
        if progress is not None:
            progress(block[1] - block[0])

    on_caller = bounds if threads == 1 else bounds[:1]
    for block in on_caller:
        task(*block)
        done(block)
    remaining = bounds[len(on_caller) :]
    if not remaining:
        return
    pool = ThreadPoolExecutor(min(threads, len(remaining)), thread_name_prefix="countglm")
    running: dict[Future[None], tuple[int, int]] = {}
    try:
        for block in remaining:
            if len(running) >= 2 * threads:
                _collect(running, done)
            running[pool.submit(task, *block)] = block
        while running:
            _collect(running, done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(
    running: dict[Future[None], tuple[int, int]], done: Callable[[tuple[int, int]], None]
) -> None:
    finished, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        block = running.pop(future)
        future.result()
        done(block)
