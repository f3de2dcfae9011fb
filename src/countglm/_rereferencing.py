"""One-hot columns told from each condition's own wild type, intercepts and signs mapped back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._coding_input import in_order
from ._codings import Coding, bracketed
from ._names import did_you_mean, first_few, name_array, plural
from ._nb_values import numbers_of
from ._sparse_maps import SparseMap, from_entries
from .errors import InputError

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]


class Conditions(NamedTuple):
    """Rows by condition: the labels in the order they appear, and the number of each row's."""

    labels: tuple[str, ...]
    of_row: Index

    @property
    def sizes(self) -> Index:
        """Rows of each condition."""
        return np.bincount(self.of_row, minlength=len(self.labels))


class _Presence(NamedTuple):
    """Entries of a column within a condition, all (n_conditions, n_coef)."""

    entries: Index
    ones: Index
    least: Floats
    most: Floats


class Rereferenced(NamedTuple):
    """A coding, the wild types (n_conditions, n_coef) it is told from, and which columns turned."""

    coding: Coding
    wild_type: Floats
    turned: Mask


def as_conditions(labels: ArrayLike | None, n: int) -> Conditions:
    """Read the condition of every row; one for all rows where none are given."""
    if labels is None:
        return Conditions(("all rows",), np.zeros(n, dtype=np.intp))
    given = np.asarray(labels)
    if given.shape != (n,):
        raise InputError(
            f"conditions= has shape {given.shape} and the design {plural(n, 'row')}; give one "
            "label per row."
        )
    missing = np.array([_is_missing(value) for value in given.tolist()], dtype=bool)
    if missing.any():
        raise InputError(
            f"conditions= has no label for {plural(int(missing.sum()), 'row')}, first row "
            f"{int(missing.argmax())}; leave such rows out of the design."
        )
    codes: dict[str, int] = {}
    of_row = [codes.setdefault(str(value), len(codes)) for value in given.tolist()]
    return Conditions(tuple(codes), np.array(of_row, dtype=np.intp))


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT, or the NA of pandas, which is not equal to itself either and says neither."""
    same = value == value
    return value is None or not isinstance(same, (bool, np.bool_)) or not same


def rereference(
    matrix: SparseMap,
    names: Sequence[str],
    conditions: Conditions,
    wild_type: Any = None,
    sites: ArrayLike | None = None,
) -> Rereferenced:
    """Tell every column from the value that the wild type of each condition has.

    A column of one condition only whose wild type has 1 becomes ``1 - x`` there, and its
    coefficient changes sign; of a column that several conditions share each one's wild-type value
    is taken off, which leaves its coefficient what it is. The intercepts take up the difference
    (docs/math.md, 19.2 to 19.5).
    """
    presence = _presence(matrix, conditions)
    wild = _wild_types(presence, names, conditions, wild_type)
    intercepts = _intercepts(presence, conditions, wild)
    home = presence.entries > 0
    binary = presence.ones == presence.entries
    turned = (home.sum(axis=0) == 1) & (home & binary & (wild == 1.0)).any(axis=0)
    sign = np.where(turned, -1.0, 1.0)
    row, column, amount = _shifts(wild, intercepts)
    other, of = _companions(
        matrix, home, turned, in_order(sites, name_array(names), "sites=", "columns")
    )
    at, less = np.arange(len(names)), -np.ones(of.size)
    rows, cols = np.concatenate([at, row, other]), np.concatenate([at, column, of])
    size = (len(names), len(names))
    # (I - E) S, whose inverse is S (I + E): intercepts are not themselves shifted, so that E E = 0.
    # A turned column that loses the others of its site is its own inverse, as one that does not.
    forward = from_entries(rows, cols, np.concatenate([sign, -amount * sign[column], less]), size)
    backward = from_entries(rows, cols, np.concatenate([sign, amount, less]), size)
    changed: Mask = np.asarray(intercepts.any(axis=0))
    changed[other] = True
    called = [f"{name} (own wild type)" if changed[k] else name for k, name in enumerate(names)]
    for k in np.flatnonzero(turned).tolist():
        called[k] = f"1 - {bracketed(names[k])}" + (" and its site" if (of == k).any() else "")
    return Rereferenced(Coding(forward, backward, tuple(called)), wild, turned)


def _companions(
    matrix: SparseMap, home: Mask, turned: Mask, sites: ArrayLike | None
) -> tuple[Index, Index]:
    """For every turned column the other columns of its site in its condition: (others, turned)."""
    nothing = np.zeros(0, dtype=np.intp)
    if sites is None:
        return nothing, nothing
    given = np.asarray(sites, dtype=object)
    if given.shape != (matrix.shape[1],):
        raise InputError(
            f"sites= has shape {given.shape} and the design {plural(matrix.shape[1], 'column')}; "
            "give the site of every column, None for intercepts."
        )
    own = home.sum(axis=0) == 1
    of_condition = home.argmax(axis=0).tolist()
    members: dict[tuple[int, str], list[int]] = {}
    for k in np.flatnonzero(own).tolist():
        if not _is_missing(given[k]):
            members.setdefault((of_condition[k], str(given[k])), []).append(k)
    pairs = []
    for (_, site), columns in members.items():
        of = [k for k in columns if turned[k]]
        if not of:
            continue
        entries = np.isin(matrix.cols, columns)
        if len(of) > 1 or (np.bincount(matrix.rows[entries]) > 1).any():
            raise InputError(
                f"Site {site!r} has {plural(len(columns), 'column')} of one condition that do not "
                "exclude each other: a row has 1 in several, or the wild type has. Give each site "
                "of each block of columns a label of its own, or leave sites= out."
            )
        pairs += [(k, of[0]) for k in columns if k != of[0]]
    both = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _shifts(wild: Floats, intercepts: Floats) -> tuple[Index, Index, Floats]:
    """Entries of E: by how much of which intercept column every column is shifted."""
    rows, columns, amounts = [], [], []
    for own, mark in zip(wild, intercepts, strict=True):
        shifted, made_of = np.flatnonzero(own), np.flatnonzero(mark)
        rows.append(np.tile(made_of, shifted.size))
        columns.append(np.repeat(shifted, made_of.size))
        amounts.append((own[shifted, None] * mark[made_of]).ravel())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(amounts)


def _presence(matrix: SparseMap, conditions: Conditions) -> _Presence:
    shape = (len(conditions.labels), matrix.shape[1])
    place = conditions.of_row[matrix.rows] * shape[1] + matrix.cols
    size = shape[0] * shape[1]
    least: Floats = np.full(size, np.inf)
    most: Floats = np.full(size, -np.inf)
    np.minimum.at(least, place, matrix.values)
    np.maximum.at(most, place, matrix.values)
    return _Presence(
        np.bincount(place, minlength=size).reshape(shape),
        np.bincount(place[matrix.values == 1.0], minlength=size).reshape(shape),
        least.reshape(shape),
        most.reshape(shape),
    )


def _wild_types(
    presence: _Presence, names: Sequence[str], conditions: Conditions, given: Any
) -> Floats:
    """What each condition's wild type has in every column: as given, or what most rows have."""
    shape = presence.entries.shape
    zero_or_one = presence.ones == presence.entries
    most = 2 * presence.ones > conditions.sizes[:, None]
    found = np.where(zero_or_one & most, 1.0, 0.0)
    if given is None:
        return found
    if not isinstance(given, Mapping):
        if len(conditions.labels) > 1:
            raise InputError(
                f"wild_type= is one sequence and there are {len(conditions.labels)} conditions "
                f"({first_few(conditions.labels)}); give a dict from each condition to its wild "
                "type, the columns that are 1 in it."
            )
        given = {conditions.labels[0]: given}
    wild = np.zeros(shape)
    places = {name: k for k, name in enumerate(names)}
    numbers = {label: d for d, label in enumerate(conditions.labels)}
    for label, value in given.items():
        if str(label) not in numbers:
            raise InputError(
                f"wild_type= names the condition {label!r}, which no row has; conditions are "
                f"{first_few(conditions.labels)}."
            )
        d = numbers[str(label)]
        wild[d] = found[d] if value is None else _one_wild_type(value, places, str(label))
    return wild


