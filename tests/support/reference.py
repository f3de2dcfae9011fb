"""Fifty-digit reference for one gene: likelihood, derivatives, optimum, adjusted profile.

Written from the definition of the model (log link, var = mu + alpha mu^2, likelihood weights)
and from nothing in the package, so that agreement is evidence.  Floats are taken as the exact
numbers they are; logarithms of size factors are taken in full precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mpmath import mp, mpf

DIGITS = 50
MpVector = list[mpf]
MpMatrix = list[list[mpf]]


@dataclass(frozen=True)
class Problem:
    """One gene: counts (n), design rows (n, p), log offsets (n), weights (n), all as mpf."""

    counts: MpVector
    rows: MpMatrix
    offset: MpVector
    weight: MpVector

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.rows[0])


def make_problem(counts, design, *, size_factors=None, offset=None, weights=None) -> Problem:
    """Build a `Problem` from float arrays; samples of weight 0 are left out."""
    counts = np.asarray(counts, dtype=float)
    design = np.asarray(design, dtype=float)
    n = counts.size
    factors = np.ones(n) if size_factors is None else np.asarray(size_factors, dtype=float)
    shift = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    weight = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    with mp.workdps(DIGITS):
        keep = [i for i in range(n) if weight[i] > 0]
        return Problem(
            counts=[mpf(float(counts[i])) for i in keep],
            rows=[[mpf(float(v)) for v in design[i]] for i in keep],
            offset=[mp.log(mpf(float(factors[i]))) + mpf(float(shift[i])) for i in keep],
            weight=[mpf(float(weight[i])) for i in keep],
        )


def linear_predictor(problem: Problem, beta: MpVector) -> MpVector:
    """Return eta = offset + X beta."""
    return [o + mp.fdot(row, beta) for o, row in zip(problem.offset, problem.rows, strict=True)]


def log_pmf(y: mpf, mu: mpf, alpha: mpf) -> mpf:
    """Log probability of count ``y`` under mean ``mu`` and dispersion ``alpha`` (0: Poisson)."""
    y, mu, alpha = mpf(y), mpf(mu), mpf(alpha)
    if mu == 0:
        return mpf(0) if y == 0 else mp.ninf
    if alpha == 0:
        return y * mp.log(mu) - mu - mp.loggamma(y + 1)
    # r = 1/alpha enters as r log r: lift the precision by its size.
    lift = int(2 * max(0, -mp.log10(alpha))) + 10
    with mp.workdps(mp.dps + lift):
        r = 1 / alpha
        am = alpha * mu
        gammas = mp.loggamma(y + r) - mp.loggamma(r) - mp.loggamma(y + 1)
        value = gammas + (y * mp.log(am) if y else mpf(0)) - (y + r) * mp.log1p(am)
    return +value


def log_likelihood(problem: Problem, beta: MpVector, alpha) -> mpf:
    """Weighted log-likelihood at ``beta``."""
    terms = zip(problem.weight, problem.counts, linear_predictor(problem, beta), strict=True)
    return mp.fsum(w * log_pmf(y, mp.exp(eta), mpf(alpha)) for w, y, eta in terms)


def objective(problem: Problem, beta: MpVector, alpha) -> mpf:
    """Negative log-likelihood up to a term free of beta; convex in beta."""
    alpha = mpf(alpha)
    total = []
    etas = linear_predictor(problem, beta)
    for w, y, eta in zip(problem.weight, problem.counts, etas, strict=True):
        mu = mp.exp(eta)
        slope = mu if alpha == 0 else (y + 1 / alpha) * mp.log1p(alpha * mu)
        total.append(w * (slope - y * eta))
    return mp.fsum(total)


def score(problem: Problem, beta: MpVector, alpha) -> MpVector:
    """Gradient of the log-likelihood in beta."""
    alpha = mpf(alpha)
    mus = [mp.exp(eta) for eta in linear_predictor(problem, beta)]
    residual = [
        w * (y - mu) / (1 + alpha * mu)
        for w, y, mu in zip(problem.weight, problem.counts, mus, strict=True)
    ]
    return [mp.fdot(residual, [row[j] for row in problem.rows]) for j in range(problem.p)]


def information(problem: Problem, beta: MpVector, alpha, *, expected: bool) -> MpMatrix:
    """Observed or expected information X' diag(w c) X."""
    alpha = mpf(alpha)
    curvature = []
    etas = linear_predictor(problem, beta)
    for w, y, eta in zip(problem.weight, problem.counts, etas, strict=True):
        mu = mp.exp(eta)
        spread = 1 + alpha * mu
        extra = 1 if expected else (1 + alpha * y) / spread
        curvature.append(w * mu / spread * extra)
    p = problem.p
    columns = [[row[j] for row in problem.rows] for j in range(p)]
    scaled = [[c * v for c, v in zip(curvature, column, strict=True)] for column in columns]
    result = mp_zeros(p)
    for j in range(p):
        for k in range(j + 1):
            result[j][k] = result[k][j] = mp.fdot(scaled[j], columns[k])
    return result


def mp_zeros(p: int) -> MpMatrix:
    """Return a p x p matrix of zeros."""
    return [[mpf(0)] * p for _ in range(p)]


def cholesky(matrix: MpMatrix) -> MpMatrix:
    """Lower Cholesky factor; ValueError where the matrix is not positive definite."""
    p = len(matrix)
    lower = mp_zeros(p)
    for j in range(p):
        pivot = matrix[j][j] - mp.fdot(lower[j][:j], lower[j][:j])
        if pivot <= 0:
            raise ValueError(f"not positive definite: pivot {j} is {mp.nstr(pivot, 5)}")
        lower[j][j] = mp.sqrt(pivot)
        for i in range(j + 1, p):
            rest = matrix[i][j] - mp.fdot(lower[i][:j], lower[j][:j])
            lower[i][j] = rest / lower[j][j]
    return lower


