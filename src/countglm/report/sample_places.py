"""Where samples lie: what a design leaves to them, and the group that each is nearest to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from countglm._gram_schmidt import gram_schmidt
from countglm.report.comparison import level_names

if TYPE_CHECKING:
    from countglm.design import Design

Floats = NDArray[np.float64]

# Genes whose values differ most between samples: in the others there is hardly more than noise.
_GENES = 500
# Less is left to a sample of more leverage: nothing can be said of it.
LEVERAGE_LEFT = 0.05
# A level is judged by the others of its samples, and a mean of one of them is no group.
_OWN, _OTHER = 3, 2


class Projected(NamedTuple):
    """Values beside a design: orthonormal columns, their triangle, products with values, rest."""

    q: Floats
    r: Floats
    along: Floats
    rest: Floats
    leverage: Floats


class Nearer(NamedTuple):
    """A sample that lies nearer to another level than to the rest of its own.

    ``times`` is the squared distance to the own in units of that to the other.
    """

    sample: int
    factor: str
    own: str
    other: str
    times: float


def projected(design: Floats, values: Floats) -> Projected:
    """Take from the rows of values (n, G) what a design (n, p) explains."""
    q, r, independent = gram_schmidt(design)
    q = q[:, independent]
    rest, along = values - values.mean(axis=0), []
    for column in q.T:
        along.append(np.add.reduce(column[:, None] * rest, axis=0))
        rest -= column[:, None] * along[-1]
    r = r[np.ix_(independent, independent)]
    return Projected(q, r, np.array(along), rest, np.add.reduce(q**2, axis=1))


def most_different(rest: Floats) -> NDArray[np.intp]:
    """Return the genes whose values (n, G) have the largest sum of squares."""
    return np.sort(np.argsort(-np.add.reduce(rest**2, axis=0), kind="stable")[:_GENES])


def nearer_samples(design: Design, values: Floats, limit: float) -> list[Nearer]:
    """Return the samples that are nearer to another level of a factor than to the rest of theirs.

    Each sample's values (n, G) are predicted from the other samples, once with its own row of the
    design and once with that of the other level; distances are in units of what a prediction of
    that row is expected to miss.
    """
    found: dict[int, Nearer] = {}
    for factor, names in level_names(design).items():
        if any(":" in name and factor in name for name in design.names):
            continue
        for each in _of_factor(design, factor, np.array(names, dtype=object), values):
            known = found.get(each.sample)
            if each.times > limit and (known is None or each.times > known.times):
                found[each.sample] = each
    return sorted(found.values(), key=lambda each: -each.times)


def _of_factor(
    design: Design, factor: str, names: NDArray[np.object_], values: Floats
) -> list[Nearer]:
    coding, x = design.codings[factor], design.matrix
    others = np.column_stack([np.ones(len(x)), x[:, ~(coding != 0.0).any(axis=0)]])
    genes = most_different(projected(others, values).rest)
    seen = projected(x, values[:, genes])
    if seen.q.shape[1] < x.shape[1]:
        return []
    levels = [str(level) for level in design.factors[factor]]
    members = {level: np.flatnonzero(names == level) for level in levels}
    found = []
    for own in (level for level in levels if members[level].size >= _OWN):
        places = members[own][1.0 - seen.leverage[members[own]] > LEVERAGE_LEFT]
        for other in (level for level in levels if members[level].size >= _OTHER):
            if other != own and places.size:
                step = coding[levels.index(other)] - coding[levels.index(own)]
                times = _times(seen, places, step)
                found += [
                    Nearer(int(i), factor, own, other, float(t))
                    for i, t in zip(places, times, strict=True)
                ]
    return found


def _times(seen: Projected, places: NDArray[np.intp], step: Floats) -> Floats:
    """Squared distances to the own row, in those to the row that is ``step`` away."""
    d = np.empty(step.size)  # step = d r
    for j in range(step.size):
        d[j] = (step[j] - np.add.reduce(d[:j] * seen.r[:j, j])) / seen.r[j, j]
    # Without sample i: its own row predicts y - rest / (1 - h), another row by the same
    # downdate of the fit to all samples.
    rest, h = seen.rest[places], seen.leverage[places]
    g = np.add.reduce(seen.q[places] * d, axis=1)
    left = 1.0 - h
    apart = np.add.reduce(d[:, None] * seen.along, axis=0)
    other = rest * ((1.0 + g) / left)[:, None] - apart
    expected = 1.0 + h + 2.0 * g + np.add.reduce(d * d) + (h + g) ** 2 / left
    own = np.mean(rest**2, axis=1) / left
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(own / (np.mean(other**2, axis=1) / expected)))
