"""Parameters at the clamps that were told of, and at bounds that nobody told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ._nb_facts import Facts
from ._nb_findings import MANY, Finding, where_first
from ._nb_libraries import SIZES
from ._nb_parameters import resolve

Floats = NDArray[np.float64]

# Values that tie with the largest or smallest from this share on lie at a bound nobody told of.
_TIED, _ENOUGH = 0.02, 100
# A factor has fewer levels than this.
_LEVELS = 20


def at_clamps(facts: Facts) -> Iterator[Finding]:
    """Parameters at the clamps that were told, or at a bound that many of them share."""
    for name, (low, high) in facts.clamps.items():
        values = facts.given.get(name)
        if values is None and facts.parameters is not None:
            values = getattr(facts.parameters, name)
        if values is None:
            continue
        for end, side in ((low, "lower"), (high, "upper")):
            if np.isfinite(end):
                slack = 1e-5 * max(abs(end), 1e-30)
                at = values <= end + slack if side == "lower" else values >= end - slack
                if at.any():
                    yield _clamped(f"{name} is at its {side} clamp {end:g}", at)
    for name, given in facts.given.items():
        values = _told_once(_of_seen_genes(facts, given))
        if name in facts.clamps or values.size < _ENOUGH:
            continue
        for end, side in ((values.min(), "smallest"), (values.max(), "largest")):
            at = values == end
            trivial = name == "mean" and end == 0.0
            if _TIED <= at.mean() < 0.999 and not trivial and _is_bound(values, at):
                words = f"{name} is at its {side} value {end:.6g}, as if clamped there,"
                idle = name in SIZES and _wants_poisson(facts, name, given == end)
                yield _of_poissons(words, at) if idle else _clamped(words, at)


def _is_bound(values: Floats, at: NDArray[np.bool_]) -> bool:
    """Tell whether an end that many values share is a bound, and no level of a factor."""
    end = values[at][0]
    between = values[(values > values.min()) & (values < values.max())]
    if not np.isfinite(end) or not between.size:
        return False
    levels, often = np.unique(between, return_counts=True)
    return bool(
        levels.size > 0.5 * between.size
        or (levels.size >= _LEVELS and at.sum() > 3.0 * often.max())
    )


def _wants_poisson(facts: Facts, name: str, at: NDArray[np.bool_]) -> bool:
    """Tell whether genes at a bound of the dispersion vary no more than Poisson's would."""
    y = facts.counts
    if y is None or y.ndim != 2 or len(y) < 2 or at.ndim == 0:
        return False
    genes = np.broadcast_to(at, y.shape).mean(axis=0) > 0.5
    with np.errstate(all="ignore"):
        found = resolve({name: facts.given[name], "eta": np.array(0.0)}).dispersion
        given = np.broadcast_to(found, y.shape).mean(axis=0)
        means = y.mean(axis=0) if facts.parameters is None else facts.parameters.mean
        mean = np.broadcast_to(means, y.shape)
        squares = (mean**2).sum(axis=0)
        excess = ((y - mean) ** 2 - mean).sum(axis=0) / squares
        error = np.sqrt((2.0 * mean**2 + mean).sum(axis=0)) / squares
        alike = (excess <= given + 2.0 * error) & (given * mean.mean(axis=0) < 0.1)
    least = given[genes] <= np.nanmedian(given)
    return bool(genes.any() and least.all() and np.mean(alike[genes]) > 0.5)


def _of_poissons(words: str, at: NDArray[np.bool_]) -> Finding:
    return Finding(
        "clamped", "note", f"{words} in {where_first(at)}.",
        "The counts of most of these genes vary no more than a Poisson's, for which the dispersion "
        "has no lower end: start_values() holds it at the end of its dispersion_range.",
        "leave it as a start; in the training let log_alpha run.",
    )  # fmt: skip


def _of_seen_genes(facts: Facts, values: Floats) -> Floats:
    """Return the values of genes with counts: those without say nothing of their parameters."""
    y = facts.counts
    if y is None or y.ndim != 2 or values.ndim == 0 or values.shape[-1] != y.shape[1]:
        return values
    return values[..., (np.nan_to_num(y) > 0.0).any(axis=0)]


def _told_once(values: Floats) -> Floats:
    """Return an array without the axes along which it only repeats itself."""
    for axis in range(values.ndim):
        first = values.take([0], axis=axis) if values.shape[axis] else values
        if (values == first).all():
            values = first
    return values


def _clamped(words: str, at: NDArray[np.bool_]) -> Finding:
    return Finding(
        "clamped", "warning" if at.mean() >= MANY else "note", f"{words} in {where_first(at)}.",
        "A clamp passes no gradient: whatever is beyond it can no longer learn its way back, and "
        "the estimate is the clamp's and not the data's.",
        "remove the clamp and let the parameter run as eta or log_alpha (log_alpha to -inf is the "
        "Poisson, which the data may want), or hold it back by a penalty, which has a gradient.",
    )  # fmt: skip
