"""Names of samples that two tables write differently: case, spaces and punctuation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from countglm._names import first_few
from countglm._warn import warn

# What may stand between words. A sign after a word (CD4+, CD4-) and one before a number that
# nothing precedes (-1) say something of their own.
_SEPARATORS = re.compile(r"(?:(?!\+)[\W_])+")
_SIGN_AFTER = re.compile(r"(?<=\w)-(?=\W*$|[\s_.,;/)])|(?<=\w)\u2212")
_SIGN_BEFORE = re.compile(r"(?:^|(?<=[\s_(]))-(?=\d)")
_BETWEEN = re.compile(r"(?<=\w)[\s_.-]+(?=\w)")
# R puts an X before names that begin with a digit.
_R_PREFIX = re.compile(r"^x(?=\d)")


def plain(name: str) -> str:
    """What is left of a name but for case and for what stands between its words."""
    signed = _SIGN_AFTER.sub("\x00", name.casefold().strip())
    signed = _SIGN_BEFORE.sub("\x00", signed)
    words = _SEPARATORS.sub(".", signed.replace("\x00", "minus"))
    return _R_PREFIX.sub("", words.strip("."))


def respelled(names: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """Return the names that are in no table as they stand -> those that they can only mean.

    A name is taken for another one only where no second name on either side is like them.
    """
    there = set(known)
    theirs: dict[str, list[str]] = {}
    for name in there:
        theirs.setdefault(plain(name), []).append(name)
    ours = Counter(map(plain, set(names)))
    found = {}
    for name in names:
        like = theirs.get(plain(name), [])
        if name not in there and len(like) == 1 and ours[plain(name)] == 1:
            found[name] = like[0]
    return found


def told(meant: Mapping[str, str], where: str) -> str:
    """Say which names were taken for which."""
    pairs = [f"{name!r} is {other!r}" for name, other in list(meant.items())[:3]]
    more = f" and {len(meant) - 3} more" if len(meant) > 3 else ""
    return (
        f"{where} and the sample table write names differently, which were taken as the same "
        f"({', '.join(pairs)}{more}); nothing but case, spaces and punctuation differs."
    )


def warn_of_like_levels(factors: Mapping[str, Iterable[object]]) -> None:
    """Warn of levels of factors that differ in case, spaces and punctuation only."""
    found = []
    for column, levels in factors.items():
        groups: dict[str, list[str]] = {}
        for level in map(str, levels):
            # Not as of samples: the levels -1 and 1 differ.
            groups.setdefault(_BETWEEN.sub(" ", level.strip().casefold()), []).append(level)
        like = [group for group in groups.values() if len(group) > 1]
        found += [f"{first_few(group)} of {column!r}" for group in like]
    if found:
        warn(
            f"Levels differ only in case, spaces or punctuation ({'; '.join(found[:3])}) and were "
            "taken as different; write them alike if they are one."
        )
