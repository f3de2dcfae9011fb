"""What a penalty says of the columns of a wide design: a sparse matrix of differences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._names import first_few
from ._penalty_inputs import checked_costs
from ._wide_blocks import ConditionDesign
from .errors import InputError
from .penalties import Penalty

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WideDifferences:
    """Penalised differences of columns.

    Attributes
    ----------
    matrix : (m, p) scipy.sparse.csr_matrix
    cost : (m,)
    groups : (n_groups, n_levels) int, or None
        Columns whose differences are penalised, -1 where a group has none; None for single columns
        and for a matrix of the caller's.
    """

    matrix: Any
    cost: Floats
    groups: NDArray[np.intp] | None


def differences_of(penalty: Any, design: Any, names: tuple[str, ...]) -> WideDifferences:
    """Return the differences of a penalty: ready-made, a matrix, or None for no penalty.

    Raises
    ------
    InputError
        A matrix of the wrong width or with an empty row, columns or levels that are not there.
    """
    from scipy import sparse

    p = len(names)
    if penalty is None:
        return WideDifferences(sparse.csr_matrix((0, p)), np.zeros(0), None)
    if isinstance(penalty, Penalty):
        return _ready_made(penalty, design, names)
    try:
        matrix = sparse.csr_matrix(penalty, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"penalty must be one of countglm.penalties or a matrix of differences; got "
            f"{type(penalty).__name__}."
        ) from error
    if matrix.shape[1] != p:
        raise InputError(
            f"penalty has shape {matrix.shape}; its rows need one number for each of the {p} "
            "columns of the design."
        )
    if not np.isfinite(matrix.data).all():
        raise InputError("penalty has values that are not finite; differences need numbers.")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    empty = np.flatnonzero(np.diff(matrix.indptr) == 0)
    if empty.size:
        raise InputError(
            f"penalty has {empty.size} row(s) of zeros, the first at {empty[0]} (counted from 0): "
            "nothing is penalised there. Leave them out."
        )
    return WideDifferences(matrix, np.ones(matrix.shape[0]), None)


def _ready_made(penalty: Penalty, design: Any, names: tuple[str, ...]) -> WideDifferences:
    if penalty.kind == "lasso":
        return _lasso(penalty, design, names)
    groups, levels = _groups(penalty, design, names)
    pairs, of_pair = _pairs(penalty, levels, groups)
    if not pairs.size:
        raise InputError("The penalty compares nothing: no group has two of the compared columns.")
    kinds = int(of_pair.max()) + 1
    return WideDifferences(
        _rows(pairs, len(names)), checked_costs(penalty.costs, kinds)[of_pair], groups
    )


def _lasso(penalty: Penalty, design: Any, names: tuple[str, ...]) -> WideDifferences:
    from scipy import sparse

    if penalty.effects is None:
        constant = np.zeros(len(names), dtype=np.bool_)
        if isinstance(design, ConditionDesign):
            constant[design.columns.max(initial=-1) + 1 :] = True
        else:
            constant[:] = _constant(design)
        chosen = np.flatnonzero(~constant)
    else:
        chosen = _places(penalty.effects, names)
        if (chosen < 0).any():
            raise InputError("-1 is no column; a lasso takes columns by name or place from 0 on.")
    d = sparse.csr_matrix(
        (np.ones(chosen.size), (np.arange(chosen.size), chosen)), shape=(chosen.size, len(names))
    )
    return WideDifferences(d, checked_costs(penalty.costs, chosen.size), None)


def _constant(matrix: Any) -> NDArray[np.bool_]:
    """Return which columns (p,) of a scipy matrix are one nonzero number."""
    columns = matrix.tocsc()
    full = np.diff(columns.indptr) == matrix.shape[0]
    ends = columns.max(axis=0).toarray().ravel() == columns.min(axis=0).toarray().ravel()
    return np.asarray(full & ends)


def _groups(
    penalty: Penalty, design: Any, names: tuple[str, ...]
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Columns (n_groups, n_levels) that are compared, and names of the levels."""
    effects = penalty.effects
    if isinstance(effects, str):
        if not isinstance(design, ConditionDesign) or effects != design.factor:
            known = design.factor if isinstance(design, ConditionDesign) else "none"
            raise InputError(
                f"{effects!r} is no factor of this design (factors: {known}); give groups of "
                "columns, or make the design by condition_design."
            )
        return design.columns, design.conditions
    rows = np.asarray(effects, dtype=object)
    rows = rows[None, :] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise InputError(
            "A penalty on groups of columns needs them as a table: one row a group, its columns "
            "by name or place in the order of the levels, -1 for none."
        )
    places = _places(rows.ravel(), names).reshape(rows.shape)
    used = places[places >= 0]
    if np.unique(used).size < used.size:
        twice = np.flatnonzero(np.bincount(used) > 1)
        raise InputError(
            f"{twice.size} column(s) stand in the groups twice: "
            f"{first_few([names[j] for j in twice])}. Name every column once."
        )
    return places, tuple(map(str, range(rows.shape[1])))


