"""Groups of samples, by which they are coloured: of the design, or as the caller wants."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from countglm._cells import cells_of
from countglm._names import first_few
from countglm.errors import InputError
from countglm.plots._literal import printable
from countglm.plots._style import PALETTE

if TYPE_CHECKING:
    import pandas as pd

    from countglm.deresult import DEResult

# Numbers of more values make a scale.
_FEW_NUMBERS = 6


@dataclass(frozen=True, eq=False)
class Groups:
    """A variable of the samples.

    Attributes
    ----------
    name : str
        What it is called, empty where it has no name.
    labels : tuple of str
        Its levels.
    codes : (n_samples,) intp
        Level of every sample.
    values : (n_samples,) float64 or None
        The numbers, where it is one to be drawn as a scale.
    """

    name: str
    labels: tuple[str, ...]
    codes: NDArray[np.intp]
    values: NDArray[np.float64] | None = None

    @property
    def colours(self) -> list[str]:
        """One colour for every level; many levels share a scale from dark to light."""
        if len(self.labels) <= len(PALETTE):
            return list(PALETTE[: len(self.labels)])
        import matplotlib as mpl
        from matplotlib.colors import to_hex

        scale = mpl.colormaps["viridis"]
        return [to_hex(scale(at)) for at in np.linspace(0.0, 0.95, len(self.labels))]


def tested_factor(result: DEResult) -> str | None:
    """Return the variable of the tested contrast, else the formula's last factor, or None."""
    design = result.fit.design
    weighed = result.contrast != 0.0
    touched = [
        name
        for name, coding in design.codings.items()
        if (weighed & (coding != 0.0).any(axis=0)).any()
    ]
    known = _factors(result)
    columns = () if result.obs is None else result.obs.columns
    numbers = [
        name
        for name, weight in zip(result.fit.coef_names, result.contrast, strict=True)
        if weight and name in columns and name not in known
    ]
    for name in [*touched, *numbers, *reversed(known)]:
        if name in known or name in numbers:
            return name
    return None


def other_factor(result: DEResult, most: int) -> str | None:
    """Return a factor beside the tested one, of ``most`` levels at most, None without one."""
    tested, levels = tested_factor(result), result.fit.design.factors
    for name in _factors(result):
        if name != tested and len(levels[name]) <= most:
            return name
    return None


def _reference_first(result: DEResult, groups: Groups) -> Groups:
    """Put the reference of a factor of two levels before the level that is tested.

    Further levels, such as times and doses, have an order of their own that is worth keeping.
    """
    design = result.fit.design
    if groups.name not in design.codings or groups.values is not None:
        return groups
    coding = design.codings[groups.name]
    levels = [str(level) for level in design.factors[groups.name]]
    if len(levels) != 2:
        return groups
    for reference, tested in permutations(range(len(levels)), 2):
        compared = np.array_equal(coding[tested] - coding[reference], result.contrast)
        if compared and {levels[reference], levels[tested]} <= set(groups.labels):
            first = [levels[reference], levels[tested]]
            labels = [*first, *(label for label in groups.labels if label not in first)]
            place = np.array([labels.index(label) for label in groups.labels], dtype=np.intp)
            return Groups(groups.name, tuple(labels), place[groups.codes])
    return groups


def _factors(result: DEResult) -> list[str]:
    """The factors of the formula that the sample table has as columns."""
    columns = () if result.obs is None else result.obs.columns
    return [name for name in result.fit.design.factors if name in columns]


def sample_groups(result: DEResult, by: Any, obs: Any) -> Groups:
    """Return the variable ``by``: columns of the sample table, values, or None for the design's.

    Raises
    ------
    InputError
        A column that the table does not have, or values of another number of samples.
    """
    found = _sample_groups(result, by, obs)
    labels = tuple(map(printable, found.labels))
    return replace(found, name=printable(found.name), labels=labels)


