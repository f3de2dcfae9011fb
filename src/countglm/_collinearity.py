"""How near the columns of a design come to be combinations of each other, and which ones do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .basis import invert_upper

Floats = NDArray[np.float64]

# Belsley, Kuh and Welsch: from 30 on a dependency disturbs estimates; below, it is common.
NOTABLE = 30.0
# A column takes part in a dependency that makes up more than this part of its variance.
TAKES_PART = 0.5
# Singular values below this part of the largest are rounding: the column is aliased.
_ROUNDING = 1e-13
# Combinations of columns equal the constant up to rounding.
_SAME = 1e-7
# A column belongs to an exact dependency if its weight in it, squared, is above rounding.
_NOT_ZERO = 1e-16


@dataclass(frozen=True, eq=False)
class Collinearity:
    """What the singular values of a design say.

    Attributes
    ----------
    raw_condition_number : float
        Ratio of the extreme singular values of the design as it stands.
    condition_number : float
        The same with the columns scaled to length 1 (docs/math.md, 4.8).
    variance_inflation : (n_coef,) float64
        Factor by which a coefficient's variance exceeds that of a column unrelated to the others;
        infinite for columns of an exact dependency, NaN for columns that the constant is made of
        (docs/math.md, 4.9).
    dependent : (n_coef,) bool
        Columns more than half of whose variance comes from singular values `NOTABLE` times
        smaller than the largest.
    """

    raw_condition_number: float
    condition_number: float
    variance_inflation: Floats
    dependent: NDArray[np.bool_]


def collinearity(matrix: Floats, q: Floats, factor: Floats) -> Collinearity:
    """Return the conditioning of a design (n_samples, n_coef).

    ``q`` (n_samples, n_coef) and ``factor`` (n_coef, n_coef) are its columns made orthonormal and
    what makes the design of them (`gram_schmidt`). The factor has the singular values of the
    design, and its right singular vectors, at a size that does not grow with the samples.

    References
    ----------
    Belsley, Kuh and Welsch (1980), Regression Diagnostics, chapter 3.  docs/math.md, 4.8 to 4.10.
    """
    _, singular, directions = np.linalg.svd(unit_columns(factor))
    known = singular > _ROUNDING * singular[0]
    parts = (directions[known] / singular[known, None]) ** 2
    of_column = np.add.reduce(parts, axis=0)
    in_small = np.add.reduce(parts[singular[known] * NOTABLE <= singular[0]], axis=0)
    aliased = np.add.reduce(directions[~known] ** 2, axis=0) > _NOT_ZERO
    dependent = (in_small > TAKES_PART * of_column) | aliased
    if not dependent.any() and _ratio(singular) >= NOTABLE:
        # Shared among so many that none has most of its variance there: those it weighs on most.
        weight = np.abs(directions[-1])
        dependent = weight >= TAKES_PART * weight.max()
    return Collinearity(
        raw_condition_number=_ratio(
            np.linalg.svd(factor / np.abs(factor).max(initial=0.0), compute_uv=False)
        ),
        condition_number=_ratio(singular),
        variance_inflation=np.where(aliased, np.inf, of_column * _about_mean(matrix, q, factor)),
        dependent=dependent,
    )


def unit_columns(columns: Floats) -> Floats:
    """Columns of length 1, zero where they are zero; lengths neither overflow nor vanish."""
    largest = np.abs(columns).max(axis=0, initial=0.0)
    level = columns / np.where(largest > 0.0, largest, 1.0)
    length = np.sqrt(np.add.reduce(level**2, axis=0))
    return np.asarray(level / np.where(length > 0.0, length, 1.0))


def constant_columns(matrix: Floats) -> NDArray[np.bool_]:
    """Columns (n_coef,) of one value, not zero, in every sample."""
    return np.asarray((matrix == matrix[:1]).all(axis=0) & (matrix[0] != 0.0))


def _about_mean(matrix: Floats, q: Floats, factor: Floats) -> Floats:
    """Part of a column's squared length that is about its mean, where the mean is in the model."""
    made_of = _constant_is_made_of(matrix, q, factor)
    if made_of is None:
        return np.ones(matrix.shape[1])
    unit = unit_columns(matrix)
    about = np.add.reduce((unit - np.mean(unit, axis=0)) ** 2, axis=0)
    return np.where(made_of, np.nan, about)


def _constant_is_made_of(matrix: Floats, q: Floats, factor: Floats) -> NDArray[np.bool_] | None:
    """Columns (n_coef,) that add up to the constant, or None where no combination does."""
    constant = constant_columns(matrix)
    if constant.any():
        return constant
    if not (np.diag(factor) > 0.0).all():
        return None
    along = np.add.reduce(q, axis=0)
    if np.abs(1.0 - np.add.reduce(q * along, axis=1)).max() > _SAME:
        return None
    # Of columns of length 1, so that a column's unit does not decide.
    share = np.add.reduce(invert_upper(unit_columns(factor)) * along, axis=1)
    return np.asarray(np.abs(share) > _SAME)


def _ratio(singular: Floats) -> float:
    if not singular[-1] > _ROUNDING * singular[0]:
        return float("inf")
    return float(singular[0] / singular[-1])
