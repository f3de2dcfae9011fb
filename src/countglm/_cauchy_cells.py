"""Intervals of a contrast that hold one mode each of a profile likelihood with a Cauchy prior.

The likelihood part of the slope rises with ``t``, the prior's rises to ``t = scale`` and falls
beyond.  Cells are split until each of them holds no stationary point or one (docs/math.md, 12.3
to 12.5).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._profile import Lines, Profile, paired, profile, start

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

# Beyond this log fold change the counts say nothing that a double could hold.
FARTHEST = 1e4
DOUBLINGS = 40
ROUNDS = 60
# Two stationary points closer than this, in scales of the prior, are seen as one.
FINEST = 1e-3


class Brackets(NamedTuple):
    """Intervals with one mode each: gene, ends, start."""

    gene: Index
    low: Floats
    high: Floats
    t: Floats
    gamma: Floats


class _Cells(NamedTuple):
    """Intervals of ``t`` with the profile at both ends."""

    gene: Index
    a: Floats
    b: Floats
    at_a: Profile
    at_b: Profile

    def take(self, keep: NDArray[np.generic]) -> _Cells:
        return _Cells(
            self.gene[keep], self.a[keep], self.b[keep],
            _take(self.at_a, keep), _take(self.at_b, keep),
        )  # fmt: skip


def _take(at: Profile, keep: NDArray[np.generic]) -> Profile:
    return Profile(
        at.gamma[..., keep], at.slope[keep], at.curvature[keep], at.stretch[keep],
        at.converged[keep],
    )  # fmt: skip


def _join(cells: list[_Cells]) -> _Cells:
    def ends(name: str) -> Profile:
        parts = zip(*(getattr(cell, name) for cell in cells), strict=True)
        return Profile(*(np.concatenate(part, axis=-1) for part in parts))

    return _Cells(
        np.concatenate([cell.gene for cell in cells]),
        np.concatenate([cell.a for cell in cells]),
        np.concatenate([cell.b for cell in cells]),
        ends("at_a"), ends("at_b"),
    )  # fmt: skip


def prior_slope(t: Floats, scale: float) -> Floats:
    """Return the derivative of log(1 + t²/scale²) (eq. 12.3)."""
    return np.asarray(2.0 * t / (scale * scale + t * t))


def prior_curvature(t: Floats, scale: float) -> Floats:
    """Return the second derivative of log(1 + t²/scale²) (eq. 12.3)."""
    total = scale * scale + t * t
    return np.asarray(2.0 * (scale * scale - t * t) / (total * total))


def find_brackets(lines: Lines, top: Floats, scale: float) -> list[Brackets]:
    """Return intervals that hold one mode each; together they hold every mode.

    Parameters
    ----------
    lines : Lines
        Turned so that no maximum likelihood estimate is negative.
    top : (g,) float64
        The estimates, infinite where there is none or it is not known.
    scale : float
        Of the Cauchy prior, natural logarithm, > 0.
    """
    near, far = np.flatnonzero(top <= scale), np.flatnonzero(top > scale)
    found = []
    if near.size:
        # Up to the scale the prior is concave, and the mode unique.
        gamma = _start(lines, near, top[near])
        # The estimate is known to its own tolerance only.
        slack = 1e-3 * top[near]
        found.append(Brackets(near, -slack, top[near] + slack, top[near], gamma))
    if far.size:
        found += _far_brackets(lines, far, top, scale)
    return found


def _start(lines: Lines, genes: Index, t: Floats) -> Floats:
    return start(lines.take(genes), paired(t))[:, : genes.size]


def _far_brackets(lines: Lines, genes: Index, top: Floats, scale: float) -> list[Brackets]:
    """Return brackets of the modes of genes whose estimate exceeds the prior's scale."""
    at_scale = np.full(genes.size, scale)
    at = _profile_of(lines, genes, at_scale, _start(lines, genes, at_scale))
    inner = np.flatnonzero(at.slope + prior_slope(np.array(scale), scale) >= 0.0)
    found = [
        Brackets(
            genes[inner], np.zeros(inner.size), at_scale[inner], at_scale[inner],
            at.gamma[:, inner],
        )
    ]  # fmt: skip
    cells = []
    closed = np.flatnonzero(np.isfinite(top[genes]))
    if closed.size:
        end = top[genes[closed]]
        at_end = _profile_of(lines, genes[closed], end, _start(lines, genes[closed], end))
        cells.append(_Cells(genes[closed], at_scale[closed], end, _take(at, closed), at_end))
    cells += _open_cells(lines, genes, np.flatnonzero(np.isinf(top[genes])), at, scale)
    return [*found, *_split(lines, _join(cells), scale)] if cells else found


