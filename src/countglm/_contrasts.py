"""Contrasts of coefficients: by column name, by levels of a factor, or as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._formula import FormulaSpec, Levels, factor_variables, parse_formula
from countglm._names import did_you_mean, first_few, plural
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Vector = NDArray[np.float64]
_MOST_LISTED = 20


def factor_codings(spec: FormulaSpec, data: pd.DataFrame) -> dict[str, Vector]:
    """How each level of each factor enters the linear predictor by the factor's main effect.

    Returns one array (n_levels, n_coef) per factor of ``spec.factors``: the rows of the design
    at each level, with every column outside the terms of this factor alone set to zero. The
    difference of two rows is the contrast of two levels, in any coding and with or without an
    intercept; interactions are left out, so in a model with them it is the main effect.
    """
    codings = {}
    for factor, levels in spec.factors.items():
        rows = data.iloc[np.zeros(len(levels), dtype=np.intp)].reset_index(drop=True)
        rows[factor] = list(levels)
        main = _main_effect_columns(spec.model_spec, factor)
        codings[factor] = np.where(main, spec.matrix(rows), 0.0)
    return codings


def _main_effect_columns(model_spec: Any, factor: str) -> NDArray[np.bool_]:
    main = []
    for term in model_spec.structure:
        names = [set(factor_variables(part)) for part in term.term.factors]
        alone = bool(names) and all(factor in used for used in names)
        main += [alone] * len(term.columns)
    return np.array(main, dtype=np.bool_)


def interacting_with(formula: str, factor: str) -> list[str]:
    """Return the variables that stand in a term of the formula together with a factor."""
    found: dict[str, None] = {}
    for term in parse_formula(formula):
        parts = [factor_variables(part) for part in term.factors]
        if any(factor in names for names in parts):
            found |= dict.fromkeys(name for names in parts if factor not in names for name in names)
    return list(found)


def resolve_contrast(
    contrast: Any,
    names: Sequence[str],
    factors: Mapping[str, Levels],
    codings: Mapping[str, Vector],
) -> tuple[Vector, str]:
    """Vector (n_coef,) of a contrast and a label for people; see `Design.contrast`."""
    if isinstance(contrast, str):
        return _column(contrast, names, factors)
    parts = list(contrast) if _is_sequence(contrast) else None
    if not parts:
        raise InputError(
            f"The contrast {contrast!r} is neither a column name, nor [factor, tested, reference], "
            f"nor {plural(len(names), 'number')}. {_choices(names, factors)}"
        )
    if any(_is_list_of_names(part) for part in parts):
        return _sums(parts, names, factors)
    if isinstance(parts[0], str):
        if parts[0] not in factors and all(part in names for part in parts):
            return _sums([parts], names, factors)
        return _levels_of_factor(parts, names, factors, codings)
    return _numbers(parts, names, factors)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) or hasattr(value, "__array__")


def _column(name: str, names: Sequence[str], factors: Mapping[str, Levels]) -> tuple[Vector, str]:
    if name not in names:
        raise InputError(
            f"The design has no column {name!r}{did_you_mean(name, names)}. "
            f"{_choices(names, factors)}"
        )
    vector = np.zeros(len(names))
    vector[list(names).index(name)] = 1.0
    return vector, name


def _is_list_of_names(part: Any) -> bool:
    return isinstance(part, list | tuple) and all(isinstance(name, str) for name in part)


def _sums(
    parts: list[Any], names: Sequence[str], factors: Mapping[str, Levels]
) -> tuple[Vector, str]:
    """Sum of some columns, minus the sum of others where there is a second list."""
    if len(parts) > 2 or not all(map(_is_list_of_names, parts)):
        raise InputError(
            f"The contrast {parts!r} must be one list of column names to add up, or two: those to "
            f"add and those to take away. {_choices(names, factors)}"
        )
    vector = np.zeros(len(names))
    for part, sign in zip(parts, (1.0, -1.0), strict=False):
        for name in part:
            vector += sign * _column(name, names, factors)[0]
    if not vector.any():
        raise InputError(f"The contrast {parts!r} adds up to nothing; name different columns.")
    return vector, combination(vector, names)


def _levels_of_factor(
    parts: list[Any],
    names: Sequence[str],
    factors: Mapping[str, Levels],
    codings: Mapping[str, Vector],
) -> tuple[Vector, str]:
    if len(parts) != 3:
        raise InputError(
            f"The contrast {parts!r} has {plural(len(parts), 'entry').replace('entrys', 'entries')}"
            "; give [factor, tested level, reference level]."
        )
    factor, tested, reference = parts
    if factor not in factors or factor not in codings:
        raise InputError(
            f"{factor!r} is no factor of the design{did_you_mean(factor, factors)}; a column of "
            f"numbers becomes one when the formula says C({factor}). {_choices(names, factors)}"
        )
    places = [_level_place(level, factor, factors[factor]) for level in (tested, reference)]
    if places[0] == places[1]:
        raise InputError(
            f"The contrast compares level {str(tested)!r} of {factor!r} with itself; name two "
            f"levels out of {first_few(factors[factor], _MOST_LISTED)}."
        )
    vector = codings[factor][places[0]] - codings[factor][places[1]]
    if not vector.any():
        raise InputError(
            f"{factor!r} has no main effect in the design, only interactions, so two of its "
            f"levels have no single difference; name a column or give numbers. "
            f"{_choices(names, factors)}"
        )
    return vector, f"{factor} {tested} vs {reference}"


def _level_place(level: Any, factor: str, levels: Levels) -> int:
    place = find_level(level, levels)
    if place is None:
        raise InputError(
            f"{str(level)!r} is no level of {factor!r}{did_you_mean(level, levels)}; its levels "
            f"are {first_few(levels, _MOST_LISTED)}."
        )
    return place


def find_level(level: Any, levels: Sequence[Any]) -> int | None:
    """Return the place of a level that is written as a value or as text, None without one."""
    for i, known in enumerate(levels):
        if known == level or str(known) == str(level):
            return i
        if isinstance(known, float) and f"{known:g}" == str(level):
            return i
    return None


def _numbers(
    parts: list[Any], names: Sequence[str], factors: Mapping[str, Levels]
) -> tuple[Vector, str]:
    try:
        vector = np.array(parts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The contrast {parts!r} mixes numbers with other things; give only numbers, one per "
            f"column. {_choices(names, factors)}"
        ) from error
    if vector.shape != (len(names),):
        raise InputError(
            f"The contrast has shape {vector.shape} and the design "
            f"{plural(len(names), 'column')}; give one number per column. "
            f"{_choices(names, factors)}"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise InputError(
            f"The contrast {vector.tolist()} must be finite and not all zero; give the weight of "
            "each column in the difference you test."
        )
    return vector, combination(vector, names)


def combination(weights: Sequence[float] | Vector, names: Sequence[str]) -> str:
    """``a - 0.5*b``: a linear combination as people write it, zeros left out."""
    text = ""
    for weight, name in zip(weights, names, strict=True):
        if weight == 0:
            continue
        size = abs(float(weight))
        factor = "" if abs(size - 1.0) < 1e-9 else f"{size:.4g}*"
        sign = "-" if weight < 0 else "+"
        text += f" {sign} {factor}{name}" if text else f"{'-' if weight < 0 else ''}{factor}{name}"
    return text or "0"


def _choices(names: Sequence[str], factors: Mapping[str, Levels]) -> str:
    text = f"Columns: {first_few(names, _MOST_LISTED)}."
    for factor, levels in factors.items():
        text += f" Factor {factor!r}: {first_few(levels, _MOST_LISTED)}."
    return text
