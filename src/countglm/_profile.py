"""Profile log-likelihood of one contrast for many genes at once, with slope and curvature.

Arrays are samples x genes here: sums over samples run down the first axis, one sample after the
other, and all genes of a block move together.  A gene that is done is frozen, so its bits do not
depend on its neighbours.  Equation numbers refer to docs/math.md, section 12.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
# exp() of a larger linear predictor leaves double precision.
MAX_ETA = 690.0
EPS = float(np.finfo(np.float64).eps)
# A nuisance fit is done at this decrement: slope and value then err by its square.
NUISANCE_TOL = 1e-7
MAX_STEPS = 200


@dataclass(frozen=True, eq=False)
class Lines:
    """Some genes whose linear predictor is ``offset + t along + basis' gamma``.

    Attributes
    ----------
    y : (n, g) counts
    weight, offset : (n, g) or (n, 1)
    alpha : (g,) dispersions
    along : (n, g) or (n, 1)
        Change of the linear predictor with the contrast ``t``.
    basis : (q, n, g) or (q, n, 1)
        Nuisance directions; zero where a gene lacks one.
    penalty : (q, q) or None
        Precision of a normal prior on gamma around 0.
    """

    y: Floats
    weight: Floats
    offset: Floats
    alpha: Floats
    along: Floats
    basis: Floats
    penalty: Floats | None = None

    @property
    def size(self) -> int:
        """Number of genes."""
        return int(self.alpha.size)

    def take(self, rows: Index) -> Lines:
        """Return the lines of some genes; at least two columns, so that sums keep their order."""
        rows = paired(rows)
        return replace(
            self,
            y=_columns(self.y, rows),
            weight=_columns(self.weight, rows),
            offset=_columns(self.offset, rows),
            alpha=self.alpha[rows],
            along=_columns(self.along, rows),
            basis=_columns(self.basis, rows),
        )


def paired(values: NDArray[Any]) -> NDArray[Any]:
    """Return ``values`` with two genes (last axis) where there is one, as `Lines.take` does."""
    return np.repeat(values, 2, axis=-1) if values.shape[-1] == 1 else values


def _columns(values: Floats, rows: Index) -> Floats:
    return values if values.shape[-1] == 1 else np.take(values, rows, axis=-1)


class Local(NamedTuple):
    """The objective near one point per gene: everything a Newton step needs (12.2).

    ``slope`` is the derivative of the negative profile log-likelihood in ``t``, corrected to first
    order for a gamma that is not yet optimal; ``curvature`` its derivative; ``pull`` (n, g) how
    the linear predictor moves with ``t`` along the profile, ``turn`` (q, g) how gamma does;
    ``step`` the Newton step of gamma at fixed ``t``, of decrement ``decrement``; ``floor`` its
    rounding, together with that of ``slope``.
    """

    slope: Floats
    curvature: Floats
    pull: Floats
    turn: Floats
    step: Floats
    decrement: Floats
    floor: Floats


def linear_predictor(lines: Lines, t: Floats, gamma: Floats) -> Floats:
    """Return (n, g): offset, contrast, then one nuisance direction after another."""
    eta = lines.offset + lines.along * t
    for column, value in zip(lines.basis, gamma, strict=True):
        eta = eta + column * value
    return np.asarray(eta)


def over_samples(values: Floats) -> Floats:
    """Return sums over the samples, the axis before the last, in their order."""
    if values.shape[-1] == 1:
        # NumPy sums a single column pairwise, and several of them one row after the other.
        return np.asarray(np.add.reduce(np.repeat(values, 2, axis=-1), axis=-2)[..., :1])
    return np.asarray(np.add.reduce(values, axis=-2))


def gram(basis: Floats, info: Floats, penalty: Floats | None) -> Floats:
    """Return ``basis diag(info) basis'`` (q, q, g) plus the penalty; lower triangles."""
    q = basis.shape[0]
    out = np.zeros((q, q, info.shape[1]))
    for j in range(q):
        weighted = basis[j] * info
        for k in range(j + 1):
            out[j, k] = over_samples(weighted * basis[k])
    return out if penalty is None else out + penalty[:, :, None]


