"""The optimum in extended precision, by code that shares nothing with the package.

Newton's method in NumPy's long double for all genes at once, in an orthonormal basis of the
design, until the steps vanish. It judges every engine, ours included, by the distance of its
coefficients to the optimum in standard errors, ``sqrt(d' H d)`` with the observed Hessian ``H``.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from problems import Problem

Long = NDArray[np.longdouble]

STEP_TOLERANCE = np.longdouble(1e-15)
MAX_STEPS = 2000


def orthonormal(design: NDArray[np.float64]) -> tuple[Long, Long]:
    """Return ``Q`` (n, p) and upper triangular ``R`` (p, p) with ``design = Q R``."""
    q = design.astype(np.longdouble)
    p = q.shape[1]
    r = np.eye(p, dtype=np.longdouble)
    for _ in range(2):
        factor = np.zeros((p, p), dtype=np.longdouble)
        for j in range(p):
            for k in range(j):
                factor[k, j] = (q[:, k] * q[:, j]).sum()
                q[:, j] -= factor[k, j] * q[:, k]
            factor[j, j] = np.sqrt((q[:, j] ** 2).sum())
            q[:, j] /= factor[j, j]
        r = (factor[:, :, None] * r[None, :, :]).sum(axis=1)
    return q, r


def solve(matrices: Long, vectors: Long) -> Long:
    """Solve positive definite systems (G, p, p) for (G, p) by Cholesky factors."""
    p = vectors.shape[1]
    low = np.zeros_like(matrices)
    for j in range(p):
        low[:, j, j] = np.sqrt(matrices[:, j, j] - (low[:, j, :j] ** 2).sum(axis=1))
        for i in range(j + 1, p):
            inner = (low[:, i, :j] * low[:, j, :j]).sum(axis=1)
            low[:, i, j] = (matrices[:, i, j] - inner) / low[:, j, j]
    out = vectors.copy()
    for i in range(p):
        out[:, i] = (out[:, i] - (low[:, i, :i] * out[:, :i]).sum(axis=1)) / low[:, i, i]
    for i in range(p - 1, -1, -1):
        rest = (low[:, i + 1 :, i] * out[:, i + 1 :]).sum(axis=1)
        out[:, i] = (out[:, i] - rest) / low[:, i, i]
    return out


class Reference:
    """The optimum of every gene of one problem and the metric around it."""

    def __init__(self, problem: Problem) -> None:
        self.y = problem.counts.T.astype(np.longdouble)
        self.alpha = problem.dispersion.astype(np.longdouble)[:, None]
        self.offset = np.log(problem.size_factors.astype(np.longdouble))
        self.q, self.r = orthonormal(problem.design)
        self.gamma, self.hessian, self.last_step = self._maximise()

    def _eta(self, gamma: Long) -> Long:
        return self.offset + (gamma[:, :, None] * self.q.T).sum(axis=1)

    def _log_likelihood(self, gamma: Long) -> Long:
        eta = self._eta(gamma)
        spread = np.log1p(self.alpha * np.exp(eta))
        return (self.y * eta - (self.y + 1 / self.alpha) * spread).sum(axis=1)

    def _derivatives(self, gamma: Long) -> tuple[Long, Long, Long]:
        mu = np.exp(self._eta(gamma))
        damp = 1 + self.alpha * mu
        score = (((self.y - mu) / damp)[:, :, None] * self.q).sum(axis=1)
        observed = mu * (1 + self.alpha * self.y) / damp**2
        larger = np.maximum(observed, mu / damp)
        return score, self._gram(observed), self._gram(larger)

    def _gram(self, weight: Long) -> Long:
        p = self.q.shape[1]
        out = np.empty((weight.shape[0], p, p), dtype=np.longdouble)
        for j in range(p):
            for k in range(j + 1):
                out[:, j, k] = out[:, k, j] = (weight * self.q[:, j] * self.q[:, k]).sum(axis=1)
        return out

    def _maximise(self) -> tuple[Long, Long, Long]:
        response = np.log(self.y + np.longdouble(0.5)) - self.offset
        gamma = (response[:, :, None] * self.q).sum(axis=1)
        value = self._log_likelihood(gamma)
        for _ in range(MAX_STEPS):
            score, observed, larger = self._derivatives(gamma)
            # Newton's step near the optimum; before, the larger of both informations keeps the
            # step short where either alone would overshoot.
            far = (solve(larger, score) * score).sum(axis=1) > 1e-3
            step = solve(np.where(far[:, None, None], larger, observed), score)
            rise = (step * score).sum(axis=1)
            for _ in range(60):
                trial = self._log_likelihood(gamma + step)
                # Within 1e-4 standard errors the full step is safe and the gain below rounding.
                enough = (trial >= value + 1e-4 * (step * score).sum(axis=1)) | (rise < 1e-8)
                if enough.all():
                    break
                step = np.where(enough[:, None], step, step / 2)
            gamma, value = gamma + step, trial
            size = np.sqrt(rise)
            if size.max() < STEP_TOLERANCE:
                return gamma, self._derivatives(gamma)[1], size
        raise ArithmeticError(f"the reference still moves by {float(size.max()):.0e} SE")

    def first(self, n_genes: int) -> Reference:
        """The reference of the first genes."""
        part = copy(self)
        part.gamma, part.hessian = self.gamma[:n_genes], self.hessian[:n_genes]
        return part

    def distance(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance (n_genes,) of coefficients to the optimum, in standard errors."""
        beta = coefficients.astype(np.longdouble)
        gamma = (beta[:, None, :] * self.r).sum(axis=2)
        d = gamma - self.gamma
        squared = (d[:, :, None] * self.hessian * d[:, None, :]).sum(axis=(1, 2))
        return np.sqrt(np.abs(squared)).astype(np.float64)
