"""Does a finite maximum likelihood estimate exist, and what is the limit where it does not?

Zero counts can let the likelihood rise along a direction for ever (separation).  Whether they
do depends on the design and on which counts are zero, not on dispersion or offsets
(docs/math.md, section 6; Haberman 1974; Correia, Guimaraes and Zylkin 2019).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ._cells import distinct_rows
from ._completion import Completion, complete, graded_basis, split
from ._cones import separable
from .basis import make_basis

__all__ = ["Completion", "ExistenceTest", "completion_of", "separated_samples"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
# Designs that are remembered, and bytes of the answers remembered for all of them together.
DESIGNS = 6
MEMORY = 2**26


class ExistenceTest:
    """Test of one design by zero pattern; usable from several threads.

    Answers are remembered for the process: every test of an equal design gives the same objects.
    """

    def __init__(self, design: Floats) -> None:
        self.design = design
        self._known = _known(design)

    def __call__(self, positive: Mask, weighted: Mask) -> Completion:
        """Return the problem that remains for a pattern, the whole one if the estimate exists.

        ``positive`` marks samples with a positive count and weight, ``weighted`` those with a
        positive weight.
        """
        return self.many(positive[None, :], weighted)[0]

    def many(self, positive: Mask, weighted: Mask) -> list[Completion]:
        """Return the same for many patterns ``positive`` (m, n), ``weighted`` (n,) or (m, n).

        Patterns that leave the same problem get one object.
        """
        known = self._known
        cells = known.positive_cells(positive)
        keys = _keys(cells)
        masks = np.broadcast_to(weighted, positive.shape)
        if not weighted.all():
            keys = [a + b for a, b in zip(keys, _keys(masks), strict=True)]
        return [
            known.remember(key, partial(known.solve, cells[i], masks[i]))
            for i, key in enumerate(keys)
        ]

    def kinds(self, positive: Mask, weighted: Mask) -> tuple[list[Completion], Index]:
        """Return the problems that remain for patterns (m, n), and which one each pattern leaves.

        In the order of the patterns' bits, each problem once.
        """
        # Each pattern is asked for once: many genes share it.
        patterns = positive if weighted.ndim == 1 else np.hstack([positive, weighted])
        _, first, pattern = np.unique(
            np.packbits(patterns, axis=1), axis=0, return_index=True, return_inverse=True
        )
        masks = weighted if weighted.ndim == 1 else weighted[first]
        found = self.many(positive[first], masks)
        kinds = {id(completion): completion for completion in found}
        places = {key: place for place, key in enumerate(kinds)}
        kind = np.array([places[id(completion)] for completion in found])[pattern.reshape(-1)]
        return list(kinds.values()), kind


def separated_samples(design: Floats, positive: Mask, weighted: Mask) -> Mask:
    """Return the samples whose fitted mean is 0 in the limit (docs/math.md, 6.1 and 6.2)."""
    return ExistenceTest(design)(positive, weighted).separated


def completion_of(design: Floats, separated: Mask, weighted: Mask) -> Completion:
    """Return the problem that remains on the samples that are not separated (6.3)."""
    return _known(design).kept(separated, weighted)


class _Memory:
    """The latest answers that fit in `MEMORY`, of all designs."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, bytes], Completion] = OrderedDict()
        self._lock = threading.Lock()
        self.nbytes = 0

    def get(self, key: tuple[int, bytes]) -> Completion | None:
        """Return what is known under ``key``."""
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: tuple[int, bytes], answer: Completion) -> Completion:
        """Keep an answer; return that of another thread where it came first."""
        with self._lock:
            if key not in self._answers:
                self._answers[key] = answer
                self.nbytes += answer.nbytes
            answer = self._answers[key]
            # Of a huge design the last pattern stays, and the problem it shares with others.
            while self.nbytes > MEMORY and len(self._answers) > 2:
                self.nbytes -= self._answers.popitem(last=False)[1].nbytes
        return answer


_MEMORY = _Memory()
_numbers = count()


class _Design:
    """A design, its distinct rows, and what was found for it.

    All samples of one design row have the same mean up to their offsets, so a pattern of zeros
    matters only through the rows that have some positive count: designs of factors have few.
    """

    def __init__(self, design: Floats) -> None:
        self.design = design
        self.cells, _, self.cell_of = distinct_rows(design)
        self._order = np.argsort(self.cell_of, kind="stable")
        self._starts = np.searchsorted(self.cell_of[self._order], np.arange(len(self.cells)))
        self._raw = design.T
        # A design that was forgotten and comes again is another one: its answers grow old.
        self._number = next(_numbers)

    def positive_cells(self, positive: Mask) -> Mask:
        """Return which distinct rows (m, d) have a positive sample."""
        return np.logical_or.reduceat(positive[:, self._order], self._starts, axis=1)

    def remember(self, key: bytes, solve: Callable[[], Completion]) -> Completion:
        """Return what is known under ``key``, else what ``solve`` gives."""
        known = _MEMORY.get((self._number, key))
        if known is not None:
            return known
        answer = solve()
        if answer.basis.raw is not self._raw:
            # One design serves all patterns.
            answer = replace(answer, basis=replace(answer.basis, raw=self._raw))
        return _MEMORY.put((self._number, key), answer)

    def solve(self, cells: Mask, weighted: Mask) -> Completion:
        """Return the problem that remains where the distinct rows ``cells`` have positive counts.

        All weighted samples of these rows count as positive: their means are positive too.
        """
        positive = cells[self.cell_of] & weighted
        first = make_basis(self.design, positive)
        zero = np.flatnonzero(weighted & ~positive)
        extra = split(self.design[zero], first.null)
        of = self.cell_of[zero]
        below = np.zeros(len(self.cells), dtype=np.bool_)
        distinct, at = np.unique(of, return_index=True)
        below[distinct] = separable(extra.slopes[at])
        separated = below[self.cell_of] & weighted
        left = ~below[of]
        if not extra.slopes[left].any():
            return self.kept(separated, weighted)
        rest = zero[left]
        if rest.size < zero.size:
            extra = split(self.design[rest], first.null)
        basis = graded_basis(self.design, positive, first, rest, extra)
        return complete(self.design, separated, basis)

    def kept(self, separated: Mask, weighted: Mask) -> Completion:
        """Return the problem that remains without some samples."""
        key = b"kept" + b"".join(_keys(np.vstack([separated, weighted])))
        return self.remember(key, partial(self._plain, separated, weighted))

    def _plain(self, separated: Mask, weighted: Mask) -> Completion:
        basis = make_basis(self.design, weighted & ~separated)
        return complete(self.design, separated.copy(), basis)


@lru_cache(maxsize=DESIGNS)
def _design(values: bytes, shape: tuple[int, int]) -> _Design:
    return _Design(np.frombuffer(values).reshape(shape))


def _known(design: Floats) -> _Design:
    return _design(np.asarray(design, dtype=np.float64).tobytes(), design.shape)


def _keys(masks: Mask) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(masks, axis=1)]
