"""Reading that goes on while what was read before is worked on; a bounded number of steps ahead."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_END = object()
# Not the name of the threads that fit genes: these wait for the reader.
_NAME = "reader"
# Blocks that wait for who asks for them next.
BLOCKS_AHEAD = 2


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, of which the next is made on a thread while the last is worked on."""
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix=_NAME) as pool:
        coming: Future[Any] = pool.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = pool.submit(next, iterator, _END)
            yield item


class BlocksAhead(Generic[T]):
    """Reads blocks [start, stop) of ``n`` lines, and on a thread the ones that follow.

    Who works through all lines in steps of one width finds the next block read. Safe to be called
    from many threads.
    """

    def __init__(self, read: Callable[[int, int], T], n: int) -> None:
        self._read = read
        self._n = n
        self._coming: OrderedDict[tuple[int, int], Future[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None

    def __call__(self, start: int, stop: int) -> T:
        with self._lock:
            found = self._coming.pop((start, stop), None)
            width, first = stop - start, stop
            for _ in range(BLOCKS_AHEAD if width > 0 else 0):
                if first < self._n:
                    self._ask(first, min(first + width, self._n))
                first += width
        return self._read(start, stop) if found is None else found.result()

    def _ask(self, start: int, stop: int) -> None:
        if (start, stop) in self._coming:
            return
        while len(self._coming) >= BLOCKS_AHEAD:
            # Nobody came for it: blocks are asked for in another order now.
            self._coming.popitem(last=False)[1].cancel()
        self._coming[start, stop] = self._reader().submit(self._read, start, stop)

    def _reader(self) -> ThreadPoolExecutor:
        if self._pool is None or self._pool[0] != os.getpid():  # a fork has no threads
            self._pool = (os.getpid(), ThreadPoolExecutor(1, thread_name_prefix=_NAME))
        return self._pool[1]