def _one_wild_type(value: Any, places: Mapping[str, int], label: str) -> Floats:
    value = in_order(value, name_array(places), "wild_type=", "columns")
    listed = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    row = np.zeros(len(places))
    if listed and not any(isinstance(each, str) for each in listed):
        array = numbers_of(listed, "wild_type=")
        if array.shape != row.shape or not np.isfinite(array).all():
            raise InputError(
                f"The wild type of {label!r} has {plural(array.size, 'number')} for "
                f"{plural(row.size, 'column')}; give the design's row of the wild type (finite "
                "numbers), or the names of the columns that are 1 in it."
            )
        return array
    unknown = [name for name in listed if name not in places]
    if unknown:
        raise InputError(
            f"The wild type of {label!r} names {plural(len(unknown), 'column')} that the design "
            f"does not have, first {unknown[0]!r}{did_you_mean(str(unknown[0]), list(places))}."
        )
    row[[places[name] for name in listed]] = 1.0
    return row


def _intercepts(presence: _Presence, conditions: Conditions, wild: Floats) -> Floats:
    """Each condition's mark as a sum of columns (n_conditions, n_coef), where one is needed.

    The columns that make the marks have no wild type: it is set to 0.
    """
    full = presence.entries == conditions.sizes[:, None]
    constant = (full & (presence.least == presence.most)) | (presence.entries == 0)
    candidates = np.flatnonzero(constant.all(axis=0) & (presence.entries > 0).any(axis=0))
    values = np.where(presence.entries > 0, presence.least, 0.0)[:, candidates]
    chosen = _independent(values)
    wild[:, candidates[chosen]] = 0.0
    out = np.zeros(presence.entries.shape)
    for d in np.flatnonzero(wild.any(axis=1)).tolist():
        weights = _solved(values[:, chosen], d)
        if weights is None:
            raise InputError(
                f"The design has no intercept for condition {conditions.labels[d]!r}: no sum of "
                "its columns is 1 in that condition's rows and 0 in all others, so that a change "
                "of its wild type cannot be taken up; add a column that marks the condition."
            )
        out[d, candidates[chosen]] = weights
    return out


