"""What runs on a worker of a cluster: it keeps what it was sent, and fits parts of it.

A worker runs one part at a time, on a pool as wide as its ``nthreads``: parts that wait for their
turn hold a thread of Dask that sleeps.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Set
from typing import Any, NamedTuple

from ._chunks import Arrays, run_part
from ._file_counts import FileCounts
from ._provenance import what_computes as what_computes  # asked of workers
from ._resources import SHARE_OF_BLOCKS

# What a worker keeps for its next parts, as a share of its memory.
SHARE_KEPT = 0.3


class Absent(NamedTuple):
    """The answer of a worker that lacks what it was sent: it has begun anew, or had no room.

    ``unread`` are counts in files that it cannot read.
    """

    keys: tuple[str, ...]
    unread: tuple[str, ...] = ()


# What a worker is sent: things by name, with their sizes in bytes.
Things = dict[str, tuple[Any, int]]


class Failed(NamedTuple):
    """The answer where a part raised, so that nobody takes that for a worker's end."""

    error: Exception


class _Kept:
    """Things by name, the least recently used given up where there is no room for all.

    What is ``needed`` by parts that are to run stays, whatever room there is.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: dict[str, tuple[Any, int, set[str]]] = {}

    def put(
        self,
        key: str,
        thing: Any,
        size: int,
        owner: str,
        room: float,
        needed: Set[str] = frozenset(),
    ) -> None:
        with self._lock:
            owners = self._things.pop(key, (None, 0, set()))[2]
            taken = sum(each[1] for each in self._things.values())
            for old in [each for each in self._things if each not in needed]:
                if taken + size <= room:
                    break
                taken -= self._things.pop(old)[1]
            self._things[key] = (thing, size, owners | {owner})

    def get(self, key: str) -> Any:
        """Return what has this name, or None."""
        with self._lock:
            if key not in self._things:
                return None
            # The order of a dictionary is that of use.
            self._things[key] = self._things.pop(key)
            return self._things[key][0]

    def forget(self, owner: str) -> None:
        with self._lock:
            for key, (_, _, owners) in list(self._things.items()):
                owners.discard(owner)
                if not owners:
                    del self._things[key]

    def __len__(self) -> int:
        return len(self._things)


_kept = _Kept()
_turn = threading.Lock()


def keep(things: Things, owner: str, needed: Set[str], dask_worker: Any = None) -> tuple[str, ...]:
    """Keep things, by name with their sizes in bytes, for parts that ``owner`` will ask for.

    Nothing that is ``needed`` by parts on their way is given up for them.
    Return the names of counts in files that cannot be read here.
    """
    limit = None if dask_worker is None else dask_worker.memory_manager.memory_limit
    room = SHARE_KEPT * (limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    absent = []
    for key, (thing, size) in things.items():
        if isinstance(thing, FileCounts) and not thing.is_here():
            absent.append(key)
        else:
            _kept.put(key, thing, size, owner, room, needed)
    return tuple(absent)


def forget(owner: str) -> None:
    """Give up what nobody but ``owner`` asked for."""
    _kept.forget(owner)


def worker_here() -> Any:
    """Return the worker of Dask that this process is."""
    from distributed import get_worker

    return get_worker()


def means_here() -> tuple[int, int | None]:
    """Return the width of the pool of this worker, and the bytes that one block may take."""
    worker = worker_here()
    threads, limit = int(worker.state.nthreads), worker.memory_manager.memory_limit
    return threads, int(limit * SHARE_OF_BLOCKS) // threads if limit else None


def work(
    shared_key: str, counts_key: str, rows: Arrays | str, parcel: bytes, owner: str
) -> Arrays | Absent | Failed:
    """Fit the genes of a part, from what was sent before or comes in its parcel.

    Large ``rows`` come by their name.
    """
    things: Things = pickle.loads(parcel)
    keys = [shared_key, counts_key, *([rows] if isinstance(rows, str) else [])]
    if unread := keep(things, owner, set(keys), worker_here()):
        return Absent(unread, unread)
    # What came along is taken from there: it may be kept no more.
    found = [things[key][0] if key in things else _kept.get(key) for key in keys]
    absent = tuple(key for key, thing in zip(keys, found, strict=True) if thing is None)
    if absent:
        return Absent(absent)
    own = found[2] if isinstance(rows, str) else rows
    try:
        with _turn:
            return run_part(found[0], own, found[1], *means_here())
    except Exception as error:
        return Failed(error)
