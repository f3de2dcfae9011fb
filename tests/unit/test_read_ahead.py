"""Reading runs ahead of the work, by a bounded number of steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from countglm._read_ahead import BLOCKS_AHEAD, BlocksAhead, ahead


def test_items_are_made_one_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for k in range(5):
            made.append(k)
            yield k

    for k in ahead(items()):
        assert len(made) <= k + 2
    assert made == list(range(5))
    assert list(ahead([])) == []


def test_errors_come_where_the_item_would() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(found)


def test_who_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    found = ahead(iter(range(9)))
    assert next(found) == 0
    found.close()
    assert threading.active_count() == before


class Reads:
    """Remembers what was read."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, start: int, stop: int) -> list[int]:
        self.asked.append((start, stop))
        return list(range(start, stop))


def test_blocks_are_read_once_and_ahead() -> None:
    reads = Reads()
    blocks = BlocksAhead(reads, 20)
    for start in range(0, 20, 4):
        assert blocks(start, start + 4) == list(range(start, start + 4))
    assert sorted(reads.asked) == [(k, k + 4) for k in range(0, 20, 4)]


def test_blocks_in_any_order_and_again() -> None:
    reads = Reads()
    blocks = BlocksAhead(reads, 20)
    for start, stop in [(0, 8), (8, 20), (16, 20), (0, 3), (7, 7), (0, 20), (3, 6)]:
        assert blocks(start, stop) == list(range(start, stop))
    assert len(blocks._coming) <= BLOCKS_AHEAD


def test_blocks_from_many_threads() -> None:
    blocks = BlocksAhead(Reads(), 400)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda a: blocks(a, a + 7), range(0, 392, 7)))
    assert [k for block in found for k in block] == list(range(392))


def test_an_error_ahead_is_told_to_who_asks_for_the_block() -> None:
    def read(start: int, stop: int) -> int:
        if start == 4:
            raise OSError("disk gone")
        return start

    blocks = BlocksAhead(read, 8)
    assert blocks(0, 4) == 0
    with pytest.raises(OSError, match="disk gone"):
        blocks(4, 8)
