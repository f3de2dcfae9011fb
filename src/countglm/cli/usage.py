"""Wrong words on the command line, told as a person would: what is wrong, and what to write."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

import click

_VALUE = re.compile(r"'?(?P<value>.*?)'? is not (in the range|a valid|one of)", re.DOTALL)


def in_words(error: click.UsageError) -> str:
    """Return what a usage error of click means, with a remedy."""
    told = _told(error)
    name = error.ctx.command_path if error.ctx else "countglm"
    return f"{told} See '{name} --help'."


def _told(error: click.UsageError) -> str:
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{error.ctx.info_name if error.ctx else 'countglm'} needs {_needed(error.param)}."
    if isinstance(error, click.BadParameter) and error.param is not None:
        return _bad_value(error, error.param)
    if isinstance(error, click.NoSuchOption):
        near = _any_of(_like(error.option_name, sorted(error.possibilities or ()))[:3])
        hint = f"; did you mean {near}?" if near else "."
        return f"There is no option {error.option_name}{hint}"
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name} needs a value after it."
    if found := re.search(r"unexpected extra arguments? \((.*)\)", error.message):
        return _too_many(found[1])
    if found := re.match(r"No such command '(.*?)'", error.message):
        group = error.ctx.command if error.ctx else None
        known = list(group.commands) if isinstance(group, click.Group) else []
        near = _any_of(difflib.get_close_matches(found[1], known, n=2))
        hint = f"; did you mean {near}?" if near else "."
        return f"There is no command {found[1]!r}{hint}"
    return error.format_message()


def _needed(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        told = (parameter.help or "").rstrip(".")
        return f"{min(parameter.opts, key=len)} {parameter.metavar}: {told[:1].lower()}{told[1:]}"
    if isinstance(parameter.type, click.Choice):
        return f"one of {', '.join(parameter.type.choices)}"
    about = {"counts": ", the file of counts", "fit_file": ", a saved fit or result"}
    return f"{parameter.human_readable_name}{about.get(str(parameter.name), '')}"


def _bad_value(error: click.BadParameter, parameter: click.Parameter) -> str:
    name = max(parameter.opts, key=len) if isinstance(parameter, click.Option) else "The argument"
    found = _VALUE.match(error.message)
    if found is None:
        return f"{name}: {error.message}"
    value = found["value"]
    if isinstance(parameter.type, click.Choice):
        choices = [str(choice) for choice in parameter.type.choices]
        near = difflib.get_close_matches(value, choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        return f"{name} {value!r} is none of the choices{hint} Give {_any_of(choices)}."
    percent = ""
    if parameter.name == "alpha":
        percent = ", such as 0.05 for 5%"
    return f"{name} {value!r} must be {_wanted(parameter.type)}{percent}."


def _like(given: str, options: Sequence[str]) -> list[str]:
    """Return the options that are as near as the nearest of them, by their letters alone."""
    # The dashes that all share make short options look alike.
    near = [
        difflib.SequenceMatcher(None, given.lstrip("-"), option.lstrip("-")).ratio()
        for option in options
    ]
    return [option for option, each in zip(options, near, strict=True) if each > max(near) - 0.2]


def _any_of(words: Sequence[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _wanted(kind: Any) -> str:
    number = "a whole number" if isinstance(kind, click.types.IntParamType) else "a number"
    if not isinstance(kind, click.IntRange | click.FloatRange):
        return number
    if kind.max is not None:
        return f"{number} between {kind.min} and {kind.max}"
    return f"{number} above {kind.min}" if kind.min_open else f"{number} of at least {kind.min}"


def _too_many(words: str) -> str:
    first = words.split()[0]
    if set(words.split()) & {"+", "*", "~", ":"}:
        return (
            f"{words!r} stands alone: put the formula in quotes, such as --design "
            '"~ batch + condition".'
        )
    return (
        f"{first!r} is one argument too many: name a file with its option, such as --samples "
        "FILE, and put quotes around a value with spaces."
    )
