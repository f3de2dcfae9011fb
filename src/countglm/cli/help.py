"""What ``--help`` shows: what a command does, examples to copy, options in sections."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

# Sections of options, in the order of the help.
INPUT = "Input"
MODEL = "Model and comparison"
METHOD = "Method"
GROUPS = "Groups of samples"
PLAN = "Plan"
OUTPUT = "Output"
RESOURCES = "Time and memory"
CLUSTER = "Cluster"
JOBS = "Each job that --slurm, --pbs or --lsf submits"
OTHER = "Other"
_SECTIONS = (PLAN, INPUT, MODEL, METHOD, GROUPS, OUTPUT, RESOURCES, CLUSTER, JOBS, OTHER)
_COMMANDS: Mapping[str, Sequence[str]] = {
    "Analyse": ("de", "fit", "compare"),
    "Look at results": ("report", "diagnose"),
    "Share one analysis among jobs": ("shard", "run-shard", "merge"),
}
_REST = "This installation"
# Where the explanations begin; a longer name stands on a line of its own.
_COLUMN = 24
# A word of the shell with what stands in quotes, after the option whose value it is.
_WORD = re.compile(r"""\s*(?:--?[a-z][\w-]*\s+(?![-\\]))?(?:[^\s"']|"[^"]*"|'[^']*')+""")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def section(title: str, *options: Decorator) -> Decorator:
    """Return a decorator that adds ``options`` to a command, in their order, under a title."""

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
            vars(vars(command)["__click_params__"][-1])["section"] = title
        return command

    return added


class Command(click.Command):
    """A command with examples, whose options are listed in sections.

    ``examples`` are pairs of what one does and the words of the shell that do it.
    """

    def __init__(self, *given: Any, examples: Sequence[tuple[str, str]] = (), **named: Any) -> None:
        super().__init__(*given, **named)
        self.examples = tuple(examples)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name what a command cannot do without, and then that there are options."""
        pieces, needed = [], []
        for each in self.get_params(ctx):
            if isinstance(each, click.Argument):
                pieces += each.get_usage_pieces(ctx)
            elif each.required:
                needed.append(_name(each, short=True))
        return [*pieces, *needed, "[OPTIONS]"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and then the options, section by section."""
        write_examples(self.examples, formatter)
        rows: dict[str, list[tuple[str, str]]] = {title: [] for title in _SECTIONS}
        for each in self.get_params(ctx):
            if isinstance(each, click.Option) and not each.hidden:
                rows[vars(each).get("section", OTHER)].append(_row(each))
        for title, found in rows.items():
            if found:
                with formatter.section(title):
                    formatter.write_dl(found, col_max=_COLUMN)


class Group(click.Group):
    """The commands, listed by what one wants to do."""

    command_class = Command

    def __init__(self, *given: Any, examples: Sequence[tuple[str, str]] = (), **named: Any) -> None:
        super().__init__(*given, **named)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, the commands, and the options of the program itself."""
        write_examples(self.examples, formatter)
        named = {name for names in _COMMANDS.values() for name in names}
        rest = [name for name in self.list_commands(ctx) if name not in named]
        for title, names in {**_COMMANDS, _REST: rest}.items():
            found = {name: self.get_command(ctx, name) for name in names}
            rows = [(name, each.get_short_help_str(60)) for name, each in found.items() if each]
            with formatter.section(title):
                formatter.write_dl([(name.ljust(11), told) for name, told in rows])
        with formatter.section("Options"):
            options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
            formatter.write_dl([_row(each, 11) for each in options])
        formatter.write_paragraph()
        formatter.write_text("Options of a command: countglm COMMAND --help")


def write_examples(examples: Sequence[tuple[str, str]], formatter: click.HelpFormatter) -> None:
    """Write examples as they can be copied: only lines that are too long go on in the next."""
    if not examples:
        return
    with formatter.section("Examples"):
        space = " " * formatter.current_indent
        for told, command in examples:
            lines = [
                *textwrap.wrap(f"{told}:", max(formatter.width - len(space), 20)),
                *(f"  {line}" for line in _folded(command, formatter.width - len(space) - 2)),
            ]
            formatter.write("".join(f"{space}{line}\n" for line in lines))


def _folded(command: str, width: int) -> Iterator[str]:
    """Fold the lines of a command of the shell to ``width``, each part but the last with a \\."""
    for line in command.splitlines():
        rest, begin = line, len(line) - len(line.lstrip()) or 4
        while len(rest) > width:
            # Words in quotes stay whole, and a line that goes on already keeps its own mark.
            ends = [each.end() for each in _WORD.finditer(rest) if each.end() <= width - 2]
            if not ends or rest[ends[-1] :].strip() in ("", "\\"):
                break
            yield f"{rest[: ends[-1]]} \\"
            rest = " " * begin + rest[ends[-1] :].lstrip()
        yield rest


def _row(option: click.Option, width: int = _COLUMN) -> tuple[str, str]:
    told = option.help or ""
    if option.required:
        told += " [required]"
    elif option.show_default and not option.is_flag:
        told += f" [default: {option.default}]"
    # As wide in every section, so that all explanations begin in one column.
    return _name(option).ljust(width), told


def _name(option: click.Parameter, *, short: bool = False) -> str:
    names = sorted(option.opts, key=len)
    text = names[0] if short else ", ".join(names)
    if getattr(option, "is_flag", False):
        return text
    if isinstance(option.type, click.Choice) and option.metavar is None:
        return f"{text} [{'|'.join(option.type.choices)}]"
    return f"{text} {option.metavar or option.type.name.upper()}"
