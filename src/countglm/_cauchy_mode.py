"""Modes of a profile likelihood with a Cauchy prior, for many genes at once (12.3 to 12.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._cauchy_cells import Brackets, find_brackets, prior_curvature, prior_slope
from ._profile import Lines, local, paired, profile, safe_length, start, value

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
MODE_TOL = 1e-9
MAX_PASSES = 200


class LocalModes(NamedTuple):
    """Every local mode, arrays (m,): gene, place (signed), standard deviation, certificate.

    ``height`` is the log posterior at the mode relative to the best of the gene, 0 where it is
    the only one; ``residual`` the Newton decrement with its rounding, in posterior standard
    deviations.
    """

    gene: Index
    t: Floats
    sd: Floats
    residual: Floats
    converged: Mask
    height: Floats


class Modes(NamedTuple):
    """The mode of each gene, arrays (g,).

    ``t`` and ``sd`` in natural logarithms; ``n_modes`` the local modes; ``lead`` how much the
    highest exceeds the next in log posterior (infinite for one); ``residual`` and ``converged``
    as in `LocalModes`.
    """

    t: Floats
    sd: Floats
    residual: Floats
    n_modes: NDArray[np.int32]
    lead: Floats
    converged: Mask


def find_modes(lines: Lines, estimate: Floats, scale: float) -> LocalModes:
    """Return every local mode of every gene.

    Parameters
    ----------
    lines : Lines
    estimate : (g,) float64
        Maximum likelihood estimates of the contrast, +-inf where there is none, NaN where it is
        not known.
    scale : float
        Of the Cauchy prior, natural logarithm, > 0.
    """
    sign = np.sign(estimate)
    unknown = np.flatnonzero(np.isnan(estimate))
    if unknown.size:
        part, zero = lines.take(unknown), paired(np.zeros(unknown.size))
        sign[unknown] = -np.sign(profile(part, zero, start(part, zero)).slope[: unknown.size])
    sign[sign == 0.0] = 1.0
    top = np.where(np.isnan(estimate), np.inf, np.abs(estimate))
    # From here on every estimate lies at or above 0.
    turned = replace(lines, along=lines.along * sign)
    brackets = Brackets(
        *(
            np.concatenate(parts, axis=-1)
            for parts in zip(*find_brackets(turned, top, scale), strict=True)
        )
    )
    gene = brackets.gene
    t, gamma, sd, residual, converged = settle(turned.take(gene), brackets, scale)
    height = np.zeros(gene.size)
    rivals = np.flatnonzero(np.bincount(gene, minlength=lines.size)[gene] > 1)
    if rivals.size:
        height[rivals] = -value(turned.take(gene[rivals]), t[rivals], gamma[:, rivals])
        height[rivals] -= np.log1p((t[rivals] / scale) ** 2)
        best = np.full(lines.size, -np.inf)
        np.maximum.at(best, gene[rivals], height[rivals])
        height[rivals] -= best[gene[rivals]]
    return LocalModes(gene, t * sign[gene], sd, residual, converged, height)


def choose(modes: LocalModes, size: int, preference: Floats | None = None) -> Modes:
    """Return one mode of each of ``size`` genes: the highest, or the largest ``preference`` (m,).

    Ties go to the mode nearer to 0.
    """
    key = modes.height if preference is None else preference
    order = np.lexsort((np.abs(modes.t), -key, modes.gene))
    genes, first = np.unique(modes.gene[order], return_index=True)
    pick = order[first]
    count = np.bincount(modes.gene, minlength=size).astype(np.int32)
    lower = np.full(size, -np.inf)
    np.maximum.at(lower, modes.gene, np.where(modes.height < 0.0, modes.height, -np.inf))
    lead = np.where(count > 1, np.where(np.isinf(lower), 0.0, -lower), np.inf)
    t, sd, residual = (np.full(size, np.nan) for _ in range(3))
    t[genes], sd[genes], residual[genes] = modes.t[pick], modes.sd[pick], modes.residual[pick]
    converged = np.zeros(size, dtype=np.bool_)
    converged[genes] = modes.converged[pick]
    return Modes(t, sd, residual, count, lead, converged)


class _State(NamedTuple):
    """What one pass learns about each mode, arrays (m,)."""

    distance: Floats
    floor: Floats
    sd: Floats
    change: Floats
    step: Floats
    move: Floats


def settle(
    lines: Lines, brackets: Brackets, scale: float
) -> tuple[Floats, Floats, Floats, Floats, Mask]:
    """Find the mode in each bracket by joint Newton steps, kept inside by bisection (12.6).

    Returns
    -------
    t (m,), gamma (q, m), sd (m,), residual (m,), converged (m,)
    """
    wanted = brackets.gene.size
    low, high, t, gamma = (paired(part).copy() for part in brackets[1:])
    sd, residual = np.full(t.size, np.nan), np.full(t.size, np.inf)
    earlier = np.full(t.size, np.inf)
    polished, done = np.zeros(t.size, dtype=np.bool_), np.zeros(t.size, dtype=np.bool_)
    left, part = np.arange(t.size), lines
    for turn in range(MAX_PASSES):
        here = paired(left)
        ends = low[here], high[here]
        limit = earlier[here] if turn % 4 == 3 else np.full(here.size, np.inf)
        at = _pass(part, t[here], gamma[:, here], ends, 0.25 * limit, scale)
        low[here], high[here] = ends
        if turn % 4 == 3:
            earlier[here] = at.distance
        sd[here], residual[here] = at.sd, at.distance + at.floor
        near = at.distance <= np.maximum(MODE_TOL, 4.0 * at.floor)
        # One more full step than needed: it squares the error.
        stop = here[near & polished[here]]
        done[stop] = True
        polished[here] = near
        length = np.where(done[here], 0.0, safe_length(at.move, part.weight))
        t[here] += length * at.change
        gamma[:, here] += length * at.step
        if stop.size:
            left = left[~done[left]]
            if left.size == 0:
                break
            part = lines.take(left)
    return t[:wanted], gamma[:, :wanted], sd[:wanted], residual[:wanted], done[:wanted]


def _pass(
    lines: Lines, t: Floats, gamma: Floats, ends: tuple[Floats, Floats], limit: Floats, scale: float
) -> _State:
    """Return the next step of every mode; ``ends`` are narrowed in place.

    Where the distance is not below ``limit`` the iteration does not contract, and the middle of
    the bracket is taken.
    """
    low, high = ends
    at = local(lines, t, gamma)
    h = at.slope + prior_slope(t, scale)
    bend = at.curvature + prior_curvature(t, scale)
    positive = bend > 0.0
    safe = np.where(positive, bend, 1.0)
    distance = np.where(positive, np.hypot(at.decrement, h / np.sqrt(safe)), np.inf)
    floor = at.floor * np.sqrt(np.maximum(1.0, at.curvature / safe))
    # Off the profile the slope is an estimate: it moves a bracket only where it is clear.
    clear = (at.decrement < 0.1) & (np.abs(h) > 4.0 * at.decrement**2 * np.sqrt(safe))
    low[:] = np.where(clear & (h < 0.0), np.maximum(low, t), low)
    high[:] = np.where(clear & (h > 0.0), np.minimum(high, t), high)
    ahead = t - h / safe
    lost = ~positive | (ahead < low) | (ahead > high) | ((distance > limit) & (distance > 1e-6))
    change = np.where(lost, 0.5 * (low + high), ahead) - t
    move = at.pull * change
    for column, entry in zip(lines.basis, at.step, strict=True):
        move = move + column * entry
    sd = np.where(positive, 1.0 / np.sqrt(safe), np.nan)
    return _State(distance, floor, sd, change, at.step + at.turn * change, move)