def forward(lower: MpMatrix, vector: MpVector) -> MpVector:
    """Solve L z = v."""
    out: MpVector = []
    for i, v in enumerate(vector):
        out.append((v - mp.fdot(lower[i][:i], out)) / lower[i][i])
    return out


def solve(lower: MpMatrix, vector: MpVector) -> MpVector:
    """Solve L L' x = v."""
    p = len(lower)
    half = forward(lower, vector)
    out: MpVector = [mpf(0)] * p
    for i in reversed(range(p)):
        later = mp.fdot([lower[k][i] for k in range(i + 1, p)], out[i + 1 :])
        out[i] = (half[i] - later) / lower[i][i]
    return out


def log_det(matrix: MpMatrix) -> mpf:
    """Log determinant of a positive definite matrix."""
    return 2 * mp.fsum(mp.log(row[i]) for i, row in enumerate(cholesky(matrix)))


def inverse(matrix: MpMatrix) -> MpMatrix:
    """Inverse of a positive definite matrix."""
    p = len(matrix)
    lower = cholesky(matrix)
    unit = [[mpf(int(i == j)) for i in range(p)] for j in range(p)]
    return [solve(lower, e) for e in unit]


def decrement(problem: Problem, beta: MpVector, alpha) -> mpf:
    """Newton decrement sqrt(g' H^-1 g) with the observed information."""
    lower = cholesky(information(problem, beta, alpha, expected=False))
    half = forward(lower, score(problem, beta, alpha))
    return mp.sqrt(mp.fdot(half, half))


def _start(problem: Problem) -> MpVector:
    """Least squares of log counts: a start that owes nothing to the estimate under test."""
    x = np.array([[float(v) for v in row] for row in problem.rows])
    pairs = zip(problem.counts, problem.offset, strict=True)
    response = np.array([float(mp.log(y + mpf("0.5")) - o) for y, o in pairs])
    beta = np.linalg.lstsq(x, response, rcond=None)[0]
    return [mpf(float(b)) for b in beta]


def maximise(problem: Problem, alpha, start: Sequence[float] | None = None) -> MpVector:
    """Return the maximum likelihood estimate by damped Newton steps in ``DIGITS`` digits.

    The objective is strictly convex, so whatever the start the answer is the one optimum; it is
    returned only with a decrement below 1e-25 before a last quadratically convergent step.
    """
    with mp.workdps(DIGITS):
        beta = _start(problem) if start is None else [mpf(float(b)) for b in start]
        value = None
        for _ in range(500):
            gradient = score(problem, beta, alpha)
            lower = cholesky(information(problem, beta, alpha, expected=False))
            step = solve(lower, gradient)
            size = mp.sqrt(mp.fdot(gradient, step))
            if size < mpf(10) ** (-25):
                return [b + s for b, s in zip(beta, step, strict=True)]
            if size < mpf("1e-4"):
                beta, value = [b + s for b, s in zip(beta, step, strict=True)], None
                continue
            value = objective(problem, beta, alpha) if value is None else value
            beta, value = _line_search(problem, beta, step, alpha, (value, size))
        raise ArithmeticError("the reference found no optimum in 500 Newton steps")


def _line_search(problem, beta, step, alpha, state):
    value, size = state
    # Far from the optimum exp() rules: no linear predictor moves by more than 50 at once.
    reach = max(abs(mp.fdot(row, step)) for row in problem.rows)
    length = min(mpf(1), 50 / reach)
    while True:
        trial = [b + length * s for b, s in zip(beta, step, strict=True)]
        lowered = objective(problem, trial, alpha)
        if lowered <= value - length * size**2 / 10000:
            return trial, lowered
        length /= 2


def distance(problem: Problem, reported: Sequence[float], best: MpVector, alpha) -> float:
    """Distance of ``reported`` to the optimum ``best`` in standard errors.

    sqrt((b - b*)' H (b - b*)) with H the observed information at the optimum.
    """
    with mp.workdps(DIGITS):
        gap = [mpf(float(b)) - t for b, t in zip(reported, best, strict=True)]
        hessian = information(problem, best, alpha, expected=False)
        form = mp.fsum(
            gap[j] * gap[k] * hessian[j][k] for j in range(len(gap)) for k in range(len(gap))
        )
        return float(mp.sqrt(form))


def standard_errors(problem: Problem, best: MpVector, alpha) -> MpVector:
    """Standard errors from the expected information at ``best``."""
    with mp.workdps(DIGITS):
        covariance = inverse(information(problem, best, alpha, expected=True))
        return [mp.sqrt(covariance[j][j]) for j in range(len(best))]


def adjusted_profile(problem: Problem, alpha, start: Sequence[float] | None = None) -> mpf:
    """Cox-Reid adjusted profile log-likelihood with beta re-maximised at ``alpha``."""
    with mp.workdps(DIGITS):
        best = maximise(problem, alpha, start)
        penalty = log_det(information(problem, best, alpha, expected=True)) / 2
        return log_likelihood(problem, best, alpha) - penalty


def deviance(problem: Problem, beta: MpVector, alpha) -> mpf:
    """Twice the log-likelihood gap to the model with mu = y."""
    with mp.workdps(DIGITS):
        saturated = mp.fsum(
            w * log_pmf(y, y, mpf(alpha))
            for w, y in zip(problem.weight, problem.counts, strict=True)
        )
        return 2 * (saturated - log_likelihood(problem, beta, alpha))
