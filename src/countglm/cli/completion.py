"""``countglm completion``: what a shell runs to complete the words of the command line."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_COUNTGLM_COMPLETE"


def script(shell: str, app: click.Command) -> str:
    """Return the words that teach ``shell`` to ask ``app`` for completions."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(f"click completes nothing in {shell}")
    return kind(app, {}, "countglm", _VARIABLE).source().strip()
