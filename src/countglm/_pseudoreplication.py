"""Cells are no replicates: whether what is tested was given to donors whose cells are counted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._formula import factor_variables
from ._names import first_few, plural, sample_names_of
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .design import Design

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

# Words that name what a condition is given to, and those that may stand beside them.
_UNITS = re.compile(
    "(donor|patient|subject|individual|ind|person|participant|animal|mouse|rat|fish|embryo|litter"
    "|sample|biosample|replicate|rep|library)(id)?"
)
_BESIDE = re.compile("ids?|names?|code|number|no|nr|label|key|ident|biological|bio")
_WHOLE_NAMES = frozenset({("orig", "ident")})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A guess from a name needs so many rows a replicate: bulk samples sequenced a few times are below.
_LEAST_ROWS = 10


class Nesting(NamedTuple):
    """What was tested row by row although it was given to groups of rows."""

    column: str
    variables: tuple[str, ...]
    n_rows: int
    n_replicates: int

    def message(self, by: str = "", where: str = "") -> str:
        """Return a warning and the call that helps.

        ``by`` is that call's second column, ``where`` the group that the numbers are of.
        """
        given = first_few(self.variables, 2) if self.variables else "what is tested"
        call = f"countglm.pseudobulk(adata, {self.column!r}{by})"
        return (
            f"Cells are no replicates: {given} is the same in all cells of each {self.column!r}, "
            f"so {plural(self.n_rows, 'row')}{where} stand for "
            f"{plural(self.n_replicates, 'replicate')} and p-values are far too small. Add the "
            f"counts up and test the sums: {call}. replicates=False says that every row is a "
            "replicate."
        )


def find_nesting(
    design: Design, vectors: list[Floats], obs: pd.DataFrame | None, replicates: Any
) -> Nesting | None:
    """Return the replicates within which all that a contrast tests is constant, None without.

    Parameters
    ----------
    design : Design
    vectors : list of (n_coef,)
        Contrasts; the first that is so decides.
    obs : DataFrame or None
        Sample table.
    replicates : str, None or False
        Column of the replicates; None looks for names such as ``donor`` or ``sample_id`` with at
        least ten rows each, and at least two replicates of some condition.

    Raises
    ------
    InputError
        A column that is not there, or with missing values.
    """
    if replicates is False:
        return None
    table = _in_order(obs, design)
    columns = _candidates(table, replicates)
    for vector in vectors if columns else ():
        found = [
            nesting
            for column in columns
            if (nesting := _nested(design, vector, table, column, replicates is None))
        ]
        if found:
            # Of donors and their samples the donors: the condition was given to them.
            return min(found, key=lambda nesting: nesting.n_replicates)
    return None


def check_replicates(replicates: Any, obs: pd.DataFrame | None) -> None:
    """Raise InputError unless ``replicates`` is None, False or a column of the sample table."""
    if replicates is None or replicates is False:
        return
    if not isinstance(replicates, str):
        raise InputError(
            f"replicates={replicates!r} must be the name of a column of the sample table, such as "
            "'donor', or False."
        )
    if obs is None or replicates not in obs.columns:
        has = "there is none" if obs is None else f"it has {first_few(obs.columns, 20)}"
        raise InputError(f"replicates={replicates!r} is no column of the sample table ({has}).")
    missing = int(obs[replicates].isna().sum())
    if missing:
        raise InputError(
            f"The column {replicates!r} of the replicates has no value in "
            f"{plural(missing, 'row')}; fill it in, or leave these rows out."
        )


def names_replicates(column: Any) -> bool:
    """Return whether a column's name says that it tells donors, samples or the like apart."""
    words = tuple(word.lower() for word in _WORD.findall(str(column)))
    if words in _WHOLE_NAMES:
        return True
    units = [_UNITS.fullmatch(word) is not None for word in words]
    return any(units) and all(
        unit or _BESIDE.fullmatch(word) for unit, word in zip(units, words, strict=True)
    )


def _in_order(obs: pd.DataFrame | None, design: Design) -> pd.DataFrame | None:
    """Return the sample table in the order of the design's rows, None where they do not match."""
    if obs is None or design.sample_names is None:
        return obs if obs is not None and len(obs) == design.matrix.shape[0] else None
    names = sample_names_of(obs.index)
    if names is None or np.array_equal(names, design.sample_names):
        return obs if len(obs) == design.sample_names.size else None
    place = {name: i for i, name in enumerate(names)}
    rows = [place.get(name, -1) for name in design.sample_names]
    return None if min(rows) < 0 else obs.iloc[rows]


def _candidates(obs: pd.DataFrame | None, replicates: Any) -> list[str]:
    check_replicates(replicates, obs)
    if obs is None:
        return []
    if replicates is not None:
        return [replicates]
    # Sums over cells are what a donor's cells should become.
    if "n_cells" in obs.columns or not obs.columns.is_unique:
        return []
    return [
        name
        for name in obs.columns
        if names_replicates(name) and getattr(obs[name].dtype, "kind", "O") != "f"
    ]


def _nested(design: Design, vector: Floats, obs: Any, column: str, guessed: bool) -> Nesting | None:
    codes = _codes(obs[column])
    n_rows, n_replicates = codes.size, int(codes.max(initial=-1)) + 1
    if codes.min(initial=0) < 0 or n_replicates < 2 or n_rows == n_replicates:
        return None
    if guessed and n_rows < _LEAST_ROWS * n_replicates:
        return None
    tested = _tested(design, vector, obs)
    nested = [name for name, values in tested.items() if _is_given_to(codes, values)]
    if not nested or column in nested:
        return None
    conditions = np.unique(np.column_stack([tested[name] for name in nested]), axis=0)
    named = not any(_is_number(obs, name) for name in nested)
    # As many conditions as replicates: another name of the condition, perhaps.
    if guessed and named and len(conditions) >= n_replicates:
        return None
    known = tuple(name for name in nested if name in obs.columns)
    return Nesting(str(column), known, n_rows, n_replicates)


def _tested(design: Design, vector: Floats, obs: Any) -> dict[str, Codes]:
    """Return what a contrast is about, by name: variables of a formula, else columns."""
    import pandas as pd

    weighted = np.flatnonzero(vector)
    variables = [name for name in tested_variables(design, vector) if name in obs.columns]
    if variables:
        return {name: _codes(obs[name]) for name in variables}
    return {
        design.names[j]: np.asarray(pd.factorize(design.matrix[:, j])[0], dtype=np.intp)
        for j in weighted.tolist()
    }


def tested_variables(design: Design, vector: Floats) -> list[str]:
    """Return the variables in the terms of a formula that a contrast gives weight to."""
    if design.spec is None:
        return []
    weighted = {design.names[j] for j in np.flatnonzero(vector).tolist()}
    return list(
        dict.fromkeys(
            name
            for term in design.spec.model_spec.structure
            if weighted & {str(column) for column in term.columns}
            for factor in term.term.factors
            for name in factor_variables(factor)
        )
    )


def _is_given_to(codes: Codes, values: Codes) -> bool:
    """Are the values constant within every replicate, and not the same in all of them?"""
    first = np.full(int(codes.max()) + 1, -1, dtype=np.intp)
    first[codes[::-1]] = values[::-1]
    return bool((first[codes] == values).all() and (first != first[0]).any())


def _codes(column: Any) -> Codes:
    import pandas as pd

    return np.asarray(pd.factorize(column)[0], dtype=np.intp)


def _is_number(obs: Any, name: str) -> bool:
    """Is this a number such as age, of which every donor may have a value of his own?"""
    return name in obs.columns and getattr(obs[name].dtype, "kind", "O") in "iuf"
