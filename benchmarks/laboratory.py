"""Poisson and negative binomial GLMs of one gene for solvers written as in a textbook.

Plain NumPy, made to be read; the package shares no code with it. `Glm` is the function that a
method minimises: the negative log-likelihood of coefficients at a given dispersion, 0 for the
Poisson. `certificate` judges any point, whoever found it, by the Newton decrement and by the
theorem in docs/math.md, 4.4. `run` follows a method until the certificate is good enough, and times
the method without the certificate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TARGETS = (1e-2, 1e-4, 1e-8)  # certified distances to the optimum, in standard errors
LIMIT = 100_000
# The theorem needs v < 1, and v >= 1 wherever there is no maximum. Half leaves rounding no say.
PROVEN = 0.5
SMALLEST_MEAN, LARGEST_MEAN = 1e-300, 1e300
LARGEST_CHUNK = 512


@dataclass
class Glm:
    """``log mu = offset + x beta``, variance ``mu + alpha mu²``; it counts what it is asked."""

    y: Floats  # (n,)
    x: Floats  # (n, p)
    offset: Floats  # (n,)
    alpha: float
    evaluations: int = field(default=0, init=False)

    @property
    def start(self) -> Floats:
        """The common mean in the first column, which is the intercept, and no effects."""
        beta = np.zeros(self.x.shape[1])
        beta[0] = np.log(self.y.sum() / np.exp(self.offset).sum())
        return beta

    def means(self, beta: Floats) -> Floats:
        """Return the means (n,); the one place where a method is charged for an evaluation."""
        self.evaluations += 1
        return self.means_unseen(beta)

    def means_unseen(self, beta: Floats) -> Floats:
        """Return the means (..., n) of points (..., p), at no charge."""
        eta = self.offset + beta @ self.x.T
        return np.clip(np.exp(eta), SMALLEST_MEAN, LARGEST_MEAN)

    def residual(self, mu: Floats) -> Floats:
        """Return minus the slope of the loss in each linear predictor."""
        return (self.y - mu) / (1.0 + self.alpha * mu)

    def expected(self, mu: Floats) -> Floats:
        """Return the weights of the Fisher information."""
        return mu / (1.0 + self.alpha * mu)

    def observed(self, mu: Floats) -> Floats:
        """Return the second derivatives of the loss; for the Poisson those of `expected`."""
        return mu * (1.0 + self.alpha * self.y) / (1.0 + self.alpha * mu) ** 2

    def gradient(self, beta: Floats) -> Floats:
        """Return the gradient of the loss."""
        return -self.x.T @ self.residual(self.means(beta))

    def gram(self, weight: Floats) -> Floats:
        """Return ``x' diag(weight) x``."""
        return (self.x * weight[:, None]).T @ self.x

    def change(self, mu: Floats, step: Floats) -> float:
        """Return how much the loss grows by a step from the point with these means.

        From the growth of each mean, and not as the difference of two losses: that would be
        rounding from 1e-6 standard errors on, and no method could search a line any further.
        """
        self.evaluations += 1
        moved = self.x @ step
        with np.errstate(over="ignore"):
            growth = mu * np.expm1(moved)
        if self.alpha > 0.0:
            count = self.y + 1.0 / self.alpha
            growth = count * np.log1p(self.alpha * growth / (1.0 + self.alpha * mu))
        return float(np.sum(growth - self.y * moved))

    def half_deviance(self, mu: Floats) -> Floats:
        """Return half the unit deviances; enough digits to bracket a level set."""
        y, alpha = self.y, self.alpha
        log_ratio = np.log(np.maximum(y, SMALLEST_MEAN)) - np.log(mu)
        first = np.where(y > 0.0, y * log_ratio, 0.0)
        if alpha == 0.0:
            return first - (y - mu)
        return first - (y + 1.0 / alpha) * (np.log1p(alpha * y) - np.log1p(alpha * mu))

    def lipschitz(self, beta: Floats) -> float:
        """Return an ``L`` that bounds the Hessian wherever the loss is at most that of ``beta``.

        Half the unit deviances are not negative, so that there none exceeds the sum of all of
        them at ``beta``: this confines each mean to an interval, and on it the second derivative
        is largest at an end or at ``alpha mu = 1``.
        """
        most = self.half_deviance(self.means_unseen(beta)).sum()
        centre = np.log(np.maximum(self.y, SMALLEST_MEAN))
        ends = []
        for far in (-690.0, 690.0):
            inner, outer = centre.copy(), np.full_like(centre, far)
            for _ in range(60):
                middle = (inner + outer) / 2
                within = self.half_deviance(np.exp(middle)) <= most
                inner, outer = np.where(within, middle, inner), np.where(within, outer, middle)
            ends.append(np.exp(outer))
        low, high = ends
        peak = np.clip(1.0 / self.alpha if self.alpha > 0.0 else np.inf, low, high)
        return float(np.linalg.eigvalsh(self.gram(self.observed(peak)))[-1])


