"""Columns of a design that are combinations of others, named together with those."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from countglm._cells import distinct_rows
from countglm._contrasts import combination
from countglm._gram_schmidt import gram_schmidt

# A column whose share is below this part of the aliased column's norm takes no part in it.
_NEGLIGIBLE = 1e-8
# Samples whose equal rows are worth finding.
_MANY = 10_000


def aliased_columns(
    matrix: NDArray[np.float64], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Dependent columns and what they are made of.

    Parameters
    ----------
    matrix : (n_samples, n_coef) float64
    names : n_coef names

    Returns
    -------
    dict
        For every column that is a combination of the columns before it: its name, with the
        weights of those columns (empty where the column is zero). Empty at full rank.
    """
    _, r, independent = gram_schmidt(_fewer_rows(matrix))
    sizes = np.abs(r).max(axis=0, initial=0.0)
    found: dict[str, dict[str, float]] = {}
    for j in np.flatnonzero(~independent).tolist():
        kept = np.flatnonzero(independent[:j])
        weights = _back_substitute(r, kept, j)
        found[names[j]] = {
            names[k]: _tidy(weights[k])
            for k in kept.tolist()
            if abs(weights[k]) * sizes[k] > _NEGLIGIBLE * sizes[j]
        }
    return found


def _fewer_rows(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix with the same products of columns; of many samples, equal rows as one."""
    if matrix.shape[0] < _MANY:
        return matrix
    rows, _, group = distinct_rows(matrix)
    return np.asarray(rows * np.sqrt(np.bincount(group))[:, None])


def describe_aliased(aliased: dict[str, dict[str, float]], most: int = 5) -> str:
    """``'b' = Intercept - a``, one after the other, with a count of those left out."""
    parts = []
    for name, weights in list(aliased.items())[:most]:
        if weights:
            parts.append(f"{name!r} = {combination(list(weights.values()), list(weights))}")
        else:
            parts.append(f"{name!r} is zero in every sample")
    rest = len(aliased) - len(parts)
    return "; ".join(parts) + (f"; and {rest} more" if rest > 0 else "")


def _back_substitute(r: NDArray[np.float64], kept: NDArray[np.intp], j: int) -> NDArray[np.float64]:
    weights = np.zeros(r.shape[0])
    for i in kept[::-1]:
        rest = r[i, j] - np.add.reduce(r[i, i + 1 : j] * weights[i + 1 : j])
        weights[i] = rest / r[i, i]
    return weights


def _tidy(weight: float) -> float:
    """Whole and half numbers without the rounding of the factorisation."""
    near = round(2.0 * float(weight)) / 2.0
    return near if abs(weight - near) < 1e-9 * max(1.0, abs(near)) else float(weight)
