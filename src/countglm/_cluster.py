"""Parts of a fit on the workers of a Dask cluster, whichever of them are lost on the way.

The client places every part itself: two a worker, one that runs and one that waits, so that a
worker has the counts of its parts from one fit to the next, and a lost one takes nothing with it.
"""

from __future__ import annotations

import pickle
import queue
import uuid
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._chunks import Arrays, Executor, Finished, Part, Shared, genes_of_part
from ._cluster_address import connected
from ._cluster_crew import LOOK, Crew, Worker, scheduler_asked
from ._cluster_work import Absent, Failed, Things, forget, keep, work
from ._names import plural
from .errors import ClusterError, InputError

if TYPE_CHECKING:
    from distributed import Client, Future

# Parts that a worker has at once; how often one part may be lost; bytes from which rows are sent
# apart from their task; seconds that an answer may take before its worker is looked for.
IN_FLIGHT, MOST_LOSSES, LARGE, ANSWER = 2, 8, 1 << 20, 2.0
# How often a worker may lack what it was sent before a part takes all it needs along.
MOST_ABSENCES = 2
# Seconds without a single worker after which a call gives up.
PATIENCE = 300.0


@dataclass(eq=False)
class _Stage:
    """One fit under way."""

    shared: Shared
    waiting: list[Part]
    running: dict[Future, tuple[Part, Worker]] = field(default_factory=dict)
    losses: dict[int, int] = field(default_factory=dict)
    absences: dict[int, int] = field(default_factory=dict)
    ended: queue.SimpleQueue[Future] = field(default_factory=queue.SimpleQueue)


class ClusterExecutor:
    """Runs parts on the workers of a cluster (`Executor`).

    Parameters
    ----------
    client : distributed.Client
        Not an asynchronous one.
    patience : float
        Seconds to wait where there is no worker; infinite for jobs that queue.
    """

    def __init__(self, client: Client, patience: float = PATIENCE) -> None:
        if getattr(client, "asynchronous", False):
            raise InputError(
                "client= is asynchronous; make it with Client(..., asynchronous=False)."
            )
        self._client = client
        self._crew = Crew(client, patience)
        self._owner = uuid.uuid4().hex

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        """Return how many genes a part has: the same whoever works, so that parts can be kept."""
        return genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        """Yield every part with its arrays, as they come."""
        stage = _Stage(shared, list(parts))
        try:
            while stage.waiting or stage.running:
                if self._crew.look():
                    self._take_back(stage)
                self._hand_out(stage)
                for future in _ended(stage):
                    part, worker = stage.running.pop(future)
                    worker.busy -= 1
                    arrays = self._received(future, part, worker, stage)
                    if arrays is not None:
                        yield part, arrays
        finally:
            if stage.running and self._client.status == "running":
                # Where the scheduler is lost there is nothing to cancel.
                with suppress(OSError, RuntimeError):
                    self._client.cancel(list(stage.running), force=True)

    def close(self) -> None:
        """Let the workers give up what they keep."""
        workers = list(self._crew.workers)
        if workers and self._client.status == "running":
            with suppress(OSError, RuntimeError):
                self._client.run(forget, self._owner, workers=workers, on_error="ignore")

    def _take_back(self, stage: _Stage) -> None:
        """Take parts back from workers that went."""
        for future, (part, worker) in list(stage.running.items()):
            if self._crew.workers.get(worker.address) is not worker:
                del stage.running[future]
                with scheduler_asked():
                    self._client.cancel([future], force=True)
                self._lost(part, stage, f"{worker.address} is gone")

    def _hand_out(self, stage: _Stage) -> None:
        """Give every worker what it can take, those first that have least to do."""
        while stage.waiting:
            free = [each for each in self._crew.workers.values() if each.busy < IN_FLIGHT]
            if not free:
                return
            worker = min(free, key=lambda each: each.busy)
            part = stage.waiting.pop(self._choice(stage.waiting, worker))
            self._send(part, worker, stage)

    def _choice(self, waiting: list[Part], worker: Worker) -> int:
        """Return the place of the part that this worker takes.

        One whose counts it keeps, or else one whose counts nobody keeps, or else the last.
        """
        for place, part in enumerate(waiting):
            if part.counts_key in worker.keeps:
                return place
        kept = set().union(*(each.keeps for each in self._crew.workers.values()))
        free = (place for place, part in enumerate(waiting) if part.counts_key not in kept)
        return next(free, len(waiting) - 1)

    def _send(self, part: Part, worker: Worker, stage: _Stage) -> None:
        """Send what the worker lacks, and the part."""
        rows: Arrays | str = part.rows
        # Where things are given up again before their part runs, nothing is relied on.
        alone = stage.absences.get(part.index, 0) >= MOST_ABSENCES
        kept = set() if alone else worker.keeps
        things: Things = {}
        if stage.shared.digest not in kept:
            things[stage.shared.digest] = (stage.shared, _bytes_of(vars(stage.shared)))
        if part.counts_key not in kept:
            things[part.counts_key] = _counts_for(worker, part)
        if not alone and _bytes_of(part.rows) > LARGE:
            rows = part.digest
            things[rows] = (part.rows, _bytes_of(part.rows))
        if not alone and sum(size for _, size in things.values()) > LARGE:
            # Tasks stay with the scheduler until they are done: what is large is sent by itself.
            needed = _needed(part, stage).union(
                *(_needed(other, stage) for other, at in stage.running.values() if at is worker)
            )
            sent = self._crew.ask(keep, things, self._owner, needed, workers=[worker.address])
            unread = sent.get(worker.address)
            if not isinstance(unread, tuple):
                self._crew.workers.pop(worker.address, None)
                self._lost(part, stage, f"{worker.address}: {unread}")
                return
            worker.reads_files = worker.reads_files and not unread
            worker.keeps |= things.keys() - set(unread)
            things = {}
        with scheduler_asked(), _without_word_on_size():
            future = self._client.submit(
                work, stage.shared.digest, part.counts_key, rows, pickle.dumps(things),
                self._owner, workers=[worker.address], pure=False,
                key=f"countglm-{part.start}-{part.stop}-{uuid.uuid4().hex}",
            )  # fmt: skip
        worker.keeps |= things.keys()
        worker.busy += 1
        stage.running[future] = (part, worker)
        future.add_done_callback(stage.ended.put)

    def _received(self, future: Future, part: Part, worker: Worker, stage: _Stage) -> Arrays | None:
        """Return the arrays of a part; None where it has to be run again, or waited for."""
        from distributed import CancelledError, KilledWorker

        if future.status not in ("finished", "error"):
            # It ended, and what it had found went with its worker.
            with scheduler_asked():
                self._client.cancel([future], force=True)
            self._lost(part, stage, f"{worker.address} went")
            return None
        try:
            answer = self._answer(future)
        except TimeoutError:
            # Finished, and not here yet: lost with its worker, or on the way.
            worker.busy += 1
            stage.running[future] = (part, worker)
            stage.ended.put(future)
            self._crew.look_soon()
            return None
        except (CancelledError, KilledWorker, OSError) as error:
            self._lost(part, stage, f"{worker.address}: {error}")
            return None
        if isinstance(answer, Absent):
            worker.keeps -= set(answer.keys)
            worker.reads_files = worker.reads_files and not answer.unread
            stage.absences[part.index] = stage.absences.get(part.index, 0) + 1
            stage.waiting.insert(0, part)
            return None
        if isinstance(answer, Failed):
            raise _explained(answer.error, part, worker)
        return dict(answer)

    def _answer(self, future: Future) -> Any:
        """Return what a task that has ended gave."""
        if future.status == "error":
            return future.result(timeout=ANSWER)  # which raises it
        # Given up, `result` would leave something behind that the log complains of at the end.
        gather = self._client.gather
        found = self._client.sync(gather, [future], errors="skip", callback_timeout=ANSWER)
        if not found:
            raise OSError("its answer went with it")
        return found[0]

    def _lost(self, part: Part, stage: _Stage, reason: str) -> None:
        losses = stage.losses[part.index] = stage.losses.get(part.index, 0) + 1
        if losses > MOST_LOSSES:
            raise ClusterError(
                f"Genes {part.start} to {part.stop - 1} were lost with {plural(losses, 'worker')} "
                f"(at last: {reason}); if these lacked memory, give workers more of it, or a "
                "smaller block_size=."
            )
        stage.waiting.insert(0, part)
        self._crew.look_soon()


