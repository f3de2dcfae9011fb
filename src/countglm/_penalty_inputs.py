"""What a caller gives for a penalty: effects, edges, costs, and places on a path; checked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AnySet
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import as_real_array
from ._names import first_few
from ._warn import warn
from .errors import InputError

Floats = NDArray[np.float64]


def checked_effects(effects: Any, kind: str) -> Any:
    """Return the name of a factor, or effects that can be gone through again, in their order."""
    if isinstance(effects, str) or (effects is None and kind == "lasso"):
        return effects
    found = _in_order(effects, f"effects of a {kind} penalty must be a list of contrasts or columns"
                      + ("" if kind == "lasso" else ", or the name of a factor"))  # fmt: skip
    if len(found) == 0:
        raise InputError(f"A {kind} penalty needs effects, and the list of them is empty.")
    return found


def checked_edges(edges: Any) -> tuple[tuple[Any, Any], ...]:
    """Return edges as pairs of names."""
    needs = "edges must be a list of pairs of names of effects"
    found = _in_order(edges, needs)
    pairs = []
    for place, edge in enumerate(found):
        if not isinstance(edge, tuple | list | np.ndarray) or len(edge) != 2:
            raise InputError(f"{needs}, such as [('a', 'b')]; edge {place} is {edge!r}.")
        pairs.append((edge[0], edge[1]))
    return tuple(pairs)


def _in_order(values: Any, needs: str) -> Any:
    """Return values that have an order, or raise InputError beginning with ``needs``."""
    shape = getattr(values, "shape", None)
    loose = isinstance(values, str | bytes | Mapping | AnySet) or shape == ()
    if loose or not isinstance(values, Iterable):
        raise InputError(f"{needs}; got {type(values).__name__}.")
    return values if shape is not None or isinstance(values, Sequence) else tuple(values)


def refuse_a_factor(asked: str, names: Sequence[str], factors: Iterable[str]) -> None:
    """Raise InputError where a lasso is given one name and not a list of effects."""
    if asked in names:
        raise InputError(f"A lasso penalty takes a list of effects; write lasso([{asked!r}]).")
    if asked in factors:
        raise InputError(
            f"A lasso penalty takes columns of the design or contrasts, and {asked!r} is a factor: "
            f"list columns out of {first_few(names, 10)}, or hold its levels together by pairwise, "
            "chain or to_reference."
        )
    raise InputError(
        f"A lasso penalty takes a list of columns of the design or contrasts, and there is no "
        f"{asked!r}; the columns are {first_few(names, 10)}."
    )


def warn_of_order(levels: Sequence[str], factor: str) -> None:
    """Warn where a chain joins levels that are numbers in another order than that of numbers."""
    try:
        steps = np.diff([float(level) for level in levels])
    except ValueError:
        return
    if (steps > 0.0).any() and (steps < 0.0).any():
        warn(
            f"The chain joins the levels of {factor!r} in the order {first_few(levels, 6)}, as "
            "text is sorted, not as numbers are; make them numbers, or an ordered Categorical."
        )


def checked_costs(costs: Any, m: int) -> Floats:
    """Return the costs (m,) of differences, 1 if none are given."""
    if costs is None:
        return np.ones(m)
    values = as_real_array(costs, "costs")
    if values.shape != (m,):
        raise InputError(
            f"costs must be {m} positive numbers, one a difference; got shape {values.shape}."
        )
    bad = np.flatnonzero(~((values > 0.0) & (values < np.inf)))
    if bad.size:
        raise InputError(
            f"costs must be {m} positive numbers, one a difference; {bad.size} cannot be used, "
            f"first {values[bad[0]]:g} at {bad[0]} (counted from 0)."
        )
    return values


def checked_places(index: Any, n_genes: int, n_lambdas: int) -> NDArray[np.intp]:
    """Return places (n_genes,) on paths of ``n_lambdas`` penalties, given one for all or each."""
    try:
        places = np.asarray(index)
    except ValueError:
        places = np.array(None)
    if places.dtype.kind not in "iu" or places.shape not in ((), (1,), (n_genes,)):
        given = f"shape {places.shape} and type {places.dtype}"
        raise InputError(
            f"index must be a whole number or {n_genes} of them, one a gene: places of penalties "
            f"from 0 to {n_lambdas - 1}; got {given if places.ndim else repr(index)}."
        )
    bad = (places < 0) | (places >= n_lambdas)
    if bad.any():
        first = places.reshape(-1)[int(np.argmax(bad))]
        raise InputError(
            f"index has {int(bad.sum())} place(s) that the path has not, first {first}; places of "
            f"penalties go from 0 to {n_lambdas - 1}."
        )
    return np.array(np.broadcast_to(places, (n_genes,)), dtype=np.intp)