def factor(h: Floats) -> Floats:
    """Return the Cholesky factors (q, q, g) of ``h``.

    A direction without weight gets an infinite pivot: solving leaves it at 0.
    """
    q = h.shape[0]
    low = np.zeros_like(h)
    for j in range(q):
        diagonal = h[j, j].copy()
        for m in range(j):
            diagonal -= low[j, m] ** 2
        # A pivot below the rounding of its terms carries nothing.
        sound = diagonal > 1e-14 * h[j, j]
        low[j, j] = np.sqrt(np.where(sound, diagonal, 1.0))
        low[j, j] = np.where(sound, low[j, j], np.inf)
        for i in range(j + 1, q):
            entry = h[i, j].copy()
            for m in range(j):
                entry -= low[i, m] * low[j, m]
            low[i, j] = np.where(sound, entry / low[j, j], 0.0)
    return low


def half_solve(low: Floats, b: Floats) -> Floats:
    """Return L⁻¹ b (q, g)."""
    out = np.zeros_like(b)
    for j in range(low.shape[0]):
        total = b[j].copy()
        for m in range(j):
            total -= low[j, m] * out[m]
        out[j] = total / low[j, j]
    return out


def back_solve(low: Floats, z: Floats) -> Floats:
    """Return L⁻' z (q, g)."""
    q = low.shape[0]
    out = np.zeros_like(z)
    for j in range(q - 1, -1, -1):
        total = z[j].copy()
        for m in range(j + 1, q):
            total -= low[m, j] * out[m]
        out[j] = total / low[j, j]
    return out


def local(lines: Lines, t: Floats, gamma: Floats) -> Local:
    """Return slope, curvature and Newton quantities at ``t`` (g,), ``gamma`` (q, g); eq. 12.2."""
    eta = linear_predictor(lines, t, gamma)
    mu = np.exp(np.clip(eta, -MAX_ETA, MAX_ETA))
    spread = 1.0 + lines.alpha * mu
    share = lines.weight * (mu / spread)
    resid = lines.weight * ((lines.y - mu) / spread)
    info = share * ((1.0 + lines.alpha * lines.y) / spread)
    score, cross, shrink = np.zeros_like(gamma), np.zeros_like(gamma), np.zeros_like(gamma)
    for j, column in enumerate(lines.basis):
        score[j] = over_samples(column * resid)
        cross[j] = over_samples(column * info * lines.along)
    if lines.penalty is not None:
        shrink = np.add.reduce(lines.penalty[:, :, None] * gamma[None], axis=1)
        score = score - shrink
    low = factor(gram(lines.basis, info, lines.penalty))
    half = half_solve(low, score)
    turn = -back_solve(low, half_solve(low, cross))
    pull = np.broadcast_to(lines.along, info.shape).copy()
    for column, value in zip(lines.basis, turn, strict=True):
        pull += column * value
    # As residuals of a weighted regression: nothing cancels where the contrast is nearly
    # a nuisance direction.
    slope = -over_samples(resid * pull) + np.add.reduce(shrink * turn, axis=0)
    curvature = over_samples(info * pull * pull)
    if lines.penalty is not None:
        bent = np.add.reduce(lines.penalty[:, :, None] * turn[None], axis=1)
        curvature = curvature + np.add.reduce(bent * turn, axis=0)
    size = 2.0 * np.abs(lines.offset) + np.abs(lines.along * t)
    for column, value in zip(lines.basis, gamma, strict=True):
        size = size + np.abs(column * value)
    error = EPS * ((size + 3.0) * np.sqrt(info) + 8.0 * np.abs(resid) / np.sqrt(info + 1e-300))
    floor = np.sqrt(over_samples(np.where(info > 0.0, error, 0.0) ** 2))
    decrement = np.sqrt(np.add.reduce(half * half, axis=0))
    return Local(slope, curvature, pull, turn, back_solve(low, half), decrement, floor)