def _counts_for(worker: Worker, part: Part) -> tuple[Any, int]:
    """Return the counts of a part as a worker takes them, and their bytes."""
    in_file = part.counts.in_file() if worker.reads_files else None
    if in_file is not None:
        return in_file, 0
    counts = part.counts.sent()
    return counts, _bytes_of(counts.entries._asdict())


def _needed(part: Part, stage: _Stage) -> set[str]:
    """Return the names of what a worker has to keep until a part has run."""
    return {stage.shared.digest, part.counts_key, part.digest}


@contextmanager
def _without_word_on_size() -> Iterator[None]:
    """Keep Dask from advising its user on the size of a task, which is not theirs to change."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        yield


def _ended(stage: _Stage) -> list[Future]:
    """Return parts under way that have ended, after waiting a while for the first."""
    ended = []
    try:
        ended.append(stage.ended.get(timeout=LOOK))
        while True:
            ended.append(stage.ended.get_nowait())
    except queue.Empty:
        # Those that were taken back in between are not asked any more.
        return [future for future in ended if future in stage.running]


def _explained(error: Exception, part: Part, worker: Worker) -> Exception:
    """Return what a part raised on a worker, as the caller is to see it."""
    if isinstance(error, InputError):
        return error
    remedy = "look at the log of that worker"
    if isinstance(error, MemoryError):
        remedy = "give workers more memory, or a smaller block_size="
    raised = ClusterError(
        f"Genes {part.start} to {part.stop - 1} failed on the worker {worker.address} with "
        f"{type(error).__name__}: {error}; {remedy}."
    )
    raised.__cause__ = error
    return raised


def _bytes_of(things: dict[str, Any]) -> int:
    return sum(getattr(each, "nbytes", 0) for each in things.values())


@contextmanager
def executor_of(client: Any, patience: float = PATIENCE) -> Iterator[Executor]:
    """Yield what runs parts on a cluster: of a client, an address, or an executor as it is.

    Raises
    ------
    InputError
        Nothing answers at the address, or distributed is not installed.
    """
    if hasattr(client, "genes_of_part"):
        yield client
        return
    opened = connected(client) if isinstance(client, str) else None
    executor = ClusterExecutor(client if opened is None else opened, patience)
    try:
        yield executor
    finally:
        executor.close()
        if opened is not None:
            opened.close()
