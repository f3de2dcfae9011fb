"""Cox-Reid adjusted profile of the dispersion on a whole grid, in long double.

beta is re-maximised at every alpha (float64 Newton, vectorised over the grid); the objective
is then evaluated in extended precision, where the plain formulas need no care at the scale of
1e-8.  Differences of two values of one call are differences of the objective; the constant that
depends on the basis of the design is arbitrary.
"""

from __future__ import annotations

import numpy as np

from tests.support.separation import separated_samples

Long = np.longdouble
# Stirling remainder of log Gamma: B_2k / (2k (2k - 1)).
_STIRLING = [
    Long(a) / Long(b)
    for a, b in [(1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360360), (1, 156)]
]
_SHIFT = 24


def stirling_remainder(z: np.ndarray) -> np.ndarray:
    """log Gamma(z) - [(z - 1/2) log z - z + log(2 pi)/2] for z >= 1e-6 or so, long double."""
    z = np.asarray(z, dtype=Long)
    lifted = z + _SHIFT
    inverse = 1 / lifted
    total = np.zeros_like(z)
    for coefficient in reversed(_STIRLING):
        total = total * inverse**2 + coefficient
    total = total * inverse
    for j in range(_SHIFT):
        at = z + j
        total = total + (at + Long(0.5)) * np.log1p(1 / at) - 1
    return total


def log_pmf_grid(y: np.ndarray, eta: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Log pmf (m, n) of counts y (n) at eta (m, n), alpha (m) without the term log y!."""
    y, eta = np.asarray(y, dtype=Long)[None, :], np.asarray(eta, dtype=Long)
    a = np.asarray(alpha, dtype=Long)[:, None]
    mu = np.exp(eta)
    safe = np.where(a > 0, a, Long(1))
    r = 1 / safe
    # log[Gamma(y + r) / Gamma(r) alpha^y] by Stirling's formula at both ends.
    rising = (y + r - Long(0.5)) * np.log1p(y * safe) - y
    rising = rising + stirling_remainder(y + r) - stirling_remainder(r + 0 * y)
    rising = np.where(y == 0, Long(0), rising)
    negative_binomial = rising + y * eta - (y + r) * np.log1p(safe * mu)
    return np.where(a > 0, negative_binomial, y * eta - mu)


def _orthonormal(design: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the column space, also without full rank, in long double.

    In float64 the basis would leave the column space by 1e-16, which residuals of 1e9 times
    predictors of 20 turn into 1e-6 of likelihood.
    """
    columns: list[np.ndarray] = []
    for column in np.asarray(design, dtype=Long).T:
        rest = column
        for _ in range(3):
            for q in columns:
                rest = rest - q * np.sum(q * rest)
        size, full = np.sqrt(np.sum(rest**2)), np.sqrt(np.sum(column**2))
        if size > 1e-10 * full:
            columns.append(rest / size)
    return np.stack(columns, axis=1)


def _objective(y, eta, a, weight):
    mu = np.exp(eta)
    safe = np.where(a > 0, a, 1.0)
    slope = np.where(a > 0, (y + 1 / safe) * np.log1p(safe * mu), mu)
    return np.sum(weight * (slope - y * eta), axis=1)


def profile_coefficients(y, basis, offset, alpha, weight) -> np.ndarray:
    """Maximise over beta at every alpha of the grid; returns (m, p) with decrements < 1e-9."""
    m = alpha.size
    a = alpha[:, None]
    gamma = np.tile(basis.T @ (np.log(y + 0.5) - offset), (m, 1))
    # Roundoff of X'r at large counts is the floor of the decrement.
    floor = 1e-9
    for _ in range(200):
        eta = offset + gamma @ basis.T
        mu = np.exp(eta)
        gradient = (weight * (y - mu) / (1 + a * mu)) @ basis
        curvature = weight * mu * (1 + a * y) / (1 + a * mu) ** 2
        hessian = np.einsum("mi,ij,ik->mjk", curvature, basis, basis)
        scale = 1 / np.sqrt(np.einsum("mjj->mj", hessian))
        scaled = hessian * scale[:, :, None] * scale[:, None, :]
        step = scale * np.linalg.solve(scaled, (scale * gradient)[:, :, None])[:, :, 0]
        size = np.sqrt(np.maximum(np.sum(step * gradient, axis=1), 0.0))
        if np.all(size < floor):
            return gamma + step
        # Far from the optimum exp() rules: no linear predictor moves by more than 3 at once.
        reach = np.max(np.abs(step @ basis.T), axis=1)
        length = np.minimum(1.0, 3.0 / np.maximum(reach, 1e-300))
        before = _objective(y, eta, a, weight)
        noise = 1e-13 * np.sum(weight * (1 + y * np.abs(eta)), axis=1)
        for _ in range(60):
            after = _objective(y, offset + (gamma + length[:, None] * step) @ basis.T, a, weight)
            worse = ~(after <= before + noise)
            if not worse.any():
                break
            length[worse] /= 2
        gamma = gamma + length[:, None] * step
    raise ArithmeticError(f"the profile did not converge: decrement {size.max():.1e}")


def _log_det(q: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """log det of q' diag(expected) q (m) by Cholesky in long double."""
    p = q.shape[1]
    matrix = np.empty((expected.shape[0], p, p), dtype=Long)
    for j in range(p):
        for k in range(j + 1):
            matrix[:, j, k] = np.sum(expected * q[:, j] * q[:, k], axis=1)
    total = np.zeros(expected.shape[0], dtype=Long)
    for j in range(p):
        matrix[:, j, j] = np.sqrt(matrix[:, j, j] - np.sum(matrix[:, j, :j] ** 2, axis=1))
        total += 2 * np.log(matrix[:, j, j])
        for i in range(j + 1, p):
            rest = matrix[:, i, j] - np.sum(matrix[:, i, :j] * matrix[:, j, :j], axis=1)
            matrix[:, i, j] = rest / matrix[:, j, j]
    return total


def adjusted_profile_grid(counts, design, offset, alpha, weights=None) -> np.ndarray:
    """Adjusted profile log-likelihood (m) at every alpha, up to one constant per call.

    Samples whose mean tends to zero (separation) are dropped with the directions they need.
    """
    counts = np.asarray(counts, dtype=float)
    weight = np.ones(counts.size) if weights is None else np.asarray(weights, dtype=float)
    alpha = np.asarray(alpha, dtype=float)
    design, offset = np.asarray(design, dtype=float), np.asarray(offset, dtype=float)
    live = weight > 0
    live[live] = ~separated_samples(design[live], counts[live] > 0)
    y, offset, weight = counts[live], offset[live], weight[live]
    basis = _orthonormal(design[live])
    gamma = profile_coefficients(y, basis.astype(float), offset, alpha, weight)
    eta = offset.astype(Long) + np.stack([np.sum(g.astype(Long) * basis, axis=1) for g in gamma])
    mu = np.exp(eta)
    expected = weight * mu / (1 + alpha.astype(Long)[:, None] * mu)
    likelihood = np.sum(weight * log_pmf_grid(y, eta, alpha), axis=1)
    return (likelihood - _log_det(basis, expected) / 2).astype(Long)
