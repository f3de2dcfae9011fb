"""Counts that a worker reads from the file itself, where it sees the same file as the caller."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._backed import identity_of
from ._nonzeros import Nonzeros, as_nonzeros
from ._open_file import element_of
from ._stored_matrix import StoredMatrix
from .errors import InputError

Floats = NDArray[np.float64]


class Place(NamedTuple):
    """A matrix in a file that stores it by genes; ``stamp`` tells the file from a changed one."""

    path: str
    element: str
    stamp: str


@dataclass(frozen=True, eq=False)
class FileCounts:
    """Genes [start, stop) of a matrix in a file (`PartCounts`)."""

    place: Place
    start: int
    stop: int
    n_samples: int

    @property
    def n_genes(self) -> int:
        return self.stop - self.start

    def is_here(self) -> bool:
        """Whether the file can be read here, and is the same."""
        try:
            return _opened(self.place) is not None
        except (OSError, KeyError, ValueError, InputError):
            return False

    def nonzeros(self, start: int, stop: int) -> Nonzeros:
        return as_nonzeros(self._matrix().lines(self.start + start, self.start + stop))

    def block(self, start: int, stop: int) -> Floats:
        return self.nonzeros(start, stop).dense(self.n_samples)

    def sizes(self) -> NDArray[np.int64] | None:
        pointers = self._matrix().pointers
        return None if pointers is None else np.diff(pointers[self.start : self.stop + 1])

    def _matrix(self) -> StoredMatrix:
        found = _opened(self.place)
        if found is None:
            raise InputError(f"{self.place.path} has changed while it was read; run again.")
        return found


@lru_cache(maxsize=4)
def _opened(place: Place) -> StoredMatrix | None:
    """Return the matrix, kept open for the parts that follow; None where it is another."""
    path = Path(place.path)
    stored = StoredMatrix(element_of(path, place.element))
    same = identity_of(path, place.element, stored)["stamp"] == place.stamp
    return stored if same and stored.form == "csc" else None
