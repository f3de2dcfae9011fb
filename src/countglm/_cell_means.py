"""Means of the cells of a one-way layout, or of the levels of a factor, as coefficients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._cells import distinct_rows
from ._codings import LEVEL, Coding, level_groups, one_constant
from ._contrasts import combination
from ._gram_schmidt import gram_schmidt
from ._sparse_maps import from_array, identity_and
from .basis import invert_upper
from .errors import InputError

Floats = NDArray[np.float64]

# Fractions of a matrix this large are inverted in about a second.
_FEW = 60


def cell_means(
    matrix: Floats, names: Sequence[str], factors: Mapping[str, Sequence[Any]]
) -> Coding:
    """A mean for every cell of a one-way layout, or for every level of the first factor.

    The second where the design has more cells than columns: the constant becomes the first level.
    """
    rows, _, _ = distinct_rows(matrix)
    if rows.shape[0] == matrix.shape[1]:
        backward = from_array(rows)
        inverse, exact = _inverse(rows)
        return Coding(from_array(inverse), backward, _cell_names(rows, names), exact)
    constant = one_constant(matrix)
    groups = level_groups(matrix, names)
    if constant is None or not groups:
        raise InputError(
            f"The design has {rows.shape[0]:,} distinct rows for {matrix.shape[1]} columns and no "
            "constant beside columns of levels, so that cell means are no coding of this model; "
            "use coding='sum' or 'qr'."
        )
    group, size = groups[0], matrix.shape[1]
    at, ones = np.full(len(group), constant), np.ones(len(group))
    return Coding(
        identity_and(size, np.array(group), at, -ones),
        identity_and(size, np.array(group), at, ones),
        _level_names(names, constant, group, factors),
    )


def _level_names(
    names: Sequence[str], constant: int, group: Sequence[int], factors: Mapping[str, Sequence[Any]]
) -> tuple[str, ...]:
    """Names of the means of a factor's levels, the first of which takes the constant's column."""
    called = list(names)
    match = LEVEL.match(names[group[0]])
    if match:
        factor = match["factor"]
        first = factors[factor][0] if factor in factors else "first level"
        called[constant] = f"{factor}[{first}]"
    else:
        called[constant] = f"not {', '.join(names[k] for k in group)}"
    for k in group:
        level = LEVEL.match(names[k])
        called[k] = f"{level['factor']}[{level['level']}]" if level else f"mean of {names[k]}"
    return tuple(called)


def _inverse(rows: Floats) -> tuple[Floats, bool]:
    """The inverse of the rows (p, p) of a one-way layout, and whether it is correctly rounded."""
    p = rows.shape[0]
    q, r, independent = gram_schmidt(rows)
    if not independent.all():
        raise InputError(
            "The design has fewer independent columns than distinct rows, so that its cells have "
            "no coefficients of their own; leave out the columns that are combinations of others."
        )
    if p > _FEW or (np.round(rows * 8.0) != rows * 8.0).any() or np.abs(rows).max() > 2.0**20:
        inverse = invert_upper(r)
        return np.add.reduce(inverse[:, None, :] * q[None, :, :], axis=2), False
    return _rational_inverse(rows), True


def _rational_inverse(rows: Floats) -> Floats:
    """The inverse by elimination in fractions, rounded once."""
    p = rows.shape[0]
    table = [
        [Fraction(value) for value in row] + [Fraction(int(i == j)) for j in range(p)]
        for i, row in enumerate(rows.tolist())
    ]
    for j in range(p):
        pivot = next(i for i in range(j, p) if table[i][j] != 0)
        table[j], table[pivot] = table[pivot], table[j]
        lead = table[j][j]
        table[j] = [value / lead for value in table[j]]
        for i in range(p):
            factor = table[i][j]
            if i != j and factor != 0:
                table[i] = [a - factor * b for a, b in zip(table[i], table[j], strict=True)]
    return np.array([[float(value) for value in row[p:]] for row in table])


def _cell_names(rows: Floats, names: Sequence[str]) -> tuple[str, ...]:
    """What every cell's mean is made of: the sum of coefficients that it equals."""
    used = [np.flatnonzero(row).tolist() for row in rows]
    return tuple(
        combination(row[at].tolist(), [names[k] for k in at]) if at else "0"
        for row, at in zip(rows, used, strict=True)
    )
