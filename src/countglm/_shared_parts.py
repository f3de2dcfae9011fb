"""Parts of fits shared by processes that know of each other by a folder alone.

Each process makes the same call. It begins with parts of its own, helps with those of others that
nobody is at, and takes from the folder what others have finished: so the fits of a stage are there
for everybody when the next stage needs them, however many processes run, one after another or side
by side, and whichever of them are killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from ._chunks import Arrays, Executor, Finished, Part, Shared
from ._claims import Claims
from ._kept_parts import KeptParts
from ._names import plural
from .errors import InputError

# Seconds between two looks for what others have finished.
LOOK = 0.5


class SharedParts:
    """Runs those parts that nobody else does, here (`Executor`).

    Parameters
    ----------
    folder : Path
        Of the finished parts; beside it stand the claims.
    executor : Executor
        Runs the parts of this process.
    place, places : int
        This process begins with the ``place``-th of so many equal stretches of genes.
    """

    def __init__(self, folder: Path, executor: Executor, place: int, places: int) -> None:
        self._parts = KeptParts(folder)
        self._claims = Claims(folder.with_name(f"{folder.name}-claims"))
        self._executor = executor
        self._place, self._places = place, places
        self.computed = self.found = 0

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        """Return how many genes a part has."""
        return self._executor.genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        """Yield every part with its arrays, whoever made them."""
        every = list(parts)
        first = self._place * len(every) // self._places
        left = {part.index: part for part in every[first:] + every[:first]}
        while left:
            before = len(left)
            with closing(self._executor.run(shared, self._claimed(left))) as finished:
                for part, arrays in finished:
                    self._parts.put(part.digest, arrays)
                    self._claims.drop(part.digest)
                    del left[part.index]
                    self.computed += 1
                    yield part, arrays
            for part in list(left.values()):
                kept = self._taken(part)
                if kept is not None:
                    del left[part.index]
                    self.found += 1
                    yield part, kept
            if len(left) == before:
                time.sleep(LOOK)

    def _claimed(self, left: dict[int, Part]) -> Iterator[Part]:
        """Yield the parts that are neither finished nor claimed by others, claiming each."""
        for part in list(left.values()):
            if not self._path(part).exists() and self._claims.take(part.digest):
                # It may have been finished between the two.
                if self._path(part).exists():
                    self._claims.drop(part.digest)
                else:
                    yield part

    def _taken(self, part: Part) -> Arrays | None:
        """Return what another has made of a part; a damaged file is removed, to be made again."""
        if not self._path(part).exists():
            return None
        kept = self._parts.get(part.digest)
        if kept is None:
            self._path(part).unlink(missing_ok=True)
        return kept

    def _path(self, part: Part) -> Path:
        return self._parts.folder / part.digest

    def close(self) -> None:
        """Give up what was claimed and not finished."""
        self._claims.close()


class FinishedParts:
    """Takes all parts from a folder and computes none (`Executor`)."""

    def __init__(self, folder: Path, executor: Executor, remedy: str) -> None:
        self._parts = KeptParts(folder)
        self._executor = executor
        self._remedy = remedy

    def genes_of_part(self, n_samples: int, n_genes: int) -> int:
        """Return how many genes a part has."""
        return self._executor.genes_of_part(n_samples, n_genes)

    def run(self, shared: Shared, parts: Iterable[Part]) -> Finished:
        """Yield every part with its arrays.

        Raises
        ------
        InputError
            Some are not there, or damaged.
        """
        every = list(parts)
        missing = 0
        for part in every:
            arrays = self._parts.get(part.digest)
            if arrays is None:
                missing += 1
            else:
                yield part, arrays
        if missing:
            raise InputError(
                f"{plural(missing, 'part')} of {len(every)} of a fit "
                f"{'is' if missing == 1 else 'are'} missing or damaged; {self._remedy}"
            )
