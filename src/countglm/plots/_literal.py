"""Names in pictures as they are: no formulas of matplotlib, no characters it cannot write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# What XML forbids, and with it SVG; a lone surrogate cannot be encoded at all.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Formulas that matplotlib makes of its own numbers.
_OF_MATPLOTLIB = r"\mathdefault"


def printable(text: str) -> str:
    """Return ``text`` with a sign of replacement for every character that no file can hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


@contextmanager
def literal(axes: Axes) -> Iterator[None]:
    """Within the block take all that is written on ``axes`` as it is, without formulas.

    Of a caller's axes the texts are there already. Those left as they were, and those without a
    dollar sign, read formulas afterwards as before: a caller may title the plot with one.
    """
    import matplotlib as mpl

    default = bool(mpl.rcParams["text.parse_math"])
    before = {id(text): (text, text.get_text(), text.get_parse_math()) for text in _texts(axes)}
    for text, _, _ in before.values():
        text.set_parse_math(False)
    try:
        with mpl.rc_context({"text.parse_math": False}):
            yield
    finally:
        for text in _texts(axes):
            written = text.get_text()
            _, old, parsed = before.get(id(text), (text, None, default))
            if old == written:
                text.set_parse_math(parsed)
            elif "$" not in written or _OF_MATPLOTLIB in written:
                text.set_parse_math(default)


def _texts(axes: Axes) -> list[Text]:
    from matplotlib.text import Text

    return [each for each in axes.findobj(Text) if isinstance(each, Text)]
