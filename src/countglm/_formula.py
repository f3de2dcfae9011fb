"""From a formula and a sample table to a design matrix, and again for new samples."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._formula_errors import reason, require_backticks, require_columns
from countglm._names import Names, first_few, label, plural, sample_names_of
from countglm.errors import InputError
from countglm.transforms import formula_functions

if TYPE_CHECKING:
    import pandas as pd

Levels = tuple[Any, ...]


@dataclass(frozen=True)
class FormulaSpec:
    """What prediction needs: formulaic's own state (knots, levels) and how columns were read."""

    formula: str
    model_spec: Any
    variables: tuple[str, ...]
    categories: Mapping[str, Levels]
    factors: Mapping[str, Levels]

    def matrix(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """The design of other samples, with the knots, centres and levels of the first ones."""
        import pandas as pd

        names = sample_names_of(table.index)
        require_columns(self.variables, table)
        columns = {}
        for name in self.variables:
            _require_no_missing(table[name], name, names)
            column = plain_column(table[name], name)
            columns[name] = self._with_known_levels(column, name)
        data = pd.DataFrame(columns, index=pd.RangeIndex(len(table)))
        for factor, levels in self.factors.items():
            _require_known(data[factor], factor, levels)
        return np.ascontiguousarray(_materialise(self.model_spec, data, self.formula), np.float64)

    def _with_known_levels(self, column: pd.Series[Any], name: str) -> Any:
        import pandas as pd

        categorical = isinstance(column.dtype, pd.CategoricalDtype)
        if name not in self.categories:
            if categorical:
                raise InputError(
                    f"Column {name!r} holds text or levels and was numeric in the design; convert "
                    "it to numbers."
                )
            return column
        levels = self.categories[name]
        _require_known(column, name, levels)
        return pd.Categorical(column, categories=list(levels))


def build_formula(
    formula: str, obs: pd.DataFrame, names: Names | None
) -> tuple[Any, FormulaSpec, pd.DataFrame]:
    """Evaluate ``formula`` on the sample table ``obs``.

    Returns formulaic's model matrix (a DataFrame), the spec, and the columns as they were used.
    """
    import pandas as pd

    require_backticks(formula, obs.columns)
    parsed = parse_formula(formula)
    functions = (set(formula_functions()) | _formulaic_names()) - _plain_columns(parsed)
    variables = tuple(
        name for name in _variables(parsed) if name in obs.columns or name not in functions
    )
    require_columns(variables, obs)
    columns = {}
    for name in variables:
        _require_no_missing(obs[name], name, names)
        columns[name] = plain_column(obs[name], name)
    data = pd.DataFrame(columns, index=pd.RangeIndex(len(obs)))
    matrix = _materialise(parsed, data, formula)
    _require_two_levels(matrix.model_spec)
    categories = {
        name: tuple(data[name].cat.categories)
        for name in variables
        if isinstance(data[name].dtype, pd.CategoricalDtype)
    }
    factors = _levels(matrix.model_spec, data)
    return matrix, FormulaSpec(formula, matrix.model_spec, variables, categories, factors), data


def factor_variables(factor: Any) -> list[str]:
    """Names in one factor of a formula that may be columns, in the order of appearance."""
    expression = factor.expr
    if factor.eval_method.value == "lookup":
        return [expression]
    if factor.eval_method.value != "python":
        return []
    quoted: list[str] = []

    def mask(match: re.Match[str]) -> str:
        quoted.append(match.group(1))
        return f"quoted_name_{len(quoted) - 1}_"

    tree = ast.parse(re.sub(r"`([^`]*)`", mask, expression), mode="eval")
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called:
            hidden = re.fullmatch(r"quoted_name_(\d+)_", node.id)
            names.append(quoted[int(hidden.group(1))] if hidden else node.id)
    return names


def _plain_columns(parsed: Any) -> set[str]:
    """Names that stand where a column does, though they may be functions: ``~ Treatment``."""
    found = set()
    for factor in (factor for term in parsed for factor in term.factors):
        if factor.eval_method.value == "lookup":
            found.add(factor.expr)
        elif factor.eval_method.value == "python" and "`" not in factor.expr:
            calls = [
                node for node in ast.walk(ast.parse(factor.expr)) if isinstance(node, ast.Call)
            ]
            first = [node.args[0] for node in calls if node.args]
            found |= {each.id for each in first if isinstance(each, ast.Name)}
    return found


def uses_of(formula: str, variable: str) -> list[str]:
    """Return the expressions of a formula that contain a variable, such as ``C(age)``."""
    factors = [factor for term in parse_formula(formula) for factor in term.factors]
    return [factor.expr for factor in factors if variable in factor_variables(factor)]


def _levels(model_spec: Any, data: pd.DataFrame) -> dict[str, Levels]:
    """Levels, in order, of every column that the formula takes as a factor (``x`` or ``C(x)``)."""
    out: dict[str, Levels] = {}
    for factor, state in model_spec.factor_contrasts.items():
        used = [name for name in factor_variables(factor) if name in data.columns]
        known = {str(value) for value in data[used[0]].unique()} if len(used) == 1 else set()
        if known & {str(level) for level in state.levels} and used[0] not in out:
            out[used[0]] = tuple(state.levels)
    # formulaic keeps factors in a set, whose order changes between processes.
    return {name: out[name] for name in data.columns if name in out}


def _variables(parsed: Any) -> list[str]:
    names = (n for term in parsed for factor in term.factors for n in factor_variables(factor))
    return list(dict.fromkeys(names))


def _formulaic_names() -> set[str]:
    from formulaic.transforms import TRANSFORMS

    return set(TRANSFORMS)


def parse_formula(formula: str) -> Any:
    """Return the terms of the right-hand side of a formula."""
    from formulaic import Formula
    from formulaic.errors import FormulaicError
    from formulaic.formula import SimpleFormula

    if not formula.strip(" ~"):
        raise InputError(
            f"The formula {formula!r} is empty; name columns of the sample table, such as "
            "'~ condition', or write '~ 1' for the mean alone."
        )
    try:
        parsed = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        raise InputError(
            f"The formula {formula!r} cannot be read: {reason(error)} Write it as "
            "'~ batch + condition', with column names that have spaces or hyphens in backticks."
        ) from error
    if not isinstance(parsed, SimpleFormula):
        raise InputError(
            f"The formula {formula!r} has a left-hand side or several parts; the counts are the "
            "response, so write only the right-hand side, such as '~ batch + condition'."
        )
    return parsed


def _materialise(parsed: Any, data: pd.DataFrame, formula: str) -> Any:
    from formulaic.errors import DataMismatchWarning, FormulaicError

    failures = (
        FormulaicError,
        DataMismatchWarning,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    )
    try:
        # log(0) and the like give inf, which is reported by sample and column afterwards.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # A level outside of C(x, levels=[...]) would silently count as the reference.
            warnings.simplefilter("error", DataMismatchWarning)
            return parsed.get_model_matrix(
                data, context=dict(formula_functions()), na_action="ignore", output="pandas"
            )
    except failures as error:
        raise InputError(
            f"The formula {formula!r} cannot be evaluated: {reason(error)} Check the term, or "
            "pass a matrix with ready columns as the design."
        ) from error


def _require_no_missing(column: pd.Series[Any], name: str, names: Names | None) -> None:
    missing = column.isna().to_numpy()
    if missing.any():
        first = label(names, int(np.argmax(missing)))
        raise InputError(
            f"Column {name!r} of the sample table is missing (NA) in "
            f"{plural(int(missing.sum()), 'sample')}, first in sample {first}; fill it in, or "
            "leave these samples out of counts and table."
        )


def plain_column(column: pd.Series[Any], name: str) -> Any:
    """Numbers as NumPy numbers; text, booleans and categories as a Categorical of used levels."""
    import pandas as pd

    column = column.reset_index(drop=True)
    if column.dtype == object:
        column = column.infer_objects()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    kind = getattr(column.dtype, "kind", "O")
    if kind in "iuf":
        plain: Any = getattr(
            column.dtype, "subtype", getattr(column.dtype, "numpy_dtype", column.dtype)
        )
        return pd.Series(column.to_numpy(dtype=plain))
    if kind in "mMc" or isinstance(column.dtype, pd.PeriodDtype | pd.IntervalDtype):
        raise InputError(
            f"Column {name!r} of the sample table holds {column.dtype} values; convert it to "
            "numbers (for example days since the first date) or to text for a factor."
        )
    values = [bool(v) for v in column] if kind == "b" else list(column)
    try:
        levels = sorted(set(values))
    except TypeError:
        values = [str(v) for v in values]
        levels = sorted(set(values))
    return pd.Series(pd.Categorical(values, categories=levels))


def _require_known(column: Any, name: str, levels: Levels) -> None:
    known = set(levels)
    unknown = list(dict.fromkeys(v for v in column if v not in known))
    if unknown:
        raise InputError(
            f"Column {name!r} has {plural(len(unknown), 'level')} that the design does not know "
            f"({first_few(unknown)}); its levels are {first_few(levels, 20)}."
        )


def _require_two_levels(model_spec: Any) -> None:
    lonely = {
        str(factor.expr): state.levels[0]
        for factor, state in model_spec.factor_contrasts.items()
        if len(state.levels) == 1
    }
    for term in model_spec.structure:
        for scoped in term.scoped_terms:
            for part in scoped.factors:
                name = str(part.factor.expr)
                if part.reduced and name in lonely:
                    raise InputError(
                        f"The factor {name!r} has one level among the samples "
                        f"({str(lonely[name])!r}), so it has no effect to estimate; leave it out "
                        "of the formula, or add the samples of other levels."
                    )
