"""What `recondition` is given: designs of all kinds, and labels and weights of their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._names import Names, first_few, label, name_array, plural, positions_as_names, sample_names_of
from ._nb_values import numbers_of
from ._sparse_maps import SparseMap, from_array, from_sparse
from .design import Design, read_formula, read_table
from .errors import InputError
from .results import GLMFit

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

# A sparse design with more entries than this is not made dense for a dense coding.
_DENSE = 50_000_000


class Given:
    """A design as it was given: entries, names, whether sparse, and what a formula knows."""

    def __init__(self, matrix: SparseMap, sparse: bool, design: Design, rows: Names | None) -> None:
        self.matrix, self.sparse, self.names = matrix, sparse, design.names
        self.sample_names, self.factors = design.sample_names, design.factors
        # Labels of the rows, those of a table that counts them included.
        self.rows = rows

    @property
    def dense(self) -> Floats:
        """The matrix as an array, for codings that have no sparse form."""
        n, p = self.matrix.shape
        if n * p > _DENSE:
            raise InputError(
                f"This coding of {n:,} x {p:,} columns is dense ({n * p * 8 / 1e9:.1f} GB); "
                "use coding='rereference', which keeps it sparse."
            )
        return self.matrix.dense()


def read_given(design: Any, obs: pd.DataFrame | None, names: ArrayLike | None) -> Given:
    """Read a design, its values and the names of its columns."""
    if isinstance(design, GLMFit):
        design = design.design
    sparse = hasattr(design, "tocsr")
    table: Any = obs if isinstance(design, str) else design
    rows = name_array(table.index) if hasattr(table, "iloc") else None
    if isinstance(design, str):
        if obs is None:
            raise InputError(f"The formula {design!r} needs a sample table: pass obs=.")
        built = read_formula(design, obs, sample_names_of(obs.index))
    elif sparse:
        if len(design.shape) != 2:
            raise InputError(f"The design has shape {design.shape}; give one row per observation.")
        built = Design(np.empty((0, 0)), tuple(f"x{j}" for j in range(design.shape[1])))
    else:
        built = design if isinstance(design, Design) else read_table(design)
    matrix = from_sparse(design) if sparse else from_array(built.matrix)
    if not matrix.shape[0] or not matrix.shape[1]:
        raise InputError(f"The design has shape {matrix.shape}: there is nothing to code.")
    if names is not None:
        built = replace(built, names=_names(names, matrix.shape[1]))
    bad = ~np.isfinite(matrix.values)
    if bad.any():
        first = int(bad.argmax())
        row, column = int(matrix.rows[first]), built.names[int(matrix.cols[first])]
        raise InputError(
            f"The design has {plural(int(bad.sum()), 'missing or infinite value')}, first "
            f"{matrix.values[first]} in column {column!r} at row {label(built.sample_names, row)}; "
            "every row needs finite values."
        )
    return Given(matrix, sparse, built, built.sample_names if rows is None else rows)


def _names(names: ArrayLike, p: int) -> tuple[str, ...]:
    given = tuple(str(name) for name in np.asarray(names, dtype=object).ravel())
    if len(given) != p:
        raise InputError(f"names= has {plural(len(given), 'name')} for {plural(p, 'column')}.")
    if len(set(given)) < p:
        twice = next(name for k, name in enumerate(given) if name in given[:k])
        raise InputError(f"names= has {twice!r} several times; give each column its own name.")
    return given


def labels_of_rows(given: Any, design: Given, obs: pd.DataFrame | None) -> Any:
    """Return the conditions in the order of the design's rows."""
    if isinstance(given, str):
        if obs is None or given not in obs.columns:
            raise InputError(
                f"conditions={given!r} names a column of the sample table; pass obs= with such a "
                "column, or one label per row."
            )
        given = obs[given]
    return in_order(given, design.rows, "conditions=", "rows")


def weights_of_rows(weights: Any, design: Given) -> Floats | None:
    """Return the weights in the order of the design's rows."""
    if weights is None:
        return None
    values = numbers_of(in_order(weights, design.rows, "weights=", "rows"), "weights=")
    n = design.matrix.shape[0]
    if values.shape != (n,):
        raise InputError(f"weights= has shape {values.shape}; give {n:,} numbers, one per row.")
    bad = ~(np.isfinite(values) & (values >= 0.0))
    if bad.any():
        raise InputError(
            f"weights= has {plural(int(bad.sum()), 'value')} below 0 or not finite, first "
            f"{values[bad][0]:g} at row {int(bad.argmax())}; give finite numbers >= 0."
        )
    return values


def in_order(values: Any, wanted: Names | None, what: str, of: str) -> Any:
    """Return a Series in the order of labels ``wanted``; what has no labels goes by position.

    Raises
    ------
    InputError
        Other labels, or one of them twice.
    """
    if wanted is None or not hasattr(values, "iloc"):
        return values
    given = name_array(values.index)
    if np.array_equal(given, wanted) or sample_names_of(values.index) is None:
        return values
    place = {name: k for k, name in enumerate(given)}
    strange = [name for name in wanted if name not in place]
    if strange and np.array_equal(wanted, positions_as_names(len(wanted))):
        return values  # rows that are only counted have no labels to go by
    if strange or len(place) < len(given) or len(given) != len(wanted):
        first = f", such as {first_few(strange, 1)}" if strange else ""
        raise InputError(
            f"The labels of {what} are not those of the design's {of}{first}, each once; give both "
            "the same, or an array in the order of the design (.to_numpy())."
        )
    return values.iloc[[place[name] for name in wanted]]