def _places(columns: Any, names: tuple[str, ...]) -> NDArray[np.intp]:
    """Places of columns given by name or place; -1 for none."""
    place = {name: i for i, name in enumerate(names)}
    found, wrong = [], []
    for column in columns:
        number = isinstance(column, int | np.integer)
        if number and -1 <= column < len(names):
            found.append(int(column))
        elif not number and str(column) in place:
            found.append(place[str(column)])
        else:
            wrong.append(str(column))
    if wrong:
        raise InputError(
            f"{len(wrong)} column(s) of the penalty are not in the design: {first_few(wrong)}; "
            f"its columns are {first_few(names)}."
        )
    return np.array(found, dtype=np.intp)


def _pairs(
    penalty: Penalty, levels: tuple[str, ...], groups: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Compared columns (m, 2) and which pair of levels (m,) each is."""
    k = len(levels)
    if k < 2:
        raise InputError(
            f"A {penalty.kind} penalty compares levels, and {first_few(levels)} is the only one; "
            "give rows of two conditions or more."
        )
    if penalty.kind == "chain":
        return _chained(groups)
    if penalty.kind == "pairwise":
        chosen = list(combinations(range(k), 2))
    elif penalty.kind == "reference":
        base = 0 if penalty.reference is None else _level(penalty.reference, levels)
        chosen = [(i, base) for i in range(k) if i != base]
    else:
        chosen = [(_level(a, levels), _level(b, levels)) for a, b in penalty.edges]
    if any(a == b for a, b in chosen) or not chosen:
        raise InputError("A graph penalty needs edges: pairs of two different levels.")
    pairs = np.stack([groups[:, list(pair)] for pair in chosen], axis=1)
    kept = (pairs >= 0).all(axis=2)
    return pairs[kept], np.tile(np.arange(len(chosen)), (len(groups), 1))[kept]


def _chained(groups: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Neighbours among the levels that a group has."""
    pairs, kinds = [], []
    for row in groups:
        there = np.flatnonzero(row >= 0)
        pairs += [(row[b], row[a]) for a, b in pairwise(there)]
        kinds += there[:-1].tolist()
    return np.array(pairs, dtype=np.intp).reshape(-1, 2), np.array(kinds, dtype=np.intp)


def _level(name: Any, levels: tuple[str, ...]) -> int:
    if str(name) not in levels:
        raise InputError(f"{str(name)!r} is none of the levels: {first_few(levels, 10)}.")
    return levels.index(str(name))


def _rows(pairs: NDArray[np.intp], p: int) -> Any:
    from scipy import sparse

    m = pairs.shape[0]
    value = np.tile([1.0, -1.0], m)
    return sparse.csr_matrix((value, (np.repeat(np.arange(m), 2), pairs.ravel())), shape=(m, p))
