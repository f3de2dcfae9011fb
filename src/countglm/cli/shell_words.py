"""Messages of Python as users of the command line read them: options in place of arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

# Arguments that options stand for, in messages that a command may bring.
_OPTIONS = {
    "by": "--by", "control": "--control", "replicates": "--replicates", "layer": "--layer",
    "memory_limit": "--memory-limit", "checkpoint": "--checkpoint", "zeros": "--zeros",
    "p_adjust_across": "--across", "client": "--scheduler", "reduced": "--lrt",
    "reference": "--reference", "size_factors": "--size-factors", "fit_type": "--fit-type",
    "lfc_threshold": "--lfc-threshold", "alternative": "--alternative", "interval": "--interval",
    "mode": "--mode", "dispersion": "--dispersion", "max_iter": "--max-iter", "tol": "--tol",
}  # fmt: skip
# Not within a call, a path or the caller's own text.
_START = r"(?<![\w./'\"=,(])"

_RULES: tuple[_Rule, ...] = (
    (re.compile(r"(test the sums): (countglm\.pseudobulk\([^)]*\))"), r"\1, in Python: \2"),
    (re.compile(_START + r"replicates=False"), "--replicates none"),
    (re.compile(r"such as 'donor', or False\."), "such as donor, or none."),
    (re.compile(r"\bpass allow_noninteger=True"), "give --allow-noninteger"),
    (re.compile(r"\bpass layer='([^']*)'"), r"give --layer \1"),
    (re.compile(r", or give one label per sample"), ""),
    (re.compile(r"\bpass obs="), "give one with --samples"),
    (re.compile(r"\bobs="), "--samples"),
    (
        re.compile(r"^(by=.* are missing\)); fill it in or leave these rows out\."),
        r"\1; give a sample table with --samples in which they have one, such as 'unknown', which "
        "is a group of its own.",
    ),
    (re.compile(r"\boverwrite it with force\b"), "overwrite it with --force"),
    (re.compile(r"\breference=(?=\w+=)"), "--reference "),
    (re.compile(r"^reference (?=(names|needs) )"), "--reference "),
    (re.compile(r", or give dispersion=\."), ", or add samples."),
    (re.compile(r"\bname contrast=('\w+')"), r"give --contrast \1"),
    (re.compile(r"\bgive size_factors as an array"), "give --size-factors a table of them"),
    (re.compile(r"^size_factors must"), "--size-factors must"),
    (
        re.compile(r"\bpass a matrix with ready columns as the design"),
        "give --design a file with ready columns",
    ),
    (re.compile(r"; see fit\.gene_names\."), "; names stand in the first column of its tables."),
    (re.compile(r"\braise memory_limit\b"), "raise --memory-limit"),
    (
        re.compile(_START + rf"({'|'.join(_OPTIONS)})=(?=(['\"\d\[-]?))"),
        lambda match: _OPTIONS[match[1]] + (" " if match[2] else ""),
    ),
)


def in_shell(message: str) -> str:
    """Return a message with options of the command line in place of arguments of Python."""
    for pattern, words in _RULES:
        message = pattern.sub(words, message)
    return message
