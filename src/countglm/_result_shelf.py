"""Results of many groups: in memory as far as there is room, the others in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._de_store import result_contents
from ._leftovers import OwnFolder
from .deresult import DEResult

if TYPE_CHECKING:
    from .counts import CountMatrix


class ResultShelf(Mapping[Any, DEResult]):
    """Results by group, in the order in which they were put.

    What went to the temporary folder is read again when it is asked for; the folder goes with the
    shelf.  ``counts_of`` gives the counts of a group, which no file holds.
    """

    def __init__(self, room: float, counts_of: Callable[[Any], CountMatrix]) -> None:
        self._room, self._counts_of = room, counts_of
        self._held: dict[Any, DEResult | Path] = {}
        self._taken = 0
        self._folder: OwnFolder | None = None
        self._last: tuple[Any, DEResult] | None = None

    def put(self, group: Any, result: DEResult) -> None:
        """Keep the result of a group."""
        size = size_of(result)
        if self._taken + size <= self._room:
            self._taken += size
            self._held[group] = result
            return
        if self._folder is None:
            # It goes with the shelf.
            self._folder = OwnFolder(Path(tempfile.gettempdir()), "countglm-groups-")
        path = self._folder.path / f"{len(self._held)}.h5"
        result.save(path)
        self._held[group] = path

    @property
    def overflows(self) -> bool:
        """Whether there are more results than memory for them."""
        return self._folder is not None

    def empty(self) -> ResultShelf:
        """Return a shelf of the same room with nothing on it."""
        return ResultShelf(self._room, self._counts_of)

    def __getitem__(self, group: Any) -> DEResult:
        held = self._held[group]
        if isinstance(held, DEResult):
            return held
        if self._last is None or self._last[0] != group:
            self._last = (group, self._with_counts(group, DEResult.load(held)))
        return self._last[1]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, group: object) -> bool:
        return group in self._held

    def __reduce__(self) -> Any:
        return dict, (list(self.items()),)

    def _with_counts(self, group: Any, result: DEResult) -> DEResult:
        counts, outliers = self._counts_of(group), result.outliers
        if outliers is not None and outliers.replaced_gene.size:
            counts = counts.with_entries(
                outliers.replaced_gene, outliers.replaced_sample, outliers.replaced_count
            )
        return replace(result, fit=replace(result.fit, counts=counts))


def size_of(result: DEResult) -> int:
    """Return about how many bytes a result takes, without its counts."""
    arrays, _ = result_contents(result)
    return sum(np.asarray(array).nbytes for array in arrays.values())
