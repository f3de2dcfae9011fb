"""Responses, design and options of a wide fit: checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._arguments import MAX_OFFSET, as_real_array
from ._wide_blocks import ConditionDesign
from ._wide_problem import Rows
from .design import Design
from .errors import InputError
from .kernels.families import BINOMIAL, COUNTS, GAUSSIAN

Floats = NDArray[np.float64]
# Squares of more leave double precision.
LARGEST = 1e150
CODES = {
    "nb": COUNTS, "poisson": COUNTS, "binomial": BINOMIAL, "bernoulli": BINOMIAL,
    "gaussian": GAUSSIAN,
}  # fmt: skip


def resolve_matrix(design: Any, names: Any) -> tuple[Any, tuple[str, ...]]:
    """Return the design as a scipy matrix, and the names of its columns.

    Raises
    ------
    InputError
        No matrix of finite numbers, or names of another number or twice.
    """
    from scipy import sparse

    given: Any
    known: Any
    if isinstance(design, ConditionDesign | Design):
        given, known = design.matrix, tuple(design.names)
    else:
        given, known = design, getattr(design, "columns", None)
    if not sparse.issparse(given):
        given = as_real_array(given, "design")
    if given.ndim != 2 or 0 in given.shape:
        raise InputError(f"design has shape {given.shape}; give rows x columns, neither empty.")
    matrix = sparse.csr_matrix(given, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(matrix.data))
    if bad.size:
        row = int(np.searchsorted(matrix.indptr, bad[0], side="right") - 1)
        raise InputError(
            f"design has {bad.size} value(s) that are NaN or infinite, the first in row {row}, "
            f"column {matrix.indices[bad[0]]} (counted from 0). Fill or leave out such rows."
        )
    p = matrix.shape[1]
    found = tuple(map(str, range(p) if names is None and known is None else
                      (known if names is None else names)))  # fmt: skip
    if len(found) != p or len(set(found)) != p:
        raise InputError(
            f"names must be {p} different names, one a column of the design; got {len(found)}, "
            f"{len(set(found))} of them different."
        )
    return matrix, found


def resolve_rows(
    y: Any, n: int, family: str, dispersion: Any, trials: Any, offset: Any, weights: Any
) -> Rows:
    """Return the responses of a family with what belongs to their rows.

    Raises
    ------
    InputError
        An unknown family, values that it cannot have, or arrays of the wrong length.
    """
    if not isinstance(family, str) or family not in CODES:
        raise InputError(f"family={family!r} is not known; choose one of {', '.join(CODES)}.")
    if y is None:
        raise InputError("y is missing: give one response a row of the design.")
    code = CODES[family]
    response = _per_row(y, "y", n, -LARGEST if code == GAUSSIAN else 0.0, LARGEST)
    size = _sizes(family, n, dispersion, trials)
    over = np.flatnonzero(response > size) if code == BINOMIAL else np.zeros(0, dtype=np.intp)
    if over.size:
        raise InputError(
            f"y has {over.size} value(s) above the number of trials, the first "
            f"{response[over[0]]:g} of {size[over[0]]:g} in row {over[0]} (counted from 0). y "
            "counts successes; give trials= where a row has more than one."
        )
    logs = "Offsets are on the scale of the linear predictor, such as logarithms of depths."
    most = LARGEST if code == GAUSSIAN else MAX_OFFSET
    shift = _per_row(0.0 if offset is None else offset, "offset", n, -most, most, logs)
    weight = _per_row(1.0 if weights is None else weights, "weights", n, 0.0, np.inf)
    if not (weight > 0.0).any():
        raise InputError("All weights are zero, so there is nothing to fit. Give positive weights.")
    return Rows(code, response, size, weight, shift)


def refuse_fractions(rows: Rows, family: str) -> None:
    """Raise InputError where counts, successes or trials are no whole numbers."""
    known = [("y", rows.y)] if rows.code != GAUSSIAN else []
    known += [("trials", rows.size)] if rows.code == BINOMIAL else []
    for name, values in known:
        bad = np.flatnonzero(values != np.floor(values))
        if bad.size:
            raise InputError(
                f"{name} has {bad.size} value(s) that are no whole numbers, the first "
                f"{values[bad[0]]:g} in row {bad[0]} (counted from 0), and family={family!r} "
                "counts; allow_noninteger=True takes fractions."
            )


def _sizes(family: str, n: int, dispersion: Any, trials: Any) -> Floats:
    """Dispersions or numbers of trials (n,)."""
    if trials is not None and family != "binomial":
        raise InputError(f"trials= belongs to family='binomial'; the family is {family!r}.")
    if dispersion is not None and family != "nb":
        raise InputError(f"dispersion= belongs to family='nb'; the family is {family!r}.")
    if family == "nb":
        if dispersion is None:
            raise InputError(
                "family='nb' needs dispersion=, a number or one a row: it is not estimated here. "
                "Take it from replicates (countglm.estimate_dispersion) or use family='poisson'."
            )
        return _per_row(dispersion, "dispersion", n, 0.0, 1e8)
    if family in ("binomial", "bernoulli"):
        return _per_row(1.0 if trials is None else trials, "trials", n, 0.0, 2.0**53)
    return np.zeros(n)


def _per_row(
    value: Any, name: str, n: int, low: float, high: float, hint: str = ""
) -> NDArray[np.float64]:
    """Return (n,) finite numbers from ``low`` to ``high``: given one a row, or one for all."""
    given = as_real_array(value, name)
    if given.ndim == 2 and 1 in given.shape:
        given = given.ravel()
    if given.shape not in ((), (n,)):
        raise InputError(
            f"{name} has shape {given.shape}; give {n} numbers, one a row of the design."
        )
    values = np.ascontiguousarray(np.broadcast_to(given, (n,)), dtype=np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= low) & (values <= high)))
    if bad.size:
        allowed = "finite" if np.isinf(low) else f"finite and at least {low:g}"
        allowed += "" if np.isinf(high) else f" and at most {high:g}"
        raise InputError(
            f"{name} has {bad.size} value(s) that are not {allowed}, the first {values[bad[0]]:g} "
            f"in row {bad[0]} (counted from 0).{' ' * bool(hint)}{hint}"
        )
    return np.array(values)
