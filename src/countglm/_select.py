"""Positions of genes that a caller names by name, index, boolean mask or slice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from countglm.errors import InputError


def positions(wanted: Any, names: NDArray[Any]) -> NDArray[np.intp]:
    """Return positions in ``names`` (G,) of ``wanted``, in the order asked for.

    Raises
    ------
    InputError
        A name that is unknown or not unique, an index out of range, a mask of another length.
    """
    total = names.shape[0]
    if wanted is None:
        return np.arange(total)
    if isinstance(wanted, slice):
        return np.arange(total)[wanted]
    items = np.atleast_1d(np.asarray(wanted))
    if items.size == 0:
        return np.empty(0, dtype=np.intp)
    if items.dtype.kind in "OUT":
        return _by_name([str(item) for item in items.ravel()], names)
    if items.dtype.kind == "b":
        if items.shape != (total,):
            raise InputError(
                f"genes is a boolean mask of shape {items.shape}; it needs one entry for each of "
                f"the {total} genes."
            )
        return np.flatnonzero(items)
    if items.dtype.kind not in "iu":
        raise InputError(f"genes holds {items.dtype}; give names, indices or a boolean mask.")
    outside = items[(items < -total) | (items >= total)]
    if outside.size:
        raise InputError(
            f"genes has index {outside[0]} ({outside.size} of {items.size} are like this), but the "
            f"fit has {total} genes; use indices from 0 to {total - 1}, or names."
        )
    chosen: NDArray[np.intp] = items.ravel().astype(np.intp)
    chosen[chosen < 0] += total
    return chosen


def _by_name(wanted: list[str], names: NDArray[Any]) -> NDArray[np.intp]:
    place: dict[str, int] = {}
    repeated: set[str] = set()
    for i, name in enumerate(names):
        if str(name) in place:
            repeated.add(str(name))
        place.setdefault(str(name), i)
    missing = [name for name in wanted if name not in place]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(wanted)} genes are not in the fit, first {missing[0]!r}; "
            "see fit.gene_names."
        )
    doubled = [name for name in wanted if name in repeated]
    if doubled:
        raise InputError(
            f"The gene name {doubled[0]!r} occurs more than once in the fit; give its index."
        )
    return np.array([place[name] for name in wanted], dtype=np.intp)
