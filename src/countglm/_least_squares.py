"""Gaussian responses with identity link: least squares by Gram-Schmidt (docs/math.md, 17.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._families import LOG_2PI
from ._fit_arrays import GeneTrace
from ._gram_schmidt import gram_schmidt
from ._response_block import ResponseBlock, hessian_statistics
from ._tiles import sample_order
from .basis import invert_upper
from .existence import Completion, completion_of
from .kernels import columns
from .status import Status

if TYPE_CHECKING:
    from ._response_fit import ResponseProblem

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
EPS = 2.220446049250313e-16
# Weights of genes that are remembered.
KINDS = 128


class Factored(NamedTuple):
    """A design with weights: ``sqrt(weight) design`` has the orthonormal columns ``q`` (r, n).

    ``to_coef`` (p, r) leads from coordinates along these to the coefficients, ``errors`` (p,) are
    the standard errors at a variance of 1; ``stats`` (k,) what the Hessian is like.
    """

    root: Floats
    q: Floats
    to_coef: Floats
    errors: Floats
    completion: Completion
    stats: Floats
    samples: int
    log_weights: float


class Solved(NamedTuple):
    """Genes of equal weights: coordinates, residuals, sums of squares and what rounding may do."""

    gamma: Floats
    squares: Floats
    decrement: Floats
    floor: Floats
    size: Floats


class LeastSquaresFits:
    """Fits blocks of a problem."""

    def __init__(self, problem: ResponseProblem) -> None:
        self._problem = problem
        self._x = np.ascontiguousarray(problem.design, dtype=np.float64)
        self._order = sample_order(self._x)
        self._known: dict[bytes, Factored] = {}

    def fit(self, block: ResponseBlock) -> None:
        """Fit the genes of a block, those of equal weights together."""
        problem = self._problem
        n = block.y.shape[1]
        problem.base_mean[block.genes] = np.add.reduce(block.y, axis=1) / n
        groups: dict[bytes, list[int]] = {}
        for row in range(block.weight.shape[0]):
            groups.setdefault(block.weight[row].tobytes(), []).append(row)
        for members in groups.values():
            weight = block.weight[members[0]]
            shared = block.weight.shape[0] == 1
            rows = np.arange(block.genes.size) if shared else np.array(members)
            if not (weight > 0.0).any():
                problem.leave_out(block.genes[rows])
                continue
            factored = self._factored(weight)
            offset = block.offset if block.offset.shape[0] == 1 else block.offset[rows]
            z = (block.y[rows] - offset) * factored.root
            self._write(block.genes[rows], factored, z)

    def _factored(self, weight: Floats) -> Factored:
        key = weight.tobytes()
        if key in self._known:
            return self._known[key]
        heavy = weight > 0.0
        completion = completion_of(self._x, np.zeros_like(heavy), heavy)
        basis = completion.basis
        root = np.sqrt(weight)
        # Along columns that are orthonormal but for the weights.
        rows = basis.columns[:, : weight.size].T * root[:, None]
        q, r, _ = gram_schmidt(np.ascontiguousarray(rows))
        inverse = invert_upper(r)
        to_coef = np.add.reduce(basis.to_coef[:, :, None] * inverse[None, :, :], axis=1)
        errors = np.sqrt(np.add.reduce(to_coef * to_coef, axis=1))
        made = Factored(
            root, np.ascontiguousarray(q.T), to_coef, errors, completion,
            hessian_statistics(basis, self._order, weight), int(np.count_nonzero(heavy)),
            float(np.add.reduce(np.log(weight[heavy]))),
        )  # fmt: skip
        if len(self._known) < KINDS:
            self._known[key] = made
        return made

    def _write(self, genes: Index, factored: Factored, z: Floats) -> None:
        """Write the fits of genes whose weighted responses are ``z`` (g, n)."""
        problem, completion = self._problem, factored.completion
        solved = _solve(factored.q, z)
        rank = factored.q.shape[0]
        free = factored.samples - rank
        coef = np.zeros((genes.size, self._x.shape[1]))
        for k in range(rank):
            coef += solved.gamma[:, k, None] * factored.to_coef[:, k]
        exact = np.sqrt(solved.squares) <= solved.floor
        rest = np.where(exact, 0.0, solved.squares)
        variance = rest / free if free > 0 else np.full(genes.size, np.nan)
        sigma = np.sqrt(variance)
        errors = sigma[:, None] * factored.errors
        # Without residuals there is nothing that says how large errors are.
        errors[exact] = np.nan
        if not completion.exists:
            unknown = np.isnan(completion.limits)
            errors[:, unknown] = np.nan
        stats = problem.stats
        stats[genes, columns.DISPERSION] = variance
        stats[genes, columns.DEVIANCE] = rest
        stats[genes, columns.LOG_LIKELIHOOD] = self._log_likelihood(factored, rest, free)
        self._certify(genes, factored, solved, sigma)
        problem.finite_coefficients[genes] = coef
        problem.coefficients[genes] = coef
        problem.standard_errors[genes] = errors
        if not completion.exists:
            problem.coefficients[np.ix_(genes, np.flatnonzero(unknown))] = np.nan
        fine = np.where(exact, Status.BOUNDARY_DISPERSION, Status.CONVERGED)
        singular = not completion.exists or free <= 0
        problem.status[genes] = Status.SINGULAR if singular else fine
        if problem.options.trace:
            self._keep_trace(genes, z, coef, solved, rest, sigma)

    def _certify(self, genes: Index, factored: Factored, solved: Solved, sigma: Floats) -> None:
        """Write how far the estimates can be off (17.11), and what the Hessian is like."""
        stats = self._problem.stats
        known = sigma > 0.0
        scale = np.where(known, sigma, 1.0)
        total = np.where(known, (solved.decrement + EPS * solved.size) / scale, 0.0)
        stats[genes, columns.DECREMENT] = total
        # The likelihood is quadratic: what the decrement says is the distance.
        stats[genes, columns.BOUND] = total
        stats[genes, columns.SCORE] = np.where(known, solved.decrement / scale, 0.0)
        for column in (columns.MIN_EIGENVALUE, columns.CONDITION, columns.MAX_LEVERAGE):
            stats[genes, column] = factored.stats[column]
        if not factored.completion.exists:
            stats[genes, columns.MIN_EIGENVALUE] = 0.0
            stats[genes, columns.CONDITION] = np.inf
        self._problem.counters[genes, columns.STEPS] = 1
        self._problem.counters[genes, columns.CONVERGED] = 1

    @staticmethod
    def _log_likelihood(factored: Factored, squares: Floats, free: int) -> Floats:
        """Return the log-likelihood at the variance that maximises it (17.10)."""
        n = factored.samples
        if free <= 0:
            return np.full(squares.shape, np.nan)
        with np.errstate(divide="ignore"):
            value = -0.5 * n * (LOG_2PI + 1.0 + np.log(squares / n))
        return np.asarray(value + 0.5 * factored.log_weights)

    def _keep_trace(
        self, genes: Index, z: Floats, coef: Floats, solved: Solved, rest: Floats, sigma: Floats
    ) -> None:
        length = np.sqrt(np.add.reduce(solved.gamma * solved.gamma, axis=1))
        whole = np.add.reduce(z * z, axis=1)
        for row, gene in enumerate(genes.tolist()):
            scale = sigma[row] if sigma[row] > 0.0 else 1.0
            self._problem.traces[gene] = GeneTrace(
                np.array(["newton", "newton"]), np.array([0.0, 1.0]),
                np.array([length[row], solved.decrement[row]]) / scale,
                np.array([whole[row], rest[row]]), np.array([np.zeros(coef.shape[1]), coef[row]]),
            )  # fmt: skip


def _solve(q: Floats, z: Floats) -> Solved:
    """Return least squares of ``z`` (g, n) along orthonormal rows ``q`` (r, n), refined twice.

    What a first projection leaves of rounding a second takes away, as in Gram-Schmidt done twice;
    a third measures what is left.
    """
    rest = z.copy()
    gamma = np.zeros((z.shape[0], q.shape[0]))
    for _ in range(2):
        along = _project(q, rest)
        for k in range(q.shape[0]):
            rest -= along[:, k, None] * q[k]
        gamma += along
    left = _project(q, rest)
    squares = np.add.reduce(rest * rest, axis=1)
    decrement = np.sqrt(np.add.reduce(left * left, axis=1))
    size = np.sqrt(np.add.reduce(z * z, axis=1))
    floor = 4.0 * EPS * (1.0 + q.shape[0]) * size
    return Solved(gamma, squares, decrement, floor, size)


def _project(q: Floats, values: Floats) -> Floats:
    """Return the parts (g, r) of ``values`` (g, n) along rows (r, n)."""
    out = np.empty((values.shape[0], q.shape[0]))
    for k in range(q.shape[0]):
        out[:, k] = np.add.reduce(values * q[k], axis=1)
    return out