def value(lines: Lines, t: Floats, gamma: Floats) -> Floats:
    """Return the negative log-likelihood (g,) up to a constant, plus the penalty (eq. 12.1)."""
    eta = np.clip(linear_predictor(lines, t, gamma), -MAX_ETA, MAX_ETA)
    mu = np.exp(eta)
    product = lines.alpha * mu
    safe = np.where(lines.alpha > 0.0, lines.alpha, 1.0)
    # Below 1e-14 log(1 + alpha mu)/alpha is mu to rounding.
    tail = np.where(product > 1e-14, np.log1p(product) / safe, mu)
    terms = lines.weight * ((1.0 + lines.alpha * lines.y) * tail - lines.y * eta)
    total = over_samples(terms)
    if lines.penalty is not None:
        bent = np.add.reduce(lines.penalty[:, :, None] * gamma[None], axis=1)
        total = total + 0.5 * np.add.reduce(bent * gamma, axis=0)
    return np.asarray(total)


def safe_length(move: Floats, weight: Floats) -> Floats:
    """Return the step length (g,) that self-concordance lets descend: min(1, log(1 + S)/S)."""
    largest = np.max(np.where(weight > 0.0, np.abs(move), 0.0), axis=0)
    safe = np.where(largest > 1.0, largest, 1.0)
    return np.where(largest > 1.0, np.log1p(safe) / safe, 1.0)


def start(lines: Lines, t: Floats) -> Floats:
    """Return gamma (q, g): weighted least squares of log(y + 1/4), eq. 3.2."""
    response = np.log(lines.y + 0.25) - lines.offset - lines.along * t
    info = lines.weight / (1.0 / (lines.y + 0.25) + np.maximum(lines.alpha, 0.1))
    low = factor(gram(lines.basis, info, lines.penalty))
    score = np.zeros((lines.basis.shape[0], t.size))
    for j, column in enumerate(lines.basis):
        score[j] = over_samples(column * info * response)
    return back_solve(low, half_solve(low, score))


class Profile(NamedTuple):
    """The profile at one ``t`` per gene: ``stretch`` is the largest entry of the pull."""

    gamma: Floats
    slope: Floats
    curvature: Floats
    stretch: Floats
    converged: Mask


def profile(lines: Lines, t: Floats, gamma: Floats) -> Profile:
    """Maximise over gamma at fixed ``t``, from ``gamma``, by Newton's method (eq. 12.2).

    Returns
    -------
    Profile
        Arrays (g,), gamma (q, g).
    """
    gamma = gamma.copy()
    slope, curvature, stretch = np.zeros(t.size), np.zeros(t.size), np.zeros(t.size)
    left = np.arange(t.size)
    done = np.zeros(t.size, dtype=np.bool_)
    part = lines.take(left)
    for _ in range(MAX_STEPS):
        here = paired(left)
        at = local(part, t[here], gamma[:, here])
        finished = at.decrement <= np.maximum(NUISANCE_TOL, 4.0 * at.floor)
        stop = here[finished]
        slope[stop], curvature[stop] = at.slope[finished], at.curvature[finished]
        seen = np.where(part.weight > 0.0, np.abs(at.pull), 0.0)
        stretch[stop] = np.max(seen[:, finished], axis=0, initial=0.0)
        done[stop] = True
        move = np.zeros_like(at.pull)
        for column, entry in zip(part.basis, at.step, strict=True):
            move += column * entry
        step = safe_length(move, part.weight) * at.step
        # The last step is taken as well: it squares the error.
        gamma[:, here] += step
        if finished.any():
            left = left[~done[left]]
            if left.size == 0:
                break
            part = lines.take(left)
    return Profile(gamma, slope, curvature, stretch, done)
