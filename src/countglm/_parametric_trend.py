"""The dispersion trend ``a0 + a1 / mean``: a trimmed gamma regression (docs/math.md, 8.1-8.3)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_START = (0.1, 1.0)
# Genes whose dispersion is this share of the trend, or less or more, do not take part.
_LEAST_RATIO, _GREATEST_RATIO = 1e-4, 15.0
_MAX_SELECTIONS = 1000
_MAX_NEWTON = 200
_MAX_HALVINGS = 60
# A relative step below which the deviance, in double precision, tells nothing.
_SMALL_STEP = 1e-6

_REPLAY_ROUNDS = 11
_REPLAY_ROUND_TOL = 1e-6
_REPLAY_SCORING = 25
_REPLAY_SCORING_TOL = 1e-8


def fit_to_fixed_point(inverse_mean: Floats, dispersion: Floats) -> Floats | None:
    """Return (a0, a1), where keeping genes and fitting them changes nothing; None if it fails.

    It fails where an estimate is not positive or the kept genes do not determine it.  Where the
    kept genes end in a cycle, the coefficients are the geometric means over the cycle (8.3).

    Parameters
    ----------
    inverse_mean, dispersion : (n,) float64
        1 / mean of normalised counts; gene-wise dispersion, positive.
    """
    coefficients: Floats | None = np.array(_START)
    path: list[Floats] = []
    seen: dict[bytes, int] = {}
    for _ in range(_MAX_SELECTIONS):
        assert coefficients is not None
        kept = _kept(inverse_mean, dispersion, coefficients)
        key = np.packbits(kept).tobytes()
        if key in seen:
            cycle = np.array(path[seen[key] :])
            # One member stands for itself, to the last bit.
            return cycle[0] if len(cycle) == 1 else _geometric_means(cycle)
        coefficients = gamma_regression(inverse_mean[kept], dispersion[kept], coefficients)
        if coefficients is None or not np.all(coefficients > 0):
            return None
        seen[key] = len(path)
        path.append(coefficients)
    return None


def gamma_regression(z: Floats, y: Floats, start: Floats) -> Floats | None:
    """Minimise ``sum log(mu) + y / mu``, ``mu = a0 + a1 z``, to rounding; None if it fails (8.2).

    Newton's method where the observed information is positive, else scoring, with halvings.  The
    sums are taken in an order that the values fix, so that of the genes is of no influence.
    """
    if z.size < 2 or z.min() == z.max():
        return None
    order = order_of_values(z, y)
    z, y = z[order], y[order]
    point = start.copy()
    value = _half_deviance(z, y, point)
    last = math.inf
    for _ in range(_MAX_NEWTON):
        step = _newton_step(z, y, point)
        if step is None:
            return None
        size = float(np.max(np.abs(step / point)))
        if size < _SMALL_STEP:
            moved = point + step
            if size >= last / 2 or np.array_equal(moved, point):
                return point
            last, point = size, moved
            continue
        lower = _descend(z, y, point, step, value)
        if lower is None:
            return None
        point, value = lower
    return None


def order_of_values(first: Floats, second: Floats) -> NDArray[np.intp]:
    """Return the order (n,) by the first values, and by the second where these are equal."""
    order = np.argsort(first)
    ascending = first[order]
    tied = np.flatnonzero(ascending[1:] == ascending[:-1])
    if tied.size:
        # Sorting by two keys is slow, and few genes need the second.
        places = np.union1d(tied, tied + 1)
        genes = order[places]
        order[places] = genes[np.lexsort((second[genes], first[genes]))]
    return order


def _descend(
    z: Floats, y: Floats, point: Floats, step: Floats, value: float
) -> tuple[Floats, float] | None:
    """Halve the step until the deviance does not rise."""
    for _ in range(_MAX_HALVINGS):
        moved = point + step
        reached = _half_deviance(z, y, moved)
        if reached <= value:
            return moved, reached
        step = step / 2
    return None


def _half_deviance(z: Floats, y: Floats, point: Floats) -> float:
    mu = point[0] + point[1] * z
    if not mu.min() > 0:
        return math.inf
    return _sum(np.log(mu) + y / mu)


def _newton_step(z: Floats, y: Floats, point: Floats) -> Floats | None:
    mu = point[0] + point[1] * z
    inverse = 1 / mu
    ratio = y * inverse
    information = inverse * inverse
    score = (ratio - 1) * inverse
    step = _solve(z, (2 * ratio - 1) * information, score)
    return _solve(z, information, score) if step is None else step


def _solve(z: Floats, curvature: Floats, score: Floats) -> Floats | None:
    """Solve ``sum c (1, z)(1, z)' step = sum u (1, z)``; None where it is not positive definite.

    The second column is taken about its weighted mean, which loses nothing to cancellation.
    """
    total = _sum(curvature)
    if not total > 0:
        return None
    centre = _sum(curvature * z) / total
    centred = z - centre
    weighted = curvature * centred
    rest = _sum(weighted) / total
    square = _sum(weighted * centred) - total * rest**2
    if not square > 1e-14 * _sum(np.abs(curvature) * z * z):
        return None
    mean = _sum(score) / total
    slope = _sum((centred - rest) * score) / square
    return np.array([mean - slope * (centre + rest), slope])


def _sum(values: Floats) -> float:
    return float(np.add.reduce(values))


def _geometric_means(cycle: Floats) -> Floats:
    return np.array([math.exp(math.fsum(np.log(column)) / len(cycle)) for column in cycle.T])


def _kept(inverse_mean: Floats, dispersion: Floats, point: Floats) -> NDArray[np.bool_]:
    ratio = dispersion / (point[0] + point[1] * inverse_mean)
    return np.asarray((ratio > _LEAST_RATIO) & (ratio < _GREATEST_RATIO))


def fit_as_deseq2(inverse_mean: Floats, dispersion: Floats) -> Floats | None:
    """Return (a0, a1) where DESeq2 stops, or None where it gives up (8.3).

    Its rounds end when the sum of squared log changes is below 1e-6; each fits the kept genes by
    scoring, which ends when the deviance changes by less than 1e-8 of itself.
    """
    point = np.array(_START)
    for _ in range(_REPLAY_ROUNDS):
        kept = _kept(inverse_mean, dispersion, point)
        scored = _score_gamma(inverse_mean[kept], dispersion[kept], point)
        if scored is None or not np.all(scored[0] > 0):
            return None
        moved, converged = scored
        change = float(np.sum(np.log(moved / point) ** 2))
        point = moved
        if converged and change < _REPLAY_ROUND_TOL:
            return point
    return None


def _score_gamma(z: Floats, y: Floats, start: Floats) -> tuple[Floats, bool] | None:
    """Fisher scoring as R's ``glm.fit`` does it for a gamma family with identity link."""
    point = start
    deviance = _deviance(z, y, point)
    if z.size < 2 or not np.isfinite(deviance):
        return None
    for _ in range(_REPLAY_SCORING):
        weight = 1 / (point[0] + point[1] * z) ** 2
        moved = _weighted_line(z, y, weight)
        if moved is None:
            return None
        reached = _deviance(z, y, moved)
        for _ in range(_REPLAY_SCORING):
            if np.isfinite(reached):
                break
            moved = (moved + point) / 2
            reached = _deviance(z, y, moved)
        if not np.isfinite(reached):
            return None
        point = moved
        if abs(reached - deviance) / (abs(reached) + 0.1) < _REPLAY_SCORING_TOL:
            return point, True
        deviance = reached
    return point, False


def _weighted_line(z: Floats, y: Floats, weight: Floats) -> Floats | None:
    total = weight.sum()
    centre = (weight * z).sum() / total
    centred = z - centre
    square = (weight * centred**2).sum()
    if not square > 1e-22 * (weight * z**2).sum():
        return None
    mean = (weight * y).sum() / total
    slope = (weight * centred * (y - mean)).sum() / square
    return np.array([mean - slope * centre, slope])


def _deviance(z: Floats, y: Floats, point: Floats) -> float:
    mu = point[0] + point[1] * z
    if z.size == 0 or not mu.min() > 0:
        return math.inf
    return float(-2 * (np.log(y / mu) - (y - mu) / mu).sum())
