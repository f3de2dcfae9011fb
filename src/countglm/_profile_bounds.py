"""Where the profile likelihood of a contrast has fallen by a given amount, gene by gene.

All genes step together: every round fits the active ones once with the contrast held at a value
of their own, then moves each value by a safeguarded Newton step (docs/math.md, eqs. 7.10, 7.11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._contrast_lines import ContrastLines
from ._profile import paired, profile, start
from ._profile import value as negative_log_likelihood
from ._refit import Constraint, Refitter, reached
from .counts import CountMatrix
from .kernels import columns
from .results import GLMFit

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# A step below this share of the local standard error leaves an error of its square.
_TOLERANCE = 1e-6
_MAX_ROUNDS = 200
# Furthest move of a linear predictor in one round, and in all: a group may move by twice as much
# when the others hold the sum, and exp() must stay a number.
_STRIDE = 12.0
_REACH = 300.0
# Below this part of the deviance a fall is rounding and has no logarithm.
_NOISE = 1e-12
# Entries of counts of the ends that step together, four arrays of them.
_TILE = 2**22
# The same of points that stand for samples.
_LINE_ENTRIES = 2**18


@dataclass(eq=False)
class Ends:
    """Ends of intervals to be found, one row each.

    Attributes
    ----------
    genes : (m,)
        Whose.
    side : (m,)
        1 for an upper end, -1 for a lower one.
    estimate : (m,)
        Maximum of the profile; infinite where it rises for ever away from the end.
    start : (m,)
        A value to begin at.
    fall : (m,)
        Twice the fall of the log-likelihood from its supremum, > 0.
    """

    genes: Index
    side: Floats
    estimate: Floats
    start: Floats
    fall: Floats

    def take(self, rows: slice) -> Ends:
        """Return some of the rows."""
        return Ends(
            self.genes[rows], self.side[rows], self.estimate[rows], self.start[rows],
            self.fall[rows],
        )  # fmt: skip


def profile_ends(
    fit: GLMFit, counts: CountMatrix, vector: Floats, ends: Ends, threads: int | None
) -> Floats:
    """Return the values (m,) of ``vector @ beta``, natural logarithm; NaN where not found."""
    lines = ContrastLines(fit, counts, vector)
    profiles = _OnLines(lines) if lines.condensed else _ByRefits(fit, counts, vector, threads)
    out = np.full(ends.genes.size, np.nan)
    for first in range(0, out.size, profiles.step):
        rows = slice(first, first + profiles.step)
        part = ends.take(rows)
        out[rows] = _solve(profiles.of(part.genes), part, profiles.extent, fit.deviance[part.genes])
    return out


# Of some ends (m,) and values: twice the fall of the profile, its slope, and where it was reached.
Falls = Callable[[Index, Floats], tuple[Floats, Floats, Mask]]


class _ByRefits:
    """Profiles by fits of all samples with the contrast as an offset."""

    def __init__(
        self, fit: GLMFit, counts: CountMatrix, vector: Floats, threads: int | None
    ) -> None:
        constraint = Constraint(fit.design.matrix, vector)
        self._fit, self._counts, self._along = fit, counts, constraint.along
        self._refit = Refitter(fit, constraint.design, threads)
        self.step = max(1, _TILE // (4 * fit.n_samples))
        self.extent = float(np.max(np.abs(constraint.along)))

    def of(self, genes: Index) -> Falls:
        """Return the profiles of ends of some genes."""
        subset = self._counts.take_genes(genes).in_memory()

        def falls(active: Index, value: Floats) -> tuple[Floats, Floats, Mask]:
            some = genes[active]
            shift = value[:, None] * self._along
            problem = self._refit(subset.take_genes(active), some, shift)
            fall = problem.stats[:, columns.DEVIANCE] - self._fit.deviance[some]
            return fall, -2.0 * self._refit.slopes(problem, some, self._along), reached(problem)

        return falls


class _OnLines:
    """Profiles on few points that stand for many samples (docs/math.md, 12.17)."""

    def __init__(self, lines: ContrastLines) -> None:
        self._lines = lines
        self.step = max(1, _LINE_ENTRIES // lines.points)
        self.extent = lines.extent

    def of(self, genes: Index) -> Falls:
        """Return the profiles of ends of some genes."""
        lines, least = self._lines.lines_below(genes)
        gamma: list[Floats] = []

        def falls(active: Index, value: Floats) -> tuple[Floats, Floats, Mask]:
            part, t = lines.take(active), paired(value)
            if not gamma:
                gamma.append(start(part, t)[:, : active.size])
            at = profile(part, t, paired(gamma[0][:, active]))
            size = active.size
            gamma[0][:, active] = at.gamma[:, :size]
            fall = 2.0 * (negative_log_likelihood(part, t, at.gamma)[:size] - least[active])
            return fall, 2.0 * at.slope[:size], at.converged[:size]

        return falls


def _solve(profile_of: Falls, ends: Ends, extent: float, deviance: Floats) -> Floats:
    """Newton's method on the square root of the fall, or on its logarithm from infinity.

    The root of the fall is nearly linear around a finite estimate; where the likelihood rises for
    ever the fall tends to an exponential.  Values are counted outward, ``at = side * value``.
    """
    limit, stride = _REACH / extent, _STRIDE / extent
    endless = np.isinf(ends.estimate)
    inner = np.clip(ends.side * ends.estimate, -limit, limit)
    outer = np.full(inner.size, limit)
    at = np.clip(ends.side * ends.start, -limit, limit)
    at = np.where(endless, at, np.minimum(at, inner + stride))
    found = np.full(at.size, np.nan)
    active = np.arange(at.size)
    for _ in range(_MAX_ROUNDS):
        side = ends.side[active]
        fall, slope, fitted = profile_of(active, side * at[active])
        # A value too far out to be fitted is outside.
        inside = fitted & (fall < ends.fall[active])
        inner[active] = np.where(inside, at[active], inner[active])
        outer[active] = np.where(inside, outer[active], at[active])
        move, error = _newton(
            fall, side * slope, ends.fall[active], endless[active],
            _NOISE * (1.0 + deviance[active]), stride,
        )  # fmt: skip
        done = fitted & (np.abs(move) <= _TOLERANCE * error)
        found[active[done]] = (side * (at[active] + move))[done]
        at[active] = _safeguarded(at[active], move, inner[active], outer[active], stride)
        # What is left of a bracket at the limit, or of none, holds no end.
        open_ = (inner[active] < limit) & (outer[active] > inner[active])
        active = active[~done & open_ & (np.abs(at[active]) <= limit)]
        if active.size == 0:
            break
    return found


def _newton(
    fall: Floats, slope: Floats, wanted: Floats, endless: Mask, noise: Floats, stride: float
) -> tuple[Floats, Floats]:
    """Return the outward step (m,) to the wanted fall, and the local standard error (m,)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(fall, 0.0))
        by_root = (np.sqrt(wanted) - root) * 2.0 * root / slope
        by_log = np.log(wanted / np.maximum(fall, noise)) * fall / slope
        move = np.where(endless, by_log, by_root)
        error = 2.0 * root / slope
    # At the top of the profile, or far along an endless rise, there is no slope to follow.
    flat = ~np.isfinite(move) | ~(slope > 0.0) | (fall <= noise)
    return np.where(flat, stride, move), np.where(flat, 0.0, error)


def _safeguarded(at: Floats, move: Floats, inner: Floats, outer: Floats, stride: float) -> Floats:
    """Return the next values: Newton's, within a stride, or the middle of the bracket."""
    new = at + np.clip(move, -stride, stride)
    lost = ~((new > inner) & (new < outer))
    return np.where(lost, 0.5 * (inner + outer), new)
