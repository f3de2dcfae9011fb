"""What is wrong with a formula, in words of those who write one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from countglm._names import did_you_mean, first_few
from countglm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
_MOST_LISTED = 20
# Names that a formula takes apart.
_JOINED = re.compile(r"[\w.]+([ /+:*^-]+[\w.]+)+")

# formulaic speaks of tokens and quote contexts.
_RULES: tuple[_Rule, ...] = (
    (re.compile(r"The `\.` operator.*"), "`.` does not stand for all columns here, name them"),
    (
        re.compile(r"Operator `\|` is incorrectly used"),
        "`|` would be a random effect, which is not fitted; add the variable as a term",
    ),
    (
        re.compile(r"Operator `(.+?)` has insuf\w+ arguments and/or is misplaced"),
        r"a term is missing beside `\1`",
    ),
    (re.compile(r"Operator `(.+?)` is incorrectly used"), r"`\1` is no way to join terms"),
    (
        re.compile(r"Formula ended before quote context was closed\. Expected: (.)"),
        r"a closing `\1` is missing",
    ),
    (re.compile(r"Could not find matching context marker"), "a bracket has no counterpart"),
    (re.compile(r"Unable to evaluate factor `(.*)`\. \[\w+: (.*)\]"), r"in `\1`, \2"),
    (
        re.compile(r"invalid syntax(\. .*)? \(<unknown>, line \d+\)"),
        "a part of it is neither a column nor a call",
    ),
    (re.compile(r" \(<unknown>, line \d+\)"), ""),
    (re.compile(r"name '(\w+)' is not defined"), r"there is no function or column '\1'"),
)


def reason(error: BaseException) -> str:
    """One plain sentence from an error of formulaic, whose messages span lines and colours."""
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else None
    text = str(cause if isinstance(cause, InputError) else error).strip()
    lines = [re.sub(r"⧛[^⧚]*⧚|\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines()]
    first = next((line for line in lines if line), type(error).__name__)
    for pattern, words in _RULES:
        first = pattern.sub(words, first)
    return first.rstrip(".") + "."


def require_columns(variables: tuple[str, ...], table: pd.DataFrame) -> None:
    """Raise InputError for variables that are no column of the sample table, or several."""
    unknown = [name for name in variables if name not in table.columns]
    if unknown:
        raise InputError(
            f"The sample table has no column {unknown[0]!r}"
            f"{did_you_mean(unknown[0], table.columns)}; its columns are "
            f"{first_few(table.columns, _MOST_LISTED) or 'none'}."
        )
    repeated = [name for name in variables if getattr(table[name], "ndim", 1) != 1]
    if repeated:
        raise InputError(
            f"The sample table has several columns named {repeated[0]!r}; rename or drop all but "
            "one."
        )


def require_backticks(formula: str, columns: Iterable[Any]) -> None:
    """Raise InputError where a formula has a column such as ``cell-line`` without backticks.

    As arithmetic it would be another formula: ``cell`` without ``line``.
    """
    bare = re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"", "``", formula)
    known = {str(name) for name in columns}
    for name in known:
        whole = rf"(?<![\w.]){re.escape(name)}(?![\w.(])"
        parts = {part for part in re.split(r"[^\w.]+", name) if not part.isdigit()}
        if _JOINED.fullmatch(name) and re.search(whole, bare) and not parts <= known:
            raise InputError(
                f"The formula {formula!r} has the column {name!r} without backticks, which reads "
                f"as something else; write `{name}`, in a shell within single quotes."
            )
