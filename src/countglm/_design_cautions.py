"""What to beware of in a design, in words: cause, size, remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ._collinearity import NOTABLE, Collinearity, constant_columns
from ._names import first_few, plural

Floats = NDArray[np.float64]
# A leverage of 1 up to rounding: nothing but this sample knows some coefficient.
ALONE = 1.0 - 1e-9
# So many standard deviations from 0 a column's mean alone makes up a condition number of 10.
_FAR = 5.0


def design_cautions(
    matrix: Floats,
    names: Sequence[str],
    samples: Sequence[str],
    aliased: Mapping[str, Sequence[str]],
    shape: Collinearity,
    leverage: Floats,
) -> tuple[str, ...]:
    """Return a sentence or two about everything in a design (n_samples, n_coef) that needs care.

    References
    ----------
    docs/math.md, 4.8 to 4.10.
    """
    found = [_exact_dependency(name, made_of) for name, made_of in aliased.items()]
    if not aliased and shape.condition_number >= NOTABLE:
        found += _near_dependency(matrix, names, shape)
    alone = np.flatnonzero(leverage > ALONE)
    if alone.size and matrix.shape[0] > matrix.shape[1]:
        found.append(_alone([samples[i] for i in alone.tolist()]))
    return tuple(found)


def _exact_dependency(name: str, made_of: Sequence[str]) -> str:
    what = f"a combination of {', '.join(made_of)}" if made_of else "zero everywhere"
    return f"{name} is {what}: remove it."


def _near_dependency(matrix: Floats, names: Sequence[str], shape: Collinearity) -> list[str]:
    """Which columns say nearly the same, and what that costs."""
    among = np.flatnonzero(shape.dependent)
    told = f"Condition number {shape.condition_number:.3g} (from {NOTABLE:g} on with care): "
    constant = constant_columns(matrix)
    far = [names[j] for j in among.tolist() if not constant[j] and _is_far(matrix[:, j])]
    inflated = (shape.variance_inflation[among] >= NOTABLE).any()
    if constant[among].any() and far and not inflated:
        return [
            f"{told}{first_few(far, 6)} hardly varies beside its mean, so that it looks like "
            f"{names[int(np.flatnonzero(constant)[0])]}. Subtract the mean: tests of it stay what "
            "they are, and the intercept gets a meaning."
        ]
    listed = first_few([names[j] for j in among.tolist()], 6)
    worst = float(np.nanmax(shape.variance_inflation[among]))
    return [
        f"{told}{listed} carry nearly the same information; variance inflation up to {worst:.3g}, "
        f"so standard errors are up to {np.sqrt(worst):.3g} times those of unrelated columns. "
        "Their separate effects can hardly be told apart: keep one of them, or test them together "
        "by a likelihood ratio."
    ]


def _is_far(column: Floats) -> bool:
    """Is the mean of a column far from 0 for its spread?"""
    return bool(np.std(column) * _FAR < abs(np.mean(column)))


def _alone(samples: Sequence[str]) -> str:
    single = len(samples) == 1
    return (
        f"{plural(len(samples), 'sample')} alone {'determines' if single else 'determine'} a "
        f"coefficient {'' if single else 'each '}(leverage 1): {first_few(list(samples), 10)}. "
        "Without a replicate no outlier can be seen there, and the estimate is as good as that "
        "one sample. Add replicates, or leave it out of the comparison."
    )
