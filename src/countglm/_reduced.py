"""The smaller design of a likelihood ratio test, from all that people write for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ._aliasing import aliased_columns
from ._formula import FormulaSpec, build_formula
from ._names import first_few, plural
from .design import Design, as_design
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix
    from .results import GLMFit


def reduced_design(fit: GLMFit, reduced: Any, *, obs: Any = None, counts: Any = None) -> Design:
    """Return the smaller design of a test of a fit; see `nested_design`."""
    return nested_design(fit.design, reduced, lambda: fit.require_counts(counts), obs=obs)


def nested_design(
    full: Design, reduced: Any, counts: Callable[[], CountMatrix], *, obs: Any = None
) -> Design:
    """Return the smaller design of a test, checked to be nested in the full one.

    Parameters
    ----------
    full : Design
    reduced, obs
        As `likelihood_ratio_test` takes them.
    counts : callable
        Gives the counts where the reduced design has to be matched with their samples.

    Returns
    -------
    Design

    Raises
    ------
    InputError
        As `likelihood_ratio_test`.
    """
    smaller = None
    if _is_list_of_names(reduced):
        smaller = _named_columns(full, list(reduced))
    elif isinstance(reduced, str) and obs is None:
        smaller = _formula_columns(full, reduced)
    if smaller is None:
        matrix = counts()
        if isinstance(reduced, str) and obs is None and matrix.obs is None:
            raise InputError(
                f"The reduced formula {reduced!r} cannot be read off the full design "
                f"({full.formula or 'a matrix'}; columns {first_few(full.names, 20)}); pass the "
                "sample table as obs=, or a list with the names of the columns to keep."
            )
        smaller = as_design(reduced, matrix, obs=obs, allow_saturated=True)
    _check_nested(full, smaller)
    return smaller


def _check_nested(full: Design, smaller: Design) -> None:
    both = np.column_stack([full.matrix, smaller.matrix])
    labels = [f"full {name}" for name in full.names] + [f"reduced {name}" for name in smaller.names]
    inside = aliased_columns(both, labels)
    outside = [name for name in smaller.names if f"reduced {name}" not in inside]
    if outside:
        raise InputError(
            f"The reduced design is not nested in the full one: {plural(len(outside), 'column')} "
            f"({first_few(outside, 5)}) cannot be made of the columns "
            f"{first_few(full.names, 20)}. Take the reduced design from terms of the full one."
        )
    if smaller.matrix.shape[1] >= full.matrix.shape[1]:
        raise InputError(
            f"The reduced design spans as much as the full one "
            f"({plural(len(full.names), 'column')}), so there is nothing to test; leave out the "
            "term that is in question."
        )


def _is_list_of_names(reduced: Any) -> bool:
    listed = isinstance(reduced, list | tuple) and len(reduced) > 0
    return listed and all(isinstance(name, str) for name in reduced)


def _named_columns(full: Design, names: list[str]) -> Design:
    """Return the design of the named columns, or of the others where each name has a minus."""
    dropped = [name[1:] for name in names if name.startswith("-") and name not in full.names]
    if dropped and len(dropped) < len(names):
        raise InputError(
            f"The reduced design {names!r} both keeps and leaves out columns; name either those "
            "to keep, or those to leave out, each with a minus."
        )
    wanted = dropped or names
    unknown = [name for name in wanted if name not in full.names]
    if unknown:
        raise InputError(
            f"The full design has no column {unknown[0]!r}; its columns are "
            f"{first_few(full.names, 20)}."
        )
    keep = [j for j, name in enumerate(full.names) if (name in wanted) != bool(dropped)]
    if not keep:
        raise InputError(
            "The reduced design keeps no column; leave at least one, such as the intercept."
        )
    return _columns(full, keep, None)


def _formula_columns(full: Design, formula: str) -> Design | None:
    """Return the columns that a formula has in the full design, if they are all there."""
    if formula.replace(" ", "").removeprefix("~") == "1":
        ones = np.ones((full.matrix.shape[0], 1))
        return Design(ones, ("Intercept",), full.sample_names, formula)
    if full.spec is None:
        return None
    try:
        matrix, _, _ = build_formula(formula, _example_table(full.spec), None)
    except InputError:
        # The sample table may have what the full formula does not use.
        return None
    # A name tells expression, level and coding, so equal names are equal columns.
    if not set(matrix.columns) <= set(full.names):
        return None
    return _columns(full, [full.names.index(name) for name in matrix.columns], formula)


def _example_table(spec: FormulaSpec) -> pd.DataFrame:
    """Return a sample table with the variables and levels of a formula, and any other values."""
    import pandas as pd

    known = {**spec.factors, **spec.categories}
    rows = max([32, *(2 * len(levels) for levels in known.values())])
    columns: dict[str, Any] = {}
    for name in spec.variables:
        levels = known.get(name)
        if levels is None:
            columns[name] = np.linspace(0.05, 0.95, rows)
            continue
        values = [levels[i % len(levels)] for i in range(rows)]
        text = name in spec.categories
        columns[name] = pd.Categorical(values, categories=list(levels)) if text else values
    return pd.DataFrame(columns, index=pd.RangeIndex(rows))


def _columns(full: Design, keep: list[int], formula: str | None) -> Design:
    return replace(
        full, matrix=np.ascontiguousarray(full.matrix[:, keep]),
        names=tuple(full.names[j] for j in keep), formula=formula, spec=None, factors={},
        codings={},
    )  # fmt: skip
