"""The workers of a cluster that may compute: who comes, who goes, who would give other bits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._names import first_few, plural
from ._provenance import what_computes
from ._warn import warn
from .errors import ClusterError, InputError

if TYPE_CHECKING:
    from distributed import Client

# Seconds between two looks for workers that came or went.
LOOK = 1.0
AGAIN = "call again: with checkpoint= it goes on where it was"


@dataclass(eq=False)
class Worker:
    """A worker that may compute: what it is known to keep, and how many parts it has.

    ``reads_files`` until it could not read one.
    """

    address: str
    reads_files: bool = True
    keeps: set[str] = field(default_factory=set)
    busy: int = 0


@contextmanager
def scheduler_asked() -> Iterator[None]:
    """Say so where the scheduler answers no more."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise ClusterError(
            f"The scheduler of the cluster is lost ({error}); connect again, and {AGAIN}."
        ) from error


class Crew:
    """The workers of a client, looked for again and again.

    Parameters
    ----------
    client : distributed.Client
    patience : float
        Seconds to wait where there is no worker.
    """

    def __init__(self, client: Client, patience: float) -> None:
        self.workers: dict[str, Worker] = {}
        self._client = client
        self._patience = patience
        self._refused: set[str] = set()
        self._looked = -float("inf")
        self._seen: float | None = None  # when a worker was there last, or was first looked for
        self._met = self._told = False
        self._processors: set[str] = set()

    def look(self) -> bool:
        """Learn who came and who went, unless that was just done; return whether it was not."""
        if time.monotonic() < self._looked + LOOK:
            return False
        there = self.addresses()
        for address in self.workers.keys() - there:
            del self.workers[address]
        self._greet(sorted(there - self.workers.keys() - self._refused))
        self._looked = now = time.monotonic()
        if self.workers or self._seen is None:
            self._seen = now
        if now - self._seen > self._patience:
            raise ClusterError(
                f"The cluster has had no worker for {self._patience:.0f} s; start workers, and "
                f"{AGAIN}."
            )
        return True

    def look_soon(self) -> None:
        """Let the next look not wait."""
        self._looked = -float("inf")

    def addresses(self) -> set[str]:
        """Return the addresses that the scheduler knows."""
        with scheduler_asked():
            return set(self._client.nthreads())

    def ask(self, function: Callable[..., Any], *given: Any, workers: list[str]) -> dict[str, Any]:
        """Return what a function returns, or raises, on each of some workers, by address."""
        with scheduler_asked():
            answers: dict[str, Any] = self._client.run(
                function, *given, workers=workers, on_error="return"
            )
        return answers

    def _greet(self, addresses: list[str]) -> None:
        """Take new workers in, but for those that would compute other bits."""
        if not addresses:
            return
        answers = self.ask(what_computes, workers=addresses)
        here = what_computes()
        wrong: dict[str, str] = {}
        for address, answer in answers.items():
            if isinstance(answer, OSError):
                continue  # It went as it came.
            difference = _difference(here, answer)
            if difference:
                wrong[address] = difference
            else:
                self.workers[address] = Worker(address)
                self._processors.add(answer["processor"])
        if wrong:
            self._refuse(wrong)
        self._met = self._met or bool(self.workers)
        self._tell_of_processors()

    def _refuse(self, wrong: dict[str, str]) -> None:
        """Raise where no work was done yet; later such workers are left out."""
        address, difference = min(wrong.items())
        text = f"The worker {address} has {difference}"
        if len(wrong) > 1:
            text += f" (the first of {plural(len(wrong), 'worker')} that differ)"
        if not self._met:
            raise InputError(
                f"{text}. Results would depend on who computes them: install the same versions "
                "everywhere."
            )
        self._refused |= wrong.keys()
        warn(f"{text}, so it is given no work.")

    def _tell_of_processors(self) -> None:
        if len(self._processors) > 1 and not self._told:
            self._told = True
            names = first_few(sorted(self._processors))
            warn(
                f"The workers have different processors ({names}); results "
                "then agree to 1e-12, and to the last bit only where each part runs on the same "
                "kind again."
            )


def _difference(here: dict[str, str], answer: Any) -> str:
    """Return in words what a worker has that would give other bits; empty for nothing."""
    if isinstance(answer, ImportError):
        return f"no countglm {here['countglm']} ({answer})"
    if isinstance(answer, BaseException):
        return f"no countglm that works ({type(answer).__name__}: {answer})"
    for name, version in here.items():
        if name != "processor" and answer.get(name) != version:
            return f"{name} {answer.get(name)}, and here is {version}"
    return ""
