"""Differences between effects that a penalty holds together: pairs, chains, graphs, single ones.

A penalty names *effects*, the levels of a factor or contrasts, and which of them are compared.
It acts on what the model says of the data, never on the coding: the same effects in another coding
of the factor have the same penalty (docs/math.md, 16.9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._contrasts import interacting_with
from ._names import first_few
from ._penalty_inputs import (
    checked_costs,
    checked_edges,
    checked_effects,
    refuse_a_factor,
    warn_of_order,
)
from .design import Design
from .errors import InputError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
# The node that stands for no effect at all.
ZERO = "0"


@dataclass(frozen=True, eq=False)
class Differences:
    """A penalty on the coefficients of a design.

    Attributes
    ----------
    rows : (m, n_coef) float64
        What is penalised, ``|rows @ beta|``, in natural logarithms (or the family's link).
    cost : (m,) float64
        Weight of every difference, > 0.
    nodes : tuple of str
        Names of the effects, ``"0"`` for none.
    first, second : (m,) int
        The two effects of every difference, as places in ``nodes``.
    effects : (n_nodes, n_coef) float64
    kind : str
    """

    rows: Floats
    cost: Floats
    nodes: tuple[str, ...]
    first: Places
    second: Places
    effects: Floats
    kind: str

    @property
    def names(self) -> tuple[str, ...]:
        """Every difference in words."""
        pairs = zip(self.first.tolist(), self.second.tolist(), strict=True)
        return tuple(f"{self.nodes[a]} - {self.nodes[b]}" for a, b in pairs)


@dataclass(frozen=True, eq=False)
class Penalty:
    """A kind of comparison between effects, before it meets a design; see `pairwise` and others."""

    kind: str
    effects: Any
    reference: Any = None
    edges: tuple[tuple[Any, Any], ...] = ()
    costs: Any = None

    def of(self, design: Design) -> Differences:
        """Return the differences in the coefficients of a design.

        Raises
        ------
        InputError
            An effect that the design does not have, fewer than two effects, costs of the wrong
            number or sign.
        """
        if self.kind == "lasso" and isinstance(self.effects, str):
            refuse_a_factor(self.effects, design.names, design.codings)
        names, effects = _effects(self.effects, design)
        if self.kind == "chain" and isinstance(self.effects, str):
            warn_of_order(names, self.effects)
        if self.kind == "lasso":
            names, effects = (*names, ZERO), np.vstack([effects, np.zeros(effects.shape[1])])
        if names == (ZERO,):
            raise InputError(
                "A lasso penalty of all columns that vary needs one, and this design has only the "
                "constant; name contrasts or add terms."
            )
        if len(names) < 2:
            raise InputError(
                f"A {self.kind} penalty compares effects, and {first_few(names)} is the only one; "
                "name a factor with two levels or more, or several contrasts."
            )
        pairs = _pairs(self, names)
        first, second = (np.array(part, dtype=np.intp) for part in zip(*pairs, strict=True))
        rows = effects[first] - effects[second]
        empty = np.flatnonzero(~rows.any(axis=1))
        if empty.size:
            a, b = pairs[int(empty[0])]
            raise InputError(
                f"{names[a]!r} and {names[b]!r} have the same effect in this design, so that their "
                "difference is nothing to penalise; leave out one of them."
            )
        return Differences(
            rows,
            checked_costs(self.costs, len(pairs)),
            tuple(names),
            first,
            second,
            effects,
            self.kind,
        )


def pairwise(effects: str | Sequence[Any], *, costs: ArrayLike | None = None) -> Penalty:
    """Penalise all differences between effects: no level is special.

    The fit does not depend on which level of a factor is the reference (docs/math.md, 16.9).

    Parameters
    ----------
    effects : str or sequence
        A factor of the design's formula, whose levels are compared; or contrasts, each as
        `countglm.wald_test` takes them.
    costs : (n_pairs,), optional
        Weights of the pairs, in the order (1, 2), (1, 3), ..., (2, 3), ...; 1 if not given.
    """
    return Penalty("pairwise", checked_effects(effects, "pairwise"), costs=costs)


def chain(effects: str | Sequence[Any], *, costs: ArrayLike | None = None) -> Penalty:
    """Penalise differences between neighbours: levels in their order, such as points of time."""
    return Penalty("chain", checked_effects(effects, "chain"), costs=costs)


def to_reference(
    effects: str | Sequence[Any], reference: Any = None, *, costs: ArrayLike | None = None
) -> Penalty:
    """Penalise the differences of all effects to one, the first if ``reference`` is not given.

    A shift that only the reference has costs as much as one in every other level: `pairwise` is
    fairer where the reference is one level among others.
    """
    found = checked_effects(effects, "reference")
    return Penalty("reference", found, reference=reference, costs=costs)


def graph(
    effects: str | Sequence[Any],
    edges: Sequence[tuple[Any, Any]],
    *,
    costs: ArrayLike | None = None,
) -> Penalty:
    """Penalise the differences along the edges of a graph, given as pairs of names of effects."""
    found = checked_effects(effects, "graph")
    return Penalty("graph", found, edges=checked_edges(edges), costs=costs)


def lasso(effects: Sequence[Any] | None = None, *, costs: ArrayLike | None = None) -> Penalty:
    """Penalise effects themselves: contrasts or columns; all but a constant one if not given."""
    return Penalty("lasso", checked_effects(effects, "lasso"), costs=costs)


def _effects(asked: Any, design: Design) -> tuple[tuple[str, ...], Floats]:
    if asked is None:
        varies = ~(design.matrix == design.matrix[:1]).all(axis=0)
        return (
            tuple(name for name, chosen in zip(design.names, varies, strict=True) if chosen),
            np.eye(len(design.names))[varies],
        )
    if isinstance(asked, str):
        if asked in design.codings:
            _refuse_interactions(asked, design)
            return tuple(map(str, design.factors[asked])), np.array(design.codings[asked])
        known = first_few(design.codings, 10) or "none"
        raise InputError(
            f"{asked!r} is no factor with a main effect in the design (factors: {known}); name "
            "one, or give a list of contrasts."
        )
    found = [design.contrast(contrast) for contrast in asked]
    labels = tuple(label for _, label in found)
    if len(set(labels)) < len(labels):
        again = next(label for label in labels if labels.count(label) > 1)
        raise InputError(f"The effect {again!r} is given twice; name every effect once.")
    return labels, np.array([vector for vector, _ in found]).reshape(len(found), -1)


def _refuse_interactions(factor: str, design: Design) -> None:
    """Raise InputError where the levels of a factor differ by more than its main effect."""
    others = interacting_with(design.formula, factor) if design.formula else []
    if others:
        cells = ", ".join(map(repr, (factor, *others)))
        raise InputError(
            f"{factor!r} interacts with {first_few(others)}, so that its levels differ in another "
            "way at each level of these, and no penalty on its main effect is the same for every "
            f"reference. Make one factor of the cells of {cells} and penalise that, leave the "
            "interaction out, or give a list of contrasts."
        )


def _pairs(penalty: Penalty, names: Sequence[str]) -> list[tuple[int, int]]:
    k = len(names)
    if penalty.kind == "pairwise":
        return list(combinations(range(k), 2))
    if penalty.kind == "chain":
        return [(i + 1, i) for i in range(k - 1)]
    if penalty.kind == "lasso":
        return [(i, k - 1) for i in range(k - 1)]
    if penalty.kind == "reference":
        base = 0 if penalty.reference is None else _place(penalty.reference, names)
        return [(i, base) for i in range(k) if i != base]
    if not penalty.edges:
        raise InputError("A graph penalty needs edges: pairs of names of effects.")
    return [(_place(a, names), _place(b, names)) for a, b in penalty.edges]


def _place(name: Any, names: Sequence[str]) -> int:
    if str(name) not in names:
        raise InputError(f"{str(name)!r} is none of the effects: {first_few(names, 10)}.")
    return list(names).index(str(name))
