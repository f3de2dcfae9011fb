"""Deviances of parts that were left out in turn, and the penalty that they choose (16.11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


def total_deviance(parts: Floats) -> Floats:
    """Return the sum over the parts (k, ...)."""
    return np.asarray(np.add.reduce(parts, axis=0))


def spread_of(parts: Floats) -> Floats:
    """Return the standard error of the sum, from how the parts (k, ...) differ."""
    k = parts.shape[0]
    apart = parts - total_deviance(parts) / k
    return np.asarray(np.sqrt(np.add.reduce(apart * apart, axis=0) * (k / (k - 1.0))))


def chosen_places(parts: Floats, rule: str) -> Places:
    """Return the place of the penalty that a rule chooses, from parts (k, G, L).

    Raises
    ------
    InputError
        An unknown rule.
    """
    if rule not in ("least", "one_se"):
        raise InputError(f"rule={rule!r} is not known; choose 'least' or 'one_se'.")
    total = total_deviance(parts)
    value = np.where(np.isnan(total), np.inf, total)
    place = np.argmin(value, axis=1)
    if rule == "one_se":
        row = np.arange(place.size)
        limit = value[row, place] + np.nan_to_num(spread_of(parts)[row, place])
        place = np.argmax(value <= limit[:, None], axis=1)
    return np.asarray(place)
