"""Messages of Python as R's users read them: R's constants, functions and names of arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

# A word that is not part of another one and not the caller's own, which stands in quotes.
_ALONE = r"(?<!['\w]){}(?!['\w])"


def _word(python: str, r: str) -> _Rule:
    return re.compile(_ALONE.format(python)), r


def _next(match: re.Match[str]) -> str:
    """Count from 1 what Python counts from 0."""
    return f"{match[1]} {int(match[2]) + 1}"


_QUOTED = r"'[^']*'"
_NUMBER = r"-?[\d.]+(?:e[-+]?\d+)?"

_RULES: tuple[_Rule, ...] = (
    (re.compile(r"=True\b"), " = TRUE"),
    (re.compile(r"=False\b"), " = FALSE"),
    _word("True", "TRUE"),
    _word("False", "FALSE"),
    _word("None(?! of)", "NULL"),
    _word("(?:inf|Infinity)", "Inf"),
    _word("nan", "NaN"),
    (re.compile(r"\bobs="), "col_data="),
    (re.compile(r"\bn_subset\b"), "nsub"),
    (re.compile(r"\btest\(\)"), "test_contrast()"),
    (re.compile(r"\bnp\.minimum\b"), "pmin"),
    _word("DataFrame", "data.frame"),
    # A column of numbers is made a factor by C() there, by factor() in R.
    (re.compile(r"(?<!['\w])C\(([^(),']+)\)"), r"factor(\1)"),
    (re.compile(rf"\[((?:{_QUOTED})(?:, {_QUOTED})*)\]"), r"c(\1)"),
    (re.compile(rf"(The contrast )\[({_NUMBER}(?:, {_NUMBER})*)\]"), r"\1c(\2)"),
    (re.compile(r"\[(factor, [a-z]+(?: level)?, [a-z]+(?: level)?)\]"), r"c(\1)"),
    (re.compile(r"\bshape \((\d+),\)"), r"length \1"),
    (re.compile(r"\bshape \(\)"), "length 1"),
    (re.compile(r"(?<=for )\((\d+),\)"), r"\1"),
    (re.compile(r"\b(gene|sample) (\d+) \(counted from 0\)"), _next),
    # R has no difference of 1 and 1.0.
    (re.compile(r"(=-?\d+)\.0(?![\d.])"), r"\1"),
    # Arguments are named without a sign behind them.
    (re.compile(r"\b([a-z_]+)=(?=[\s:;,.)]|$)"), r"\1"),
)

# Arguments that have another name where R calls the verb.
_METHOD_OF_FACTORS: tuple[_Rule, ...] = ((re.compile(r"\bmethod="), "size_factors="),)
_RULES_OF: dict[str, tuple[_Rule, ...]] = {
    "shrink": ((re.compile(r"\bmethod="), "type="), (re.compile(r"\bash\b"), "ashr")),
    "differential_expression": _METHOD_OF_FACTORS,
    "fit_counts": _METHOD_OF_FACTORS,
    "de_for_r.transform": _METHOD_OF_FACTORS,
}


def in_words_of_r(message: str, verb: str = "") -> str:
    """Return a message with Python's constants, functions and argument names as R writes them.

    Parameters
    ----------
    message : str
    verb : str
        What R called; some arguments have another name there.
    """
    for pattern, words in (*_RULES_OF.get(verb, ()), *_RULES):
        message = pattern.sub(words, message)
    return message
