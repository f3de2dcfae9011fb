"""What remains of the problems of genes whose estimate may not exist, kind by kind."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._tiles import Layout
from .existence import Completion
from .status import Status

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Remains:
    """Kinds of remaining problems, and which kind (g,) each of some genes has."""

    def __init__(self, kinds: list[Completion], layouts: list[Layout], kind: Index) -> None:
        self.kinds = kinds
        self.layouts = layouts
        self.kind = kind

    @property
    def ranks(self) -> Index:
        """Finite coefficients (g,) of every gene."""
        return np.array([layout.at.rank for layout in self.layouts])[self.kind]

    @cached_property
    def lost(self) -> list[Mask | None]:
        """Samples (n,) that lose their finite mean, kind by kind; None for none."""
        return [one.separated if one.separated.any() else None for one in self.kinds]

    @cached_property
    def limits(self) -> Floats:
        """Limits (k, p) of the coefficients without a finite value, 0 for the others."""
        p = self.layouts[0].at.p
        return np.array([np.zeros(p) if one.exists else one.limits for one in self.kinds])

    @property
    def ends(self) -> NDArray[np.int8]:
        """Statuses (k,) of genes without a finite estimate."""
        ends = [Status.SINGULAR if one.singular else Status.SEPARATED for one in self.kinds]
        return np.array(ends, dtype=np.int8)


class GroupRemains(Remains):
    """The same where the samples of a kind are groups: the rows of its design stand for many."""

    def __init__(
        self,
        kinds: list[Completion],
        layouts: list[Layout],
        kind: Index,
        group: NDArray[np.int32],
        weighted: Mask,
    ) -> None:
        super().__init__(kinds, layouts, kind)
        self._group = group
        self._weighted = weighted

    @cached_property
    def lost(self) -> list[Mask | None]:
        """Samples (n,) that lose their finite mean, kind by kind; None for none."""
        return [
            None if lost is None else lost[self._group] & self._weighted for lost in super().lost
        ]


def whole_problem(layout: Layout, n_genes: int) -> Remains:
    """Return what remains where nothing is lost: no kind needs to be told."""
    return Remains([], [layout], np.zeros(n_genes, dtype=np.intp))
