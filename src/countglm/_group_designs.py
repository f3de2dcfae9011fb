"""The design and the contrasts of every group: the same question of each, or a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._formula import build_formula, factor_variables, parse_formula, plain_column
from ._names import sample_names_of
from ._pseudoreplication import tested_variables
from .design import Design, as_design
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from ._grouping import Grouping, SampleGroup
    from .counts import CountMatrix

Floats = NDArray[np.float64]
# Rows at which formulas are evaluated to know their columns, beside one for every level.
_ROWS_LOOKED_AT = 200


@dataclass(frozen=True, eq=False)
class GroupModel:
    """What a group is asked; ``refused`` has the reasons of contrasts that it does not have."""

    design: Design
    table: pd.DataFrame | None
    reduced: Any
    contrasts: dict[str, Any]
    refused: dict[str, str]


class GroupDesigns:
    """Makes the models of groups from a design and contrasts of the whole.

    A formula is evaluated on the samples of the group, with the levels that they have; of a
    matrix the rows are taken.  ``contrasts`` are those of the whole by name.
    """

    def __init__(
        self,
        design: Any,
        contrast: Any,
        table: pd.DataFrame | None,
        counts: CountMatrix,
        grouping: Grouping,
        reduced: Any,
    ) -> None:
        self._design, self._reduced = design, reduced
        if not isinstance(design, str):
            self._design = as_design(design, counts, obs=table, allow_saturated=True)
        if not (reduced is None or isinstance(reduced, str) or _are_names(reduced)):
            self._reduced = as_design(reduced, counts, obs=table, allow_saturated=True)
        self._table, self._grouping = table, grouping
        self.contrasts = {"": contrast}
        if isinstance(contrast, Mapping):
            self.contrasts = {str(name): each for name, each in contrast.items()}
        self._first_levels: dict[str, Any] = {}

    def of(self, group: SampleGroup, counts: CountMatrix) -> GroupModel:
        """Return the model of the samples of a group.

        Raises
        ------
        InputError
            A design that these samples do not determine, or none of the contrasts.
        """
        rows = group.rows
        if self._grouping.control is not None and group.control_rows is None:
            raise InputError(f"No sample of the control {self._grouping.control!r} is beside it.")
        table = self._rows_of_table(group, rows)
        if isinstance(self._design, str):
            design = as_design(self._design, counts, obs=table, allow_saturated=True)
        else:
            # Checked again: of these rows the columns may depend on each other.
            design = as_design(_rows(self._design, rows), counts, allow_saturated=True)
        contrasts, refused = {}, {}
        for name, contrast in self.contrasts.items():
            try:
                contrasts[name] = self._contrast(contrast, group, design)
            except InputError as error:
                refused[name] = str(error)
        if not contrasts:
            raise InputError(next(iter(refused.values())))
        reduced = self._reduced
        if isinstance(reduced, Design):
            reduced = _rows(reduced, rows)
        return GroupModel(design, table, reduced, contrasts, refused)

    def _rows_of_table(self, group: SampleGroup, rows: NDArray[np.intp]) -> pd.DataFrame | None:
        import pandas as pd

        if self._table is None:
            return None
        table = self._table.iloc[rows].copy()
        if sample_names_of(self._table.index) is None:
            table.index = pd.RangeIndex(rows.size)
        name = self._grouping.by[-1]
        if group.control_rows is not None and name in table:
            levels = list(pd.unique(table[name]))
            control = self._grouping.control
            # Group and control: the control is the reference.
            levels.sort(key=lambda level: str(level) != str(control))
            table[name] = pd.Categorical(table[name], categories=levels)
        return table

    def _contrast(self, contrast: Any, group: SampleGroup, design: Design) -> Any:
        """Return the contrast as this design has it, if it means the same as in all groups."""
        if contrast is None and group.control_rows is not None:
            name = self._grouping.by[-1]
            tested = group.label[-1] if isinstance(group.label, tuple) else group.label
            if name in design.factors:
                contrast = [name, tested, self._grouping.control]
        if contrast is None:
            contrast = self._last_column or design.names[-1]
        vector, _ = design.contrast(contrast)
        self._check_references(contrast, vector, group, design)
        return contrast

    def _check_references(
        self, contrast: Any, vector: Floats, group: SampleGroup, design: Design
    ) -> None:
        """Raise where a factor's reference is missing: its coefficients mean something else."""
        if design.spec is None or self._table is None:
            return
        compared = contrast[0] if _compares_levels(contrast, design) else None
        for variable in _variables_beside(design, vector):
            if variable == compared or variable not in design.factors:
                continue
            if group.control_rows is not None and variable == self._grouping.by[-1]:
                continue
            bare = np.logical_not((design.codings[variable] != 0.0).any(axis=1))
            own, first = design.factors[variable][0], self._first_level(variable)
            if first is not None and bare[0] and bare.sum() == 1 and str(own) != str(first):
                raise InputError(
                    f"There is no sample with {variable} {str(first)!r}, which is the reference in "
                    f"other groups, so {contrast!r} would mean another difference here; name two "
                    "levels that all groups have."
                )

    def _first_level(self, variable: str) -> Any:
        """The first level of a variable in all samples, None for numbers."""
        if variable not in self._first_levels and self._table is not None:
            column = plain_column(self._table[variable], variable)
            known = getattr(getattr(column, "cat", None), "categories", None)
            if known is None:
                known = sorted(set(column))
            self._first_levels[variable] = known[0]
        return self._first_levels.get(variable)

    @cached_property
    def _last_column(self) -> str | None:
        """The last coefficient of the design over all groups, without making that design."""
        if isinstance(self._design, Design):
            return self._design.names[-1]
        if self._table is None:
            return None
        rows = _telling_rows(self._design, self._table)
        try:
            matrix, _, _ = build_formula(self._design, self._table.iloc[rows], None)
        except InputError:
            # Every group says what is wrong with it.
            return None
        return str(matrix.columns[-1])


def _telling_rows(formula: str, table: pd.DataFrame) -> NDArray[np.intp]:
    """Return rows in which every level of the formula's variables occurs, and some more."""
    import pandas as pd

    rows = [np.linspace(0, len(table) - 1, min(len(table), _ROWS_LOOKED_AT)).astype(np.intp)]
    for term in parse_formula(formula):
        for factor in term.factors:
            for name in factor_variables(factor):
                if name in table and getattr(table[name].dtype, "kind", "O") != "f":
                    codes = pd.factorize(table[name])[0]
                    rows.append(np.unique(codes, return_index=True)[1])
    return np.unique(np.concatenate(rows))


def _variables_beside(design: Design, vector: Floats) -> list[str]:
    """Return the variables of what a contrast tests, and those that interact with them."""
    tested = tested_variables(design, vector)
    found = dict.fromkeys(tested)
    for term in design.spec.model_spec.structure if design.spec else ():
        names = [name for factor in term.term.factors for name in factor_variables(factor)]
        if set(names) & set(tested):
            found |= dict.fromkeys(names)
    return list(found)


def _compares_levels(contrast: Any, design: Design) -> bool:
    listed = isinstance(contrast, list | tuple) and len(contrast) == 3
    return listed and isinstance(contrast[0], str) and contrast[0] in design.factors


def _rows(design: Design, rows: NDArray[np.intp]) -> Design:
    names = design.sample_names
    return replace(
        design, matrix=np.ascontiguousarray(design.matrix[rows]), spec=None,
        sample_names=None if names is None else names[rows],
    )  # fmt: skip


def _are_names(reduced: Any) -> bool:
    return isinstance(reduced, list | tuple) and all(isinstance(name, str) for name in reduced)
