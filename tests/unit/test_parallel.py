"""Blocks on threads: every item once, results by place, failures at once."""

from __future__ import annotations

import math
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from countglm import _parallel
from countglm._jit import LANES
from countglm._parallel import resolve_block_size, resolve_threads, run_blocks
from countglm.errors import InputError


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("n", "block"), [(0, 3), (1, 3), (3, 3), (10, 3), (10, 100), (97, 1)])
def test_every_item_is_done_once(n: int, block: int, threads: int) -> None:
    done = np.zeros(n, dtype=int)
    sizes: list[int] = []

    def task(start: int, stop: int) -> None:
        assert 0 < stop - start <= block
        done[start:stop] += 1

    run_blocks(task, n, block_size=block, threads=threads, progress=sizes.append)
    assert np.all(done == 1)
    assert sum(sizes) == n


@pytest.mark.parametrize("threads", [1, 4])
def test_results_stand_in_their_place_whatever_finishes_first(threads: int) -> None:
    out = np.zeros(20)

    def task(start: int, stop: int) -> None:
        time.sleep(0.004 if start % 4 == 0 else 0.0)
        out[start:stop] = np.arange(start, stop) ** 2

    run_blocks(task, 20, block_size=2, threads=threads)
    np.testing.assert_array_equal(out, np.arange(20.0) ** 2)


def test_one_thread_keeps_order_and_uses_no_pool() -> None:
    starts, names = [], set()

    def task(start: int, stop: int) -> None:
        starts.append(start)
        names.add(threading.current_thread())

    run_blocks(task, 10, block_size=3, threads=1)
    assert starts == [0, 3, 6, 9]
    assert names == {threading.current_thread()}


def test_first_block_is_done_by_the_caller_before_the_others() -> None:
    seen: list[tuple[int, bool]] = []
    caller = threading.current_thread()

    def task(start: int, stop: int) -> None:
        seen.append((start, threading.current_thread() is caller))

    run_blocks(task, 12, block_size=2, threads=3)
    assert seen[0] == (0, True)
    assert not any(on_caller for _, on_caller in seen[1:])


def test_blocks_overlap_in_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def task(start: int, stop: int) -> None:
        # Two blocks after the first wait for each other: one thread would wait for ever.
        if start in (1, 2):
            meeting.wait()

    run_blocks(task, 3, block_size=1, threads=2)
    assert not meeting.broken


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("failing", [0, 5])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_failure_reaches_the_caller_and_drops_the_rest(
    threads: int, failing: int, error: type[BaseException]
) -> None:
    begun: list[int] = []

    def task(start: int, stop: int) -> None:
        begun.append(start)
        if start == failing:
            raise error("here")
        if threads > 1:
            time.sleep(0.002)

    with pytest.raises(error, match="here"):
        run_blocks(task, 500, block_size=1, threads=threads)
    # Blocks in flight end; those that have not begun never do.
    count = len(begun)
    assert count <= failing + 1 + 4 * threads
    time.sleep(0.005)
    assert len(begun) == count


def test_threads_are_kept_from_call_to_call() -> None:
    used: set[int] = set()
    for _ in range(5):
        run_blocks(lambda start, stop: used.add(threading.get_ident()), 50, block_size=1, threads=3)
    # The caller and three more: a new thread shares its parent's core at first.
    assert len(used) <= 4


def test_a_task_may_ask_for_blocks_of_its_own() -> None:
    inner: list[int] = []

    def task(start: int, stop: int) -> None:
        run_blocks(lambda a, b: inner.append(a), 4, block_size=1, threads=2)

    run_blocks(task, 20, block_size=1, threads=2)
    assert sorted(inner) == sorted(list(range(4)) * 20)


def test_a_forked_process_begins_without_pools() -> None:
    run_blocks(lambda start, stop: None, 9, block_size=1, threads=2)
    assert _parallel._pools
    _parallel._forget_pools()
    assert not _parallel._pools
    done: list[int] = []
    run_blocks(lambda start, stop: done.append(start), 9, block_size=1, threads=2)
    assert sorted(done) == list(range(9))


def test_nothing_runs_after_the_failure_is_reported() -> None:
    running = threading.Event()

    def task(start: int, stop: int) -> None:
        if start == 1:
            raise RuntimeError("stop")
        if start == 2:
            time.sleep(0.05)
            running.set()

    with pytest.raises(RuntimeError, match="stop"):
        run_blocks(task, 3, block_size=1, threads=2)
    # The block that was in flight has written its rows before the caller sees the error.
    late = running.is_set()
    time.sleep(0.1)
    assert running.is_set() == late


def test_interrupt_of_the_caller_while_it_waits() -> None:
    begun: list[int] = []

    def interrupt(size: int) -> None:
        if len(begun) > 3:
            raise KeyboardInterrupt

    def task(start: int, stop: int) -> None:
        begun.append(start)
        time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        run_blocks(task, 1000, block_size=1, threads=2, progress=interrupt)
    count = len(begun)
    assert count < 30
    time.sleep(0.02)
    assert len(begun) == count


def test_few_blocks_are_handed_out_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    # A million blocks must not become a million futures at once.
    futures: list[Future[None]] = []
    most = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            future = super().submit(*args, **kwargs)
            futures.append(future)
            most.append(sum(not f.done() for f in futures))
            return future

    monkeypatch.setattr(_parallel, "ThreadPoolExecutor", Counting)
    monkeypatch.setattr(_parallel, "_pools", {})
    begun: list[int] = []
    run_blocks(lambda start, stop: begun.append(start), 200, block_size=1, threads=3)
    assert sorted(begun) == list(range(200))
    assert len(futures) == 199
    assert max(most) <= 6


def test_threads_default_to_the_affinity_of_the_process() -> None:
    expected = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert resolve_threads(None) == expected
    assert resolve_threads(np.int64(3)) == 3
    assert resolve_threads(2.0) == 2


@pytest.mark.parametrize("value", [0, -1, 1.5, math.nan, math.inf, True, False, "2", "all", [2]])
@pytest.mark.parametrize("name", ["threads", "block_size"])
def test_wrong_numbers_are_named(name: str, value: object) -> None:
    resolve = {
        "threads": resolve_threads,
        "block_size": lambda v: resolve_block_size(v, 10),
    }[name]
    with pytest.raises(InputError) as caught:
        resolve(value)
    assert f"{name}={value!r} must be a whole number of at least 1, or None." in str(caught.value)


@pytest.mark.parametrize("samples", [1, 6, 128, 1000, 10**6])
def test_default_blocks_are_whole_tiles_of_about_as_many_counts(samples: int) -> None:
    block = resolve_block_size(None, samples)
    assert _parallel.MIN_BLOCK <= block <= _parallel.MAX_BLOCK
    assert block % _parallel.TILE == 0
    assert _parallel.TILE == LANES
    if _parallel.MIN_BLOCK < block < _parallel.MAX_BLOCK:
        more = block + _parallel.TILE
        assert block * samples <= _parallel.BLOCK_ENTRIES < more * samples
    assert resolve_block_size(7, samples) == 7
