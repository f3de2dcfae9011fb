"""Names of samples that two tables write differently: case, spaces and punctuation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from countglm._names import first_few

_SEPARATORS = re.compile(r"[\W_]+")
# R puts an X before names that begin with a digit.
_R_PREFIX = re.compile(r"^x(?=\d)")


def plain(name: str) -> str:
    """What is left of a name but for case and for what stands between its words."""
    return _R_PREFIX.sub("", _SEPARATORS.sub(".", name.casefold()).strip("."))


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


def alike(levels: Iterable[str]) -> list[list[str]]:
    """Return the sets of levels that differ in case, spaces and punctuation only."""
    groups: dict[str, list[str]] = {}
    for level in levels:
        groups.setdefault(plain(level), []).append(level)
    return [group for key, group in groups.items() if len(group) > 1 and key]


def told_alike(column: str, groups: Sequence[Sequence[str]]) -> str:
    """Say which levels of a column may be one."""
    return (
        f"Column {column!r} has levels that differ only in case, spaces or punctuation "
        f"({'; '.join(first_few(group) for group in groups[:3])}), which were taken as different; "
        "write them alike if they are one."
    )
