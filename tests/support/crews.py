"""A Dask client that is none: workers in this process, which end when a test says so."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import CancelledError
from inspect import iscoroutinefunction
from typing import Any

from countglm import _cluster_work


class Task:
    """A future whose end is known when it is made."""

    def __init__(
        self, answer: Any = None, error: BaseException | None = None, status: str = "finished"
    ) -> None:
        self._answer, self._error, self.status = answer, error, status
        self.ended = answer is not None or error is not None or status != "finished"

    def add_done_callback(self, call: Callable[[Task], None]) -> None:
        if self.ended:
            call(self)

    def result(self, timeout: float | None = None) -> Any:
        if self._error is not None:
            raise self._error
        return self._answer


class Crew:
    """Workers, by address, each with what it would answer to `what_computes`.

    ``on_part(address, number)`` is called before a worker runs its ``number``-th part of all; it
    may return what the task ends as, or let go of the worker with `lose`.
    """

    asynchronous = False
    status = "running"

    def __init__(self, *addresses: str, **others: Any) -> None:
        self.computes: dict[str, Any] = dict.fromkeys(addresses, _cluster_work.what_computes())
        self.computes |= others
        self.on_part: Callable[[str, int], Task | None] = lambda address, number: None
        self.parts: list[tuple[str, str]] = []
        self.kept: list[tuple[str, str]] = []
        self.cancelled: list[Task] = []
        self.scheduler_lost = False

    def lose(self, address: str) -> Task:
        """Let a worker end in the middle of a part; return what its task becomes."""
        self.computes.pop(address, None)
        return Task()

    def nthreads(self) -> dict[str, int]:
        if self.scheduler_lost:
            raise OSError("no route to it")
        return dict.fromkeys(self.computes, 1)

    def run(
        self,
        function: Callable[..., Any],
        *given: Any,
        workers: list[str],
        wait: bool = True,
        on_error: str = "raise",
    ) -> dict[str, Any]:
        assert wait or iscoroutinefunction(function), "workers of Dask refuse that"
        assert on_error in ("ignore", "return")
        if function is _cluster_work.what_computes:
            return {each: self.computes.get(each, OSError("closed")) for each in workers}
        if function is _cluster_work.keep:
            self.kept += [(each, key) for each in workers for key in given[0]]
        gone = {each: OSError("closed") for each in workers if each not in self.computes}
        return gone or {each: function(*given) for each in workers}

    def submit(
        self, function: Callable[..., Any], *given: Any, workers: list[str], **_: Any
    ) -> Task:
        [address] = workers
        self.parts.append((address, given[1]))
        self.kept += [(address, key) for key in pickle.loads(given[3])]
        found = self.on_part(address, len(self.parts))
        return Task(function(*given)) if found is None else found

    def gather(self, tasks: list[Task], errors: str) -> list[Any]:
        assert errors == "skip"
        return [task.result() for task in tasks if task.status == "finished"]

    def sync(
        self, function: Callable[..., Any], *given: Any, callback_timeout: float, **how: Any
    ) -> Any:
        return function(*given, **how)

    def cancel(self, tasks: list[Task], force: bool = False) -> None:
        self.cancelled += tasks


CANCELLED = CancelledError("the worker that had it went")