def _sample_groups(result: DEResult, by: Any, obs: Any) -> Groups:
    table = _sample_table(result, obs)
    if by is None:
        by = tested_factor(result)
        if by is None:
            return _alike(result)
    if isinstance(by, str):
        return _reference_first(result, _variable(by, _column(table, by)))
    items = list(by)
    if table is not None and items and all(isinstance(i, str) and i in table for i in items):
        if len(items) == 1:
            return _variable(items[0], table[items[0]])
        return _combined(table, items)
    if len(items) != result.fit.n_samples:
        raise InputError(
            f"color has {len(items)} values, but there are {result.fit.n_samples} samples; give "
            "one of each, or columns of the sample table."
        )
    return _variable(str(getattr(by, "name", "") or ""), by)


def _sample_table(result: DEResult, obs: Any) -> pd.DataFrame | None:
    """Return the sample table in the order of the fit's samples."""
    import pandas as pd

    if obs is None and result.obs is None:
        return None
    table = pd.DataFrame(result.obs if obs is None else obs)
    names = result.fit.sample_names
    if names is not None:
        named = table.set_axis([str(name) for name in table.index])
        if named.index.is_unique and set(names) <= set(named.index):
            return named.loc[list(names)]
    if len(table) != result.fit.n_samples:
        raise InputError(
            f"obs has {len(table)} rows, but there are {result.fit.n_samples} samples; give the "
            "sample table of the analysis."
        )
    return table


def _column(table: pd.DataFrame | None, name: str) -> Any:
    if table is None:
        raise InputError(
            f"There is no sample table to find {name!r} in; pass obs=, a table with a row per "
            "sample, or the values themselves."
        )
    if name not in table:
        raise InputError(
            f"The sample table has no column {name!r}; it has {first_few(table.columns, 12)}."
        )
    return table[name]


def _variable(name: str, values: Any) -> Groups:
    import pandas as pd

    series = pd.Series(values).reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.unique(numbers[np.isfinite(numbers)]).size > _FEW_NUMBERS:
            return Groups(name, (), np.zeros(len(series), dtype=np.intp), numbers)
    return _levels(name, series)


def _levels(name: str, series: Any) -> Groups:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        category = series.cat.remove_unused_categories().array
    else:
        # Text that holds numbers, such as minutes, stands in their order.
        levels = sorted(series.dropna().unique(), key=_natural)
        category = pd.Categorical(series, categories=levels)
    labels = [f"{level:g}" if isinstance(level, float) else str(level)
              for level in category.categories]  # fmt: skip
    codes = np.asarray(category.codes, dtype=np.intp)
    if (codes < 0).any():
        labels.append("no value")
        codes = np.where(codes < 0, len(labels) - 1, codes)
    return Groups(name, tuple(labels), codes)


def _natural(level: Any) -> list[tuple[int, float, str]]:
    if not isinstance(level, str):
        return [(0, float(level), "")] if isinstance(level, int | float) else [(1, 0.0, str(level))]
    parts = re.split(r"(\d+(?:\.\d+)?)", level)
    return [
        (0, float(part), "") if part[:1].isdigit() else (1, 0.0, part) for part in parts if part
    ]


def _combined(table: pd.DataFrame, names: Sequence[str]) -> Groups:
    parts = [_levels(name, table[name]) for name in names]
    codes = np.stack([part.codes for part in parts], axis=1)
    rows, code = np.unique(codes, axis=0, return_inverse=True)
    labels = [":".join(part.labels[k] for part, k in zip(parts, row, strict=True)) for row in rows]
    return Groups(":".join(names), tuple(labels), code.reshape(-1).astype(np.intp))


def _alike(result: DEResult) -> Groups:
    """Samples with equal rows of the design, where nothing has a name."""
    cell = np.asarray(cells_of(result.fit.design.matrix).cell, dtype=np.intp)
    n_groups = int(cell.max()) + 1
    if n_groups > max(result.fit.n_samples // 2, 1):
        return Groups("", ("samples",), np.zeros(cell.size, dtype=np.intp))
    labels = []
    for group in range(n_groups):
        row = result.fit.design.matrix[np.flatnonzero(cell == group)[0]]
        named = [
            name if value == 1.0 else f"{value:g} {name}"
            for name, value in zip(result.fit.coef_names, row, strict=True)
            if value
        ]
        text = " + ".join(named)
        labels.append(text if len(text) <= 30 else f"row {group + 1} of the design")
    return Groups("", tuple(labels), cell)
