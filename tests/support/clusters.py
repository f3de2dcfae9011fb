"""Dask workers in processes of their own, and an executor that kills them on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from countglm._chunks import Finished, Part, Shared
from countglm._cluster import ClusterExecutor

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[Client]:
    """Yield the client of so many workers, which come again when they are killed."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=threads, processes=True,
            dashboard_address=":0", silence_logs=50, host="127.0.0.1",
        ) as made,
        Client(made, set_as_default=False) as client,
    ):  # fmt: skip
        yield client


def worker_processes(client: Client) -> list[int]:
    """Return the processes of the workers, those that work for the longest first."""
    found = client.run(os.getpid, on_error="ignore")
    return [process for process in found.values() if isinstance(process, int)]


class Killing(ClusterExecutor):
    """Kills a worker when so many parts of all fits have come, again and again.

    Attributes
    ----------
    killed : int
        Workers that were killed so far.
    """

    def __init__(self, client: Client, when: Iterable[int], *, pause: float = 0.0) -> None:
        super().__init__(client)
        self._kill_client = client
        self._when = sorted(when)
        self._pause = pause
        self._came = self.killed = 0

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        for each in super().run(shared, parts):
            self._came += 1
            if self._when and self._came >= self._when[0]:
                self._when.pop(0)
                self._kill()
            yield each

    def _kill(self) -> None:
        time.sleep(self._pause)
        processes = worker_processes(self._kill_client)
        if processes:
            os.kill(processes[self.killed % len(processes)], signal.SIGKILL)
            self.killed += 1


def same_bits(one: Any, other: Any) -> list[str]:
    """Return the names of the arrays of two fits that differ."""
    from tests.accept.bits import digest

    reference, found = digest(one), digest(other)
    return [name for name, value in reference.items() if found[name] != value]
