"""One block of columns for every condition: the design in which conditions are compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arguments import as_real_array
from ._names import first_few, plural
from .errors import InputError


@dataclass(frozen=True, eq=False, repr=False)
class ConditionDesign:
    """Effects of features, one block of columns for every condition.

    Attributes
    ----------
    matrix : (n, p) scipy.sparse.csr_matrix
        The features of a row in the columns of its condition, then one intercept a condition.
    names : tuple of str, (p,)
        ``"condition:feature"``, and the conditions for the intercepts.
    features, conditions : tuple of str
    columns : (n_features, n_conditions) int
        The column of every effect; -1 where no row of the condition has the feature, so that it has
        no effect there.
    factor : str
        The name by which penalties call the conditions.
    """

    matrix: Any
    names: tuple[str, ...]
    features: tuple[str, ...]
    conditions: tuple[str, ...]
    columns: NDArray[np.intp]
    factor: str

    def __repr__(self) -> str:
        n, p = self.matrix.shape
        return (
            f"ConditionDesign: {n:,} rows x {p:,} columns, {len(self.features):,} features in "
            f"{self.factor} {first_few(self.conditions)}"
        )


def condition_design(
    features: Any,
    conditions: ArrayLike,
    *,
    feature_names: Any = None,
    factor: str = "condition",
    intercepts: bool = True,
) -> ConditionDesign:
    """Give every condition effects of its own of the same features.

    `countglm.fit_penalized_wide` then tells which conditions share an effect: the penalty
    ``pairwise("condition")`` compares the effects of a feature in all of them.

    Parameters
    ----------
    features : (n, n_features) scipy sparse matrix, array or DataFrame
        One row an observation, such as a variant; one column a feature, such as a mutation: 1
        where it is present, or any number.
    conditions : (n,)
        The condition of every row; ordered as the categories of a categorical, else
        sorted, numbers as numbers.
    feature_names : (n_features,), optional
        Names; those of a DataFrame's columns by default.
    factor : str
        What penalties call the conditions.
    intercepts : bool
        Whether every condition has an intercept, which no penalty of the conditions touches.

    Returns
    -------
    ConditionDesign

    Raises
    ------
    InputError
        Lengths that do not fit, features that are no finite numbers or share a name, or missing
        conditions.
    """
    from scipy import sparse

    names = getattr(features, "columns", None) if feature_names is None else feature_names
    entries = _entries(features)
    n, k = entries.shape
    words = tuple(map(str, range(k) if names is None else names))
    labels, code = _levels(conditions, n)
    if len(words) != k:
        raise InputError(f"feature_names has {len(words)} names; features has {k} columns.")
    if len(set(words)) < k:
        twice = [name for name, times in Counter(words).items() if times > 1]
        raise InputError(
            f"{plural(len(twice), 'feature name')} stand for several features: "
            f"{first_few(twice)}. Give every feature a name of its own."
        )
    kept = entries.data != 0.0
    row, feature, value = entries.row[kept], entries.col[kept], entries.data[kept]
    wanted = code[row].astype(np.int64) * k + feature
    present, place = np.unique(wanted, return_inverse=True)
    columns = np.full(len(labels) * k, -1, dtype=np.intp)
    columns[present] = np.arange(present.size)
    found = [f"{labels[w // k]}:{words[w % k]}" for w in present.tolist()]
    if intercepts:
        row = np.concatenate([row, np.arange(n)])
        place = np.concatenate([place, present.size + code])
        value = np.concatenate([value, np.ones(n)])
        found += labels
    matrix = sparse.coo_matrix((value, (row, place)), shape=(n, len(found))).tocsr()
    return ConditionDesign(
        matrix, tuple(found), words, tuple(labels), columns.reshape(len(labels), k).T, factor
    )


def _entries(features: Any) -> Any:
    """Return the features as a scipy matrix of triplets, all finite."""
    from scipy import sparse

    given: Any = features if sparse.issparse(features) else as_real_array(features, "features")
    if given.ndim != 2:
        raise InputError(f"features has {given.ndim} dimension(s); give rows x features.")
    entries: Any = sparse.coo_matrix(given)
    bad = np.flatnonzero(~np.isfinite(entries.data))
    if bad.size:
        raise InputError(
            f"features has {bad.size} value(s) that are NaN or infinite, the first in row "
            f"{entries.row[bad[0]]}, column {entries.col[bad[0]]} (counted from 0). Fill or leave "
            "out such rows."
        )
    return entries


def _levels(conditions: ArrayLike, n: int) -> tuple[list[str], NDArray[np.intp]]:
    """Return the conditions in order and the number (n,) of every row's."""
    import pandas as pd

    categories = getattr(getattr(conditions, "cat", conditions), "categories", None)
    # As they are: in an array of text a missing one would be a word.
    values = np.asarray(conditions, dtype=object)
    if values.shape != (n,):
        raise InputError(
            f"conditions has shape {values.shape}; it must be ({n},), one a row of features."
        )
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise InputError(
            f"conditions has {missing.size} missing value(s), the first at row {missing[0]} "
            "(counted from 0); name a condition for every row or leave the row out."
        )
    text = [str(value) for value in values]
    seen = set(text)
    if categories is not None:
        order = [str(level) for level in categories if str(level) in seen]
    elif all(isinstance(value, int | float | np.number) for value in values):
        # Numbers, such as times, in their own order and not in that of their words.
        order = list(dict.fromkeys(str(value) for value in sorted(values)))
    else:
        order = sorted(seen)
    number = {level: i for i, level in enumerate(order)}
    return order, np.array([number[level] for level in text], dtype=np.intp)