def _profile_of(lines: Lines, genes: Index, t: Floats, gamma: Floats) -> Profile:
    at = profile(lines.take(genes), paired(t), paired(gamma))
    return _take(at, np.arange(genes.size))


def _open_cells(lines: Lines, genes: Index, rows: Index, at: Profile, scale: float) -> list[_Cells]:
    """Return cells of doubling length until the likelihood's slope is below the prior's (12.4)."""
    cells = []
    t, at = np.full(rows.size, scale), _take(at, rows)
    rest = prior_slope(np.array(FARTHEST), scale)
    for _ in range(DOUBLINGS):
        going = np.flatnonzero(at.slope < -rest)
        if going.size == 0:
            break
        rows, t, at = rows[going], t[going], _take(at, going)
        further = _profile_of(lines, genes[rows], 2.0 * t, at.gamma)
        cells.append(_Cells(genes[rows], t, 2.0 * t, at, further))
        t, at = 2.0 * t, further
    return cells


def _split(lines: Lines, cells: _Cells, scale: float) -> list[Brackets]:
    """Split cells until each holds no stationary point or one; return those with a mode (12.5)."""
    found = []
    for _ in range(ROUNDS):
        a, b = cells.a, cells.b
        at_a, at_b = prior_slope(a, scale), prior_slope(b, scale)
        h_a, h_b = cells.at_a.slope + at_a, cells.at_b.slope + at_b
        empty = (cells.at_a.slope + at_b > 0.0) | (cells.at_b.slope + at_a < 0.0)
        decided = empty | _monotone(cells, scale) | (b - a <= FINEST * scale)
        mode = np.flatnonzero(decided & ~empty & (h_a < 0.0) & (h_b >= 0.0))
        share = h_a[mode] / (h_a[mode] - h_b[mode])
        gamma_a, gamma_b = cells.at_a.gamma[:, mode], cells.at_b.gamma[:, mode]
        found.append(
            Brackets(
                cells.gene[mode], a[mode], b[mode] * (1.0 + 1e-6),
                a[mode] + share * (b - a)[mode], gamma_a + share * (gamma_b - gamma_a),
            )
        )  # fmt: skip
        cells = cells.take(np.flatnonzero(~decided))
        if cells.gene.size == 0:
            break
        middle = np.where(
            cells.b > 4.0 * cells.a, np.sqrt(cells.a * cells.b), 0.5 * (cells.a + cells.b)
        )
        gamma = 0.5 * (cells.at_a.gamma + cells.at_b.gamma)
        at = _profile_of(lines, cells.gene, middle, gamma)
        cells = _join(
            [
                _Cells(cells.gene, cells.a, middle, cells.at_a, at),
                _Cells(cells.gene, middle, cells.b, at, cells.at_b),
            ]
        )
    return found


def _monotone(cells: _Cells, scale: float) -> Mask:
    """Return which cells have a slope that only rises or only falls (eq. 12.5)."""
    a, b = cells.a, cells.b
    # The third derivative of the profile is at most the curvature times the largest pull, which
    # is known at the ends; twice that stands for the inside.
    bend = np.maximum(cells.at_a.stretch, cells.at_b.stretch) * (b - a)
    middle = np.sqrt(cells.at_a.curvature * cells.at_b.curvature)
    least, most = middle * np.exp(-bend), middle * np.exp(np.minimum(bend, 600.0))
    at_a, at_b = prior_curvature(a, scale), prior_curvature(b, scale)
    turn = np.sqrt(3.0) * scale
    lowest = np.where((a < turn) & (b > turn), -0.25 / (scale * scale), np.minimum(at_a, at_b))
    return np.asarray((least + lowest > 0.0) | (most + np.maximum(at_a, at_b) < 0.0))
