"""Codings of one model: columns ``Z = X T``, coefficients ``beta = T gamma``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._collinearity import constant_columns
from ._gram_schmidt import gram_schmidt
from ._sparse_maps import SparseMap, diagonal, from_array, identity_and
from .basis import invert_upper
from .errors import InputError

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

# Numbers are centred at a multiple of this part of their spread: few digits, exact differences.
_COARSE = 2.0**-3
# Powers of two that are numbers, and their inverses.
_LARGEST = 1000
# More columns are not searched for products of each other.
_MOST_PRODUCTS = 200
LEVEL = re.compile(r"^(?P<factor>.+)\[T\.(?P<level>.+)\]$")


@dataclass(frozen=True, eq=False)
class Coding:
    """A change of columns.

    ``forward`` is T and ``backward`` its inverse; ``names`` are those of the new columns. ``exact``
    says that the maps hold no rounding but that of the sums they make.
    """

    forward: SparseMap
    backward: SparseMap
    names: tuple[str, ...]
    exact: bool = True

    def then(self, other: Coding) -> Coding:
        """This change and another one of what it gives."""
        return Coding(
            self.forward.times(other.forward),
            other.backward.times(self.backward),
            other.names,
            self.exact and other.exact,
        )


def unchanged(names: Sequence[str]) -> Coding:
    """The coding as it is."""
    same = diagonal(np.ones(len(names)))
    return Coding(same, same, tuple(names))


def deviations(matrix: Floats, names: Sequence[str]) -> Coding:
    """Levels about the mean of the levels (sum coding), numbers about their mean.

    Products of columns are taken along: an interaction is coded in all its factors.
    """
    coding = unchanged(names)
    size = matrix.shape[1]
    known = _by_content(matrix)
    base = one_constant(matrix)
    if base is None:
        raise InputError(
            "The design has no constant column, about which sum coding tells effects; use "
            "coding='cell_means' or 'qr', or keep the intercept in the formula."
        )
    groups = level_groups(matrix, names)
    levels = {k for group in groups for k in group}
    products = _products(matrix, base)
    numbers = [k for k in range(size) if k not in levels and k not in products and k != base]
    called = list(names)
    for group in groups:
        for place, columns in _blocks(matrix, group, known, base):
            coding = coding.then(_sum_block(size, place, columns, tuple(called)))
        for k in group:
            match = LEVEL.match(called[k])
            called[k] = f"{match['factor']}[S.{match['level']}]" if match else f"{called[k]} (sum)"
    for number in numbers:
        middle = _middle(matrix[:, number])
        if middle == 0.0:
            continue
        for place, columns in _blocks(matrix, [number], known, base):
            at = ([place], columns)
            step = Coding(
                identity_and(size, *at, [-middle]), identity_and(size, *at, [middle]), tuple(called)
            )
            coding = coding.then(step)
        sign = "-" if middle > 0.0 else "+"
        called[number] = f"{bracketed(called[number])} {sign} {abs(middle):.15g}"
    new = dict(zip(names, called, strict=True))
    for k in sorted(products):
        parts = names[k].split(":")
        known_parts = len(parts) > 1 and all(part in new for part in parts)
        called[k] = (
            ":".join(bracketed(new[p]) for p in parts) if known_parts else f"{called[k]} (recoded)"
        )
    return Coding(coding.forward, coding.backward, tuple(called), coding.exact)


def orthonormal(matrix: Floats, names: Sequence[str]) -> Coding:
    """Orthogonal columns of one length, near the root of the number of samples."""
    _, r, independent = gram_schmidt(matrix)
    if not independent.all():
        first = names[int(np.flatnonzero(~independent)[0])]
        raise InputError(
            f"Column {first!r} is a combination of the columns before it, so that the design has "
            "no orthonormal coding; leave it out."
        )
    # A power of two: the length of a column of ones within a factor of 1.5, and no rounding.
    unit = 2.0 ** np.round(np.log2(matrix.shape[0]) / 2.0)
    called = tuple(f"q{k + 1}" for k in range(r.shape[0]))
    return Coding(from_array(invert_upper(r) * unit), from_array(r / unit), called, exact=False)


def scaled(matrix: SparseMap, names: Sequence[str]) -> Coding:
    """Columns divided by powers of two, so that their lengths differ by less than a factor of 2."""
    largest = np.zeros(matrix.shape[1])
    np.maximum.at(largest, matrix.cols, np.abs(matrix.values))
    # In units of the largest entry's power of two, so that no square overflows or vanishes.
    unit = np.frexp(largest)[1]
    level = np.ldexp(matrix.values, -unit[matrix.cols])
    length = np.sqrt(np.bincount(matrix.cols, level**2, matrix.shape[1]))
    goal = np.sqrt(float(matrix.shape[0]))
    exponent = np.zeros(length.size, dtype=np.intp)
    some = length > 0.0
    exponent[some] = np.round(np.log2(goal / length[some])) - unit[some]
    power = np.ldexp(1.0, np.clip(exponent, -_LARGEST, _LARGEST))
    called = tuple(
        name if factor == 1.0 else f"{bracketed(name)} / {1.0 / factor:.15g}"
        for name, factor in zip(names, power.tolist(), strict=True)
    )
    return Coding(diagonal(power), diagonal(1.0 / power), called)


def bracketed(name: str) -> str:
    """A name that is a sum, in brackets, so that what follows is of all of it."""
    bare = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", name)
    return f"({name})" if re.search(r"^not | [-+] ", bare) else name


def _sum_block(size: int, base: int, columns: Sequence[int], names: tuple[str, ...]) -> Coding:
    """Columns ``x_k - x_ref`` in place of ``x_k``, where ``x_ref`` is the base less all of them."""
    k = len(columns)
    row = np.repeat(columns, k)
    col = np.tile(columns, k)
    ones = np.ones(k)
    part = 1.0 / (k + 1)
    forward = identity_and(
        size,
        np.concatenate([row, np.full(k, base)]), np.concatenate([col, columns]),
        np.concatenate([np.ones(k * k), -ones]),
    )  # fmt: skip
    backward = identity_and(
        size,
        np.concatenate([row, np.full(k, base)]), np.concatenate([col, columns]),
        np.concatenate([np.full(k * k, -part), part * ones]),
    )  # fmt: skip
    return Coding(forward, backward, names)


def one_constant(matrix: Floats) -> int | None:
    """The first column of ones."""
    found = np.flatnonzero(constant_columns(matrix) & (matrix[0] == 1.0))
    return int(found[0]) if found.size else None


def level_groups(matrix: Floats, names: Sequence[str]) -> list[list[int]]:
    """Columns of 0 and 1 that belong to one factor: by their names, else as they exclude others."""
    binary = ((matrix == 0.0) | (matrix == 1.0)).all(axis=0) & ~constant_columns(matrix)
    base = one_constant(matrix)
    products = set() if base is None else _products(matrix, base)
    groups: dict[str, list[int]] = {}
    last = ""
    for k in np.flatnonzero(binary).tolist():
        match = None if ":" in names[k] else LEVEL.match(names[k])
        if match:
            groups.setdefault(f"factor {match['factor']}", []).append(k)
        elif k not in products and ":" not in names[k]:
            beside = groups.get(last, [])
            if not beside or (matrix[:, [k]] * matrix[:, beside]).any():
                last = f"column {k}"
            groups.setdefault(last, []).append(k)
    return list(groups.values())


def _products(matrix: Floats, base: int) -> set[int]:
    """Columns that are the product of two others, neither of them constant."""
    p = matrix.shape[1]
    if p > _MOST_PRODUCTS:
        return set()
    known = _by_content(matrix)
    found = set()
    for j in range(p):
        for k in range(j + 1, p):
            at = known.get(_product(matrix[:, j], matrix[:, k]))
            if at is not None and at not in (j, k) and base not in (j, k, at):
                found.add(at)
    return found


def _by_content(matrix: Floats) -> dict[bytes, int]:
    """The first column of every content."""
    return {_content(matrix[:, j]): j for j in reversed(range(matrix.shape[1]))}


def _content(column: Floats) -> bytes:
    """The bytes of a column, a zero having no sign."""
    return bytes((column + 0.0).tobytes())


def _product(one: Floats, other: Floats) -> bytes:
    """The content of a product of columns; one beyond the numbers is no column's."""
    with np.errstate(over="ignore"):
        return _content(one * other)


def _blocks(
    matrix: Floats, group: Sequence[int], known: dict[bytes, int], base: int
) -> list[tuple[int, list[int]]]:
    """Columns by which the columns of a group stand multiplied, and those products.

    The first is the constant with the group itself; columns of the group do not count.
    """
    blocks = [(base, list(group))]
    for other in range(matrix.shape[1]):
        if other == base or other in group:
            continue
        at = [known.get(_product(matrix[:, k], matrix[:, other])) for k in group]
        columns = [k for k in at if k is not None and k != other and k not in group]
        if len(columns) == len(group):
            blocks.append((other, columns))
    return blocks


def _middle(column: Floats) -> float:
    """The mean, rounded to an eighth of the spread's power of two; 0 if that is near 0."""
    # In units of the largest entry's power of two, which is exact and spares squares the overflow.
    exponent = int(np.frexp(np.abs(column).max())[1])
    unit = np.ldexp(column, -exponent)
    mean, spread = float(np.mean(unit)), float(np.std(unit))
    if spread == 0.0 or abs(mean) <= spread * _COARSE:
        return 0.0
    step = _COARSE * 2.0 ** np.floor(np.log2(spread))
    return float(np.ldexp(np.round(mean / step) * step, exponent))