class Certificate(NamedTuple):
    """What is known of points (k, p): decrement, ``v = R decrement``, and the proven distance."""

    decrement: Floats
    v: Floats
    bound: Floats  # standard errors; infinite where nothing is proven


def certificate(glm: Glm, points: Floats) -> Certificate:
    """Judge points (k, p) by the decrement and the distance bound (docs/math.md, 4.1 to 4.4)."""
    mu = glm.means_unseen(points)
    root = np.sqrt(glm.observed(mu))
    q = np.linalg.qr(root[:, :, None] * glm.x).Q
    along = np.einsum("kni,kn->ki", q, glm.residual(mu) / root)
    decrement = np.sqrt((along**2).sum(axis=1))
    reach = (np.sqrt((q**2).sum(axis=2)) / root).max(axis=1)
    v = reach * decrement
    bound = np.where(v <= PROVEN, -np.log1p(-np.minimum(v, PROVEN)) / reach, np.inf)
    return Certificate(decrement, v, bound)


@dataclass(frozen=True)
class Run:
    """The points of a method with their certificates; row 0 is the start."""

    points: Floats  # (k + 1, p)
    seconds: Floats  # (k + 1,), spent in the method until then
    evaluations: NDArray[np.int64]
    certificate: Certificate
    end: str  # "certified", "settled", "limit", "stands still", "no number" or "singular"

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return len(self.points) - 1

    def first(self, target: float) -> int | None:
        """Return after how many steps the optimum was proven to be this near."""
        found = np.flatnonzero(self.certificate.bound <= target)
        return int(found[0]) if found.size else None


Method = Callable[[Glm, Floats], Iterator[Floats]]


def advance(steps: Iterator[Floats]) -> tuple[Floats | None, str]:
    """Return the next point, or why there is none; a point may be no number."""
    try:
        point = next(steps, None)
    except np.linalg.LinAlgError:
        return None, "singular"
    if point is None:
        return None, "stands still"
    return point.copy(), "" if np.isfinite(point).all() else "no number"


def judge(glm: Glm, points: list[Floats]) -> Certificate:
    """Return the certificates of points of which the last may be no number."""
    rows = np.array(points)
    finite = np.isfinite(rows).all(axis=1)
    filled = certificate(glm, np.where(finite[:, None], rows, 0.0))
    return Certificate(*(np.where(finite, each, np.inf) for each in filled))


def run(
    method: Method,
    glm: Glm,
    start: Floats,
    *,
    limit: int = LIMIT,
    target: float = TARGETS[-1],
    settled: float = 0.0,
) -> Run:
    """Follow a method from ``start`` until the optimum is proven to be within ``target``.

    Where there is no optimum nothing can be proven: then it ends at a decrement of ``settled``.
    Points are judged in chunks, the later the larger, so that this takes little of the time; a
    run is cut where it should have ended.
    """
    glm.evaluations = 0
    steps = method(glm, start)
    points, seconds, evaluations = [start], [0.0], [0]
    found = [judge(glm, points)]
    end, chunk = "", 1
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while not end:
            fresh: list[Floats] = []
            for _ in range(min(chunk, limit + 1 - len(points))):
                before = time.perf_counter()
                point, end = advance(steps)
                spent = time.perf_counter() - before
                if point is not None:
                    fresh.append(point)
                    seconds.append(seconds[-1] + spent)
                    evaluations.append(glm.evaluations)
                if end:
                    break
            points += fresh
            if fresh:
                found.append(judge(glm, fresh))
                done = (found[-1].bound <= target) | (found[-1].decrement <= settled)
                if done.any():
                    keep = len(points) - len(fresh) + int(np.argmax(done)) + 1
                    points = points[:keep]
                    end = "certified" if found[-1].bound.min() <= target else "settled"
            if not end and len(points) > limit:
                end = "limit"
            chunk = min(2 * chunk, LARGEST_CHUNK)
    size = len(points)
    joined = Certificate(*(np.concatenate(each)[:size] for each in zip(*found, strict=True)))
    return Run(
        np.array(points), np.array(seconds[:size]), np.array(evaluations[:size]), joined, end
    )
