"""The one place that warns: one summarising warning per call, attributed to the caller's line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PACKAGE_DIR = os.path.dirname(os.path.abspath(__file__)) + os.sep


_gathered: ContextVar[list[str] | None] = ContextVar("gathered", default=None)
_recorded: ContextVar[tuple[list[str], ...]] = ContextVar("recorded", default=())


class CountglmWarning(UserWarning):
    """A condition that the caller should know of and that did not stop the work."""


def warn(message: str, category: type[Warning] = CountglmWarning) -> None:
    """Warn once with the stack level of the first frame outside this package."""
    import sys

    if category is CountglmWarning:
        for record in _recorded.get():
            record.append(message)
    kept = _gathered.get()
    if kept is not None and category is CountglmWarning:
        kept.append(message)
        return
    level = 2
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE_DIR):
        level += 1
        if frame.f_back is None:
            break
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def gathered() -> Iterator[list[str]]:
    """Yield a list that takes the messages of `warn` in this context, which is left unwarned.

    Whoever makes many calls on behalf of one tells of them in one warning of his own.
    """
    messages: list[str] = []
    token = _gathered.set(messages)
    try:
        yield messages
    finally:
        _gathered.reset(token)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Yield a list that takes the messages of `warn` in this context besides, for the record."""
    messages: list[str] = []
    token = _recorded.set((*_recorded.get(), messages))
    try:
        yield messages
    finally:
        _recorded.reset(token)
