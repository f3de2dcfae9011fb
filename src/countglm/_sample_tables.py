"""Sample tables: as a DataFrame whatever was given, and with the reference levels asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._contrasts import find_level
from ._formula import uses_of
from ._names import did_you_mean, first_few
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix

_MOST_LISTED = 20


def as_sample_table(obs: Any, counts: CountMatrix) -> pd.DataFrame | None:
    """Return ``obs``, or else the table that the counts carry, as a DataFrame; None without one.

    Columns of a dict have no labels: they stand in the order of the counts.

    Raises
    ------
    InputError
        Something that is no table, or columns of different lengths.
    """
    import pandas as pd

    table = counts.obs if obs is None else obs
    if isinstance(table, Mapping):
        labelled = any(isinstance(column, pd.Series) for column in table.values())
        try:
            table = pd.DataFrame(dict(table))
        except ValueError as error:
            raise InputError(
                f"obs is a dict that makes no table ({error}); give one value per sample in every "
                "column."
            ) from error
        if not labelled and counts.sample_names is not None and len(table) == counts.n_samples:
            table.index = pd.Index(counts.sample_names)
    if table is not None and not isinstance(table, pd.DataFrame):
        raise InputError(
            f"obs is a {type(table).__name__}; give a DataFrame with one row per sample."
        )
    return table


def with_references(
    table: pd.DataFrame | None, reference: Mapping[str, Any] | None, *designs: Any
) -> pd.DataFrame | None:
    """Return the sample table with the named levels as the first of their factors.

    Raises
    ------
    InputError
        No dict; an unknown variable or level; no sample table; designs that have no formula, or
        take no such factor.
    """
    if reference is None:
        return table
    if not isinstance(reference, Mapping):
        raise InputError(
            f"reference={reference!r} must be a dict of the reference level by variable, such as "
            "{'condition': 'untreated'}."
        )
    chosen = table
    for variable, level in reference.items():
        formulas = [design for design in designs if isinstance(design, str)]
        if not formulas:
            raise InputError(
                f"reference names {variable!r}, but the design is given as a matrix, which has "
                "its reference levels already; leave reference= out, or give a formula."
            )
        if chosen is None:
            raise InputError("reference= needs a sample table: pass obs=, or counts with an .obs.")
        chosen = chosen.copy() if chosen is table else chosen
        chosen[variable] = _referenced(chosen, variable, level, formulas)
    return chosen


def _referenced(table: pd.DataFrame, variable: str, level: Any, formulas: list[str]) -> Any:
    """Return the column as a Categorical that begins with ``level``."""
    import pandas as pd

    if variable not in table.columns:
        raise InputError(
            f"reference names the variable {variable!r}, which the sample table does not have"
            f"{did_you_mean(variable, table.columns)}; its columns are "
            f"{first_few(table.columns, _MOST_LISTED)}."
        )
    column = table[variable].infer_objects()
    _check_used(variable, getattr(column.dtype, "kind", "O") in "iuf", formulas)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = list(column.cat.remove_unused_categories().cat.categories)
    else:
        try:
            levels = sorted(column.dropna().unique())
        except TypeError:
            # Values of several types are read as text, as a formula reads them.
            column = column.map(str, na_action="ignore")
            levels = sorted(column.dropna().unique())
    place = find_level(level, levels)
    if place is None:
        raise InputError(
            f"reference={variable}={level} is no level of {variable!r}"
            f"{did_you_mean(level, levels)}; its levels are "
            f"{first_few(levels, _MOST_LISTED)}."
        )
    first = levels.pop(place)
    return pd.Categorical(column, categories=[first, *levels])


def _check_used(variable: str, numeric: bool, formulas: list[str]) -> None:
    """Raise unless a formula takes the variable, and each that does takes it as a factor."""
    uses = [(formula, use) for formula in formulas for use in uses_of(formula, variable)]
    if not uses:
        raise InputError(
            f"reference names {variable!r}, which the formula {first_few(formulas)} does not use; "
            "leave it out of reference=, or add it to the formula."
        )
    for formula, use in uses:
        if numeric and not use.startswith("C("):
            raise InputError(
                f"reference names {variable!r}, which the formula {formula!r} takes as a number "
                f"({use}); write C({variable}) to compare its levels, or leave it out of "
                "reference=."
            )
