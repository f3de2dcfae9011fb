"""What the shell may offer for an option: columns and levels of the samples that were named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from countglm.errors import InputError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

# Samples of a text table that are looked at, so that Tab answers at once.
_MOST_SAMPLES = 5_000
# A column of more levels is no factor that one types a contrast of.
_MOST_LEVELS = 12
# What a shell takes as it is: words with spaces or quotes are left to the typist.
_PLAIN = re.compile(r"[\w.+\-/:@%]+")

Levels = Mapping[str, list[str]]


def columns(
    context: click.Context, _option: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Columns of the sample table."""
    return _items(iter(_levels(context)), incomplete)


def contrasts(
    context: click.Context, _option: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Every ``column,tested,reference`` of the sample table."""
    found = (
        ",".join([column, *pair])
        for column, levels in _levels(context).items()
        if 2 <= len(levels) <= _MOST_LEVELS
        for pair in permutations(levels, 2)
    )
    return _items(found, incomplete)


def size_factors(
    _context: click.Context, _option: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Methods, or else files."""
    from click.shell_completion import CompletionItem

    from countglm.size_factors import METHODS

    return _items(iter(METHODS), incomplete) or [CompletionItem(incomplete, type="file")]


def _items(words: Iterator[str], incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(word)
        for word in words
        if word.startswith(incomplete) and all(map(_PLAIN.fullmatch, word.split(",")))
    ]


def _levels(context: click.Context) -> Levels:
    """Levels by column of the sample table that is on the command line, or in the h5ad."""
    given = context.params.get("samples")
    # The option that waits for its value keeps click from telling the arguments apart.
    others = [str(context.params.get("counts") or ""), *context.args]
    try:
        if given is not None:
            return _of_table(Path(given))
        for word in others:
            if word.endswith(".h5ad"):
                return _of_h5ad(Path(word))
    except (InputError, OSError, KeyError, UnicodeError):
        # What is wrong with a file is told when the command runs.
        return {}
    return {}


def _of_table(path: Path) -> Levels:
    from countglm._text_tables import open_table

    with open_table(path) as text:
        found: dict[str, dict[str, None]] = {name: {} for name in text.columns}
        for number, (_, fields) in enumerate(text.rows):
            if number == _MOST_SAMPLES:
                break
            for name, cell in zip(text.columns, fields[1:], strict=True):
                found[name][cell] = None
    return {name: list(levels) for name, levels in found.items()}


def _of_h5ad(path: Path) -> Levels:
    import h5py

    found: dict[str, list[str]] = {}
    with h5py.File(path) as file:
        table: Any = file["obs"]
        for name in table.attrs["column-order"]:
            column = table[name]
            levels = column["categories"].asstr()[:] if "categories" in column else []
            found[str(name)] = [str(level) for level in levels]
    return found
