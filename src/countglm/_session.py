"""While a call lasts: who runs its parts, and where finished ones are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._chunks import Executor, LocalExecutor, Part, parts_of, shared_of
from ._cluster import executor_of
from ._part_arrays import Arrays, Collector
from ._progress import progress_bar
from ._resources import Resources
from .errors import InputError

if TYPE_CHECKING:
    from ._fitting import Problem
    from ._model import Model
    from .counts import CountMatrix


class Session:
    """Runs the fits of a call in parts."""

    def __init__(self, resources: Resources, executor: Executor) -> None:
        self.resources = resources
        self.executor = executor

    def begin(self, model: Model, choices: dict[str, Any]) -> None:
        """Take a model, and what the caller chose, as that of all fits to come."""

    def fit(self, problem: Problem, counts: CountMatrix, stage: str) -> None:
        """Fit every gene of ``problem``, whose counts are ``counts``."""
        shared = shared_of(problem)
        genes = self.resources.block_size or self.executor.genes_of_part(
            counts.n_samples, counts.n_genes
        )
        collector = Collector(problem)
        with progress_bar(self.resources.progress, counts.n_genes, stage) as advance:

            def done(part: Part, arrays: Arrays) -> None:
                collector.put(part.start, part.stop, arrays)
                if advance is not None:
                    advance(part.stop - part.start)

            for part, arrays in self.executor.run(shared, parts_of(problem, counts, shared, genes)):
                done(part, arrays)


@contextmanager
def open_session(resources: Resources, mode: str = "exact") -> Iterator[Session | None]:
    """Yield what runs the fits of a call in parts, or None where nothing asks for parts."""
    if not resources.in_parts:
        yield None
        return
    if mode == "replay":
        given = "client" if resources.checkpoint is None else "checkpoint"
        raise InputError(
            f"mode='replay' repeats a published analysis on this machine, in one go; leave out "
            f"{given}=, or choose mode='exact'."
        )
    if resources.client is None:
        yield Session(resources, LocalExecutor(resources.threads))
        return
    with executor_of(resources.client) as executor:
        yield Session(resources, executor)