def _independent(values: Floats) -> list[int]:
    """The first columns (K, q) that are no combinations of those before, in exact arithmetic."""
    kept: list[list[Fraction]] = []
    leads: list[int] = []
    chosen = []
    for k, column in enumerate(values.T.tolist()):
        rest = [Fraction(value) for value in column]
        for lead, base in zip(leads, kept, strict=True):
            factor = rest[lead] / base[lead]
            rest = [a - factor * b for a, b in zip(rest, base, strict=True)]
        if any(rest):
            leads.append(next(i for i, value in enumerate(rest) if value))
            kept.append(rest)
            chosen.append(k)
        if len(chosen) == values.shape[0]:
            break
    return chosen


def _solved(values: Floats, condition: int) -> Floats | None:
    """Weights of independent columns (K, r) whose sum marks a condition, None if there are none."""
    rows, r = values.shape
    table = [
        [*(Fraction(value) for value in row), Fraction(int(d == condition))]
        for d, row in enumerate(values.tolist())
    ]
    for j in range(r):
        pivot = next(i for i in range(j, rows) if table[i][j] != 0)
        table[j], table[pivot] = table[pivot], table[j]
        table[j] = [value / table[j][j] for value in table[j]]
        for i in range(rows):
            if i != j and table[i][j] != 0:
                factor = table[i][j]
                table[i] = [a - factor * b for a, b in zip(table[i], table[j], strict=True)]
    if any(row[-1] != 0 for row in table[r:]):
        return None
    return np.array([float(row[-1]) for row in table[:r]])
