"""What remains of binomial problems without a finite optimum (docs/math.md, section 17)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cells import distinct_rows
from ._tiles import Layout, make_layout
from .basis import Basis
from .existence import Completion, ExistenceTest, completion_of

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
# Kinds of remaining problems that are remembered.
KINDS = 128
# A predictor is clearly on its side if it is this part of its terms.
CLEAR = 1e-7


class Turned(NamedTuple):
    """The samples of one gene as zero counts of turned rows.

    ``sign`` (n,) is -1 where a cell of the design has successes only; ``mixed`` marks the samples
    of cells with both, which keep a finite predictor, ``weighted`` those with trials and weight.
    """

    sign: Floats
    mixed: Mask
    weighted: Mask

    @property
    def key(self) -> bytes:
        return b"".join(
            np.packbits(mask).tobytes() for mask in (self.sign < 0.0, self.mixed, self.weighted)
        )


class Remaining(NamedTuple):
    """What remains of a problem, in the coordinates of the design itself, with its layout."""

    completion: Completion
    rows: Floats
    layout: Layout | None


class LogitRemains:
    """Finds, for the responses of a gene, what remains of a design ``x`` (n, p)."""

    def __init__(self, x: Floats, order: Index | None) -> None:
        self._x = x
        self._order = order
        self._cell = distinct_rows(x)[2]
        self._known: dict[bytes, Remaining] = {}

    def doubled(self, basis: Basis, sign: Floats) -> Layout:
        """Return the layout of samples as failures, and once more turned as successes."""
        upright = basis.columns[:, : sign.size] * sign
        raw = self._x.T
        both = Basis(
            np.hstack([upright, -upright]), np.hstack([raw, -raw]), basis.to_coef, basis.skeel,
            basis.null,
        )  # fmt: skip
        return make_layout(both, self._order)

    def turned(self, won: Mask, lost: Mask) -> Turned:
        """Return how the samples of a gene count, given where it has successes and failures."""
        cells = int(self._cell.max()) + 1
        any_won, any_lost = np.zeros((2, cells), dtype=np.bool_)
        any_won[self._cell[won]] = True
        any_lost[self._cell[lost]] = True
        sign = np.where(any_won & ~any_lost, -1.0, 1.0)[self._cell]
        weighted = won | lost
        return Turned(sign, (any_won & any_lost)[self._cell] & weighted, weighted)

    def remaining(self, turned: Turned, at: Floats) -> Remaining:
        """Return what remains of a problem; ``at`` (p,) is where its steps led."""
        known = self._known.get(turned.key)
        if known is not None:
            return known
        x = turned.sign[:, None] * self._x
        if self._all_apart(x, turned, at):
            completion = completion_of(x, turned.weighted, turned.weighted)
        else:
            completion = ExistenceTest(x)(turned.mixed, turned.weighted)
        rows = np.ascontiguousarray((completion.basis.columns[:, : x.shape[0]] * turned.sign).T)
        layout = None
        if completion.basis.to_coef.shape[1]:
            layout = self.doubled(completion.basis, turned.sign)
        found = Remaining(completion, rows, layout)
        if len(self._known) < KINDS:
            self._known[turned.key] = found
        return found

    @staticmethod
    def _all_apart(x: Floats, turned: Turned, at: Floats) -> bool:
        """Whether ``at`` has all samples clearly on their side: it proves separation by itself."""
        if turned.mixed.any() or not np.isfinite(at).all():
            return False
        terms = x[turned.weighted] * at
        sides = np.add.reduce(terms, axis=1)
        return bool((sides < -CLEAR * np.add.reduce(np.abs(terms), axis=1)).all())
