"""Groups of samples: from a column, several or labels, with the control that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._contrasts import find_level
from ._grouped_sums import group_codes
from ._names import did_you_mean, first_few, match_table, plural
from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .counts import CountMatrix

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SampleGroup:
    """Samples of a label, or of a combination of labels, and those of the control beside them.

    ``rows`` are places of samples in the whole, ascending; ``code`` is the group's number there.
    """

    label: Any
    code: int
    own: Index
    control_code: int | None = None
    control_rows: Index | None = None

    @property
    def rows(self) -> Index:
        """All samples of the group, in the order of the whole."""
        if self.control_rows is None:
            return self.own
        return np.sort(np.concatenate([self.own, self.control_rows]))


@dataclass(frozen=True, eq=False)
class Grouping:
    """All groups: which samples each has, and the codes (n_samples,) that tell them apart."""

    by: tuple[str, ...]
    codes: Index
    n_codes: int
    groups: list[SampleGroup]
    control: Any = None


def group_samples(
    by: Any, control: Any, table: pd.DataFrame | None, counts: CountMatrix
) -> Grouping:
    """Return the groups that ``by`` makes of the samples.

    Parameters
    ----------
    by : str, list of str or (n_samples,) labels
        One or several columns of the sample table, or labels.
    control : label, optional
        Level of the last column that is no group of its own and stands beside every other.
    table : DataFrame or None
        Sample table in the order of the counts.
    counts : CountMatrix

    Raises
    ------
    InputError
        An unknown column, a missing label, as many labels as there are no samples, a control that
        is no level.
    """
    names, columns = _columns(by, table, counts)
    parts = [
        group_codes(column, f"by={name!r}") for name, column in zip(names, columns, strict=True)
    ]
    shape = tuple(len(levels) for _, levels in parts)
    whole = np.ravel_multi_index(tuple(codes for codes, _ in parts), shape)
    present, codes = np.unique(whole, return_inverse=True)
    codes = codes.astype(np.intp)
    places = np.stack(np.unravel_index(present, shape), axis=1)
    rows = _rows_by_code(codes, present.size)
    labels = [
        tuple(_plain(levels[place]) for place, (_, levels) in zip(each, parts, strict=True))
        for each in places.tolist()
    ]
    level = None if control is None else _control_place(control, names[-1], parts[-1][1])
    beside = {
        tuple(each[:-1]): code for code, each in enumerate(places.tolist()) if each[-1] == level
    }
    groups = []
    for code, each in enumerate(places.tolist()):
        if each[-1] == level:
            continue
        # Where there is no control beside, the design says so when it is built.
        other = beside.get(tuple(each[:-1])) if level is not None else None
        label = labels[code] if len(names) > 1 else labels[code][0]
        groups.append(
            SampleGroup(label, code, rows[code], other, None if other is None else rows[other])
        )
    chosen = None if level is None else _plain(parts[-1][1][level])
    return Grouping(tuple(names), codes, present.size, groups, chosen)


def _columns(
    by: Any, table: pd.DataFrame | None, counts: CountMatrix
) -> tuple[list[str], list[Any]]:
    """Return the names of the columns and their values, in the order of the counts."""
    if isinstance(by, list | tuple) and not by:
        raise InputError("by= is an empty list; name at least one column of the sample table.")
    if isinstance(by, str):
        by = [by]
    elif not _are_columns(by, table, counts):
        return [str(getattr(by, "name", None) or "group")], [_labels(by, counts)]
    for name in by:
        if table is None or name not in table.columns:
            has = "there is none" if table is None else f"it has {first_few(table.columns, 20)}"
            if table is not None:
                has += did_you_mean(name, table.columns).replace(" (", "; ").rstrip(")")
            remedy = "pass obs=" if table is None else "name one of these"
            raise InputError(
                f"by={name!r} is no column of the sample table ({has}); {remedy}, or give "
                "one label per sample."
            )
    if len(set(by)) < len(by):
        raise InputError(f"by={list(by)!r} names a column twice.")
    assert table is not None
    return [str(name) for name in by], [table[name].reset_index(drop=True) for name in by]


def _are_columns(by: Any, table: pd.DataFrame | None, counts: CountMatrix) -> bool:
    """Is this a list of columns rather than of labels?"""
    if not (isinstance(by, list | tuple) and all(isinstance(name, str) for name in by)):
        return False
    # So few or so many can be no labels, and a column may be mistyped.
    return len(by) != counts.n_samples or table is None or any(name in table.columns for name in by)


def _labels(by: Any, counts: CountMatrix) -> Any:
    import pandas as pd

    if not hasattr(by, "__len__") or getattr(by, "ndim", 1) != 1:
        raise InputError(
            f"by= is a {type(by).__name__}; give the name of a column of the sample table, a list "
            "of names, or one label per sample."
        )
    if len(by) != counts.n_samples:
        raise InputError(
            f"by= has {plural(len(by), 'label')} for {plural(counts.n_samples, 'sample')}; give "
            "one per sample, or the name of a column."
        )
    if isinstance(by, pd.Series):
        order = match_table(counts.sample_names, by.index, what="by=")
        return (by if order is None else by.iloc[order]).reset_index(drop=True)
    return by


def _rows_by_code(codes: Index, n_codes: int) -> list[Index]:
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=n_codes))[:-1])


def _control_place(control: Any, name: str, levels: list[Any]) -> int:
    place = find_level(control, levels)
    if place is None:
        raise InputError(
            f"control={control!r} is no level of {name!r}; its levels are {first_few(levels, 20)}."
        )
    if len(levels) == 1:
        raise InputError(
            f"{name!r} has no level beside control={control!r}, so there is nothing to compare."
        )
    return place


def _plain(label: Any) -> Any:
    """A label as Python and JSON have it."""
    value = label.item() if isinstance(label, np.generic) else label
    return value if isinstance(value, str | int | float | bool) else str(value)
