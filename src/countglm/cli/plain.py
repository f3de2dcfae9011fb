"""Names from a user's files, as a terminal may be given them."""

from __future__ import annotations

import re

# Controls, which a terminal obeys; line ends of Unicode, marks of direction, halves of characters.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Return ``text`` on one line, without what is no character to be shown."""
    return _CONTROLS.sub(" ", text)


def plain_lines(text: str) -> str:
    """Return lines of text, each of them plain."""
    return "\n".join(map(plain, text.split("\n")))
