"""What to beware of in a design, in words: cause, size, remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._collinearity import NOTABLE, Collinearity, collinearity, constant_columns
from ._gram_schmidt import gram_schmidt
from ._names import first_few, plural

Floats = NDArray[np.float64]
# A leverage of 1 up to rounding: nothing but this sample knows some coefficient.
ALONE = 1.0 - 1e-9
# So many standard deviations from 0 a column's mean alone makes up a condition number of 10.
_FAR = 5.0
# Products of columns are recognised up to their own rounding.
_ROUNDING = 1e-12


class Trouble(NamedTuple):
    """What needs care: its kind and its sentences.

    ``kind`` is ``"aliased"``, ``"shared"`` (columns that say nearly the same), ``"mean"`` (one far
    from 0), ``"reference"`` (a small reference level) or ``"alone"`` (one sample decides).
    """

    kind: str
    text: str


def design_cautions(
    matrix: Floats,
    names: Sequence[str],
    samples: Sequence[str],
    aliased: Mapping[str, Sequence[str]],
    shape: Collinearity,
    leverage: Floats,
) -> tuple[Trouble, ...]:
    """Return what in a design (n_samples, n_coef) needs care, with the remedy.

    References
    ----------
    docs/math.md, 4.8 to 4.10.
    """
    found = [
        Trouble("aliased", _exact_dependency(name, made_of)) for name, made_of in aliased.items()
    ]
    if not aliased and shape.condition_number >= NOTABLE:
        found.append(_near_dependency(matrix, names, shape))
    alone = np.flatnonzero(leverage > ALONE)
    if alone.size and matrix.shape[0] > matrix.shape[1]:
        found.append(Trouble("alone", _alone([samples[i] for i in alone.tolist()])))
    return tuple(found)


def _exact_dependency(name: str, made_of: Sequence[str]) -> str:
    what = f"a combination of {', '.join(made_of)}" if made_of else "zero everywhere"
    return f"{name} is {what}: remove it."


def _near_dependency(matrix: Floats, names: Sequence[str], shape: Collinearity) -> Trouble:
    """Which columns say nearly the same, why, and what that costs."""
    told = f"Condition number {shape.condition_number:.3g} (from {NOTABLE:g} on with care): "
    far = _far_columns(matrix)
    if far.size:
        centred, made = about_means(matrix, far)
        q, factor, _ = gram_schmidt(centred)
        if collinearity(centred, q, factor).condition_number < NOTABLE:
            own = first_few([names[j] for j in far.tolist() if not made[j]], 6)
            return Trouble("mean", (
                f"{told}{own} hardly varies beside its mean, so that what it makes looks like "
                "other columns. Subtract the mean in the sample table: the model stays the same, "
                "and coefficients tell of the mean instead of a value of 0 that no sample has."
            ))  # fmt: skip
    among = np.flatnonzero(shape.dependent)
    among = among[~constant_columns(matrix)[among]]
    listed = first_few([names[j] for j in among.tolist()], 6)
    if among.size and _exclude_each_other(matrix[:, among]):
        return Trouble("reference", (
            f"{told}{listed} are compared with a level that few samples have beside theirs, and "
            "share its uncertainty. Take a larger level as the reference; comparisons between the "
            "others are not harmed."
        ))  # fmt: skip
    inflated = shape.variance_inflation[among]
    inflated = inflated[np.isfinite(inflated)]
    cost = ""
    if inflated.size:
        worst = float(inflated.max())
        cost = (
            f"; variance inflation up to {worst:.3g}, so standard errors are up to "
            f"{np.sqrt(worst):.3g} times those of unrelated columns"
        )
    return Trouble("shared", (
        f"{told}{listed} carry nearly the same information{cost}. Their separate effects can "
        "hardly be told apart: keep one of them, or test them together by a likelihood ratio."
    ))  # fmt: skip


def _far_columns(matrix: Floats) -> NDArray[np.intp]:
    """Columns whose mean is far from 0 for their spread, other than marks of groups."""
    spread, mean = np.std(matrix, axis=0), np.abs(np.mean(matrix, axis=0))
    marks = ((matrix == 0.0) | (np.abs(matrix) == 1.0)).all(axis=0)
    return np.flatnonzero((spread * _FAR < mean) & ~marks & ~constant_columns(matrix))


def about_means(matrix: Floats, far: NDArray[np.intp]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the design (n, p) as it would be with the columns ``far`` about their means.

    Products with them, of two columns of the design, are made anew; which they are comes second.
    """
    centred, made = matrix.copy(), np.zeros(matrix.shape[1], dtype=np.bool_)
    centred[:, far] -= np.mean(matrix[:, far], axis=0)
    for a in far.tolist():
        for b in range(matrix.shape[1]):
            product = matrix[:, a] * matrix[:, b]
            size = np.abs(product).max(initial=0.0)
            same = (np.abs(matrix - product[:, None]) <= _ROUNDING * size).all(axis=0)
            # A column is its own product with the constant.
            same[[a, b]] = False
            centred[:, same] = (centred[:, a] * centred[:, b])[:, None]
            made |= same
    return centred, made


def _exclude_each_other(columns: Floats) -> bool:
    """Are these marks (n, k) of groups without a sample in common?"""
    marks = ((columns == 0.0) | (columns == 1.0)).all()
    return bool(marks and columns.shape[1] > 1 and (np.add.reduce(columns, axis=1) <= 1.0).all())


def _alone(samples: Sequence[str]) -> str:
    single = len(samples) == 1
    return (
        f"{plural(len(samples), 'sample')} alone {'determines' if single else 'determine'} a "
        f"coefficient {'' if single else 'each '}(leverage 1): {first_few(list(samples), 10)}. "
        "Without a replicate no outlier can be seen there, and the estimate is as good as that "
        "one sample. Add replicates, or leave it out of the comparison."
    )
