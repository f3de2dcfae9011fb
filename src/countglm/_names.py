"""Names of samples and genes: reading them from an index, and matching tables by them."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm._warn import warn
from countglm.errors import InputError

Names = NDArray[np.object_]


def plural(n: int, noun: str, verb: str = "") -> str:
    """``1 sample is``, ``3 samples are``; ``verb`` is ``"is"``, ``"has"`` or nothing."""
    text = f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
    if not verb:
        return text
    return f"{text} {verb if n == 1 else {'is': 'are', 'has': 'have'}[verb]}"


def first_few(names: Iterable[Any], most: int = 3) -> str:
    """The first names, quoted, with dots where there are more."""
    items = list(names)
    listed = ", ".join(repr(str(item)) for item in items[:most])
    return listed + (", ..." if len(items) > most else "")


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """``" (did you mean 'dex'?)"`` where a known name is near, whatever its case; else nothing."""
    texts = {str(each).casefold(): str(each) for each in known}
    near = difflib.get_close_matches(str(name).casefold(), texts, n=1)
    return f" (did you mean {texts[near[0]]!r}?)" if near else ""


def name_array(names: Iterable[Any]) -> Names:
    """Names as an object array of Python strings (bytes are decoded, nothing else is changed)."""
    texts = list(names)
    if set(map(type, texts)) != {str}:
        texts = [x.decode() if isinstance(x, bytes) else str(x) for x in texts]
    out = np.empty(len(texts), dtype=object)
    out[:] = texts
    return out


def positions_as_names(n: int) -> Names:
    """The names ``"0"``, ``"1"``, ... of what has none."""
    return _positions(n).copy()


# Making as many strings as there are genes takes longer than checking some samples' counts.
@lru_cache(maxsize=4)
def _positions(n: int) -> Names:
    return name_array(map(str, range(n)))


def sample_names_of(index: Any) -> Names | None:
    """Names in the index of a table, or None for the default index of integers 0, 1, 2, ..."""
    counted = getattr(getattr(index, "dtype", None), "kind", "O") in "iu"
    names = name_array(index)
    return None if counted and _is_counting(names) else names


def anndata_sample_names(obs_names: Iterable[Any]) -> Names | None:
    """Sample names of an AnnData, or None for its default, which is the text 0, 1, 2, ..."""
    names = name_array(obs_names)
    return None if _is_counting(names) else names


def _is_counting(names: Names) -> bool:
    return all(name == str(i) for i, name in enumerate(names))


def label(names: Names | None, i: int) -> str:
    """How a message calls the ``i``-th sample or gene: its name, or its position."""
    return f"{i} (counted from 0)" if names is None else repr(str(names[i]))


def check_unique_samples(names: Names | None, where: str) -> None:
    """Raise InputError where two samples share a name."""
    if names is None or len(set(names)) == len(names):
        return
    repeated = [name for name, times in Counter(names).items() if times > 1]
    raise InputError(
        f"{plural(len(repeated), 'sample name')} of {where} occur more than once "
        f"({first_few(repeated)}); samples are matched by name, so give each its own."
        if len(repeated) > 1
        else f"The sample name {str(repeated[0])!r} occurs more than once in {where}; "
        "samples are matched by name, so give each its own."
    )


def match_samples(
    wanted: Names | None,
    given: Names | None,
    *,
    what: str,
    gene_names: Names | None = None,
    counts: str = "the counts",
) -> NDArray[np.intp] | None:
    """Positions in ``given`` that bring it into the order of ``wanted``.

    Returns None where nothing has to move: the same order, or no names on one side, in which
    case samples go by position and the caller checks the number of rows.

    Raises
    ------
    InputError
        Names repeated, or a sample on one side only.
    """
    check_unique_samples(given, what)
    if wanted is None or given is None:
        _warn_if_shuffled(wanted if given is None else given, what)
        return None
    if np.array_equal(wanted, given):
        return None
    place = {name: i for i, name in enumerate(given)}
    missing = [name for name in wanted if name not in place]
    known = set(wanted)
    extra = [name for name in given if name not in known]
    if missing or extra:
        raise InputError(
            _mismatch(missing, extra, len(wanted), len(given), what, counts)
            + _mismatch_hint(missing, extra, gene_names, given)
        )
    order = np.array([place[name] for name in wanted], dtype=np.intp)
    return None if np.array_equal(order, np.arange(order.size)) else order


def match_table(
    wanted: Names | None,
    index: Any,
    *,
    what: str,
    gene_names: Names | None = None,
) -> NDArray[np.intp] | None:
    """As `match_samples`, with the index of a table in place of the names given."""
    return match_samples(wanted, sample_names_of(index), what=what, gene_names=gene_names)


def _is_shuffled(names: Names | None, n: int) -> bool:
    """Are these the numbers from 0 to n - 1 in an order other than their own?"""
    if names is None or names.size != n or _is_counting(names):
        return False
    return set(names) == {str(i) for i in range(n)}


def _mismatch(
    missing: Sequence[str],
    extra: Sequence[str],
    n_wanted: int,
    n_given: int,
    what: str,
    counts: str,
) -> str:
    parts = []
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        parts.append(
            f"{len(missing):,} of {plural(n_wanted, 'sample')} of {counts} {verb} missing in "
            f"{what} ({first_few(missing)})"
        )
    if extra:
        verb = "is" if len(extra) == 1 else "are"
        parts.append(
            f"{len(extra):,} of {plural(n_given, 'sample')} of {what} {verb} not in {counts} "
            f"({first_few(extra)})"
        )
    return " and ".join(parts) + "; "


def _mismatch_hint(
    missing: Sequence[str], extra: Sequence[str], gene_names: Names | None, given: Names
) -> str:
    if gene_names is not None and len(set(gene_names) & set(given)) * 2 > len(given):
        return (
            "these names stand among the genes, so the counts look transposed: give samples x "
            "genes (for example counts.T)."
        )
    if missing and {_plain(name) for name in missing} & {_plain(name) for name in extra}:
        return "some differ only in punctuation, spaces or case: write them alike on both sides."
    return "give both the same samples (select the rows that they share) and write them alike."


def _plain(name: str) -> str:
    return re.sub(r"^x(?=\d)", "", re.sub(r"[\W_]+", "", name.casefold()))


def _warn_if_shuffled(names: Names | None, what: str) -> None:
    """Warn where an index 2, 0, 1 meets rows without names: someone sorted only one side."""
    if names is not None and _is_shuffled(names, names.size):
        warn(
            f"One of the counts and {what} carries the row numbers in another order "
            f"({first_few(names)}) and the other carries no names; samples were taken by position. "
            "Give both sides sample names to have them matched."
        )
