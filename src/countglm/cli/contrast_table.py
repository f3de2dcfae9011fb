"""A table of contrasts as workflows write it: variable, reference, target, blocking[, id]."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from countglm._names import first_few
from countglm._text_tables import open_table
from countglm.errors import InputError

_NEEDED = ("variable", "reference", "target")
_KNOWN = (*_NEEDED, "blocking", "id")
_EMPTY = frozenset({"", "NA", "None"})
_WORD = re.compile(r"`([^`]+)`|([^\W\d][\w.]*)")


@dataclass(frozen=True)
class Comparison:
    """One row: the levels to compare, under a name, and variables to adjust for."""

    name: str
    variable: str
    reference: str
    target: str
    blocking: tuple[str, ...]

    @property
    def contrast(self) -> list[str]:
        """The comparison as `differential_expression` takes it."""
        return [self.variable, self.target, self.reference]

    def design(self, given: str | None) -> str:
        """The formula: ``~ blocking + variable``, or ``given`` with the blocking it lacks."""
        if given is None:
            return "~ " + " + ".join(map(_term, [*self.blocking, self.variable]))
        present = {quoted or bare for quoted, bare in _WORD.findall(given)}
        more = [_term(name) for name in self.blocking if name not in present]
        return " + ".join([given, *more])


def read_contrasts(path: Path) -> list[Comparison]:
    """Read a CSV or TSV of contrasts, one a row; several blocking variables stand apart by ``;``.

    Raises
    ------
    InputError
        A missing or damaged file, columns missing or unknown, empty cells, names that repeat.
    """
    with open_table(path) as text:
        columns = [text.corner, *text.columns]
        rows = [(line, dict(zip(columns, fields, strict=True))) for line, fields in text.rows]
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise InputError(
            f"{path} lacks the column {missing[0]!r}; a table of contrasts has the columns "
            f"{', '.join(_NEEDED)} and may have blocking and id."
        )
    used = [n for n in columns if n not in _KNOWN and any(row[n] not in _EMPTY for _, row in rows)]
    if used:
        raise InputError(
            f"{path} has columns that are not known here ({first_few(used)}); leave them out, or "
            f"empty. Known are {', '.join(_KNOWN)}."
        )
    found = [_comparison(path, line, row) for line, row in rows]
    names = [each.name for each in found]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise InputError(f"{path} names the contrast {twice[0]!r} twice; give each its own id.")
    return found


def _comparison(path: Path, line: int, row: dict[str, str]) -> Comparison:
    cells = {name: value.strip() for name, value in row.items()}
    for name in _NEEDED:
        if cells[name] in _EMPTY:
            raise InputError(f"{path}, line {line}: {name} is empty; every contrast needs one.")
    given = cells.get("blocking", "")
    blocking = [] if given in _EMPTY else [part.strip() for part in given.split(";")]
    name = cells.get("id", "")
    if name in _EMPTY:
        name = "_".join([cells["variable"], cells["target"], "vs", cells["reference"], *blocking])
    return Comparison(
        name, cells["variable"], cells["reference"], cells["target"],
        tuple(part for part in blocking if part),
    )  # fmt: skip


def _term(name: str) -> str:
    """A column's name as a formula takes it."""
    return name if re.fullmatch(r"[^\W\d][\w.]*", name) else f"`{name}`"
