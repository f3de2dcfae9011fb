"""While a call lasts: who runs its parts, and where finished ones are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checkpoint import VALUES, Checkpoint
from ._chunks import Executor, LocalExecutor, Part, parts_of, shared_of
from ._digest import digest_of
from ._part_arrays import Arrays, Collector
from ._progress import progress_bar
from ._resources import Resources
from .errors import InputError

if TYPE_CHECKING:
    from ._fitting import Problem
    from ._model import Model
    from .counts import CountMatrix


class Session:
    """Runs the fits of a call in parts, but for those that a checkpoint has."""

    def __init__(
        self, resources: Resources, executor: Executor, checkpoint: Checkpoint | None
    ) -> None:
        self.resources = resources
        self._executor = executor
        self._checkpoint = checkpoint
        self._block_size = resources.block_size

    def begin(self, model: Model, choices: dict[str, Any]) -> None:
        """Take a model, and what the caller chose, as that of all fits to come."""
        if self._checkpoint is not None:
            described = _description(model, choices)
            self._block_size = self._checkpoint.claim(described, self._block_size)

    def fit(self, problem: Problem, counts: CountMatrix, stage: str, threads: int) -> None:
        """Fit every gene of ``problem``, whose counts are ``counts``, on ``threads`` if here."""
        if isinstance(self._executor, LocalExecutor):
            self._executor.threads = threads
        shared = shared_of(problem)
        size = self._block_size or self._executor.genes_of_part(counts.n_samples, counts.n_genes)
        collector, kept = Collector(problem), self._checkpoint
        with progress_bar(self.resources.progress, counts.n_genes, stage) as advance:

            def take(part: Part, arrays: Arrays) -> None:
                collector.put(part.start, part.stop, arrays)
                if advance is not None:
                    advance(part.stop - part.start)

            def missing() -> Iterator[Part]:
                for part in parts_of(problem, counts, shared, size):
                    arrays = None if kept is None else kept.get(part.digest)
                    if arrays is None:
                        yield part
                    else:
                        take(part, arrays)

            with closing(self._executor.run(shared, missing())) as finished:
                for part, arrays in finished:
                    if kept is not None:
                        kept.put(part.digest, arrays)
                    take(part, arrays)


def _description(model: Model, choices: dict[str, Any]) -> dict[str, Any]:
    """Return what the fits of a model depend on, in words that JSON can hold."""
    from ._provenance import what_computes

    options, design = model.options, model.design
    found: dict[str, Any] = {
        "counts": VALUES + model.counts.fingerprint(),
        "samples": model.n_samples,
        "genes": model.n_genes,
        "design": list(design.names),
        "design matrix": design.matrix,
        "size factors": model.size_factors,
        "offset": model.offset.given,
        "weights": model.weights.given,
        "solver": "irls" if options.fisher else "newton",
        "tol": options.tol,
        "max_iter": options.max_iter,
        "max_dispersion": options.cap,
        "trace": options.trace,
        "zeros": options.zeros,
        **choices,
        **what_computes(),
    }
    return {
        name: VALUES + digest_of(value) if isinstance(value, np.ndarray) else value
        for name, value in found.items()
    }


@contextmanager
def open_session(resources: Resources, mode: str = "exact") -> Iterator[Session | None]:
    """Yield what runs the fits of a call in parts, or None where nothing asks for parts.

    Raises
    ------
    InputError
        The checkpoint's folder is in use, or no cluster answers.
    CheckpointError
        The folder cannot be written.
    """
    if not resources.in_parts:
        yield None
        return
    if mode == "replay":
        given = "client" if resources.checkpoint is None else "checkpoint"
        raise InputError(
            f"mode='replay' repeats a published analysis on this machine, in one go; leave out "
            f"{given}=, or choose mode='exact'."
        )
    with ExitStack() as opened:
        checkpoint = None
        if resources.checkpoint is not None:
            checkpoint = opened.enter_context(closing(Checkpoint(resources.checkpoint)))
        executor: Any = nullcontext(LocalExecutor(resources.threads, resources.room))
        if resources.client is not None:
            from ._cluster import executor_of

            executor = executor_of(resources.client)
        yield Session(resources, opened.enter_context(executor), checkpoint)
        # Finished: nobody goes on from a scratch file of these counts.
        resources.reading.done()
